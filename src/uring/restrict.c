/* restrict.c - which requests an op of each kind can become (prepare.c), and the kernel's list of
 * what a ring may be asked for (IORING_REGISTER_RESTRICTIONS, Linux 5.10). */
#include "uring/restrict.h"

#include "hark/op.h"
#include <errno.h>
#include <stdlib.h>

enum { REQUESTS_MAX = 3, FIXED_MAX = 8 };

/* What is left is zero, a nop, which does no harm. */
static const uint8_t requests[HARK_OP_KINDS][REQUESTS_MAX] = {
    [HARK_OP_ACCEPT] = {IORING_OP_ACCEPT},
    [HARK_OP_ACCEPT_EACH] = {IORING_OP_ACCEPT},
    [HARK_OP_CONNECT] = {IORING_OP_CONNECT},
    [HARK_OP_RECV] = {IORING_OP_RECV},
    [HARK_OP_RECV_EACH] = {IORING_OP_RECV},
    [HARK_OP_SEND] = {IORING_OP_SEND},
    [HARK_OP_SEND_ZC] = {IORING_OP_SEND, IORING_OP_SEND_ZC},
    [HARK_OP_RECVMSG] = {IORING_OP_RECVMSG},
    [HARK_OP_RECVMSG_EACH] = {IORING_OP_RECVMSG, IORING_OP_RECV},
    [HARK_OP_SENDMSG] = {IORING_OP_SENDMSG},
    [HARK_OP_SHUTDOWN] = {IORING_OP_SHUTDOWN},
    [HARK_OP_SOCKET] = {IORING_OP_SOCKET},
    [HARK_OP_READ] = {IORING_OP_READ},
    [HARK_OP_WRITE] = {IORING_OP_WRITE},
    [HARK_OP_READV] = {IORING_OP_READV},
    [HARK_OP_WRITEV] = {IORING_OP_WRITEV},
    [HARK_OP_OPENAT] = {IORING_OP_OPENAT, IORING_OP_OPENAT2},
    [HARK_OP_FSYNC] = {IORING_OP_FSYNC},
    [HARK_OP_FDATASYNC] = {IORING_OP_FSYNC},
    [HARK_OP_FTRUNCATE] = {RING_OPCODE_FTRUNCATE},
    [HARK_OP_FALLOCATE] = {IORING_OP_FALLOCATE},
    [HARK_OP_STATX] = {IORING_OP_STATX},
    [HARK_OP_RENAMEAT] = {IORING_OP_RENAMEAT},
    [HARK_OP_UNLINKAT] = {IORING_OP_UNLINKAT},
    [HARK_OP_MKDIRAT] = {IORING_OP_MKDIRAT},
    [HARK_OP_SYMLINKAT] = {IORING_OP_SYMLINKAT},
    [HARK_OP_LINKAT] = {IORING_OP_LINKAT},
    [HARK_OP_SETXATTRAT] = {IORING_OP_SETXATTR, IORING_OP_FSETXATTR},
    [HARK_OP_GETXATTRAT] = {IORING_OP_GETXATTR, IORING_OP_FGETXATTR},
    [HARK_OP_WAITID] = {RING_OPCODE_WAITID},
    [HARK_OP_SPLICE] = {IORING_OP_SPLICE},
};

/* The loop's own, whatever it is for: it waits, cancels, closes, and wakes others. */
static const uint8_t always[] = {IORING_OP_NOP, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL,
                                 IORING_OP_CLOSE, IORING_OP_MSG_RING};

/* What is registered once it runs: itself, and an eventfd for other loops (hark_loop_fd). */
static const uint8_t registered[] = {IORING_REGISTER_RING_FDS, IORING_UNREGISTER_RING_FDS,
                                     IORING_REGISTER_EVENTFD, IORING_UNREGISTER_EVENTFD};

static unsigned add(struct io_uring_restriction *list, unsigned count, uint16_t what, uint8_t which)
{
    list[count] = (struct io_uring_restriction){.opcode = what, .sqe_op = which};
    return count + 1;
}

int restrict_ring(const struct ring *ring, uint64_t kinds, const bool supported[RING_OPCODES])
{
    const unsigned most = HARK_OP_KINDS * REQUESTS_MAX + sizeof always + FIXED_MAX;
    struct io_uring_restriction *list = calloc(most, sizeof *list);
    bool wanted[RING_OPCODES] = {false};
    unsigned count = 0;
    if (!list)
        return -ENOMEM;
    for (size_t i = 0; i < sizeof always; i++)
        wanted[always[i]] = true;
    for (int kind = 0; kind < HARK_OP_KINDS; kind++)
        for (int i = 0; i < REQUESTS_MAX && kinds >> kind & 1; i++)
            wanted[requests[kind][i]] = true;
    for (unsigned i = 0; i < RING_OPCODES; i++)
        if (wanted[i] && supported[i])
            count = add(list, count, IORING_RESTRICTION_SQE_OP, (uint8_t)i);
    count = add(list, count, IORING_RESTRICTION_SQE_FLAGS_ALLOWED,
                IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS);
    for (size_t i = 0; i < sizeof registered; i++)
        count = add(list, count, IORING_RESTRICTION_REGISTER_OP, registered[i]);
    int error = ring_register(ring, IORING_REGISTER_RESTRICTIONS, list, count);
    free(list);
    return error;
}
