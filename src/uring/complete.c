/* complete.c - completions in: what each means for its op.
 *
 * The kernel may end a repeating request at any time; it is then requested anew, and the program does not see it. */
#include "uring/uring.h"

#include "hark/poll.h"

#include <sys/socket.h>

/* The op's own request is over, for good. */
static void end(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    if (unlikely((result == -EINTR || result == -EAGAIN) && op->marks & MARK_CANCELLED))
        result = -ECANCELED;
    if (unlikely(op->spare & OP_BACKLOGGED)) /* its cancel had no entry yet, and needs none any more */
        op_queue_remove(&uring_of(loop)->backlog, op);
    if (unlikely(op->spare & OP_CANCEL_SENT)) {
        op->spare |= OP_ENDED;
        op->result = result;
        return;
    }
    loop_call_final(loop, op, result);
}

/* The request is over, the op is not, unless it was cancelled meanwhile. */
static void request_again(struct hark_loop *loop, struct hark_op *op)
{
    if (op->marks & MARK_CANCELLED)
        end(loop, op, -ECANCELED);
    else
        uring_submit(loop, op);
}

/* Calls with more to come; where the kernel will bring no more by itself, the op is requested again. */
static void call_more(struct hark_loop *loop, struct hark_op *op, int64_t result, bool kernel_goes_on)
{
    if (likely(kernel_goes_on)) {
        loop_call_more(loop, op, result);
    } else if (op->marks & MARK_CANCELLED) {
        loop_call_more(loop, op, result);
        end(loop, op, -ECANCELED);
    } else {
        op->state = OP_CALLING;
        loop_call_more(loop, op, result);
        op_continue(loop, op);
    }
}

static void take_buffer(struct hark_loop *loop, struct hark_op *op, uint32_t flags)
{
    op->with.io.buffer = 0;
    if (!(flags & IORING_CQE_F_BUFFER))
        return;
    uint32_t index = flags >> IORING_CQE_BUFFER_SHIFT;
    loop->buffers.free--;
    op->with.io.bytes = buffers_at(&loop->buffers, index);
    op->with.io.buffer = index + 1;
}

static void starve(struct hark_loop *loop, struct hark_op *op)
{
    loop->metrics.buffers_exhausted++;
    if (op->marks & MARK_CANCELLED)
        return request_again(loop, op);
    op->spare |= OP_STARVED;
    op_queue_push(&loop->buffers.starved, op);
}

static void complete_recv_each(struct hark_loop *loop, struct hark_op *op, int32_t result, uint32_t flags)
{
    take_buffer(loop, op, flags);
    if (likely(result > 0))
        return call_more(loop, op, result, (flags & IORING_CQE_F_MORE) != 0);
    if (op->with.io.buffer) {
        uint32_t index = op->with.io.buffer - 1;
        op->with.io.buffer = 0;
        loop->backend->buffer_returned(loop, index);
    }
    if (result == -ENOBUFS)
        starve(loop, op);
    else if (result == -EINTR || result == -EAGAIN)
        request_again(loop, op);
    else
        end(loop, op, result);
}

static void complete_accept(struct hark_loop *loop, struct hark_op *op, int32_t result, uint32_t flags)
{
    bool kernel_goes_on = (flags & IORING_CQE_F_MORE) != 0;
    if (result == -ECONNABORTED || result == -EINTR || result == -EAGAIN) {
        if (!kernel_goes_on)
            request_again(loop, op);
        return;
    }
    if (result >= 0 && op->code == HARK_OP_ACCEPT_EACH)
        call_more(loop, op, result, kernel_goes_on);
    else
        end(loop, op, result);
}

/* Waits on for events that do not hold yet. `reported` are those that a completion told of. */
static void wait_again(struct hark_loop *loop, struct hark_op *op, uint32_t events, int32_t reported)
{
    int error = 0;
    if (reported > 0 && reported & HARK_POLL_PEER_HANGUP && !(events & HARK_POLL_PEER_HANGUP) && !(op->marks & MARK_CANCELLED))
        error = uring_quieten(loop, op, events);
    if (error)
        end(loop, op, error);
    else
        request_again(loop, op);
}

static void complete_poll(struct hark_loop *loop, struct hark_op *op, int32_t result)
{
    int32_t reported = result;
    uring_unquieten(op);
    /* What the completion says are the events that the wake-up could have meant, not those that hold: plain data wakes with
     * POLLPRI too, an urgent byte with POLLIN. */
    if (result >= 0)
        result = op->marks & MARK_CANCELLED ? 0 : (int32_t)os_kernel_poll(loop, op->fd, op->with.poll.events);
    if (result == 0 || result == -EINTR)
        wait_again(loop, op, op->with.poll.events, reported);
    else if (result > 0 && op->code == HARK_OP_POLL_EACH)
        call_more(loop, op, result, false);
    else
        end(loop, op, result);
}

