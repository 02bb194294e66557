/* stat_blocking.c - statx(2) of the files 0 to COUNT-1 of a directory, one after the other: what
 * blocking costs.
 *
 *   stat_blocking DIRECTORY COUNT 1 OPERATIONS */
#include "bench.h"

#include <fcntl.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    int directory = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
    uint64_t files = strtoull(argv[2], NULL, 10), operations = strtoull(argv[4], NULL, 10);
    struct stopwatch watch = stopwatch_start();
    for (uint64_t i = 0; i < operations; i++) {
        struct statx status;
        char path[16];
        snprintf(path, sizeof path, "%u", (unsigned)(i % files));
        if (statx(directory, path, 0, STATX_BASIC_STATS, &status) < 0)
            return 1;
    }
    print_operations(&watch, operations);
    return 0;
}
