/* files_uring.c - random 4 KiB reads of one file by hand on io_uring, `depth` in flight: one system call a turn.
 *
 *   files_uring FILE DEPTH READS [direct] */
#include "bench.h"
#include "ring.h"

#include <fcntl.h>

enum { BLOCK = 4096 };

static struct ring ring;
static uint64_t blocks, left, state = RANDOM_SEED;
static char *bytes;
static int fd;

static void request(uint64_t slot)
{
    struct io_uring_sqe *sqe = ring_request(&ring, IORING_OP_READ, fd, slot);
    sqe->addr = (uint64_t)(uintptr_t)(bytes + slot * BLOCK);
    sqe->len = BLOCK;
    sqe->off = random_next(&state) % blocks * BLOCK;
    left--;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    fd = open(argv[1], O_RDONLY | O_CLOEXEC | (argc > 4 && strcmp(argv[4], "direct") == 0 ? O_DIRECT : 0));
    ring_check(fd, "open");
    ring_open(&ring);
    blocks = (uint64_t)lseek(fd, 0, SEEK_END) / BLOCK;
    left = strtoull(argv[3], NULL, 10);
    uint64_t depth = strtoull(argv[2], NULL, 10), reads = left, done = 0;
    bytes = aligned_alloc(BLOCK, depth * BLOCK);
    uint64_t began_ns = now_ns(), began_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (uint64_t slot = 0; slot < depth && left > 0; slot++)
        request(slot);
    while (done < reads) {
        struct io_uring_cqe *cqe;
        ring_enter(&ring, 1);
        while ((cqe = ring_next(&ring)) != NULL) {
            if (cqe->res != BLOCK)
                return 1;
            done++;
            if (left > 0)
                request(cqe->user_data);
            ring_seen(&ring);
        }
    }
    uint64_t cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - began_cpu_ns;
    printf("operations %llu seconds %.6f cpu %.6f\n", (unsigned long long)reads, (double)(now_ns() - began_ns) / 1e9,
           (double)cpu_ns / 1e9);
    return 0;
}
