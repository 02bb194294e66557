/* complete.c - completions in: what each means for its op.
 *
 * The kernel may end a repeating request at any time; it is then requested anew, and the program
 * does not see it. */
#include "uring/complete.h"
#include "core/call.h"
#include "core/child.h"
#include "core/message.h"
#include "core/pair.h"
#include "core/wake.h"
#include "core/work_pool.h"
#include "uring/accept.h"
#include "uring/blocking.h"
#include "uring/datagrams.h"
#include "uring/parts.h"
#include "uring/prepare.h"
#include "uring/submit.h"
#include "uring/watch.h"
#include "uring/zero_copy.h"

#include "hark/buffer.h"
#include "hark/poll.h"

#include <sys/socket.h>

/* --- what most completions need --- */

static __attribute__((cold)) void end_rare(struct hark_loop *loop, struct hark_op *op,
                                           int64_t result)
{
    if (op->backend_bits & OP_IN_PARTS && parts_go_on(loop, op, &result))
        return;
    if (op->backend_bits & OP_BACKLOGGED) /* its cancel had no entry yet, and needs none any more */
        op_chain_remove(&uring_of(loop)->backlog, op);
    if (!(op->backend_bits & OP_CANCEL_SENT))
        return call_final(loop, op, result);
    op->backend_bits |= OP_ENDED;
    op->result = result;
}

/* The op's own request is over, for good. */
static inline void end_at_once(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    if (likely(!(op->backend_bits & (OP_BACKLOGGED | OP_CANCEL_SENT | OP_IN_PARTS))))
        call_final(loop, op, result);
    else
        end_rare(loop, op, result);
}

/* The same as a function: in each place where an op ends it would take 130 bytes. */
static __attribute__((noinline)) void end(struct hark_loop *loop, struct hark_op *op,
                                          int64_t result)
{
    end_at_once(loop, op, result);
}

/* The request is over, the op is not, unless it was cancelled meanwhile. */
static void request_again(struct hark_loop *loop, struct hark_op *op)
{
    if (op->marks & MARK_CANCELLED)
        return end(loop, op, -ECANCELED);
    int64_t result = unlikely(op->marks & MARK_BY_HAND) ? blocking_io_by_hand(loop, op) : -EAGAIN;
    if (result != -EAGAIN)
        end(loop, op, result);
    else
        submit_op(loop, op);
}

/* Around a call that is not the final one, but the last that the kernel's request brings. An op
 * that was cancelled before it keeps its state: its cancel is under way. Gives whether it was. */
static bool before_last_call(struct hark_op *op)
{
    bool cancelled = (op->marks & MARK_CANCELLED) != 0;
    if (!cancelled)
        op->state = OP_CALLING;
    return cancelled;
}

static void after_last_call(struct hark_loop *loop, struct hark_op *op, bool cancelled)
{
    if (cancelled)
        end(loop, op, -ECANCELED);
    else
        call_continue(loop, op);
}

/* Calls with more to come; where the kernel will bring no more by itself, the op is requested
 * again. */
static __attribute__((noinline)) void call_whichever(struct hark_loop *loop, struct hark_op *op,
                                                     int64_t result, bool kernel_goes_on)
{
    if (likely(kernel_goes_on))
        return call_more(loop, op, result);
    bool cancelled = before_last_call(op);
    call_more(loop, op, result);
    after_last_call(loop, op, cancelled);
}

/* --- hark_recv_each --- */

static inline void take_buffer(struct hark_loop *loop, struct hark_op *op, uint32_t flags)
{
    struct buffers *buffers = &loop->buffers;
    uint32_t index = flags >> IORING_CQE_BUFFER_SHIFT;
    buffers->offered--;
    op->with.io.bytes = buffers_at(buffers, index);
    op->with.io.buffer = index + 1;
}

static void starve(struct hark_loop *loop, struct hark_op *op)
{
    uring_of(loop)->buffers_ran_out = true;
    if (op->marks & MARK_CANCELLED)
        request_again(loop, op);
    else
        loop_starve(loop, op);
}

