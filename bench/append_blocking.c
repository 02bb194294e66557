/* append_blocking.c - appends that share an fdatasync, with pwrite(2) and fdatasync(2) on the
 * thread itself: what the disk and the system calls cost. See append.h. */
#include "append.h"

int main(int argc, char **argv)
{
    size_t bytes;
    append_open(argc, argv);
    while ((bytes = group_begin()) > 0) {
        append_check(pwrite(file, syncing->bytes, bytes, offset) == (ssize_t)bytes, "write");
        append_check(fdatasync(file) == 0, "sync");
        group_end();
    }
    return append_print();
}
