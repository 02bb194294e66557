/* test_foreign.c - descriptors that somebody else owns, such as a library that says what to wait
 * for: with the last poll on one cancelled the loop has forgotten it, so that its owner may close
 * it at once and the number may come again. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The owner's socket, made anew: it must get the number that has just been closed. */
static void reconnect(int ends[2], int number)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(ends[0], number);
}

static void assert_reported(struct hark_loop *loop, int ends[2])
{
    struct harness_op poll = {0};
    hark_poll(loop, &poll.op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    assert_false(poll.ended);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_result(harness_wait(loop, &poll), HARK_POLL_READABLE);
}

static void close_both(int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

BACKEND_TEST(poll_cancelled_lets_the_owner_close_at_once)
{
    struct harness_op poll = {0};
    int ends[2];
    harness_socket_pair(loop, ends);
    hark_poll(loop, &poll.op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    hark_cancel(&poll.op);
    int number = ends[0];
    close_both(ends);
    reconnect(ends, number);
    assert_reported(loop, ends);
    assert_result(poll.result, -ECANCELED);
    close_both(ends);
}

/* A child, say, has a copy of the descriptor: the file lives on, and must not be reported under a
 * number that is another's. */
BACKEND_TEST(poll_cancelled_on_a_file_that_lives_on_reports_it_no_more)
{
    struct harness_op poll = {0}, next = {0};
    int ends[2], again[2];
    harness_socket_pair(loop, ends);
    hark_poll(loop, &poll.op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    hark_cancel(&poll.op);
    int copy = fcntl(ends[0], F_DUPFD_CLOEXEC, 100);
    int number = ends[0];
    close(ends[0]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, again), 0);
    assert_int_equal(again[0], number);
    hark_poll(loop, &next.op, number, HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    assert_int_equal(write(ends[1], "x", 1), 1);
    uint64_t sleeps = hark_loop_metrics(loop)->sleeps;
    hark_op_deadline(&next.op, hark_os_clock(loop) + 20000000u);
    assert_result(harness_wait(loop, &next), -ETIMEDOUT);
    assert_true(hark_loop_metrics(loop)->sleeps - sleeps <=
                2); /* the one that the deadline ends, and one for its cancel */
    close(copy);
    close(ends[1]);
    close_both(again);
}

/* The library is told that its socket is readable, finds the end, and closes it before it
 * returns. */
struct owner {
    int ends[2];
    int reported;
};

static void close_own(struct hark_op *op, int64_t result)
{
    struct harness_op *poll = hark_container_of(op, struct harness_op, op);
    struct owner *owner = poll->context;
    harness_done(op, result);
    if (!hark_op_more(op))
        return;
    owner->reported++;
    hark_cancel(op);
    int number = owner->ends[0];
    close_both(owner->ends);
    reconnect(owner->ends, number);
}

BACKEND_TEST(poll_each_cancelled_in_its_callback_lets_the_owner_close_at_once)
{
    struct owner owner = {0};
    struct harness_op poll = {.context = &owner};
    harness_socket_pair(loop, owner.ends);
    hark_poll_each(loop, &poll.op, owner.ends[0], HARK_POLL_READABLE, close_own);
    harness_settle(loop);
    assert_int_equal(write(owner.ends[1], "x", 1), 1);
    while (owner.reported == 0)
        assert_true(hark_run_once(loop) >= 0);
    assert_reported(loop, owner.ends);
    assert_int_equal(owner.reported, 1);
    assert_result(poll.result, -ECANCELED);
    close_both(owner.ends);
}

BACKEND_TEST(polls_cancelled_one_by_one_forget_the_descriptor_with_the_last)
{
    enum { POLLS = 8 };
    struct harness_op polls[POLLS] = {0};
    int ends[2];
    harness_socket_pair(loop, ends);
    for (int i = 0; i < POLLS; i++)
        hark_poll_each(loop, &polls[i].op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    for (int i = 0; i < POLLS; i++) {
        assert_result(hark_os_forget(loop, ends[0]), -EBUSY);
        hark_cancel(&polls[(i * 3) % POLLS].op);
    }
    assert_result(hark_os_forget(loop, ends[0]), 0);
    int number = ends[0];
    close_both(ends);
    reconnect(ends, number);
    assert_reported(loop, ends);
    for (int i = 0; i < POLLS; i++)
        assert_result(polls[i].result, -ECANCELED);
    close_both(ends);
}

/* --- as many as nobody would walk along --- */

enum { MANY = 1000 };

static struct harness_op many[MANY];

static void start_many(struct hark_loop *loop, int fd)
{
    for (int i = 0; i < MANY; i++)
        hark_poll_each(loop, &many[i].op, fd, HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
}

static void assert_many_cancelled(void)
{
    for (int i = 0; i < MANY; i++)
        assert_result(many[i].result, -ECANCELED);
}

BACKEND_TEST(many_polls_cancelled_forget_the_descriptor_with_the_last)
{
    int ends[2];
    harness_socket_pair(loop, ends);
    start_many(loop, ends[0]);
    for (int i = 0; i < MANY; i++)
        hark_cancel(&many[i].op);
    int number = ends[0];
    close_both(ends);
    reconnect(ends, number);
    assert_reported(loop, ends);
    assert_many_cancelled();
    close_both(ends);
}

/* What was waited for is changed again and again before the loop runs. */
BACKEND_TEST(poll_replaced_many_times_in_one_turn_forgets_the_descriptor_with_the_last)
{
    struct harness_op first = {0};
    int ends[2];
    harness_socket_pair(loop, ends);
    hark_poll_each(loop, &first.op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    for (int i = 0; i < MANY; i++) {
        hark_poll_each(loop, &many[i].op, ends[0], HARK_POLL_READABLE, harness_done);
        hark_cancel(i == 0 ? &first.op : &many[i - 1].op);
        assert_result(hark_os_forget(loop, ends[0]), -EBUSY);
    }
    hark_cancel(&many[MANY - 1].op);
    int number = ends[0];
    close_both(ends);
    reconnect(ends, number);
    assert_reported(loop, ends);
    assert_result(first.result, -ECANCELED);
    assert_many_cancelled();
    close_both(ends);
}

static int *reported_ends;

/* The others have been reported as well, or are about to be. */
static void cancel_many(struct harness_op *self, int64_t result)
{
    (void)self;
    if (!reported_ends || result < 0)
        return;
    int number = reported_ends[0];
    for (int i = 0; i < MANY; i++)
        hark_cancel(&many[i].op);
    close_both(reported_ends);
    reconnect(reported_ends, number);
    reported_ends = NULL;
}

BACKEND_TEST(many_polls_reported_and_cancelled_in_the_first_callback_let_the_owner_close)
{
    int ends[2];
    harness_socket_pair(loop, ends);
    for (int i = 0; i < MANY; i++) {
        many[i].then = cancel_many;
        hark_poll(loop, &many[i].op, ends[0], HARK_POLL_READABLE, harness_done);
    }
    harness_settle(loop);
    reported_ends = ends;
    assert_int_equal(write(ends[1], "x", 1), 1);
    while (reported_ends)
        assert_int_equal(hark_run_once(loop), 1);
    assert_reported(loop, ends);
    for (int i = 0; i < MANY; i++)
        assert_true(many[i].ended);
    close_both(ends);
}

BACKEND_TEST(many_polls_cancelled_by_cancel_all_let_the_owner_close)
{
    int ends[2];
    harness_socket_pair(loop, ends);
    start_many(loop, ends[0]);
    hark_cancel_all(loop);
    int number = ends[0];
    close_both(ends);
    reconnect(ends, number);
    assert_reported(loop, ends);
    assert_many_cancelled();
    close_both(ends);
}

/* The table of descriptors grows while their final calls are to come, and a close waits for all of
 * them. */
BACKEND_TEST(many_polls_cancelled_and_then_closed_keep_the_order_of_the_close)
{
    struct harness_op far = {0}, closing = {0};
    int ends[2];
    harness_socket_pair(loop, ends);
    start_many(loop, ends[0]);
    for (int i = 0; i < MANY; i++)
        hark_cancel(&many[i].op);
    int copy = fcntl(ends[1], F_DUPFD_CLOEXEC, 600);
    hark_poll(loop, &far.op, copy, HARK_POLL_WRITABLE, harness_done);
    hark_close(loop, &closing.op, ends[0], harness_done);
    harness_run(loop);
    assert_many_cancelled();
    assert_result(closing.result, 0);
    for (int i = 0; i < MANY; i++)
        assert_true(many[i].order < closing.order);
    close(copy);
    close(ends[1]);
}

BACKEND_TEST(poll_cancelled_beside_a_receive_leaves_the_descriptor_the_loops)
{
    struct harness_op poll = {0}, receive = {0};
    char byte;
    int ends[2];
    harness_socket_pair(loop, ends);
    hark_recv(loop, &receive.op, ends[0], &byte, 1, 0, harness_done);
    hark_poll(loop, &poll.op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    hark_cancel(&poll.op);
    assert_result(hark_os_forget(loop, ends[0]), -EBUSY);
    harness_settle(loop);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_result(harness_wait(loop, &receive), 1);
    harness_close(loop, ends[0]);
    close(ends[1]);
}

BACKEND_TEST(poll_cancelled_and_started_anew_on_the_same_file_is_reported)
{
    struct harness_op poll = {0};
    int ends[2];
    harness_socket_pair(loop, ends);
    hark_poll(loop, &poll.op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    hark_cancel(&poll.op);
    assert_reported(loop, ends);
    harness_close(loop, ends[0]);
    close(ends[1]);
}

BACKEND_TEST(poll_cancelled_by_a_close_keeps_the_order_of_the_close)
{
    struct harness_op poll = {0}, closing = {0};
    int ends[2];
    harness_socket_pair(loop, ends);
    hark_poll(loop, &poll.op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    hark_cancel(&poll.op);
    hark_close(loop, &closing.op, ends[0], harness_done);
    hark_cancel(&poll.op);
    harness_run(loop);
    assert_result(poll.result, -ECANCELED);
    assert_result(closing.result, 0);
    assert_true(poll.order < closing.order);
    close(ends[1]);
}

static void ignore(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
}

/* From either end: one that is found to be over is not looked at again. */
BACKEND_TEST(many_polls_on_one_descriptor_are_cancelled_in_linear_time)
{
    const size_t count = 250000;
    struct hark_op *polls = calloc(count, sizeof *polls);
    int ends[2];
    if (harness_in_world())
        harness_skip("it is about real time");
    assert_non_null(polls);
    harness_socket_pair(loop, ends);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < count; i++)
            hark_poll(loop, &polls[i], ends[0], HARK_POLL_READABLE, ignore);
        for (size_t i = 0; i < count; i++)
            hark_cancel(&polls[round == 0 ? i : count - 1 - i]);
        harness_run(loop);
    }
    free(polls);
    close_both(ends);
}

/* With the square of their number this takes longer than the test may. In the kernel of io_uring it
 * does: fewer there. */
BACKEND_TEST(many_ops_on_one_descriptor_are_cancelled_in_linear_time)
{
    size_t count = harness_backend() == HARK_BACKEND_URING ? 10000 : 250000;
    struct hark_op *ops = calloc(count, sizeof *ops);
    struct harness_op one = {0};
    char byte;
    int ends[2];
    if (harness_in_world())
        harness_skip("it is about real time");
    assert_non_null(ops);
    harness_socket_pair(loop, ends);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < count; i++)
            hark_recv(loop, &ops[i], ends[0], &byte, 1, 0, ignore);
        if (round == 0)
            hark_cancel_all(loop);
        for (size_t i = 0; round == 1 && i < count; i++)
            hark_cancel(&ops[i]);
        harness_run(loop);
    }
    hark_recv(loop, &one.op, ends[0], &byte, 1, 0, harness_done);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_result(harness_wait(loop, &one), 1);
    free(ops);
    harness_close(loop, ends[0]);
    close(ends[1]);
}

/* A copy of the file lives on: its registration cannot be taken out by a number that is closed. */
BACKEND_TEST(promise_09_polled_file_that_was_closed_while_a_copy_lives_lets_it_sleep)
{
    struct harness_op poll = {0}, other = {0};
    int ends[2];
    int others[2];
    harness_socket_pair(loop, ends);
    harness_socket_pair(loop, others);
    hark_poll(loop, &other.op, others[0], HARK_POLL_READABLE, harness_done);
    hark_poll(loop, &poll.op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    int copy = dup(ends[0]);
    close(ends[0]); /* too early */
    hark_cancel(&poll.op);
    assert_int_equal(write(ends[1], "x", 1), 1);
    harness_settle(loop);
    harness_assert_idle(loop);
    assert_int_equal(write(others[1], "x", 1), 1);
    assert_result(harness_wait(loop, &other), HARK_POLL_READABLE);
    assert_result(poll.result, -ECANCELED);
    close(copy);
    close(ends[1]);
    harness_close(loop, others[0]);
    harness_close(loop, others[1]);
}

/* The file lives on in a copy, its registration too, and then it has its number again. */
BACKEND_TEST(polled_file_that_comes_back_to_its_number_is_reported)
{
    struct harness_op poll = {0};
    int ends[2];
    harness_socket_pair(loop, ends);
    hark_poll(loop, &poll.op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    int copy = dup(ends[0]);
    close(ends[0]); /* too early */
    hark_cancel(&poll.op);
    assert_result(harness_wait(loop, &poll), -ECANCELED);
    assert_int_equal(dup2(copy, ends[0]), ends[0]);
    assert_reported(loop, ends);
    close(copy);
    close_both(ends);
}

/* Its owner has closed it too early, beside a poll that is still in flight. */
BACKEND_TEST(poll_on_a_number_that_came_again_beside_an_older_poll_is_reported)
{
    struct harness_op first = {0};
    struct harness_op second = {0};
    int old[2];
    int again[2];
    harness_socket_pair(loop, old);
    hark_poll_each(loop, &first.op, old[0], HARK_POLL_EXCEPTIONAL, harness_done);
    harness_settle(loop);
    close(old[0]); /* too early */
    harness_socket_pair(loop, again);
    assert_int_equal(again[0], old[0]);
    hark_poll(loop, &second.op, again[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    assert_int_equal(second.calls, 0);
    assert_int_equal(write(again[1], "x", 1), 1);
    assert_result(harness_wait(loop, &second), HARK_POLL_READABLE);
    hark_cancel(&first.op);
    harness_run(loop);
    assert_result(first.result, -ECANCELED);
    close(old[1]);
    close_both(again);
}

/* What is known of a number goes with its file. */
BACKEND_TEST(number_of_a_datagram_socket_that_comes_again_as_a_stream_loses_no_byte)
{
    struct hark_address address;
    struct harness_op datagrams = {0};
    struct harness_op connect = {0};
    char into[16] = "";
    struct harness_op bytes = {.into = into, .into_room = sizeof into};
    int listening = harness_listen(loop, &address);
    int fd = hark_os_socket(loop, AF_INET, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    hark_recv_each(loop, &datagrams.op, fd, harness_done);
    harness_settle(loop);
    hark_cancel(&datagrams.op);
    assert_result(harness_wait(loop, &datagrams), -ECANCELED);
    assert_int_equal(hark_os_close(loop, fd), 0);
    assert_int_equal(hark_os_socket(loop, AF_INET, SOCK_STREAM, 0), fd);
    hark_connect(loop, &connect.op, fd, &address.name.any, address.length, harness_done);
    assert_result(harness_wait(loop, &connect), 0);
    int peer = accept(listening, NULL, NULL);
    assert_int_equal(write(peer, "hello", 5), 5);
    hark_recv_each(loop, &bytes.op, fd, harness_done);
    while (bytes.total < 5)
        assert_result(hark_run_once(loop), 1);
    assert_memory_equal(into, "hello", 5);
    hark_cancel(&bytes.op);
    assert_result(harness_wait(loop, &bytes), -ECANCELED);
    close(peer);
    harness_close(loop, fd);
    harness_close(loop, listening);
}
