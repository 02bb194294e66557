/* uring.c - the completion backend on io_uring: requests out, one enter a turn.
 *
 * What must hold: an op in state OP_WAITING is with the kernel, or in the backlog (OP_BACKLOGGED),
 * or behind the epoll descriptor (OP_WATCHED). After a cancel was sent for it, it ends only when
 * both its own completion and the cancel's have come, so no completion ever names memory that the
 * caller has again. A full submission queue is flushed; if the kernel takes nothing, ops wait in
 * the backlog. */
#include "core/wake.h"
#include "core/work_pool.h"
#include "uring/accept.h"
#include "uring/blocking.h"
#include "uring/buffer_ring.h"
#include "uring/complete.h"
#include "uring/datagrams.h"
#include "uring/parts.h"
#include "uring/setup.h"
#include "uring/submit.h"
#include "uring/watch.h"
#include "uring/zero_copy.h"

#include "hark/buffer.h"

/* --- the loop's own descriptors --- */

/* Polls one of the loop's own descriptors. Gives whether there was room for it. */
static bool arm(struct hark_loop *loop, int fd, uint32_t flags, enum uring_wake id)
{
    struct uring *uring = uring_of(loop);
    struct io_uring_sqe *sqe = submit_entry(loop, uring);
    if (!sqe)
        return false;
    *sqe = (struct io_uring_sqe){
        .opcode = IORING_OP_POLL_ADD,
        .fd = fd,
        .len = flags,
        .poll32_events = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 1u << 16 : 1u,
        .user_data = id,
    };
    ring_push(&uring->ring);
    return true;
}

/* Woken by each write: the counter need not be read. */
static void arm_wake(struct hark_loop *loop, struct uring *uring)
{
    uring->wake_armed = arm(loop, loop->wake_fd, IORING_POLL_ADD_MULTI, WAKE_WRITTEN);
}

static inline bool is_unarmed(const struct uring *uring)
{
    return uring->watch_count > 0 && !uring->watch_armed;
}

static void arm_watch(struct hark_loop *loop, struct uring *uring)
{
    uring->watch_armed = arm(loop, uring->watch_fd, 0, WAKE_WATCH);
}

/* --- the backend's functions --- */

/* The op's address has to fit into what a request carries. No Linux gives out more than 48 bits
 * unless it is asked to. */
static bool fits(const struct hark_op *op)
{
    return (uint64_t)(uintptr_t)op >> ADDRESS_BITS == 0;
}

/* What epoll cannot watch, files and other loops for example, the ring polls. */
static void watch(struct hark_loop *loop, struct hark_op *op)
{
    int error = watch_begin(loop, op);
    if (error == -EBADF)
        loop_finish(loop, op, error);
    else if (error)
        submit_op(loop, op);
}

/* A ring knows the attributes of what a descriptor is and of what a path leads to that begins at no
 * descriptor, its links followed. */
static void start_attribute(struct hark_loop *loop, struct hark_op *op)
{
    int flags = op->with.attribute.flags;
    bool by_path = !(flags & AT_EMPTY_PATH) && op->fd < 0;
    bool of_descriptor = flags & AT_EMPTY_PATH && op->fd >= 0 && !*op->with.attribute.path;
    if ((by_path || of_descriptor) && !(flags & AT_SYMLINK_NOFOLLOW))
        submit_op(loop, op);
    else
        work_pool_submit(loop, op);
}

static void start_rare(struct hark_loop *loop, struct hark_op *op)
{
    if (op->code == HARK_OP_SEND_ZC)
        zero_copy_start(loop, op);
    else
        start_attribute(loop, op);
}

