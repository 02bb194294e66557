/* test_half_closed.c - waiting on a connection whose peer has shut down its side, and only that:
 * nothing is to be done, and nothing is done. */
#include "harness/harness.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* Lets the loop wait for a while. Gives: the turns that it took. */
static uint64_t turns_while_waiting(struct hark_loop *loop)
{
    struct harness_op sleep = {0};
    uint64_t before = hark_loop_metrics(loop)->turns;
    hark_sleep(loop, &sleep.op, 50000000, harness_done);
    harness_wait(loop, &sleep);
    return hark_loop_metrics(loop)->turns - before;
}

static char much[1 << 20];
static struct iovec vector = {.iov_base = much, .iov_len = sizeof much};
static const struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

/* Sends on and on, a part at a time, until nothing goes in any more. */
static void sent(struct hark_op *op, int64_t result)
{
    if (result >= 0)
        hark_sendmsg(op->loop, op, op->fd, &message, 0, sent);
}

BACKEND_TEST(promise_09_half_closed_peer_leaves_a_full_sender_asleep)
{
    int ends[2];
    struct hark_op op = {0};
    harness_tcp_pair(loop, ends);
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    hark_sendmsg(loop, &op, ends[0], &message, 0, sent);
    turns_while_waiting(loop); /* until TCP is full */
    assert_true(turns_while_waiting(loop) < 20);
    assert_true(hark_op_active(&op));
    close(ends[1]); /* with bytes unread: a reset */
    harness_run(loop);
    harness_close(loop, ends[0]);
}

BACKEND_TEST(promise_09_half_closed_peer_leaves_a_wait_for_its_end_asleep)
{
    int ends[2];
    struct harness_op op = {0};
    harness_tcp_pair(loop, ends);
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    hark_poll(loop, &op.op, ends[0], HARK_POLL_HANGUP | HARK_POLL_ERROR, harness_done);
    assert_true(turns_while_waiting(loop) < 20);
    assert_int_equal(op.calls, 0);
    if (harness_backend() ==
        HARK_BACKEND_SELECT) /* which cannot tell a hang-up from the end that lies unread */
        hark_cancel(&op.op);
    else
        assert_int_equal(shutdown(ends[0], SHUT_WR), 0); /* now both sides are down */
    int64_t result = harness_wait(loop, &op);
    assert_true(result == -ECANCELED || (result > 0 && (result & HARK_POLL_HANGUP)));
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(poll_cancelled_behind_a_half_closed_peer_gives_ecanceled)
{
    int ends[2];
    struct harness_op op = {0};
    harness_tcp_pair(loop, ends);
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    hark_poll(loop, &op.op, ends[0], HARK_POLL_HANGUP, harness_done);
    turns_while_waiting(loop);
    hark_cancel(&op.op);
    assert_int_equal(harness_wait(loop, &op), -ECANCELED);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(waiting_behind_half_closed_peers_costs_no_descriptor)
{
    enum { PEERS = 8 };
    static int before[HARNESS_DESCRIPTORS_MAX];
    static int after[HARNESS_DESCRIPTORS_MAX];
    int ends[PEERS][2];
    struct harness_op ops[PEERS] = {0};
    for (int index = 0; index < PEERS; index++) {
        harness_tcp_pair(loop, ends[index]);
        assert_int_equal(shutdown(ends[index][1], SHUT_WR), 0);
    }
    turns_while_waiting(loop);
    size_t count = harness_descriptors(before, HARNESS_DESCRIPTORS_MAX);
    for (int index = 0; index < PEERS; index++)
        hark_poll(loop, &ops[index].op, ends[index][0], HARK_POLL_HANGUP, harness_done);
    turns_while_waiting(loop);
    assert_int_equal(harness_descriptors(after, HARNESS_DESCRIPTORS_MAX), count);
    hark_cancel_all(loop);
    harness_run(loop);
    for (int index = 0; index < PEERS; index++) {
        assert_result(ops[index].result, -ECANCELED);
        harness_close(loop, ends[index][0]);
        harness_close(loop, ends[index][1]);
    }
}

/* Polls of one descriptor that wait together behind a half-closed peer: each for its own, and no
 * cancel takes another along. */
BACKEND_TEST(polls_of_one_half_closed_peer_wait_each_for_its_own_events)
{
    int ends[2];
    char bytes[4096];
    struct harness_op hangup = {0};
    struct harness_op writable = {0};
    struct harness_op other = {0};
    harness_socket_pair(loop, ends);
    harness_stuff(ends[0]);
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    hark_poll(loop, &hangup.op, ends[0], HARK_POLL_HANGUP, harness_done);
    hark_poll(loop, &writable.op, ends[0], HARK_POLL_WRITABLE, harness_done);
    hark_poll(loop, &other.op, ends[0], HARK_POLL_HANGUP | HARK_POLL_WRITABLE, harness_done);
    turns_while_waiting(loop);
    hark_cancel(&other.op);
    assert_result(harness_wait(loop, &other), -ECANCELED);
    while (recv(ends[1], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
    assert_result(harness_wait(loop, &writable), HARK_POLL_WRITABLE);
    assert_true(turns_while_waiting(loop) <= 12);
    assert_false(hangup.ended);
    if (harness_backend() == HARK_BACKEND_SELECT) /* which cannot tell a hang-up while the end of
                                                     the stream lies unread */
        hark_cancel(&hangup.op);
    else
        assert_int_equal(shutdown(ends[0], SHUT_WR), 0);
    int64_t result = harness_wait(loop, &hangup);
    assert_true(result == -ECANCELED || result & HARK_POLL_HANGUP);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

/* The number of a descriptor that waited so, closed and given out anew, waits like any other. */
BACKEND_TEST(number_that_waited_behind_a_half_closed_peer_serves_again_after_its_close)
{
    int ends[2];
    for (int round = 0; round < 3; round++) {
        struct harness_op op = {0};
        struct harness_op close = {0};
        harness_tcp_pair(loop, ends);
        assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
        hark_poll(loop, &op.op, ends[0], HARK_POLL_HANGUP, harness_done);
        turns_while_waiting(loop);
        hark_close(loop, &close.op, ends[0], harness_done);
        assert_result(harness_wait(loop, &close), 0);
        assert_result(op.result, -ECANCELED);
        harness_close(loop, ends[1]);
    }
}
