/* test_poll_change.c - what a poll in flight waits for is changed: what it is told from then on,
 * what it is told no more, and what that costs. */
#include "harness/harness.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void wait_for_call(struct hark_loop *loop, const struct harness_op *op, int calls)
{
    while (op->calls < calls)
        assert_result(hark_run_once(loop), 1);
}

static void end(struct hark_loop *loop, struct harness_op *poll, const int ends[2])
{
    hark_cancel(&poll->op);
    assert_result(harness_wait(loop, poll), -ECANCELED);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(poll_changed_to_what_holds_ends_with_it)
{
    int ends[2];
    struct harness_op poll = {0};
    harness_socket_pair(loop, ends);
    hark_poll(loop, &poll.op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_assert_idle(loop);
    assert_int_equal(poll.calls, 0);
    assert_result(hark_poll_change(&poll.op, HARK_POLL_WRITABLE), 0);
    assert_int_equal(poll.calls, 0); /* never from inside the call */
    assert_int_equal(hark_op_events(&poll.op) & (HARK_POLL_READABLE | HARK_POLL_WRITABLE),
                     HARK_POLL_WRITABLE);
    assert_result(harness_wait(loop, &poll), HARK_POLL_WRITABLE);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(poll_changed_to_what_comes_later_waits_for_it)
{
    int ends[2];
    struct harness_op poll = {0};
    harness_socket_pair(loop, ends);
    hark_poll(loop, &poll.op, ends[0], HARK_POLL_EXCEPTIONAL, harness_done);
    harness_assert_idle(loop);
    assert_result(hark_poll_change(&poll.op, HARK_POLL_READABLE), 0);
    harness_assert_idle(loop);
    assert_int_equal(poll.calls, 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_result(harness_wait(loop, &poll), HARK_POLL_READABLE);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

/* What is left unread, and a socket that can be written to, are nobody's business then. */
BACKEND_TEST(poll_each_is_told_of_the_former_events_no_more_and_the_loop_rests)
{
    int ends[2];
    struct harness_op each = {0};
    harness_socket_pair(loop, ends);
    hark_poll_each(loop, &each.op, ends[0], HARK_POLL_READABLE, harness_done);
    assert_int_equal(write(ends[1], "x", 1), 1);
    wait_for_call(loop, &each, 2);
    assert_result(hark_poll_change(&each.op, HARK_POLL_EXCEPTIONAL), 0);
    harness_settle(loop); /* one that has come already may be told */
    int told = each.calls;
    assert_in_range(told, 2, 3);
    harness_assert_idle(loop);
    assert_int_equal(each.calls, told);
    assert_result(hark_poll_change(&each.op, HARK_POLL_WRITABLE), 0);
    wait_for_call(loop, &each, told + 2);
    assert_result(each.result, HARK_POLL_WRITABLE);
    assert_result(hark_poll_change(&each.op, HARK_POLL_READABLE), 0);
    wait_for_call(loop, &each, told + 4); /* never more than one of the former */
    assert_result(each.result, HARK_POLL_READABLE);
    end(loop, &each, ends);
}

/* As a library does that has something to send, and has sent it. */
static void turn_over(struct harness_op *self, int64_t result)
{
    if (result <= 0)
        return;
    uint32_t other =
        result & HARK_POLL_WRITABLE ? HARK_POLL_EXCEPTIONAL : (uint32_t)HARK_POLL_WRITABLE;
    char byte[1];
    if (result & HARK_POLL_READABLE)
        (void)!read(self->op.fd, byte, 1);
    assert_result(hark_poll_change(&self->op, other | HARK_POLL_READABLE), 0);
}

BACKEND_TEST(poll_each_changes_in_its_own_callback)
{
    int ends[2];
    struct harness_op each = {.then = turn_over};
    harness_socket_pair(loop, ends);
    hark_poll_each(loop, &each.op, ends[0], HARK_POLL_READABLE, harness_done);
    for (int round = 0; round < 8; round++) {
        harness_assert_idle(loop);
        assert_int_equal(each.calls, 2 * round);
        assert_int_equal(write(ends[1], "x", 1), 1);
        wait_for_call(loop, &each, 2 * round + 2);
        assert_result(each.results[2 * round], HARK_POLL_READABLE);
        assert_result(each.results[2 * round + 1], HARK_POLL_WRITABLE);
    }
    end(loop, &each, ends);
}

BACKEND_TEST(poll_that_changes_leaves_others_on_its_descriptor)
{
    int ends[2];
    struct harness_op before = {0};
    struct harness_op changed = {0};
    struct harness_op after = {0};
    harness_socket_pair(loop, ends);
    hark_poll(loop, &before.op, ends[0], HARK_POLL_READABLE, harness_done);
    hark_poll_each(loop, &changed.op, ends[0], HARK_POLL_READABLE, harness_done);
    hark_poll(loop, &after.op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_assert_idle(loop);
    assert_result(hark_poll_change(&changed.op, HARK_POLL_EXCEPTIONAL), 0);
    harness_assert_idle(loop);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_result(harness_wait(loop, &before), HARK_POLL_READABLE);
    assert_result(harness_wait(loop, &after), HARK_POLL_READABLE);
    assert_int_equal(changed.calls, 0);
    harness_assert_idle(loop);
    end(loop, &changed, ends);
}

BACKEND_TEST(poll_change_to_an_unknown_event_is_refused_and_changes_nothing)
{
    int ends[2];
    struct harness_op poll = {0};
    harness_socket_pair(loop, ends);
    hark_poll(loop, &poll.op, ends[0], HARK_POLL_READABLE, harness_done);
    assert_result(hark_poll_change(&poll.op, 1U << 20), -EINVAL);
    harness_assert_idle(loop);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_result(harness_wait(loop, &poll), HARK_POLL_READABLE);
    assert_result(hark_poll_change(&poll.op, HARK_POLL_WRITABLE), 0); /* not in flight: nothing */
    assert_false(hark_op_active(&poll.op));
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(poll_that_was_cancelled_does_not_come_back_by_a_change)
{
    int ends[2];
    struct harness_op poll = {0};
    harness_socket_pair(loop, ends);
    hark_poll(loop, &poll.op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    hark_cancel(&poll.op);
    assert_result(hark_poll_change(&poll.op, HARK_POLL_WRITABLE), 0);
    assert_result(harness_wait(loop, &poll), -ECANCELED);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(poll_changed_before_the_kernel_saw_it_waits_for_the_new_events_alone)
{
    int ends[2];
    struct harness_op poll = {0};
    harness_socket_pair(loop, ends);
    assert_int_equal(write(ends[1], "x", 1), 1);
    hark_poll(loop, &poll.op, ends[0], HARK_POLL_EXCEPTIONAL, harness_done);
    assert_result(hark_poll_change(&poll.op, HARK_POLL_PEER_HANGUP), 0);
    harness_assert_idle(loop);
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    int64_t events = harness_wait(loop, &poll);
    assert_true(events & HARK_POLL_PEER_HANGUP);
    assert_false(events & HARK_POLL_READABLE);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

/* A file is always ready for what it can be asked for, and refuses the rest. */
BACKEND_TEST(poll_each_of_a_file_changed_to_what_it_does_not_have_ends_with_eperm)
{
    struct harness_op each = {0};
    int fd = harness_file("text", "text", 4);
    hark_poll_each(loop, &each.op, fd, HARK_POLL_READABLE, harness_done);
    wait_for_call(loop, &each, 2);
    assert_result(hark_poll_change(&each.op, HARK_POLL_WRITABLE), 0);
    wait_for_call(loop, &each, 4);
    assert_result(each.result, HARK_POLL_WRITABLE);
    assert_result(hark_poll_change(&each.op, HARK_POLL_EXCEPTIONAL), 0);
    assert_result(harness_wait(loop, &each), -EPERM);
    harness_close(loop, fd);
}

/* To and fro costs a call each at most: an op that ended and began anew would cost two. */
BACKEND_TEST(poll_change_costs_one_system_call_at_most)
{
    enum { CHANGES = 50 };
    int ends[2];
    struct harness_op each = {0};
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    harness_socket_pair(loop, ends);
    hark_poll_each(loop, &each.op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    uint64_t calls = metrics->system_calls;
    for (int i = 0; i < CHANGES; i++)
        assert_result(
            hark_poll_change(&each.op, i % 2 ? HARK_POLL_READABLE : HARK_POLL_EXCEPTIONAL), 0);
    assert_true(metrics->system_calls - calls <= CHANGES);
    assert_int_equal(hark_op_fd(&each.op), ends[0]);
    assert_int_equal(hark_op_kind(&each.op), HARK_OP_POLL_EACH);
    end(loop, &each, ends);
}

/* A receiver beside it is watched for by edges, and the edge of what holds already has passed. */
BACKEND_TEST(poll_beside_a_receiver_changed_to_what_holds_ends_with_it)
{
    int ends[2];
    char byte[1];
    struct harness_op receiving = {0};
    struct harness_op once = {0};
    struct harness_op each = {0};
    harness_socket_pair(loop, ends);
    hark_recv(loop, &receiving.op, ends[0], byte, 1, 0, harness_done);
    hark_poll(loop, &once.op, ends[0], HARK_POLL_EXCEPTIONAL, harness_done);
    hark_poll_each(loop, &each.op, ends[0], HARK_POLL_EXCEPTIONAL, harness_done);
    harness_assert_idle(loop);
    assert_result(hark_poll_change(&once.op, HARK_POLL_WRITABLE), 0);
    assert_result(harness_wait(loop, &once), HARK_POLL_WRITABLE);
    harness_assert_idle(loop);
    assert_int_equal(each.calls, 0);
    assert_result(hark_poll_change(&each.op, HARK_POLL_WRITABLE), 0);
    wait_for_call(loop, &each, 2);
    assert_result(hark_poll_change(&each.op, HARK_POLL_EXCEPTIONAL), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_result(harness_wait(loop, &receiving), 1);
    end(loop, &each, ends);
}
