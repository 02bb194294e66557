/* test_idle.c - promise 9 in the places where readiness tempts a loop to spin: half-closed peers,
 * bytes that lie unread, pools that are empty, hang-ups that nobody asked about. Counted in turns:
 * while a timer of 20 ms runs, and nothing else can happen, a loop that sleeps needs a few; one
 * that spins, thousands. */
#include "harness/harness.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connection of which one end stands in the situation under test. */
struct idle {
    struct harness_op op;
    int ends[2];
    char bytes[64];
};

static void open_idle(struct hark_loop *loop, struct idle *idle)
{
    memset(idle, 0, sizeof *idle);
    harness_tcp_pair(loop, idle->ends);
}

static void assert_idle(struct hark_loop *loop, struct idle *idle)
{
    harness_settle(loop);
    int calls = idle->op.calls;
    harness_assert_idle(loop);
    assert_int_equal(idle->op.calls, calls);
}

static void close_idle(struct hark_loop *loop, struct idle *idle)
{
    bool active = hark_op_active(&idle->op.op);
    hark_cancel(&idle->op.op);
    harness_run(loop);
    if (active)
        assert_result(idle->op.result, -ECANCELED);
    harness_close(loop, idle->ends[0]);
    harness_close(loop, idle->ends[1]);
}

BACKEND_TEST(promise_09_poll_for_hangup_of_a_half_closed_peer_sleeps)
{
    struct idle idle;
    open_idle(loop, &idle);
    assert_int_equal(shutdown(idle.ends[1], SHUT_WR), 0);
    hark_poll(loop, &idle.op.op, idle.ends[0], HARK_POLL_HANGUP | HARK_POLL_ERROR, harness_done);
    assert_idle(loop, &idle);
    close_idle(loop, &idle);
}

BACKEND_TEST(promise_09_poll_for_hangup_with_unread_bytes_sleeps)
{
    struct idle idle;
    open_idle(loop, &idle);
    hark_poll(loop, &idle.op.op, idle.ends[0], HARK_POLL_HANGUP | HARK_POLL_PEER_HANGUP,
              harness_done);
    harness_settle(loop);
    assert_int_equal(write(idle.ends[1], "abc", 3), 3);
    assert_idle(loop, &idle);
    close_idle(loop, &idle);
}

BACKEND_TEST(promise_09_poll_for_writing_to_a_full_half_closed_peer_sleeps)
{
    for (int each = 0; each < 2; each++) {
        struct idle idle;
        open_idle(loop, &idle);
        harness_stuff(idle.ends[0]);
        assert_int_equal(shutdown(idle.ends[1], SHUT_WR), 0);
        if (each)
            hark_poll_each(loop, &idle.op.op, idle.ends[0], HARK_POLL_WRITABLE, harness_done);
        else
            hark_poll(loop, &idle.op.op, idle.ends[0], HARK_POLL_WRITABLE, harness_done);
        assert_idle(loop, &idle);
        close_idle(loop, &idle);
    }
}

BACKEND_TEST(promise_09_sends_to_a_full_half_closed_peer_sleep)
{
    for (int kind = 0; kind < 3; kind++) {
        struct idle idle;
        struct iovec vector = {.iov_base = idle.bytes, .iov_len = sizeof idle.bytes};
        struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
        open_idle(loop, &idle);
        harness_stuff(idle.ends[0]);
        assert_int_equal(shutdown(idle.ends[1], SHUT_WR), 0);
        if (kind == 0)
            hark_send(loop, &idle.op.op, idle.ends[0], idle.bytes, sizeof idle.bytes, 0,
                      harness_done);
        else if (kind == 1)
            hark_sendmsg(loop, &idle.op.op, idle.ends[0], &message, 0, harness_done);
        else
            hark_write(loop, &idle.op.op, idle.ends[0], idle.bytes, sizeof idle.bytes,
                       HARK_AT_POSITION, harness_done);
        assert_idle(loop, &idle);
        close_idle(loop, &idle);
    }
}

