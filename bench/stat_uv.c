/* stat_uv.c - stat of the files 0 to COUNT-1 of a directory on libuv's thread pool, again and
 * again, `depth` in flight.
 *
 *   stat_uv DIRECTORY COUNT DEPTH OPERATIONS     (UV_THREADPOOL_SIZE sets the pool) */
#include "bench.h"

#include <uv.h>

static uint64_t files, started, operations;

static void done(uv_fs_t *fs);

/* The directory is the working directory, so that the paths are as short as the other
 * contestants'. */
static void start(uv_fs_t *fs)
{
    char path[16];
    snprintf(path, sizeof path, "%u", (unsigned)(started++ % files));
    uv_fs_stat(uv_default_loop(), fs, path, done);
}

static void done(uv_fs_t *fs)
{
    if (fs->result < 0)
        exit(1);
    uv_fs_req_cleanup(fs);
    if (started < operations)
        start(fs);
}

int main(int argc, char **argv)
{
    if (argc < 5 || chdir(argv[1]) < 0)
        return 2;
    files = strtoull(argv[2], NULL, 10);
    operations = strtoull(argv[4], NULL, 10);
    int depth = atoi(argv[3]);
    uv_fs_t *requests = calloc((size_t)depth, sizeof *requests);
    struct stopwatch watch = stopwatch_start();
    for (int i = 0; i < depth && started < operations; i++)
        start(&requests[i]);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    print_operations(&watch, operations);
    return 0;
}
