/* copy_uring.c - a file copied by reads and writes by hand on io_uring: the read of a block and its
 * write are linked, so that both are asked for at once, and the write alone says when it is done.
 * See copy.h. */
#include "copy.h"
#include "ring.h"

enum { FAILED = BLOCKS_MAX };

static struct ring ring;
static struct block {
    size_t count;
    char *bytes;
} all[BLOCKS_MAX];
static unsigned under_way;

static void block_next(unsigned i)
{
    struct block *block = &all[i];
    int64_t offset;
    block->count = copy_next(&offset);
    if (block->count == 0)
        return;
    ring_room(&ring, 2);
    struct io_uring_sqe *sqe =
        ring_request(&ring, IORING_OP_READ, from, block->bytes, (uint32_t)block->count, FAILED);
    sqe->off = (uint64_t)offset;
    sqe->flags = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS; /* a read that is short ends the link */
    ring_request(&ring, IORING_OP_WRITE, to, block->bytes, (uint32_t)block->count, i)->off =
        (uint64_t)offset;
    under_way++;
}

static void handle(const struct io_uring_cqe *cqe)
{
    copy_check(cqe->user_data != FAILED && cqe->res == (int)all[cqe->user_data].count,
               "read and write");
    under_way--;
    block_next((unsigned)cqe->user_data);
}

int main(int argc, char **argv)
{
    ring_open(&ring);
    copy_open(argc, argv);
    for (unsigned i = 0; i < blocks; i++) {
        all[i].bytes = copy_buffer();
        block_next(i);
    }
    while (under_way > 0) {
        ring_enter(&ring, 1);
        ring_handle(&ring, handle);
    }
    return copy_print();
}
