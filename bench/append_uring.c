/* append_uring.c - appends that share an fdatasync, by hand on io_uring: the write and the sync are
 * linked, so that one system call asks for both and waits for the second. The write is silent
 * unless it fails. See append.h. */
#include "append.h"
#include "ring.h"

enum { WRITE, SYNC };

static struct ring ring;

static void commit(void)
{
    size_t bytes = group_begin();
    if (bytes == 0)
        return;
    struct io_uring_sqe *sqe =
        ring_request(&ring, IORING_OP_WRITE, file, syncing->bytes, (uint32_t)bytes, WRITE);
    sqe->off = (uint64_t)offset;
    sqe->flags = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
    ring_request(&ring, IORING_OP_FSYNC, file, NULL, 0, SYNC)->fsync_flags = IORING_FSYNC_DATASYNC;
}

static void handle(const struct io_uring_cqe *cqe)
{
    append_check(cqe->user_data == SYNC && cqe->res == 0, "write and sync");
    group_end();
    commit();
}

int main(int argc, char **argv)
{
    ring_open(&ring);
    append_open(argc, argv);
    commit();
    while (answered < appends) {
        ring_enter(&ring, 1);
        ring_handle(&ring, handle);
    }
    return append_print();
}
