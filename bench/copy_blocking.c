/* copy_blocking.c - a file copied with read(2) and write(2) on the thread itself, one block after
 * the other. See copy.h. */
#include "copy.h"

int main(int argc, char **argv)
{
    copy_open(argc, argv);
    char *bytes = copy_buffer();
    ssize_t count;
    while ((count = read(from, bytes, BLOCK_BYTES)) > 0)
        copy_check(write(to, bytes, (size_t)count) == count, "write");
    copy_check(count == 0, "read");
    return copy_print();
}