/* The kernel does not wait for readiness where the descriptor is non-blocking and no socket: then it is asked to poll first. */
static bool wants_polling(const struct hark_op *op, int32_t result)
{
    bool reads_or_writes = op->code == HARK_OP_READ || op->code == HARK_OP_WRITE || op->code == HARK_OP_READV ||
                           op->code == HARK_OP_WRITEV || op->code == HARK_OP_RECV || op->code == HARK_OP_SEND ||
                           op->code == HARK_OP_RECVMSG || op->code == HARK_OP_SENDMSG;
    return result == -EAGAIN && reads_or_writes && !(op->marks & MARK_CANCELLED) && !(op->with.io.flags & MSG_DONTWAIT);
}

/* A datagram to a unix socket that takes no more: the sender, not connected to it, is writable all the same. Nothing can be
 * waited for. */
static bool is_full_receiver(struct hark_loop *loop, const struct hark_op *op)
{
    return op_sends_to_unix_name(op) && os_kernel_poll(loop, op->fd, HARK_POLL_WRITABLE) > 0;
}

static void complete(struct hark_loop *loop, struct hark_op *op, int32_t result, uint32_t flags)
{
    switch (op->code) {
    case HARK_OP_RECV_EACH:
        return complete_recv_each(loop, op, result, flags);
    case HARK_OP_ACCEPT:
    case HARK_OP_ACCEPT_EACH:
        return complete_accept(loop, op, result, flags);
    case HARK_OP_POLL:
    case HARK_OP_POLL_EACH:
        return complete_poll(loop, op, result);
    case HARK_OP_CLOSE:
        /* After EINTR the descriptor is gone all the same (close(2), Linux). */
        return end(loop, op, result == -EINTR ? 0 : result);
    default:
        break;
    }
    if (unlikely(wants_polling(op, result)) && !is_full_receiver(loop, op)) {
        op->spare |= OP_POLLING;
        return uring_submit(loop, op);
    }
    if (unlikely(result == -EINTR))
        return request_again(loop, op);
    end(loop, op, result);
}

static void complete_polling(struct hark_loop *loop, struct hark_op *op, int32_t result)
{
    uint32_t events = uring_poll_events(op);
    bool holds = result > 0 && (op->spare & OP_BEHIND_EPOLL || (uint32_t)result & (events | HARK_POLL_ERROR | HARK_POLL_HANGUP));
    uring_unquieten(op);
    if (result > 0 && !holds && !(op->marks & MARK_CANCELLED))
        return wait_again(loop, op, events, result);
    op->spare &= ~(uint32_t)OP_POLLING;
    if (result < 0 && result != -EINTR)
        end(loop, op, result);
    else
        request_again(loop, op);
}

static void complete_cancel(struct hark_loop *loop, struct hark_op *op, int32_t result)
{
    op->spare &= ~(uint32_t)OP_CANCEL_SENT;
    if (op->spare & OP_ENDED)
        loop_call_final(loop, op, op->result);
    else if (result == -ENOENT)
        uring_send_cancel(loop, op); /* between two stages inside the kernel: it is found there the next time */
}

static void complete_wake(struct hark_loop *loop, uint32_t flags)
{
    loop->metrics.wakes++;
    if (!(flags & IORING_CQE_F_MORE))
        uring_of(loop)->wake_armed = false;
}

uint32_t uring_reap(struct hark_loop *loop, uint32_t budget)
{
    struct ring *ring = &uring_of(loop)->ring;
    struct io_uring_cqe cqe;
    uint32_t count = 0;
    while (count < budget && !loop_should_stop(loop) && ring_take_cqe(ring, &cqe)) {
        struct hark_op *op = op_of_id(cqe.user_data);
        count++;
        switch (tag_of(cqe.user_data)) {
        case TAG_OP:
            complete(loop, op, cqe.res, cqe.flags);
            break;
        case TAG_CANCEL:
            complete_cancel(loop, op, cqe.res);
            break;
        case TAG_POLL:
            complete_polling(loop, op, cqe.res);
            break;
        case TAG_WAKE:
            complete_wake(loop, cqe.flags);
            break;
        }
    }
    return count;
}
