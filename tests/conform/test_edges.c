/* test_edges.c - cases in which the kernel's answers mislead: peeks, passed descriptors, datagrams, buffers that trickle back,
 * numbers that are used again, writes that outlive a run. */
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const uint64_t hour_ns = 3600000000000u;

BACKEND_TEST(promise_03_cancel_all_finds_timers_among_deadlines)
{
    enum { ROUNDS = 500, OPS = 24 };
    int ends[2];
    char byte[1];
    uint64_t state = 88172645463325252u;
    harness_socket_pair(loop, ends);
    for (int round = 0; round < ROUNDS; round++) { /* heaps of many shapes */
        struct harness_op ops[OPS] = {0};
        uint64_t start = hark_os_clock(loop) + hour_ns;
        for (int index = 0; index < OPS; index++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            if (state % 4 == 0) {
                hark_recv(loop, &ops[index].op, ends[0], byte, 1, 0, harness_done);
                hark_op_deadline(&ops[index].op, start + (state >> 20) % 1000);
            } else {
                hark_sleep_until(loop, &ops[index].op, start + (state >> 20) % 1000, harness_done);
            }
        }
        hark_cancel_all(loop);
        harness_run(loop); /* a timer that was passed over would make this test time out */
        for (int index = 0; index < OPS; index++)
            assert_result(ops[index].result, -ECANCELED);
    }
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(recv_after_a_peek_that_waited_gets_the_bytes)
{
    for (int tcp = 0; tcp < 2; tcp++) {
        int ends[2];
        char bytes[100];
        struct harness_op op = {0};
        if (tcp)
            harness_tcp_pair(loop, ends);
        else
            harness_socket_pair(loop, ends);
        hark_recv(loop, &op.op, ends[0], bytes, sizeof bytes, MSG_PEEK, harness_done);
        harness_settle(loop);
        assert_int_equal(write(ends[1], "hello", 5), 5);
        assert_result(harness_wait(loop, &op), 5);
        harness_op_again(&op);
        hark_recv(loop, &op.op, ends[0], bytes, sizeof bytes, 0, harness_done);
        assert_result(harness_wait(loop, &op), 5);
        harness_close(loop, ends[0]);
        harness_close(loop, ends[1]);
    }
}

static void send_with_descriptor(int socket, const char *text)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    int fd = STDIN_FILENO;
    struct iovec vector = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    assert_int_equal(sendmsg(socket, &message, 0), (ssize_t)strlen(text));
}

BACKEND_TEST(stream_goes_on_after_a_piece_that_carried_a_descriptor)
{
    for (int each = 0; each < 2; each++) {
        int ends[2];
        char bytes[100];
        struct harness_op op = {.into = bytes, .into_room = sizeof bytes};
        harness_socket_pair(loop, ends);
        if (each)
            hark_recv_each(loop, &op.op, ends[0], harness_done);
        else
            hark_recv(loop, &op.op, ends[0], bytes, sizeof bytes, 0, harness_done);
        harness_settle(loop);
        send_with_descriptor(ends[1], "abc");
        assert_int_equal(write(ends[1], "defgh", 5), 5);
        if (each) {
            while (op.total < 8)
                assert_result(hark_run_once(loop), 1);
            assert_memory_equal(bytes, "abcdefgh", 8);
            hark_cancel(&op.op);
            harness_run(loop);
        } else {
            assert_result(harness_wait(loop, &op), 3);
            harness_op_again(&op);
            hark_recv(loop, &op.op, ends[0], bytes, sizeof bytes, 0, harness_done);
            assert_result(harness_wait(loop, &op), 5);
        }
        harness_close(loop, ends[0]);
        harness_close(loop, ends[1]);
    }
}