static void call_last_lent(struct hark_loop *loop, struct hark_op *op, int64_t result)
{
    bool cancelled = before_last_call(op);
    call_lent(loop, op, result);
    after_last_call(loop, op, cancelled);
}

static void complete_fed(struct hark_loop *loop, struct hark_op *op, int32_t result)
{
    op->backend_bits &= ~(uint32_t)OP_FED;
    if (result > 0)
        return call_last_lent(loop, op, result);
    hark_buffer_return(loop, hark_buffer_keep(op));
    if (result == -EAGAIN)
        op->backend_bits |=
            OP_POLLING; /* a request wants a buffer even to wait: from an empty ring it
                                    gets none, and starves again */
    if (result == -EINTR || result == -EAGAIN)
        request_again(loop, op);
    else
        end(loop, op, result);
}

static void recv_each_ended(struct hark_loop *loop, struct hark_op *op, int32_t result,
                            uint32_t flags)
{
    if (flags & IORING_CQE_F_BUFFER) {
        take_buffer(loop, op, flags);
        hark_buffer_return(loop, hark_buffer_keep(op));
    }
    if (result == -ENOBUFS)
        starve(loop, op);
    else if (result == -EINTR || result == -EAGAIN)
        request_again(loop, op);
    else
        end(loop, op, result);
}

/* Also where it is of no bytes, or longer than its buffer. A socket that was shut down may give 0
 * for ever. */
static void complete_datagram(struct hark_loop *loop, struct hark_op *op, int32_t result,
                              uint32_t flags)
{
    bool fed = (op->backend_bits & OP_FED) != 0;
    int64_t room = loop->buffers.bytes;
    if (result < 0 || (result == 0 && kernel_is_shut(calls_of(loop), op->fd)))
        return fed ? complete_fed(loop, op, result) : recv_each_ended(loop, op, result, flags);
    op->backend_bits &= ~(uint32_t)OP_FED;
    if (flags & IORING_CQE_F_BUFFER)
        take_buffer(loop, op, flags);
    if (result == 0)
        hark_buffer_return(loop, hark_buffer_keep(op));
    else if (result > room)
        op->marks |= HARK_MARK_CUT;
    int64_t count = result > room ? room : result;
    if (flags & IORING_CQE_F_MORE)
        call_lent(loop, op, count);
    else
        call_last_lent(loop, op, count);
}

static inline void complete_recv_each(struct hark_loop *loop, struct hark_op *op, int32_t result,
                                      uint32_t flags)
{
    if (unlikely(op->backend_bits & (OP_FED | OP_DATAGRAMS)))
        return op->backend_bits & OP_DATAGRAMS ? complete_datagram(loop, op, result, flags)
                                               : complete_fed(loop, op, result);
    if (unlikely(result <= 0))
        return recv_each_ended(loop, op, result, flags);
    take_buffer(loop, op, flags);
    if (likely(flags & IORING_CQE_F_MORE))
        call_lent(loop, op, result);
    else
        call_last_lent(loop, op, result);
}

/* --- hark_recvmsg_each --- */

/* A message is in the op's buffer, or the end. */
static void call_message(struct hark_loop *loop, struct hark_op *op, int64_t count,
                         bool kernel_goes_on)
{
    const bool is_stream = !(op->backend_bits & OP_DATAGRAMS);
    if (kernel_goes_on)
        return call_lent(loop, op, count);
    if (unlikely(count == 0 && message_is_end(loop, op, is_stream))) {
        hark_buffer_return(loop, hark_buffer_keep(op));
        return end(loop, op, 0);
    }
    call_last_lent(loop, op, count);
}

/* Receives by a call, into the buffer that it has. Where the ring does no more than poll, whoever
 * finds nothing peeks: another poll would complete at once, for ever, where a queue of errors that
 * nobody reads (MSG_ERRQUEUE) is an error for it. */
