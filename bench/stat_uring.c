/* stat_uring.c - statx of the files 0 to COUNT-1 of a directory by hand on io_uring, again and
 * again, `depth` in flight.
 *
 *   stat_uring DIRECTORY COUNT DEPTH OPERATIONS */
#include "bench.h"
#include "ring.h"

#include <fcntl.h>
#include <sys/stat.h>

struct request {
    struct statx status;
    char path[16];
};

static struct ring ring;
static struct request *requests;
static uint64_t files, started, done, operations;
static int directory;

static void start(uint64_t slot)
{
    struct request *request = &requests[slot];
    snprintf(request->path, sizeof request->path, "%u", (unsigned)(started++ % files));
    struct io_uring_sqe *sqe =
        ring_request(&ring, IORING_OP_STATX, directory, request->path, STATX_BASIC_STATS, slot);
    sqe->off = (uint64_t)(uintptr_t)&request->status;
}

static void handle(const struct io_uring_cqe *cqe)
{
    ring_check(cqe->res, "statx");
    done++;
    if (started < operations)
        start(cqe->user_data);
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    directory = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
    files = strtoull(argv[2], NULL, 10);
    operations = strtoull(argv[4], NULL, 10);
    uint64_t depth = strtoull(argv[3], NULL, 10);
    requests = calloc(depth, sizeof *requests);
    ring_open(&ring);
    struct stopwatch watch = stopwatch_start();
    for (uint64_t slot = 0; slot < depth && started < operations; slot++)
        start(slot);
    while (done < operations) {
        ring_enter(&ring, 1);
        ring_handle(&ring, handle);
    }
    print_operations(&watch, operations);
    return 0;
}
