/* files_uv.c - random 4 KiB reads of one file on libuv's thread pool, `depth` in flight.
 *
 *   files_uv FILE DEPTH READS [direct]     (UV_THREADPOOL_SIZE sets the pool) */
#include "bench.h"

#include <fcntl.h>
#include <string.h>
#include <uv.h>

enum { BLOCK = 4096 };

struct request {
    uv_fs_t fs;
    uv_buf_t buffer;
};

static uint64_t blocks, left, state = RANDOM_SEED;
static int fd;

static int64_t random_offset(void)
{
    return (int64_t)(random_next(&state) % blocks * BLOCK);
}

static void done(uv_fs_t *fs)
{
    struct request *request = (struct request *)fs;
    if (fs->result != BLOCK)
        exit(1);
    uv_fs_req_cleanup(fs);
    if (left == 0)
        return;
    left--;
    uv_fs_read(uv_default_loop(), fs, fd, &request->buffer, 1, random_offset(), done);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    fd = open(argv[1],
              O_RDONLY | O_CLOEXEC | (argc > 4 && strcmp(argv[4], "direct") == 0 ? O_DIRECT : 0));
    if (fd < 0)
        return 1;
    blocks = (uint64_t)lseek(fd, 0, SEEK_END) / BLOCK;
    left = strtoull(argv[3], NULL, 10);
    int depth = atoi(argv[2]);
    uint64_t reads = left;
    struct stopwatch watch = stopwatch_start();
    struct request *requests = calloc((size_t)depth, sizeof *requests);
    char *bytes = aligned_alloc(BLOCK, (size_t)depth * BLOCK);
    for (int i = 0; i < depth && left > 0; i++, left--) {
        requests[i].buffer = uv_buf_init(bytes + (size_t)i * BLOCK, BLOCK);
        uv_fs_read(uv_default_loop(), &requests[i].fs, fd, &requests[i].buffer, 1, random_offset(),
                   done);
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    print_operations(&watch, reads);
    return 0;
}