static void receive_message(struct hark_loop *loop, struct hark_op *op)
{
    const bool cancelled = (op->marks & MARK_CANCELLED) != 0;
    const bool is_stream = !(op->backend_bits & OP_DATAGRAMS);
    int64_t result = -ECANCELED;
    if (!cancelled) {
        checking_buffer_out(loop, op->with.io.bytes);
        op_trying(loop, op);
        result = message_receive(loop, op, is_stream);
        op_tried(loop, op, result);
    }
    op->backend_bits &= ~(uint32_t)OP_FED;
    const bool by_call = (op->backend_bits & OP_BY_CALL) != 0;
    if (by_call != (result == -EAGAIN)) /* before it is requested anew */
        op->backend_bits |= OP_POLLING;
    if (result >= 0)
        return call_message(loop, op, result, false);
    hark_buffer_return(loop, hark_buffer_keep(op));
    if (result == -EAGAIN)
        request_again(loop, op);
    else
        end(loop, op, result);
}

/* The ring has polled, or peeked, and tells that there is a message, or an error. */
static void message_polled(struct hark_loop *loop, struct hark_op *op)
{
    struct buffers *buffers = &loop->buffers;
    if (op->marks & MARK_CANCELLED)
        return end(loop, op, -ECANCELED);
    if (buffers->free == 0)
        return loop_starve(loop, op);
    uint32_t index = buffers->stack[--buffers->free];
    op->with.io.bytes = buffers_at(buffers, index);
    op->with.io.buffer = index + 1;
    receive_message(loop, op);
}

/* It has peeked: the message is still there. Without a thread of the kernel's that waits it polls:
 * that is a -ECANCELED that nobody asked for. */
static void message_peeked(struct hark_loop *loop, struct hark_op *op, int32_t result)
{
    if (result >= 0)
        return message_polled(loop, op);
    if (result == -ECANCELED)
        op->backend_bits |= OP_POLLING;
    if (result == -EINTR || result == -EAGAIN || result == -ECANCELED)
        request_again(loop, op);
    else
        end(loop, op, result);
}

static void complete_recvmsg_each(struct hark_loop *loop, struct hark_op *op, int32_t result,
                                  uint32_t flags)
{
    if (op->backend_bits & OP_FED)
        return receive_message(loop, op);
    if (op->backend_bits & OP_BY_CALL)
        return message_peeked(loop, op, result);
    if (result < 0)
        return recv_each_ended(loop, op, result, flags);
    take_buffer(loop, op, flags);
    checking_buffer_filled(loop, op->with.io.bytes);
    call_message(loop, op, message_arrived(loop, op), (flags & IORING_CQE_F_MORE) != 0);
}

/* --- the other kinds that need more than their result --- */

static void complete_accept(struct hark_loop *loop, struct hark_op *op, int32_t result,
                            uint32_t flags)
{
    bool kernel_goes_on = (flags & IORING_CQE_F_MORE) != 0;
    if (result == -ECONNABORTED || result == -EINTR || result == -EAGAIN) {
        if (!kernel_goes_on)
            request_again(loop, op);
        return;
    }
    if (result >= 0)
        datagrams_note_socket(loop, result, SOCK_STREAM);
    if (result >= 0 && op->code == HARK_OP_ACCEPT_EACH)
        call_whichever(loop, op, result, kernel_goes_on);
    else
        end(loop, op, result);
}

/* Waits on for events that do not hold yet. `reported` are those that a completion told of. */
static void wait_again(struct hark_loop *loop, struct hark_op *op, int32_t reported)
{
    bool spins = reported > 0 && reported & HARK_POLL_PEER_HANGUP &&
                 !(prepare_events_of(op) & HARK_POLL_PEER_HANGUP);
    if (!spins || op->marks & MARK_CANCELLED)
        return request_again(loop, op);
    int error = watch_begin(loop, op);
    if (error)
        end(loop, op, error);
}