static void start(struct hark_loop *loop, struct hark_op *op)
{
    if (unlikely(!fits(op)))
        return loop_finish(loop, op, -EFAULT);
    struct uring *uring = uring_of(loop);
    if (likely(!(uring->apart >> op->code & 1)))
        submit_op_here(loop, op);
    else if (uring->for_pool >> op->code & 1)
        work_pool_submit(loop, op);
    else if (op->code == HARK_OP_POLL || op->code == HARK_OP_POLL_EACH ||
             accept_can_watch(loop, op))
        watch(loop, op);
    else if (op->code == HARK_OP_ACCEPT_EACH)
        submit_op_here(loop, op);
    else if (op->code == HARK_OP_RECV_EACH || op->code == HARK_OP_RECVMSG_EACH)
        datagrams_start(loop, op);
    else if (op->code == HARK_OP_RECV || op->code == HARK_OP_SEND)
        parts_start(loop, op);
    else if (op->code == HARK_OP_OPENAT)
        blocking_start_open(loop, op);
    else if (op->code == HARK_OP_WAITID)
        blocking_start_wait(loop, op);
    else if (op->code == HARK_OP_SETXATTRAT || op->code == HARK_OP_GETXATTRAT ||
             op->code == HARK_OP_SEND_ZC)
        start_rare(loop, op);
    else
        blocking_start_io(loop, op);
}

static void pair_go(struct hark_loop *loop, struct hark_op *op, enum pair_next next)
{
    if (fits(op))
        blocking_pair_go(loop, op, next);
    else
        loop_finish(loop, op, -EFAULT);
}

/* A receiver that had a buffer stands behind those that wait for one. */
static void again(struct hark_loop *loop, struct hark_op *op)
{
    if (likely(op->code != HARK_OP_RECV_EACH || !loop->buffers.starved.first))
        submit_op(loop, op);
    else
        loop_starve(loop, op);
}

static void cancel(struct hark_loop *loop, struct hark_op *op)
{
    struct uring *uring = uring_of(loop);
    if (op->backend_bits & OP_WATCHED) {
        watch_end(loop, op);
        op->backend_bits = 0;
        loop_finish(loop, op, loop_cancelled_result(op));
    } else if (op->backend_bits & OP_BACKLOGGED) {
        op_chain_remove(&uring->backlog, op);
        if (op->backend_bits & OP_FED)
            hark_buffer_return(loop, hark_buffer_keep(op));
        op->backend_bits = 0;
        loop_finish(loop, op, loop_cancelled_result(op));
    } else if (op->backend_bits & OP_LENDING) {
        zero_copy_end(loop, op);
    } else {
        submit_cancel(loop, op);
    }
}

/* What the ring polls, files and the like, is asked for its new events once its poll completes. */
static void change(struct hark_loop *loop, struct hark_op *op)
{
    if (op->state != OP_WAITING || !(op->backend_bits & OP_WATCHED))
        return;
    int error = watch_change(loop, op);
    if (!error)
        return;
    watch_end(loop, op);
    op->backend_bits = 0;
    loop_finish(loop, op, error);
}

static void close_descriptor(struct hark_loop *loop, struct hark_op *op)
{
    if (likely(fits(op)))
        return submit_op(loop, op);
    op_trying(loop, op); /* it must not be refused */
    op_finish_tried(loop, op, kernel_close(calls_of(loop), op->fd));
}

/* The kernel keeps what did not fit and brings it with a later enter; it only has to be asked. */
static bool is_overflown(const struct ring *ring)
{
    return atomic_load_explicit(ring->sq_flags, memory_order_relaxed) & IORING_SQ_CQ_OVERFLOW;
}

/* Else some are taken that still count as in the ring. */
static bool knows_ring(const struct hark_loop *loop)
{
    const struct ring *ring = &uring_of(loop)->ring;
    return ring_cqes(ring) == 0 && !is_overflown(ring);
}

