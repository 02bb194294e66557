/* files_uring.c - random 4 KiB reads of one file by hand on io_uring, `depth` in flight: one system
 * call a turn.
 *
 *   files_uring FILE DEPTH READS [direct] */
#include "bench.h"
#include "ring.h"

#include <fcntl.h>

enum { BLOCK = 4096 };

static struct ring ring;
static uint64_t blocks, left, done, state = RANDOM_SEED;
static char *bytes;
static int fd;

static void request(uint64_t slot)
{
    ring_request(&ring, IORING_OP_READ, fd, bytes + slot * BLOCK, BLOCK, slot)->off =
        random_next(&state) % blocks * BLOCK;
    left--;
}

static void handle(const struct io_uring_cqe *cqe)
{
    if (cqe->res != BLOCK)
        exit(1);
    done++;
    if (left > 0)
        request(cqe->user_data);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    fd = open(argv[1],
              O_RDONLY | O_CLOEXEC | (argc > 4 && strcmp(argv[4], "direct") == 0 ? O_DIRECT : 0));
    ring_check(fd, "open");
    ring_open(&ring);
    blocks = (uint64_t)lseek(fd, 0, SEEK_END) / BLOCK;
    left = strtoull(argv[3], NULL, 10);
    uint64_t depth = strtoull(argv[2], NULL, 10), reads = left;
    bytes = aligned_alloc(BLOCK, depth * BLOCK);
    struct stopwatch watch = stopwatch_start();
    for (uint64_t slot = 0; slot < depth && left > 0; slot++)
        request(slot);
    while (done < reads) {
        ring_enter(&ring, 1);
        ring_handle(&ring, handle);
    }
    print_operations(&watch, reads);
    return 0;
}