BACKEND_TEST(promise_09_poll_for_urgent_data_with_unread_bytes_sleeps)
{
    struct idle idle;
    open_idle(loop, &idle);
    assert_int_equal(write(idle.ends[1], "abc", 3), 3);
    hark_poll(loop, &idle.op.op, idle.ends[0], HARK_POLL_EXCEPTIONAL, harness_done);
    assert_idle(loop, &idle);
    close_idle(loop, &idle);
}

BACKEND_TEST(promise_09_receiving_all_with_a_part_of_it_there_sleeps)
{
    struct idle idle;
    open_idle(loop, &idle);
    assert_int_equal(write(idle.ends[1], "abc", 3), 3);
    hark_recv(loop, &idle.op.op, idle.ends[0], idle.bytes, sizeof idle.bytes, MSG_WAITALL,
              harness_done);
    assert_idle(loop, &idle);
    hark_cancel(&idle.op.op);
    assert_result(harness_wait(loop, &idle.op), 3);
    close_idle(loop, &idle);
}

BACKEND_TEST(promise_09_bytes_and_hangups_that_no_op_waits_for_let_it_sleep)
{
    struct idle idle;
    open_idle(loop, &idle);
    hark_poll(loop, &idle.op.op, idle.ends[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    assert_int_equal(write(idle.ends[1], "abc", 3), 3);
    assert_result(harness_wait(loop, &idle.op), HARK_POLL_READABLE);
    assert_idle(loop, &idle);
    close(idle.ends[1]);
    idle.ends[1] = -1;
    assert_idle(loop, &idle);
    close_idle(loop, &idle);
}

BACKEND_TEST(promise_09_waiting_connections_that_no_op_accepts_let_it_sleep)
{
    struct idle idle;
    struct hark_address address;
    memset(&idle, 0, sizeof idle);
    idle.ends[0] = harness_listen(loop, &address);
    hark_accept_each(loop, &idle.op.op, idle.ends[0], harness_done);
    harness_settle(loop);
    hark_cancel(&idle.op.op);
    assert_result(harness_wait(loop, &idle.op), -ECANCELED);
    idle.ends[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(connect(idle.ends[1], &address.name.any, address.length) == 0 ||
                errno == EINPROGRESS);
    assert_idle(loop, &idle);
    close_idle(loop, &idle);
}

static void keep_it(struct harness_op *self, int64_t result)
{
    void **kept = self->context;
    if (result <= 0)
        return;
    while (*kept)
        kept++;
    *kept = hark_buffer_keep(&self->op);
}

BACKEND_TEST_WITH(promise_09_receiving_with_an_empty_pool_sleeps, .buffer_count = 1,
                  .buffer_bytes = 64)
{
    void *kept[8] = {NULL};
    for (int half_closed = 0; half_closed < 2; half_closed++) {
        struct idle idle;
        memset(kept, 0, sizeof kept);
        open_idle(loop, &idle);
        idle.op.then = keep_it;
        idle.op.context = kept;
        hark_recv_each(loop, &idle.op.op, idle.ends[0], harness_done);
        for (int piece = 0; piece < 5; piece++)
            assert_int_equal(write(idle.ends[1], "0123456789012345678901234567890123456789", 40),
                             40);
        if (half_closed)
            assert_int_equal(shutdown(idle.ends[1], SHUT_WR), 0);
        assert_idle(loop, &idle);
        close_idle(loop, &idle);
        for (int index = 0; index < 8; index++)
            hark_buffer_return(loop, kept[index]);
    }
}

/* What is watched for the others is looked at anew when one of them ends. */
BACKEND_TEST_WITH(promise_09_receiving_with_an_empty_pool_beside_a_poll_that_ended_sleeps,
                  .buffer_count = 1, .buffer_bytes = 64)
{
    void *kept[2] = {NULL};
    struct idle idle;
    struct harness_op polling = {0};
    open_idle(loop, &idle);
    idle.op.then = keep_it;
    idle.op.context = kept;
    hark_recv_each(loop, &idle.op.op, idle.ends[0], harness_done);
    assert_int_equal(write(idle.ends[1], "x", 1), 1);
    while (idle.op.calls == 0)
        assert_result(hark_run_once(loop), 1);
    assert_int_equal(write(idle.ends[1], "y", 1), 1);
    harness_settle(loop);
    hark_poll(loop, &polling.op, idle.ends[0], HARK_POLL_EXCEPTIONAL, harness_done);
    harness_settle(loop);
    hark_cancel(&polling.op);
    assert_result(harness_wait(loop, &polling), -ECANCELED);
    harness_assert_idle(loop);
    assert_int_equal(idle.op.calls, 1);
    hark_buffer_return(loop, kept[0]);
    while (idle.op.calls == 1)
        assert_result(hark_run_once(loop), 1);
    hark_cancel(&idle.op.op);
    assert_result(harness_wait(loop, &idle.op), -ECANCELED);
    memset(&idle.op, 0xff, sizeof idle.op); /* nobody waits for the buffer any more */
    hark_buffer_return(loop, kept[1]);
    harness_assert_idle(loop);
    harness_close(loop, idle.ends[0]);
    harness_close(loop, idle.ends[1]);
}

struct visitor {
    struct harness_op post;
    struct hark_loop *loop;
    int sleeper;
};

static void *post_once_it_sleeps(void *context)
{
    struct visitor *visitor = context;
    harness_await_sleep(visitor->sleeper);
    hark_post(visitor->loop, &visitor->post.op, harness_done);
    return NULL;
}

BACKEND_TEST(promise_09_loop_that_was_woken_by_a_post_sleeps_again)
{
    struct visitor visitor = {.loop = loop, .sleeper = gettid()};
    struct harness_op forever = {0};
    pthread_t thread;
    hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
    assert_int_equal(pthread_create(&thread, NULL, post_once_it_sleeps, &visitor), 0);
    assert_result(harness_wait(loop, &visitor.post), 0);
    pthread_join(thread, NULL);
    harness_assert_idle(loop);
    hark_cancel(&forever.op);
    harness_run(loop);
}

BACKEND_TEST(promise_09_connecting_without_an_answer_sleeps)
{
    struct idle idle;
    struct hark_address address;
    memset(&idle, 0, sizeof idle);
    idle.ends[1] = harness_listen(loop, &address);
    assert_int_equal(listen(idle.ends[1], 0), 0);
    int first = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(connect(first, &address.name.any, address.length) == 0 || errno == EINPROGRESS);
    idle.ends[0] = hark_os_socket(loop, AF_INET, SOCK_STREAM, 0);
    hark_connect(loop, &idle.op.op, idle.ends[0], &address.name.any, address.length, harness_done);
    assert_idle(loop, &idle);
    close_idle(loop, &idle);
    close(first);
}

BACKEND_TEST(promise_09_urgent_data_that_is_not_asked_for_lets_it_sleep)
{
    struct idle idle;
    open_idle(loop, &idle);
    hark_poll(loop, &idle.op.op, idle.ends[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    assert_int_equal(send(idle.ends[1], "!", 1, MSG_OOB), 1);
    assert_idle(loop, &idle);
    close_idle(loop, &idle);
}

BACKEND_TEST(promise_09_writing_to_a_full_pipe_sleeps)
{
    struct idle idle;
    memset(&idle, 0, sizeof idle);
    harness_pipe(idle.ends, 0);
    harness_stuff(idle.ends[1]);
    hark_write(loop, &idle.op.op, idle.ends[1], idle.bytes, sizeof idle.bytes, HARK_AT_POSITION,
               harness_done);
    assert_idle(loop, &idle);
    close_idle(loop, &idle);
}