static __attribute__((noinline)) void feed_one(struct hark_loop *loop, struct hark_op *op)
{
    struct buffers *buffers = &loop->buffers;
    uint32_t index = buffers->stack[--buffers->free];
    op->with.io.bytes = buffers_at(buffers, index);
    op->with.io.buffer = index + 1;
    op->state = OP_WAITING;
    op->backend_bits = (op->backend_bits & (OP_DATAGRAMS | OP_BY_CALL)) | OP_FED;
    submit_op(loop, op);
}

/* What receives by calls has no use for a buffer of the ring: it is taken out again. An enter that
 * made room for requests may have changed what is known of it. */
static void feed_from_ring(struct hark_loop *loop, struct hark_op *op)
{
    if (!knows_ring(loop) || !buffer_ring_take_back(loop, uring_of(loop)))
        return loop_starve(loop, op);
    feed_one(loop, op);
}

/* Each gets a buffer of its own, as those that never starved would take them all out of the ring:
 * the kernel serves them first. It holds none while there is nothing to receive. What is left in
 * the ring goes to whoever comes. */
static void feed(struct hark_loop *loop)
{
    struct buffers *buffers = &loop->buffers;
    struct hark_op *op;
    uint32_t left = buffers->free;
    while ((op = buffers_next_starved(buffers, &left)))
        feed_one(loop, op);
    left = knows_ring(loop) ? buffers->offered : 0;
    while ((op = buffers_next_starved(buffers, &left))) {
        if (unlikely(op->backend_bits & OP_BY_CALL)) {
            feed_from_ring(loop, op);
            continue;
        }
        op->state = OP_WAITING;
        op->backend_bits &= OP_DATAGRAMS;
        submit_op(loop, op);
    }
}

/* What another thread's write to an eventfd completes, the kernel tells by the registered eventfd
 * only some milliseconds later, as one eventfd must not write another; and never again (io_uring's
 * __io_eventfd_signal, seen in Linux 6.18: a mark stays set). Registered anew it has no mark. */
static void renew_event_fd(struct uring *uring)
{
    (void)ring_register(&uring->ring, IORING_UNREGISTER_EVENTFD, NULL, 0);
    if (unlikely(ring_register(&uring->ring, IORING_REGISTER_EVENTFD, &uring->event_fd, 1) < 0))
        wake_write(uring->event_fd); /* no memory: it is tried again in the next turn, at once */
}

/* Before an enter: what comes afterwards makes it readable again. What a turn has left makes it so
 * no more: it stays readable for that. */
static __attribute__((noinline)) void drain_event_fd(struct hark_loop *loop, struct uring *uring)
{
    uint64_t count;
    atomic_store_explicit(&loop->outside_fd, uring->event_fd, memory_order_relaxed);
    if (ring_cqes(&uring->ring) > 0)
        return;
    (void)kernel_read(calls_of(loop), uring->event_fd, &count, sizeof count);
    if (atomic_load_explicit(&loop->sleeping, memory_order_relaxed) == LOOP_SLEEPS_OUTSIDE)
        renew_event_fd(uring);
}

static int wait(struct hark_loop *loop, uint64_t timeout_ns)
{
    struct uring *uring = uring_of(loop);
    if (loop->buffers.offered < uring->buffers_wanted || unlikely(uring->buffers_ran_out))
        buffer_ring_fill(loop, uring);
    if (unlikely(uring->backlog.first))
        submit_backlog(loop);
    if (unlikely(!uring->wake_armed))
        arm_wake(loop, uring);
    if (unlikely(is_unarmed(uring)))
        arm_watch(loop, uring);
    /* What is left for want of room goes with the next turn: only then may it sleep. */
    if (unlikely(uring->backlog.first || !uring->wake_armed || is_unarmed(uring)))
        timeout_ns = 0;
    if (unlikely(uring->event_fd >= 0))
        drain_event_fd(loop, uring);
    loop->metrics.waits++;
    loop->submissions++;
    int error = ring_enter(&uring->ring, calls_of(loop), timeout_ns);
    submit_done(uring);
    loop->metrics.overflows += is_overflown(&uring->ring);
    /* EBUSY and EAGAIN: nothing more was taken for now. Completions are handled first, then it is
     * tried again. */
    bool goes_on =
        error == 0 || error == -ETIME || error == -EINTR || error == -EBUSY || error == -EAGAIN;
    return goes_on ? 0 : error;
}