BACKEND_TEST(promise_14_write_that_outlives_a_run_raises_no_signal)
{
    int ends[2];
    struct harness_op op = {0};
    harness_pipe(ends, 0);
    harness_stuff(ends[1]);
    hark_write(loop, &op.op, ends[1], "x", 1, HARK_AT_POSITION, harness_done);
    harness_settle(loop); /* several runs have begun and ended */
    close(ends[0]);
    assert_result(harness_wait(loop, &op), -EPIPE); /* SIGPIPE would have ended this process */
    harness_run(loop);
    harness_close(loop, ends[1]);
    sigset_t blocked;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
    assert_false(sigismember(&blocked, SIGPIPE));
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

BACKEND_TEST_WITH(receiving_goes_on_with_one_buffer_returned, 0, .buffer_count = 4, .buffer_bytes = 64)
{
    int ends[2];
    void *kept[16] = {NULL};
    char in[64 * 8];
    struct harness_op op = {.then = keep_it, .context = kept, .into = in, .into_room = sizeof in};
    harness_socket_pair(loop, ends);
    hark_recv_each(loop, &op.op, ends[0], harness_done);
    memset(in, 'x', sizeof in);
    assert_int_equal(write(ends[1], in, sizeof in), sizeof in);
    harness_settle(loop);
    for (int piece = 4; piece < 8; piece++) { /* three of the four stay with the program */
        assert_int_equal(op.calls, piece);
        hark_buffer_return(loop, kept[piece - 1]);
        while (op.calls == piece)
            assert_result(hark_run_once(loop), 1);
        harness_settle(loop);
    }
    assert_int_equal(op.total, sizeof in);
    hark_cancel(&op.op);
    harness_run(loop);
    for (int index = 0; index < 3; index++)
        hark_buffer_return(loop, kept[index]);
    hark_buffer_return(loop, kept[7]);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST_WITH(returned_buffer_reaches_the_one_that_has_bytes, 0, .buffer_count = 1, .buffer_bytes = 64)
{
    enum { IDLE = 3 };
    int ends[2];
    int other[2];
    int idle[IDLE][2];
    void *kept[16] = {NULL};
    struct harness_op holder = {.then = keep_it, .context = kept};
    struct harness_op waiting[IDLE] = {0};
    struct harness_op receiving = {0};
    harness_socket_pair(loop, ends);
    harness_socket_pair(loop, other);
    hark_recv_each(loop, &holder.op, ends[0], harness_done);
    assert_int_equal(write(ends[1], "x", 1), 1);
    while (holder.calls == 0)
        assert_result(hark_run_once(loop), 1);
    for (int index = 0; index < IDLE; index++) { /* these find the pool empty and have nothing to receive */
        harness_socket_pair(loop, idle[index]);
        hark_recv_each(loop, &waiting[index].op, idle[index][0], harness_done);
    }
    harness_settle(loop);
    hark_recv_each(loop, &receiving.op, other[0], harness_done);
    assert_int_equal(write(other[1], "y", 1), 1);
    harness_settle(loop);
    assert_int_equal(receiving.calls, 0);
    hark_buffer_return(loop, kept[0]);
    while (receiving.calls == 0)
        assert_result(hark_run_once(loop), 1);
    assert_result(receiving.result, 1);
    hark_cancel_all(loop);
    harness_run(loop);
    for (int index = 0; index < IDLE; index++) {
        harness_close(loop, idle[index][0]);
        harness_close(loop, idle[index][1]);
    }
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
    harness_close(loop, other[0]);
    harness_close(loop, other[1]);
}

BACKEND_TEST(poll_for_the_peers_end_is_told_after_bytes_were_read)
{
    int ends[2];
    char bytes[10];
    struct harness_op polling = {0};
    struct harness_op receiving = {0};
    harness_tcp_pair(loop, ends);
    hark_poll(loop, &polling.op, ends[0], HARK_POLL_PEER_HANGUP, harness_done);
    harness_settle(loop);
    assert_int_equal(write(ends[1], "hello", 5), 5);
    harness_settle(loop);
    hark_recv(loop, &receiving.op, ends[0], bytes, sizeof bytes, 0, harness_done);
    assert_result(harness_wait(loop, &receiving), 5);
    assert_int_equal(polling.calls, 0);
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    assert_result(harness_wait(loop, &polling), HARK_POLL_PEER_HANGUP);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

static void cancel_other(struct harness_op *self, int64_t result)
{
    (void)result;
    hark_cancel(self->context);
}

BACKEND_TEST(poll_that_is_cancelled_gives_no_event_that_does_not_hold)
{
    int ends[2];
    struct harness_op polling = {0};
    struct harness_op deferred = {.then = cancel_other, .context = &polling.op};
    harness_tcp_pair(loop, ends);
    hark_poll(loop, &polling.op, ends[0], HARK_POLL_EXCEPTIONAL, harness_done);
    harness_settle(loop);
    hark_defer(loop, &deferred.op, harness_done);
    assert_int_equal(write(ends[1], "plain", 5), 5);
    harness_run(loop);
    assert_result(polling.result, -ECANCELED);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(promise_08_start_after_close_does_not_meet_the_next_owner_of_the_number)
{
    int ends[2];
    int next[2];
    char byte[1] = {0};
    struct harness_op closing = {0};
    struct harness_op stale = {0};
    struct harness_op own = {0};
    harness_socket_pair(loop, ends);
    hark_close(loop, &closing.op, ends[0], harness_done);
    hark_recv(loop, &stale.op, ends[0], byte, 1, 0, harness_done);
    harness_socket_pair(loop, next); /* gets the number at once where the close has run at once */
    int fresh = next[0] == ends[0] ? next[0] : next[1] == ends[0] ? next[1] : next[0];
    int far = fresh == next[0] ? next[1] : next[0];
    hark_recv(loop, &own.op, fresh, byte, 1, 0, harness_done);
    assert_int_equal(write(far, "x", 1), 1);
    harness_run(loop);
    assert_result(closing.result, 0);
    assert_result(stale.result, -EBADF);
    assert_result(own.result, 1);
    harness_close(loop, next[0]);
    harness_close(loop, next[1]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(receiving_all_of_datagrams_gives_one_of_them)
{
    int ends[2];
    char bytes[100];
    struct harness_op op = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    assert_int_equal(write(ends[1], "defg", 4), 4);
    hark_recv(loop, &op.op, ends[0], bytes, sizeof bytes, MSG_WAITALL, harness_done);
    assert_result(harness_wait(loop, &op), 3);
    harness_op_again(&op);
    hark_recv(loop, &op.op, ends[0], bytes, sizeof bytes, MSG_WAITALL, harness_done);
    assert_result(harness_wait(loop, &op), 4);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(promise_09_datagram_to_a_full_unix_receiver_waits_asleep_or_is_refused)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct iovec vector = {.iov_base = (char[]){"x"}, .iov_len = 1};
    struct msghdr message = {.msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &vector, .msg_iovlen = 1};
    struct harness_op sending = {0};
    struct harness_op timer = {0};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", harness_path("receiver"));
    int receiver = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(receiver, (struct sockaddr *)&address, sizeof address), 0);
    while (sendmsg(sender, &message, 0) == 1)
        ;
    hark_sendmsg(loop, &sending.op, sender, &message, 0, harness_done);
    harness_settle(loop);
    uint64_t turns = hark_loop_metrics(loop)->turns;
    hark_sleep(loop, &timer.op, 20000000, harness_done);
    assert_result(harness_wait(loop, &timer), 0);
    assert_true(hark_loop_metrics(loop)->turns - turns <= 12);
    hark_cancel(&sending.op);
    harness_run(loop);
    assert_true(sending.result == -EAGAIN || sending.result == -ECANCELED);
    harness_close(loop, sender);
    harness_close(loop, receiver);
}