static void complete_poll(struct hark_loop *loop, struct hark_op *op, int32_t result)
{
    int32_t reported = result;
    /* What the completion says are the events that the wake-up could have meant, not those that
     * hold: plain data wakes with POLLPRI too, an urgent byte with POLLIN. */
    if (result >= 0)
        result = op->marks & MARK_CANCELLED
                     ? 0
                     : (int32_t)kernel_poll_now(calls_of(loop), op->fd, op->with.poll.events);
    if (result == 0 || result == -EINTR)
        wait_again(loop, op, reported);
    else if (result > 0 && op->code == HARK_OP_POLL_EACH)
        call_whichever(loop, op, result, false);
    else
        end(loop, op,
            result == -EINVAL ? -EPERM : result); /* no poll of its own: as epoll has it */
}

/* --- failures --- */

/* The kernel does not wait for readiness where the descriptor is non-blocking and no socket: then
 * it is asked to poll first. */
static bool wants_polling(const struct hark_op *op, int32_t error)
{
    bool reads_or_writes =
        op->code == HARK_OP_READ || op->code == HARK_OP_WRITE || op->code == HARK_OP_READV ||
        op->code == HARK_OP_WRITEV || op->code == HARK_OP_RECV || op->code == HARK_OP_SEND ||
        op->code == HARK_OP_RECVMSG || op->code == HARK_OP_SENDMSG || op->code == HARK_OP_SEND_ZC;
    return error == -EAGAIN && reads_or_writes && !(op->marks & MARK_CANCELLED) &&
           !(op->with.io.flags & MSG_DONTWAIT);
}

/* A datagram to a unix socket that takes no more: the sender, not connected to it, is writable all
 * the same. Nothing can be waited for. */
static bool is_full_receiver(struct hark_loop *loop, const struct hark_op *op)
{
    return op_sends_to_unix_name(op) &&
           kernel_poll_now(calls_of(loop), op->fd, HARK_POLL_WRITABLE) > 0;
}

/* Some requests bring what the kernel tells itself to begin a call again with, ERESTARTSYS and its
 * like, which no header for programs has: its thread was interrupted, by a cancel for one. */
static bool was_interrupted(int32_t error)
{
    enum { RESTART_FIRST = 512, RESTART_LAST = 516 };
    return error == -EINTR || (error <= -RESTART_FIRST && error >= -RESTART_LAST);
}

static __attribute__((cold)) void complete_failed(struct hark_loop *loop, struct hark_op *op,
                                                  int32_t error)
{
    if (wants_polling(op, error) && !is_full_receiver(loop, op)) {
        op->backend_bits |= OP_POLLING;
        submit_op(loop, op);
    } else if (was_interrupted(error)) {
        request_again(loop, op);
    } else if (error == -ECANCELED && !(op->marks & MARK_CANCELLED)) {
        blocking_without_thread(loop, op);
    } else {
        end(loop, op, error == -EAGAIN && op->marks & MARK_CANCELLED ? -ECANCELED : error);
    }
}

/* The number may have been another file's, and been closed behind the loop's back. */
static void complete_open(struct hark_loop *loop, struct hark_op *op, int32_t result)
{
    struct descriptor *row = descriptors_find(&loop->descriptors, result);
    bool unknown = result == -EAGAIN && op->with.open.resolve && !(op->marks & MARK_CANCELLED);
    if (unknown)
        return work_pool_submit(loop, op);
    if (result < 0)
        return complete_failed(loop, op, result);
    if (row) {
        row->flags = (uint8_t)(row->flags & ~(DESCRIPTOR_KNOWN | DESCRIPTOR_BY_HAND));
        row->kind = 0;
    }
    end(loop, op, result);
}

/* For a pidfd that does not block the kernel waits for nothing, and tells nothing. */
static __attribute__((cold)) void complete_wait(struct hark_loop *loop, struct hark_op *op,
                                                int32_t result)
{
    if (result < 0)
        return complete_failed(loop, op, result);
    if (child_is_told(op))
        return end(loop, op, 0);
    op->marks |= MARK_BY_HAND;
    request_again(loop, op);
}

