/* files_hark.c - random 4 KiB reads of one file, `depth` in flight.
 *
 *   files_hark FILE DEPTH READS [direct] */
#include "bench.h"

#include <fcntl.h>
#include <hark.h>
#include <string.h>

enum { BLOCK = 4096 };

struct request {
    struct hark_op op;
    char *bytes;
};

static uint64_t blocks, left, state = RANDOM_SEED;
static int fd;

static int64_t random_offset(void)
{
    return (int64_t)(random_next(&state) % blocks * BLOCK);
}

static void done(struct hark_op *op, int64_t count)
{
    struct request *request = hark_container_of(op, struct request, op);
    if (count != BLOCK) {
        fprintf(stderr, "files_hark: cannot read: %s\n", hark_error_text(count));
        exit(1);
    }
    if (left == 0)
        return;
    left--;
    hark_read(op->loop, op, fd, request->bytes, BLOCK, random_offset(), done);
}

int main(int argc, char **argv)
{
    struct hark_loop *loop;
    if (argc < 4 || hark_loop_create(NULL, &loop) < 0)
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
        requests[i].bytes = bytes + (size_t)i * BLOCK;
        hark_read(loop, &requests[i].op, fd, requests[i].bytes, BLOCK, random_offset(), done);
    }
    hark_run(loop);
    print_operations(&watch, reads);
    return 0;
}
