/* test_poll.c - readiness: readable, writable, exceptional, hang-up and error, once and again and
 * again. */
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int64_t poll_once(struct hark_loop *loop, int fd, uint32_t events)
{
    struct harness_op op = {0};
    hark_poll(loop, &op.op, fd, events, harness_done);
    assert_int_equal(op.calls, 0);
    harness_run(loop);
    assert_int_equal(op.calls, 1);
    return op.result;
}

BACKEND_TEST(poll_gives_what_holds_already)
{
    int ends[2];
    harness_tcp_pair(loop, ends);
    assert_result(poll_once(loop, ends[0], HARK_POLL_WRITABLE), HARK_POLL_WRITABLE);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_result(poll_once(loop, ends[0], HARK_POLL_READABLE), HARK_POLL_READABLE);
    assert_result(poll_once(loop, ends[0], HARK_POLL_READABLE | HARK_POLL_WRITABLE),
                  HARK_POLL_READABLE | HARK_POLL_WRITABLE);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(poll_waits_until_it_holds)
{
    int ends[2];
    struct harness_op reading = {0};
    struct harness_op writing = {0};
    static char sink[1 << 20];
    harness_socket_pair(loop, ends);
    harness_stuff(ends[0]);
    hark_poll(loop, &reading.op, ends[0], HARK_POLL_READABLE, harness_done);
    hark_poll(loop, &writing.op, ends[0], HARK_POLL_WRITABLE, harness_done);
    harness_settle(loop);
    assert_int_equal(reading.calls + writing.calls, 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_result(harness_wait(loop, &reading), HARK_POLL_READABLE);
    assert_int_equal(writing.calls, 0);
    while (!writing.ended) {
        while (read(ends[1], sink, sizeof sink) > 0)
            ;
        harness_turns(loop, 1); /* not asleep: more may come after it has been read */
    }
    assert_result(writing.result, HARK_POLL_WRITABLE);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(poll_for_nothing_reports_error_and_hangup_alone)
{
    int ends[2];
    struct harness_op op = {0};
    struct linger abort_it = {.l_onoff = 1, .l_linger = 0};
    harness_tcp_pair(loop, ends);
    hark_poll(loop, &op.op, ends[0], 0, harness_done);
    if (harness_backend() !=
        HARK_BACKEND_SELECT) /* which learns of a hang-up only once no data lies unread */
        assert_int_equal(write(ends[1], "x", 1), 1);
    harness_settle(loop);
    assert_int_equal(op.calls, 0);
    setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &abort_it, sizeof abort_it);
    close(ends[1]);
    int64_t result = harness_wait(loop, &op);
    assert_true(result > 0 && (result & HARK_POLL_ERROR) && (result & HARK_POLL_HANGUP));
    assert_int_equal(result & ~(int64_t)(HARK_POLL_ERROR | HARK_POLL_HANGUP), 0);
    harness_close(loop, ends[0]);
}

BACKEND_TEST(poll_reports_urgent_data_as_exceptional)
{
    int ends[2];
    struct harness_op op = {0};
    harness_tcp_pair(loop, ends);
    hark_poll(loop, &op.op, ends[0], HARK_POLL_EXCEPTIONAL, harness_done);
    harness_settle(loop);
    assert_int_equal(op.calls, 0);
    assert_int_equal(send(ends[1], "!", 1, MSG_OOB), 1);
    assert_result(harness_wait(loop, &op), HARK_POLL_EXCEPTIONAL);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(poll_reports_that_the_peer_has_ended_its_side)
{
    int ends[2];
    struct harness_op op = {0};
    harness_tcp_pair(loop, ends);
    hark_poll(loop, &op.op, ends[0], HARK_POLL_PEER_HANGUP, harness_done);
    harness_settle(loop);
    assert_int_equal(op.calls, 0);
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    assert_result(harness_wait(loop, &op), HARK_POLL_PEER_HANGUP);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(poll_on_a_pipe_reports_the_end_of_the_other_side)
{
    int ends[2];
    int other[2];
    harness_pipe(ends, 0);
    harness_pipe(other, 0);
    close(ends[1]);
    close(other[0]);
    assert_result(poll_once(loop, ends[0], HARK_POLL_READABLE), HARK_POLL_HANGUP);
    int64_t result = poll_once(loop, other[1], HARK_POLL_WRITABLE);
    assert_true(result > 0 && (result & HARK_POLL_ERROR));
    harness_close(loop, ends[0]);
    harness_close(loop, other[1]);
}

BACKEND_TEST(promise_12_what_has_no_poll_of_its_own_cannot_be_waited_for)
{
    int fds[3] = {harness_file("file", "text", 4),
                  open(harness_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                  open("/dev/null", O_RDWR | O_CLOEXEC)};
    for (int i = 0; i < 3; i++) {
        struct harness_op waiting = {0};
        struct harness_op each = {0};
        hark_poll(loop, &waiting.op, fds[i], HARK_POLL_EXCEPTIONAL, harness_done);
        hark_poll_each(loop, &each.op, fds[i], HARK_POLL_PEER_HANGUP, harness_done);
        harness_run(loop);
        assert_result(waiting.result, -EPERM);
        assert_result(each.result, -EPERM);
        assert_int_equal(each.calls, 1);
        harness_op_again(&waiting);
        hark_poll(loop, &waiting.op, fds[i], HARK_POLL_READABLE, harness_done);
        assert_result(harness_wait(loop, &waiting), HARK_POLL_READABLE);
        harness_close(loop, fds[i]);
    }
}

BACKEND_TEST(regular_file_is_always_readable_and_writable)
{
    int fd = harness_file("file", "text", 4);
    assert_result(poll_once(loop, fd, HARK_POLL_READABLE | HARK_POLL_WRITABLE),
                  HARK_POLL_READABLE | HARK_POLL_WRITABLE);
    assert_result(poll_once(loop, fd, HARK_POLL_WRITABLE), HARK_POLL_WRITABLE);
    harness_close(loop, fd);
}

BACKEND_TEST(poll_for_an_unknown_event_gives_einval)
{
    int ends[2];
    struct harness_op each = {0};
    harness_tcp_pair(loop, ends);
    assert_result(poll_once(loop, ends[0], 0x10000), -EINVAL);
    hark_poll_each(loop, &each.op, ends[0], 0x10000, harness_done);
    harness_run(loop);
    assert_result(each.result, -EINVAL);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

static void read_a_byte(struct harness_op *self, int64_t result)
{
    char byte[1];
    if (result < 0)
        return;
    assert_true(hark_op_more(&self->op));
    assert_result(result, HARK_POLL_READABLE);
    if (self->calls > 3)
        assert_int_equal(read(self->op.fd, byte, 1), 1); /* left unread, it is reported again */
}

BACKEND_TEST(poll_each_reports_again_until_dealt_with)
{
    int ends[2];
    struct harness_op each = {.then = read_a_byte};
    harness_socket_pair(loop, ends);
    hark_poll_each(loop, &each.op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    assert_int_equal(each.calls, 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    while (each.calls < 6) /* three times unread, then a byte each */
        assert_result(hark_run_once(loop), 1);
    harness_settle(loop);
    assert_int_equal(each.calls, 6);
    assert_int_equal(write(ends[1], "d", 1), 1);
    while (each.calls < 7)
        assert_result(hark_run_once(loop), 1);
    harness_settle(loop);
    assert_int_equal(each.calls, 7);
    hark_cancel(&each.op);
    harness_run(loop);
    assert_result(each.result, -ECANCELED);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(several_polls_on_one_descriptor_are_all_told)
{
    int ends[2];
    struct harness_op polls[6] = {0};
    harness_socket_pair(loop, ends);
    for (int index = 0; index < 6; index++)
        hark_poll(loop, &polls[index].op, ends[0], HARK_POLL_READABLE, harness_done);
    harness_settle(loop);
    assert_int_equal(write(ends[1], "x", 1), 1);
    harness_run(loop);
    for (int index = 0; index < 6; index++)
        assert_result(polls[index].result, HARK_POLL_READABLE);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(poll_and_recv_share_a_descriptor)
{
    int ends[2];
    char byte[1];
    struct harness_op polling = {0};
    struct harness_op receiving = {0};
    harness_socket_pair(loop, ends);
    hark_poll(loop, &polling.op, ends[0], HARK_POLL_READABLE, harness_done);
    hark_recv(loop, &receiving.op, ends[0], byte, 1, 0, harness_done);
    harness_settle(loop);
    assert_int_equal(write(ends[1], "xy", 2), 2);
    harness_run(loop);
    assert_result(polling.result, HARK_POLL_READABLE);
    assert_result(receiving.result, 1);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(poll_for_the_peers_end_is_told_after_bytes_were_received_at_once)
{
    for (int each = 0; each < 2; each++) {
        int ends[2];
        char bytes[10];
        struct harness_op polling = {0};
        struct harness_op receiving = {0};
        harness_tcp_pair(loop, ends);
        hark_poll(loop, &polling.op, ends[0], HARK_POLL_PEER_HANGUP, harness_done);
        harness_settle(loop);
        assert_int_equal(write(ends[1], "hello", 5), 5);
        harness_settle(loop);
        if (each)
            hark_recv_each(loop, &receiving.op, ends[0], harness_done);
        else
            hark_recv(loop, &receiving.op, ends[0], bytes, sizeof bytes, 0, harness_done);
        while (receiving.total < 5)
            assert_result(hark_run_once(loop), 1);
        hark_cancel(&receiving.op);
        harness_settle(loop);
        assert_int_equal(polling.calls, 0);
        assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
        assert_result(harness_wait(loop, &polling), HARK_POLL_PEER_HANGUP);
        harness_run(loop);
        harness_close(loop, ends[0]);
        harness_close(loop, ends[1]);
    }
}

static void cancel_other(struct harness_op *self, int64_t result)
{
    (void)result;
    hark_cancel(self->context);
}

/* Plain bytes wake whoever waits for urgent ones. Cancelled between the wake-up and its call, it
 * has no event to tell of. */
BACKEND_TEST(promise_06_cancelled_poll_gives_no_event_that_does_not_hold)
{
    int first[2];
    int second[2];
    char byte[1];
    struct harness_op polling = {0};
    struct harness_op receiving = {.then = cancel_other, .context = &polling.op};
    harness_tcp_pair(loop, first);
    harness_tcp_pair(loop, second);
    hark_recv(loop, &receiving.op, first[0], byte, 1, 0, harness_done);
    hark_poll(loop, &polling.op, second[0], HARK_POLL_EXCEPTIONAL, harness_done);
    harness_settle(loop);
    assert_int_equal(write(first[1], "a", 1),
                     1); /* both wake-ups come in one batch, this one first */
    assert_int_equal(write(second[1], "b", 1), 1);
    harness_run(loop);
    assert_result(receiving.result, 1);
    assert_result(polling.result, -ECANCELED);
    harness_close(loop, first[0]);
    harness_close(loop, first[1]);
    harness_close(loop, second[0]);
    harness_close(loop, second[1]);
}

BACKEND_TEST(forget_lets_go_of_a_descriptor_or_says_that_it_is_busy)
{
    int ends[2];
    char byte[1];
    struct harness_op receiving = {0};
    harness_socket_pair(loop, ends);
    hark_recv(loop, &receiving.op, ends[0], byte, 1, 0, harness_done);
    harness_settle(loop);
    assert_result(hark_os_forget(loop, ends[0]), -EBUSY);
    assert_int_equal(write(ends[1], "x", 1), 1);
    harness_run(loop);
    assert_result(hark_os_forget(loop, ends[0]), 0);
    assert_result(hark_os_forget(loop, 12345), 0);
    close(ends[0]);
    close(ends[1]);
    harness_socket_pair(loop, ends); /* the same numbers, unknown to the loop */
    harness_op_again(&receiving);
    hark_recv(loop, &receiving.op, ends[0], byte, 1, 0, harness_done);
    harness_settle(loop);
    assert_int_equal(write(ends[1], "y", 1), 1);
    harness_run(loop);
    assert_result(receiving.result, 1);
    assert_int_equal(byte[0], 'y');
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}