/* Two completions, where the kernel has taken the bytes without a copy. */
static void complete_send_zc(struct hark_loop *loop, struct hark_op *op, int32_t result,
                             uint32_t flags)
{
    if (!zero_copy_is_over(loop, op, &result, flags))
        return;
    if (zero_copy_is_refused(result) && zero_copy_can_copy(op))
        request_again(loop, op);
    else if (result >= 0)
        end(loop, op, result);
    else
        complete_failed(loop, op, result);
}

/* A thread of the kernel's found nothing to splice, or no room. */
static void complete_left_splice(struct hark_loop *loop, struct hark_op *op)
{
    int64_t result;
    enum pair_next next = pair_after_thread(loop, op, &result);
    if (next == PAIR_ENDS)
        end(loop, op, result);
    else
        blocking_pair_go(loop, op, next);
}

static void complete_splice(struct hark_loop *loop, struct hark_op *op, int32_t result)
{
    if (result == -EAGAIN && !(op->marks & MARK_CANCELLED))
        complete_left_splice(loop, op);
    else if (result >= 0)
        end(loop, op, result);
    else
        complete_failed(loop, op, result);
}

/* --- by kind --- */

/* The kinds whose completions mean more than their result. */
static __attribute__((noinline)) void complete_special(struct hark_loop *loop, struct hark_op *op,
                                                       int32_t result, uint32_t flags)
{
    switch (op->code) {
    case HARK_OP_OPENAT:
        return complete_open(loop, op, result);
    case HARK_OP_SOCKET:
        if (result >= 0)
            datagrams_note_socket(loop, result, op->with.socket.type);
        return result >= 0 ? end(loop, op, result) : complete_failed(loop, op, result);
    case HARK_OP_ACCEPT:
    case HARK_OP_ACCEPT_EACH:
        return complete_accept(loop, op, result, flags);
    case HARK_OP_POLL:
    case HARK_OP_POLL_EACH:
        return complete_poll(loop, op, result);
    case HARK_OP_CLOSE:
        if (result == -ECANCELED)
            return blocking_without_thread(loop, op);
        /* After EINTR the descriptor is gone all the same (close(2), Linux). */
        return end(loop, op, result == -EINTR ? 0 : result);
    case HARK_OP_WAITID:
        return complete_wait(loop, op, result);
    case HARK_OP_RECVMSG_EACH:
        return complete_recvmsg_each(loop, op, result, flags);
    case HARK_OP_SPLICE:
        return complete_splice(loop, op, result);
    case HARK_OP_SEND_ZC:
        return complete_send_zc(loop, op, result, flags);
    default:
        check(false);
    }
}

static inline void complete(struct hark_loop *loop, struct hark_op *op, int32_t result,
                            uint32_t flags)
{
    const uint64_t special = UINT64_C(1) << HARK_OP_ACCEPT | UINT64_C(1) << HARK_OP_ACCEPT_EACH |
                             UINT64_C(1) << HARK_OP_POLL | UINT64_C(1) << HARK_OP_POLL_EACH |
                             UINT64_C(1) << HARK_OP_CLOSE | UINT64_C(1) << HARK_OP_OPENAT |
                             UINT64_C(1) << HARK_OP_SOCKET | UINT64_C(1) << HARK_OP_WAITID |
                             UINT64_C(1) << HARK_OP_RECVMSG_EACH | UINT64_C(1) << HARK_OP_SEND_ZC |
                             UINT64_C(1) << HARK_OP_SPLICE;
    op_returned(loop, op, result);
    if (op->code == HARK_OP_RECV_EACH)
        complete_recv_each(loop, op, result, flags);
    else if (unlikely(special >> op->code & 1))
        complete_special(loop, op, result, flags);
    else if (likely(result >= 0))
        end_at_once(loop, op, result);
    else
        complete_failed(loop, op, result);
}

