/* test_completions.c - src/uring against a kernel of the test's own: queues in plain memory, in
 * which it finds the requests, and into which it puts what a kernel may answer and the one at hand
 * seldom does.
 *
 * There is no ring behind them: an enter fails, and takes nothing. */
#include "core/loop.h"
#include "harness/harness.h"
#include "uring/buffer_ring.h"
#include "uring/complete.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SQES = 8, CQES = 32, BUFFERS = 256 };

static struct hark_loop loop;
static struct uring uring;
static struct io_uring_sqe sqes[SQES];
static struct io_uring_cqe cqes[CQES];
static _Atomic(unsigned) sq_head, sq_tail, sq_flags, cq_head, cq_tail, cq_overflow;
static _Alignas(4096) struct io_uring_buf buffer_slots[BUFFERS];

/* What can be done on a socket, so that a start finds something open. */
static int ends[2];

static void open_kernel(void)
{
    loop.backend = &backend_uring;
    loop.backend_state = &uring;
    loop.turn_max = 100;
    loop.signal_slot = -1;
    loop.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_int_equal(buffers_init(&loop.buffers, BUFFERS, 64), 0);
    assert_int_equal(checking_init(&loop), 0);
    uring.ring = (struct ring){
        .fd = -1,
        .enter_fd = -1,
        .sq_head = &sq_head,
        .sq_tail = &sq_tail,
        .sq_flags = &sq_flags,
        .sqes = sqes,
        .sq_entries = SQES,
        .limit = SQES,
        .cq_head = &cq_head,
        .cq_tail = &cq_tail,
        .cq_overflow = &cq_overflow,
        .cqes = cqes,
        .cq_mask = CQES - 1,
    };
    uring.buffer_ring = (struct io_uring_buf_ring *)(void *)buffer_slots;
    uring.buffers_wanted = 64;
    uring.wake_armed = true;
    uring.event_fd = -1;
    uring.watch_fd = epoll_create1(EPOLL_CLOEXEC);
    uring.apart = UINT64_C(1) << HARK_OP_RECV_EACH | UINT64_C(1) << HARK_OP_POLL |
                  UINT64_C(1) << HARK_OP_POLL_EACH | UINT64_C(1) << HARK_OP_ACCEPT_EACH;
    uring.features[URING_RECV_MULTISHOT].used = true;
    uring.features[URING_ACCEPT_MULTISHOT].used = true;
    uring.features[URING_MSG_RING].used = true;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

static void close_kernel(void)
{
    assert_int_equal(hark_loop_active(&loop), 0);
    checking_done(&loop);
    buffers_done(&loop.buffers);
    timers_done(&loop.timers);
    descriptors_done(&loop.descriptors);
    close(uring.watch_fd);
    close(loop.wake_fd);
    close(ends[0]);
    close(ends[1]);
}

/* A test on that kernel. */
#define KERNEL_TEST(test_name)                                                                     \
    static void test_name##_body(void);                                                            \
    TEST(test_name)                                                                                \
    {                                                                                              \
        open_kernel();                                                                             \
        test_name##_body();                                                                        \
        close_kernel();                                                                            \
    }                                                                                              \
    static void test_name##_body(void)

/* The kernel takes the oldest request that it has not taken yet. */
static struct io_uring_sqe next_request(void)
{
    assert_true(ring_unsubmitted(&uring.ring) > 0);
    return sqes[atomic_fetch_add(&sq_head, 1) % SQES];
}

static void assert_no_request(void)
{
    assert_int_equal(ring_unsubmitted(&uring.ring), 0);
}

static void answer(uint64_t id, int32_t result, uint32_t flags)
{
    unsigned tail = atomic_load(&cq_tail);
    cqes[tail % CQES] = (struct io_uring_cqe){.user_data = id, .res = result, .flags = flags};
    atomic_store(&cq_tail, tail + 1);
}

static void reap(void)
{
    complete_reap(&loop, 100);
}

/* A turn as far as the backend goes: what waits for room, or for buffers, becomes requests. */
static void turn(void)
{
    if (buffers_can_feed(&loop.buffers))
        loop.backend->feed(&loop);
    (void)loop.backend->wait(&loop, 0);
}

/* More than the queue holds: what follows finds no room. */
static void fill_requests(struct harness_op *nops)
{
    for (int index = 0; index < SQES; index++)
        hark_nop(&loop, &nops[index].op, harness_done);
}

static void end_nops(struct harness_op *nops)
{
    for (int index = 0; index < SQES; index++) {
        struct io_uring_sqe request = next_request();
        assert_int_equal(request.user_data, tagged(&nops[index].op, TAG_OP));
        answer(request.user_data, 0, 0);
    }
}

/* --- receiving --- */

KERNEL_TEST(buffer_that_comes_with_the_end_goes_back_to_the_pool)
{
    struct harness_op receive = {0};
    buffer_ring_fill(&loop, &uring);
    uint32_t all = loop.buffers.free + loop.buffers.offered;
    hark_recv_each(&loop, &receive.op, ends[0], harness_done);
    answer(next_request().user_data, 0,
           IORING_CQE_F_BUFFER | (uint32_t)buffer_slots[0].bid << IORING_CQE_BUFFER_SHIFT);
    reap();
    assert_true(receive.ended);
    assert_result(receive.result, 0);
    assert_int_equal(loop.buffers.free + loop.buffers.offered, all);
    assert_int_equal(loop.buffers.offered, 63);
}

KERNEL_TEST(receive_that_is_cancelled_as_it_finds_no_buffer_ends)
{
    struct harness_op receive = {0};
    hark_recv_each(&loop, &receive.op, ends[0], harness_done);
    struct io_uring_sqe request = next_request();
    hark_cancel(&receive.op);
    struct io_uring_sqe cancel = next_request();
    assert_int_equal(cancel.opcode, IORING_OP_ASYNC_CANCEL);
    assert_int_equal(cancel.addr, request.user_data);
    answer(request.user_data, -ENOBUFS, 0);
    answer(cancel.user_data, -ENOENT, 0);
    reap();
    assert_true(receive.ended);
    assert_result(receive.result, -ECANCELED);
    assert_no_request();
}

KERNEL_TEST(promise_11_receive_that_had_a_buffer_stands_behind_those_that_wait_for_one)
{
    struct harness_op fed = {0};
    struct harness_op starved = {0};
    buffer_ring_fill(&loop, &uring);
    hark_recv_each(&loop, &fed.op, ends[0], harness_done);
    hark_recv_each(&loop, &starved.op, ends[1], harness_done);
    uint64_t first = next_request().user_data;
    answer(next_request().user_data, -ENOBUFS, 0);
    answer(first, 1, IORING_CQE_F_BUFFER); /* and ends, as the last buffer is gone */
    reap();
    assert_result(fed.result, 1);
    assert_no_request();
    turn();
    assert_int_equal(next_request().user_data, tagged(&starved.op, TAG_OP));
    assert_int_equal(next_request().user_data, tagged(&fed.op, TAG_OP));
    answer(tagged(&starved.op, TAG_OP), 0, 0);
    answer(tagged(&fed.op, TAG_OP), 0, 0);
    reap();
    assert_true(starved.ended && fed.ended);
}

KERNEL_TEST(kernel_that_found_no_buffer_gets_twice_as_many_and_fewer_when_it_is_calm)
{
    struct harness_op receive = {0};
    buffer_ring_fill(&loop, &uring);
    assert_int_equal(loop.buffers.offered, 64);
    hark_recv_each(&loop, &receive.op, ends[0], harness_done);
    answer(next_request().user_data, -ENOBUFS, 0);
    reap();
    turn();
    assert_int_equal(loop.buffers.offered, 128);
    hark_cancel(&receive.op);
    answer(next_request().user_data, -ECANCELED, 0);
    answer(next_request().user_data, 0, 0);
    reap();
    assert_result(receive.result, -ECANCELED);
    for (int fills = 0; fills < 2000; fills++)
        buffer_ring_fill(&loop, &uring);
    uint32_t few = 0; /* the kernel uses them up */
    loop.buffers.offered = few;
    buffer_ring_fill(&loop, &uring);
    assert_int_equal(loop.buffers.offered, 64);
}

/* --- requests that the kernel ends by itself --- */

KERNEL_TEST(repeating_accept_that_the_kernel_ends_is_requested_again)
{
    struct harness_op accepting = {0};
    hark_accept_each(&loop, &accepting.op, ends[0], harness_done);
    answer(next_request().user_data, ends[1], IORING_CQE_F_MORE);
    reap();
    assert_no_request();
    answer(tagged(&accepting.op, TAG_OP), ends[1], 0);
    reap();
    assert_int_equal(accepting.calls, 2);
    assert_int_equal(next_request().opcode, IORING_OP_ACCEPT);
    answer(tagged(&accepting.op, TAG_OP), -ECONNABORTED, IORING_CQE_F_MORE);
    reap();
    assert_no_request();
    answer(tagged(&accepting.op, TAG_OP), -ECONNABORTED, 0);
    reap();
    assert_int_equal(accepting.calls, 2); /* nobody is told of a connection that is gone */
    answer(next_request().user_data, -EMFILE, 0);
    reap();
    assert_true(accepting.ended);
    assert_result(accepting.result, -EMFILE);
}

/* A file: epoll does not take it, and the ring polls. */
KERNEL_TEST(repeating_poll_tells_what_was_asked_for_and_is_requested_again)
{
    struct harness_op polling = {0};
    int fd = harness_file("file", "text", 4);
    hark_poll_each(&loop, &polling.op, fd, HARK_POLL_READABLE, harness_done);
    for (int call = 1; call <= 3; call++) {
        struct io_uring_sqe request = next_request();
        assert_int_equal(request.opcode, IORING_OP_POLL_ADD);
        answer(request.user_data, HARK_POLL_READABLE | HARK_POLL_WRITABLE | HARK_POLL_EXCEPTIONAL,
               0);
        reap();
        assert_int_equal(polling.calls, call);
        assert_result(polling.result, HARK_POLL_READABLE);
    }
    struct io_uring_sqe request = next_request();
    hark_cancel(&polling.op);
    answer(request.user_data, HARK_POLL_READABLE, 0);
    answer(next_request().user_data, -ENOENT, 0);
    reap();
    assert_true(polling.ended);
    assert_int_equal(polling.calls, 4);
    assert_result(polling.result, -ECANCELED);
    close(fd);
}

KERNEL_TEST(receives_that_were_interrupted_are_requested_again)
{
    struct harness_op receive = {0};
    struct harness_op repeating = {0};
    char byte;
    hark_recv(&loop, &receive.op, ends[0], &byte, 1, 0, harness_done);
    hark_recv_each(&loop, &repeating.op, ends[1], harness_done);
    for (int round = 0; round < 3; round++) {
        answer(next_request().user_data, -EINTR, 0);
        answer(next_request().user_data, -EINTR, 0);
        reap();
        assert_int_equal(receive.calls + repeating.calls, 0);
    }
    answer(next_request().user_data, 1, 0);
    answer(next_request().user_data, 0, 0);
    reap();
    assert_result(receive.result, 1);
    assert_true(repeating.ended);
    assert_result(repeating.result, 0);
}

KERNEL_TEST(close_that_was_interrupted_has_closed)
{
    struct harness_op closing = {0};
    hark_close(&loop, &closing.op, ends[0], harness_done);
    answer(next_request().user_data, -EINTR, 0);
    reap();
    assert_true(closing.ended);
    assert_result(closing.result, 0);
}

/* --- cancels --- */

KERNEL_TEST(promise_06_cancel_that_finds_nothing_is_sent_again)
{
    struct harness_op receive = {0};
    char byte[1];
    hark_recv(&loop, &receive.op, ends[0], byte, 1, 0, harness_done);
    uint64_t id = next_request().user_data;
    hark_cancel(&receive.op);
    answer(next_request().user_data, -ENOENT, 0);
    reap();
    struct io_uring_sqe again = next_request();
    assert_int_equal(again.opcode, IORING_OP_ASYNC_CANCEL);
    answer(id, -ECANCELED, 0);
    reap();
    assert_false(receive.ended); /* its memory is named by the cancel that is under way */
    answer(again.user_data, 0, 0);
    reap();
    assert_true(receive.ended);
    assert_result(receive.result, -ECANCELED);
    assert_no_request();
}

/* Starts a receive, and cancels it while there is no room for requests. Gives: its id. */
static uint64_t cancel_without_room(struct harness_op *receive, struct harness_op *nops)
{
    static char byte[1];
    hark_recv(&loop, &receive->op, ends[0], byte, 1, 0, harness_done);
    uint64_t id = next_request().user_data;
    fill_requests(nops);
    hark_cancel(&receive->op);
    return id;
}

KERNEL_TEST(promise_06_cancel_that_finds_no_room_is_sent_once_there_is_some)
{
    struct harness_op receive = {0};
    struct harness_op nops[SQES] = {0};
    uint64_t id = cancel_without_room(&receive, nops);
    end_nops(nops);
    turn();
    struct io_uring_sqe cancel = next_request();
    assert_int_equal(cancel.opcode, IORING_OP_ASYNC_CANCEL);
    assert_int_equal(cancel.addr, id);
    assert_no_request();
    answer(id, -ECANCELED, 0);
    answer(cancel.user_data, 0, 0);
    reap();
    assert_true(receive.ended);
    assert_result(receive.result, -ECANCELED);
}

KERNEL_TEST(promise_04_op_that_ends_before_its_cancel_found_room_is_asked_for_no_more)
{
    struct harness_op receive = {0};
    struct harness_op nops[SQES] = {0};
    uint64_t id = cancel_without_room(&receive, nops);
    answer(id, 1, 0);
    reap();
    assert_true(receive.ended);
    assert_result(receive.result, 1);
    memset(&receive, 0xff, sizeof receive); /* the memory is the caller's again */
    end_nops(nops);
    turn();
    assert_no_request();
    reap();
}

KERNEL_TEST(what_finds_room_does_not_overtake_what_found_none)
{
    struct harness_op nops[SQES] = {0};
    struct harness_op late[2] = {0};
    fill_requests(nops);
    hark_nop(&loop, &late[0].op, harness_done);
    end_nops(nops);
    hark_nop(&loop, &late[1].op, harness_done);
    turn();
    for (int index = 0; index < 2; index++) {
        struct io_uring_sqe request = next_request();
        assert_int_equal(request.user_data, tagged(&late[index].op, TAG_OP));
        answer(request.user_data, 0, 0);
    }
    reap();
    assert_true(late[0].ended && late[1].ended);
}

/* --- waking, stopping --- */

static uint64_t times_woken(int wake_fd)
{
    uint64_t count = 0;
    return read(wake_fd, &count, sizeof count) == (ssize_t)sizeof count ? count : 0;
}

KERNEL_TEST(poll_for_its_wake_up_that_the_kernel_ends_is_requested_again)
{
    answer(WAKE_WRITTEN, 1, IORING_CQE_F_MORE);
    reap();
    turn();
    assert_no_request();
    answer(WAKE_WRITTEN, 1, 0);
    reap();
    turn();
    struct io_uring_sqe request = next_request();
    assert_int_equal(request.opcode, IORING_OP_POLL_ADD);
    assert_int_equal(request.fd, loop.wake_fd);
}

static void stop_here(struct harness_op *self, int64_t result)
{
    (void)result;
    hark_stop(self->op.loop);
}

static uint64_t refusal_of(int wake_fd)
{
    return (uint64_t)wake_fd << WAKE_FD_SHIFT | WAKE_REFUSED;
}

KERNEL_TEST(loop_whose_message_was_refused_is_woken_by_hand)
{
    int other = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    answer(refusal_of(other), -EBADF, 0);
    reap();
    assert_int_equal(times_woken(other), 1);
    close(other);
}

KERNEL_TEST(stop_leaves_completions_for_later_but_no_message_that_was_refused)
{
    struct harness_op nops[2] = {{.then = stop_here}};
    int other = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (int index = 0; index < 2; index++) {
        hark_nop(&loop, &nops[index].op, harness_done);
        answer(next_request().user_data, 0, 0);
    }
    answer(refusal_of(other), -EBADF, 0);
    uring.messages_out = true;
    reap();
    assert_true(nops[0].ended);
    assert_false(nops[1].ended);
    assert_int_equal(times_woken(other), 1);
    atomic_store(&loop.stopped, false);
    reap();
    assert_true(nops[1].ended);
    assert_int_equal(times_woken(other), 0);
    close(other);
}

KERNEL_TEST(message_that_the_kernel_does_not_take_wakes_by_hand)
{
    static struct hark_loop other;
    static struct uring others;
    other.backend = &backend_uring;
    other.backend_state = &others;
    other.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(backend_uring.wake(&loop, &other));
    assert_int_equal(times_woken(other.wake_fd), 0);
    turn();
    assert_int_equal(times_woken(other.wake_fd), 1);
    assert_int_equal(next_request().opcode, IORING_OP_NOP); /* it must not wake once more */
    close(other.wake_fd);
}
