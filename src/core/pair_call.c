/* pair_call.c - splice(2) in the loop's thread: how it is made so that it does not wait, and what
 * it is waited for where it would.
 *
 * SPLICE_F_NONBLOCK is about pipes alone. A socket waits unless its descriptor has O_NONBLOCK,
 * which whoever shares it can change at any time: so that is looked at before each call. A terminal
 * is called by way of a description that does not block. While a thread waits inside of the call it
 * holds the pipe's lock, and everybody who touches the pipe stands still: so none is to wait there
 * but for a disk.
 *
 * The call does not tell which end it would wait for. poll(2) does; but what it means by ready is
 * not always what splice(2) needs, and others may be quicker. So it is counted how often both ends
 * were ready while nothing moved, and the op ends in place of asking for ever.
 *
 * An urgent byte of TCP is such a case, which any peer can send: splice(2) does not go past it, and
 * says that it would wait; or, once the peer has ended its side, that this is the end (Linux,
 * tcp_read_sock, up to 6.18 at least). recv(2) goes past it. */
#include "core/op.h"
#include "core/pair.h"
#include "core/unblocked.h"
#include "hark/file.h"
#include "hark/poll.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>

enum {
    TRIES = 4,          /* of a call in a turn, while others take or fill what is there */
    FRUITLESS_MAX = 64, /* how often both may be ready for nothing */
};

static int64_t call_between(uint64_t *calls, const struct hark_op *op, int source, int target)
{
    off_t offset = op->with.splice.offset;
    off_t *of_source = offset < 0 || op->with.splice.offset_is_of_target ? NULL : &offset;
    off_t *of_target = offset < 0 || !op->with.splice.offset_is_of_target ? NULL : &offset;
    return kernel_splice(calls, source, of_source, target, of_target, op->with.splice.count,
                         op->with.splice.flags | SPLICE_F_NONBLOCK);
}

int64_t pair_call(uint64_t *calls, const struct hark_op *op)
{
    return call_between(calls, op, pair_source(op), pair_target(op));
}

/* --- calls that do not wait --- */

static enum pair_kind kind_of(struct hark_loop *loop, int fd)
{
    int kind = loop->backend->pair_kind(loop, fd);
    return kind < 0 ? PAIR_UNKNOWN : (enum pair_kind)kind; /* the kernel will say why */
}

/* Of any call without a pipe the kernel says at once that it is none. */
static bool has_pipe(struct hark_loop *loop, const struct hark_op *op)
{
    return kind_of(loop, pair_source(op)) == PAIR_PIPE ||
           kind_of(loop, pair_target(op)) == PAIR_PIPE;
}

static bool has(struct hark_loop *loop, const struct hark_op *op, enum pair_kind kind)
{
    return kind_of(loop, pair_source(op)) == kind || kind_of(loop, pair_target(op)) == kind;
}

static int64_t call_device(struct hark_loop *loop, const struct hark_op *op)
{
    bool is_source = kind_of(loop, pair_source(op)) == PAIR_DEVICE;
    int fd = is_source ? pair_source(op) : pair_target(op);
    int flags = kernel_fcntl(calls_of(loop), fd, F_GETFL, 0);
    if (flags < 0)
        return flags;
    if (flags & (O_NONBLOCK | O_PATH))
        return pair_call(calls_of(loop), op);
    int64_t events = kernel_poll_now(calls_of(loop), fd, HARK_POLL_READABLE);
    struct unblocked one;
    int error = unblocked_for_call(loop, fd, flags, events > 0 && events & HARK_POLL_HANGUP, &one);
    if (error)
        return error;
    int64_t result = call_between(calls_of(loop), op, is_source ? one.fd : pair_source(op),
                                  is_source ? pair_target(op) : one.fd);
    unblocked_done(loop, &one);
    return result;
}

static int64_t call_here(struct hark_loop *loop, const struct hark_op *op)
{
    if (has(loop, op, PAIR_DEVICE) && has_pipe(loop, op))
        return call_device(loop, op);
    if (kind_of(loop, pair_source(op)) == PAIR_SOCKET)
        unblocked_for_good(loop, pair_source(op));
    if (kind_of(loop, pair_target(op)) == PAIR_SOCKET)
        unblocked_for_good(loop, pair_target(op));
    return pair_call(calls_of(loop), op);
}

/* What a pipe with room takes for sure, from a socket that splice(2) takes nothing of. Bytes are
 * taken out of the socket only once they are in the pipe.
 * Gives: the result; -EAGAIN. */
