/* files_blocking.c - random 4 KiB reads of one file with pread(2), one after the other: what
 * blocking costs.
 *
 *   files_blocking FILE 1 READS [direct] */
#include "bench.h"

#include <fcntl.h>
#include <string.h>

enum { BLOCK = 4096 };

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    int fd = open(argv[1], O_RDONLY | O_CLOEXEC |
                               (argc > 4 && strcmp(argv[4], "direct") == 0 ? O_DIRECT : 0));
    uint64_t blocks = (uint64_t)lseek(fd, 0, SEEK_END) / BLOCK, reads = strtoull(argv[3], NULL, 10),
             state = RANDOM_SEED;
    char *bytes = aligned_alloc(BLOCK, BLOCK);
    struct stopwatch watch = stopwatch_start();
    for (uint64_t i = 0; i < reads; i++)
        if (pread(fd, bytes, BLOCK, (off_t)(random_next(&state) % blocks * BLOCK)) != BLOCK)
            return 1;
    print_operations(&watch, reads);
    return 0;
}
