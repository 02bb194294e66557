/* test_poll_each.c - a repeating poll, alone and beside others on its descriptor: what it costs,
 * and that nothing is told to nobody. */
#include "harness/harness.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void read_a_byte(struct harness_op *self, int64_t result)
{
    char byte[1];
    if (result > 0 && result & HARK_POLL_READABLE)
        (void)!read(self->op.fd, byte, 1);
}

static void cancel_itself(struct harness_op *self, int64_t result)
{
    if (result > 0)
        hark_cancel(&self->op);
}

static void wait_for_call(struct hark_loop *loop, const struct harness_op *op, int calls)
{
    while (op->calls < calls)
        assert_result(hark_run_once(loop), 1);
}

/* A byte more is told to a repeating poll that reads it. */
static void assert_told(struct hark_loop *loop, const struct harness_op *poll, int peer)
{
    int before = poll->calls;
    assert_int_equal(write(peer, "x", 1), 1);
    wait_for_call(loop, poll, before + 1);
    harness_assert_idle(loop);
    assert_int_equal(poll->calls, before + 1);
}

static void end(struct hark_loop *loop, struct harness_op *poll, const int ends[2])
{
    hark_cancel(&poll->op);
    harness_run(loop);
    assert_result(poll->result, -ECANCELED);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

/* What the loop calls for an event besides its wait, at most. */
static uint64_t calls_for_an_event(void)
{
    if (harness_backend() == HARK_BACKEND_URING)
        return 1; /* epoll_wait(2), for all descriptors together */
    return harness_backend() == HARK_BACKEND_SELECT
               ? 2
               : 0; /* select cannot tell hang-ups apart, and poll(2) is asked */
}

BACKEND_TEST(poll_each_asks_for_its_events_in_the_wait)
{
    enum { EVENTS = 100 };
    int ends[2];
    struct harness_op each = {.then = read_a_byte};
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    harness_socket_pair(loop, ends);
    hark_poll_each(loop, &each.op, ends[0], HARK_POLL_READABLE, harness_done);
    assert_told(loop, &each, ends[1]);
    uint64_t calls = metrics->system_calls - metrics->waits;
    for (int i = 0; i < EVENTS; i++) {
        assert_int_equal(write(ends[1], "x", 1), 1);
        wait_for_call(loop, &each, i + 2);
    }
    calls = metrics->system_calls - metrics->waits - calls;
    assert_true(calls <= EVENTS * calls_for_an_event());
    end(loop, &each, ends);
}

BACKEND_TEST(poll_each_for_writing_that_ends_in_its_callback_leaves_the_one_for_reading)
{
    int ends[2];
    struct harness_op reading = {.then = read_a_byte};
    harness_socket_pair(loop, ends);
    hark_poll_each(loop, &reading.op, ends[0], HARK_POLL_READABLE, harness_done);
    for (int round = 0; round < 3; round++) {
        struct harness_op writing = {.then = cancel_itself};
        hark_poll_each(loop, &writing.op, ends[0], HARK_POLL_WRITABLE, harness_done);
        assert_result(harness_wait(loop, &writing), -ECANCELED);
        assert_int_equal(writing.calls, 2);
        harness_assert_idle(loop);
        assert_told(loop, &reading, ends[1]);
    }
    end(loop, &reading, ends);
}

BACKEND_TEST(poll_each_for_writing_that_is_cancelled_from_outside_leaves_the_one_for_reading)
{
    int ends[2];
    struct harness_op reading = {.then = read_a_byte};
    struct harness_op writing = {0};
    harness_socket_pair(loop, ends);
    hark_poll_each(loop, &writing.op, ends[0], HARK_POLL_WRITABLE, harness_done);
    hark_poll_each(loop, &reading.op, ends[0], HARK_POLL_READABLE, harness_done);
    wait_for_call(loop, &writing, 3);
    assert_int_equal(write(ends[1], "x", 1), 1);
    wait_for_call(loop, &reading, 1); /* both are told in turn */
    wait_for_call(loop, &writing, writing.calls + 2);
    hark_cancel(&writing.op);
    assert_result(harness_wait(loop, &writing), -ECANCELED);
    harness_assert_idle(loop);
    assert_told(loop, &reading, ends[1]);
    end(loop, &reading, ends);
}

/* What is left unread is nobody's business until somebody asks again. */
BACKEND_TEST(poll_once_beside_a_poll_each_is_told_once)
{
    int ends[2];
    struct harness_op each = {0};
    harness_socket_pair(loop, ends);
    hark_poll_each(loop, &each.op, ends[0], HARK_POLL_EXCEPTIONAL, harness_done);
    harness_settle(loop);
    for (int round = 0; round < 3; round++) {
        struct harness_op once = {0};
        hark_poll(loop, &once.op, ends[0], HARK_POLL_READABLE, harness_done);
        if (round == 0) {
            harness_settle(loop);
            assert_int_equal(once.calls, 0);
            assert_int_equal(write(ends[1], "x", 1), 1);
        }
        assert_result(harness_wait(loop, &once), HARK_POLL_READABLE);
        harness_assert_idle(loop);
        assert_int_equal(each.calls, 0);
    }
    end(loop, &each, ends);
}

/* A receiver has its own way to wait, and the poll goes on beside it. */
BACKEND_TEST(recv_each_beside_a_poll_each_receives_all_and_the_poll_is_told_of_the_end)
{
    int ends[2];
    struct harness_op each = {.then = cancel_itself};
    struct harness_op receiving = {0};
    harness_tcp_pair(loop, ends);
    hark_poll_each(loop, &each.op, ends[0], HARK_POLL_PEER_HANGUP, harness_done);
    harness_settle(loop);
    hark_recv_each(loop, &receiving.op, ends[0], harness_done);
    for (unsigned bytes = 1; bytes <= 20; bytes++) {
        assert_int_equal(write(ends[1], "x", 1), 1);
        while (receiving.total < bytes)
            assert_result(hark_run_once(loop), 1);
    }
    harness_assert_idle(loop);
    assert_int_equal(each.calls, 0);
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    harness_run(loop);
    assert_result(receiving.result, 0);
    assert_int_equal(each.calls, 2);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

/* The other order: the receiver was there first, and has ended. */
BACKEND_TEST(poll_each_after_a_receive_is_told_and_costs_nothing_at_rest)
{
    int ends[2];
    char byte[1];
    struct harness_op receiving = {0};
    struct harness_op each = {.then = read_a_byte};
    harness_socket_pair(loop, ends);
    hark_recv(loop, &receiving.op, ends[0], byte, 1, 0, harness_done);
    harness_settle(loop);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_result(harness_wait(loop, &receiving), 1);
    hark_poll_each(loop, &each.op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_assert_idle(loop);
    assert_told(loop, &each, ends[1]);
    assert_told(loop, &each, ends[1]);
    end(loop, &each, ends);
}