static int64_t copy_some(struct hark_loop *loop, const struct hark_op *op)
{
    char bytes[PIPE_BUF];
    int source = pair_source(op);
    size_t most = op->with.splice.count < sizeof bytes ? op->with.splice.count : sizeof bytes;
    int64_t count = kernel_recv(calls_of(loop), source, bytes, most, MSG_PEEK | MSG_DONTWAIT);
    if (count <= 0)
        return count;
    const struct hark_op writing = {
        .fd = pair_target(op),
        .code = HARK_OP_WRITE,
        .with.io = {.bytes = bytes, .count = (size_t)count, .offset = HARK_AT_POSITION}};
    int64_t written;
    if (!unblocked_by_kernel(loop, &writing, &written))
        written = unblocked_by_hand(loop, &writing);
    for (int64_t left = written, gone; left > 0; left -= gone) {
        gone = kernel_recv(calls_of(loop), source, bytes, (size_t)left, MSG_DONTWAIT);
        if (gone <= 0)
            break;
    }
    return written;
}

/* --- what is next --- */

enum readiness { NOTHING, READY, OTHER }; /* OTHER: nothing but an error, or a hang-up */

static enum readiness ask(struct hark_loop *loop, int fd, int64_t events)
{
    int64_t held = kernel_poll_now(calls_of(loop), fd, (uint32_t)events);
    return held < 0 || held & events ? READY : held == 0 ? NOTHING : OTHER;
}

static bool is_patient(const struct hark_loop *loop, int target)
{
    return (descriptors_row(&loop->descriptors, target)->flags & DESCRIPTOR_CLOSING) != 0;
}

/* A close that lets it send does not wait until there is something to send. */
static enum pair_next wait_at(struct hark_loop *loop, struct hark_op *op, bool target,
                              int64_t *out_result)
{
    if (op->with.splice.at_target != target)
        pair_turn(loop, op);
    *out_result = -ECANCELED;
    if (!target && is_patient(loop, pair_target(op)))
        return PAIR_ENDS;
    op->with.splice.waits = true;
    return PAIR_WAITS;
}

/* The call has said that it would wait. By now that may not be so any more. */
static enum pair_next find_next(struct hark_loop *loop, struct hark_op *op, int64_t *out_result)
{
    enum readiness source = ask(loop, pair_source(op), HARK_POLL_READABLE);
    enum readiness target =
        source == READY ? ask(loop, pair_target(op), HARK_POLL_WRITABLE) : READY;
    bool waits = source != READY || target != READY;
    if (source == NOTHING || target == NOTHING)
        op->with.splice.fruitless = 0;
    else
        op->with.splice.fruitless++;
    *out_result = -EBUSY;
    if (op->with.splice.fruitless >= FRUITLESS_MAX)
        return PAIR_ENDS;
    return waits ? wait_at(loop, op, source == READY, out_result) : PAIR_AGAIN;
}

static int64_t try_once(struct hark_loop *loop, struct hark_op *op)
{
    op_trying(loop, op);
    int64_t result = call_here(loop, op);
    if (result == 0 && kind_of(loop, pair_source(op)) == PAIR_SOCKET) {
        int64_t count = copy_some(loop, op); /* whether it is the end */
        result = count > 0 ? count : 0;
    }
    op_tried(loop, op, result);
    return result;
}

static int64_t try_by_copying(struct hark_loop *loop, struct hark_op *op)
{
    if (kind_of(loop, pair_source(op)) != PAIR_SOCKET)
        return -EAGAIN;
    op_trying(loop, op);
    int64_t result = copy_some(loop, op);
    op_tried(loop, op, result);
    return result;
}

enum pair_next pair_try(struct hark_loop *loop, struct hark_op *op, int64_t *out_result)
{
    enum pair_next next = PAIR_AGAIN;
    op->with.splice.waits = false;
    if (has(loop, op, PAIR_FILE) && has_pipe(loop, op))
        return PAIR_THREAD;
    for (int tries = 0; tries < TRIES && next == PAIR_AGAIN; tries++) {
        *out_result = try_once(loop, op);
        if (*out_result != -EAGAIN)
            return PAIR_ENDS;
        next = find_next(loop, op, out_result);
        if (next != PAIR_AGAIN)
            return next;
        *out_result = try_by_copying(loop, op);
        if (*out_result != -EAGAIN)
            return PAIR_ENDS;
    }
    return next;
}

enum pair_next pair_after_thread(struct hark_loop *loop, struct hark_op *op, int64_t *out_result)
{
    enum pair_next next = find_next(loop, op, out_result);
    return next == PAIR_AGAIN ? PAIR_THREAD : next;
}