/* --- waking other loops --- */

static bool will_wake(const struct uring *uring, int wake_fd)
{
    for (uint32_t i = 0; i < uring->wake_count; i++)
        if (uring->wakes[i].wake_fd == wake_fd)
            return true;
    return false;
}

/* Of the other loop it touches what never changes. Not where a system call would be needed to make
 * room: then the caller's own is as good. */
static bool wake(struct hark_loop *loop, const struct hark_loop *other)
{
    struct uring *uring = uring_of(loop);
    if (!uring_uses(uring, URING_MSG_RING) || other->backend != &backend_uring)
        return false;
    if (will_wake(uring, other->wake_fd))
        return true;
    struct io_uring_sqe *sqe = uring->wake_count < WAKES_MAX ? ring_next_sqe(&uring->ring) : NULL;
    if (!sqe)
        return false;
    *sqe = (struct io_uring_sqe){
        .opcode = IORING_OP_MSG_RING,
        .flags = IOSQE_CQE_SKIP_SUCCESS,
        .fd = uring_of(other)->ring.fd,
        .off = WAKE_MESSAGE,
        .user_data = (uint64_t)other->wake_fd << WAKE_FD_SHIFT | WAKE_REFUSED,
    };
    ring_push(&uring->ring);
    uring->wakes[uring->wake_count++] =
        (struct uring_wake_entry){.sqe = sqe, .wake_fd = other->wake_fd};
    return true;
}

/* What is left in the queue goes out when the loop is run again, which may be never. */
static void settle(struct hark_loop *loop)
{
    struct uring *uring = uring_of(loop);
    submit_wake_by_hand(uring);
    if (unlikely(uring->messages_out))
        complete_find_refused(uring);
}

/* With deferred task work nobody who polls the ring's own descriptor is woken: what has come counts
 * only at the next enter. An eventfd that is registered is written at once. What has come before is
 * looked for once. */
static int descriptor(const struct hark_loop *loop)
{
    struct uring *uring = uring_of(loop);
    if (uring->event_fd >= 0)
        return uring->event_fd;
    int fd = kernel_eventfd(NULL, 0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return fd;
    int error = ring_register(&uring->ring, IORING_REGISTER_EVENTFD, &fd, 1);
    if (error) {
        kernel_close(NULL, fd);
        return error;
    }
    if (kernel_poll_now(NULL, uring->ring.fd, POLLIN) > 0)
        wake_write(fd);
    uring->event_fd = fd;
    return fd;
}

static bool has_more(const struct hark_loop *loop)
{
    const struct uring *uring = uring_of(loop);
    bool arms = loop->thread && (!uring->wake_armed || is_unarmed(uring));
    return ring_unsubmitted(&uring->ring) > 0 || uring->backlog.first || arms;
}

static size_t features(const struct hark_loop *loop, const struct hark_feature **out_features)
{
    *out_features = uring_of(loop)->features;
    return URING_FEATURE_COUNT;
}

const struct hark_backend backend_uring = {
    .kind = HARK_BACKEND_URING,
    .name = "uring",
    .create = setup_create,
    .destroy = setup_destroy,
    .adopt = setup_adopt,
    .start = start,
    .pair_kind = blocking_pair_kind,
    .pair_go = pair_go,
    .again = again,
    .feed = feed,
    .cancel = cancel,
    .change = change,
    .wait = wait,
    .reap = complete_reap,
    .wake = wake,
    .settle = settle,
    .close = close_descriptor,
    .forget = watch_forget,
    .descriptor = descriptor,
    .has_more = has_more,
    .features = features,
};