static void complete_polling(struct hark_loop *loop, struct hark_op *op, int32_t result)
{
    bool holds = result > 0 &&
                 (uint32_t)result & (prepare_events_of(op) | HARK_POLL_ERROR | HARK_POLL_HANGUP);
    if (result > 0 && !holds && !(op->marks & MARK_CANCELLED))
        return wait_again(loop, op, result);
    op->backend_bits &= ~(uint32_t)OP_POLLING;
    if (result < 0 && result != -EINTR)
        end(loop, op, result);
    else if (op->backend_bits & OP_BY_CALL)
        message_polled(loop, op);
    else
        request_again(loop, op);
}

/* The events that an op waits for behind watch_fd hold. What repeats is watched on, the others have
 * what they waited for. */
static void watch_reports(struct hark_loop *loop, struct hark_op *op, uint32_t events)
{
    op_returned(loop, op, events);
    if (op->code == HARK_OP_POLL_EACH)
        return call_more(loop, op, events);
    if (op->code == HARK_OP_ACCEPT_EACH)
        return accept_waiting(loop, op);
    watch_end(loop, op);
    if (op->backend_bits & OP_POLLING)
        complete_polling(loop, op, (int32_t)events);
    else
        end(loop, op, events);
}

static __attribute__((cold)) void complete_cancel(struct hark_loop *loop, struct hark_op *op,
                                                  int32_t result)
{
    op->backend_bits &= ~(uint32_t)OP_CANCEL_SENT;
    if (op->backend_bits & OP_ENDED)
        call_final(loop, op, op->result);
    else if (result == -ENOENT && !(op->backend_bits & OP_LENDING))
        submit_cancel(
            loop, op); /* between two stages inside the kernel: it is found there the next time */
}

static void complete_wake(struct hark_loop *loop, uint64_t id, uint32_t flags)
{
    if ((id & WAKE_MASK) == WAKE_REFUSED)
        return wake_write((int)(id >> WAKE_FD_SHIFT));
    if (id == WAKE_WATCH)
        return watch_look(loop, watch_reports);
    loop->metrics.wakes++;
    if (id == WAKE_WRITTEN && !(flags & IORING_CQE_F_MORE))
        uring_of(loop)->wake_armed = false;
}

static __attribute__((noinline)) void complete_other(struct hark_loop *loop, uint64_t id,
                                                     int32_t result, uint32_t flags)
{
    switch (tag_of(id)) {
    case TAG_CANCEL:
        return complete_cancel(loop, op_of(id), result);
    case TAG_POLL:
        op_returned(loop, op_of(id), result);
        return complete_polling(loop, op_of(id), result);
    case TAG_WAKE:
        return complete_wake(loop, id, flags);
    case TAG_OP:
        break;
    }
}

void complete_find_refused(struct uring *uring)
{
    struct ring *ring = &uring->ring;
    uring->messages_out = false;
    for (unsigned at = ring->head, left = ring_cqes(ring); left > 0; at++, left--) {
        struct io_uring_cqe *cqe = &ring->cqes[at & ring->cq_mask];
        if ((cqe->user_data & WAKE_MASK) != WAKE_REFUSED)
            continue;
        wake_write((int)(cqe->user_data >> WAKE_FD_SHIFT));
        cqe->user_data = WAKE_MESSAGE;
    }
}

uint32_t complete_reap(struct hark_loop *loop, uint32_t budget)
{
    struct ring *ring = &uring_of(loop)->ring;
    uint32_t count = ring_cqes(ring);
    if (count > budget)
        count = budget;
    for (uint32_t left = count; left > 0 && !loop_should_stop(loop); left--) {
        /* Copied before the call: a callback may lead to an enter, and the slot is the kernel's
         * again. */
        const struct io_uring_cqe *cqe = ring_take_cqe(ring);
        uint64_t id = cqe->user_data;
        int32_t result = cqe->res;
        uint32_t flags = cqe->flags;
        if (likely(tag_of(id) == TAG_OP))
            complete(loop, op_of(id), result, flags);
        else
            complete_other(loop, id, result, flags);
    }
    if (unlikely(uring_of(loop)->messages_out))
        complete_find_refused(uring_of(loop));
    ring_release_cqes(ring);
    return count;
}
