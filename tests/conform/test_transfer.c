/* test_transfer.c - recv, send, recvmsg, sendmsg: successes and each failure of their
 * documentation. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct pair {
    int end[2];
    struct harness_op receive;
    struct harness_op send;
    char in[4096];
    char out[4096];
};

static void open_pair(struct hark_loop *loop, struct pair *pair)
{
    memset(pair, 0, sizeof *pair);
    harness_tcp_pair(loop, pair->end);
    harness_fill(pair->out, sizeof pair->out, 3);
}

static void close_pair(struct hark_loop *loop, struct pair *pair)
{
    harness_close(loop, pair->end[0]);
    harness_close(loop, pair->end[1]);
}

/* Makes the peer's end send a reset. */
static void reset(int fd)
{
    struct linger abort_it = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof abort_it), 0);
    close(fd);
}

BACKEND_TEST(bytes_sent_are_the_bytes_received)
{
    struct pair pair;
    open_pair(loop, &pair);
    hark_recv(loop, &pair.receive.op, pair.end[1], pair.in, sizeof pair.in, 0, harness_done);
    hark_send(loop, &pair.send.op, pair.end[0], pair.out, 1000, 0, harness_done);
    harness_run(loop);
    assert_result(pair.send.result, 1000);
    assert_result(pair.receive.result, 1000);
    assert_true(harness_filled(pair.in, 1000, 3));
    close_pair(loop, &pair);
}

BACKEND_TEST(recv_at_end_of_stream_gives_zero)
{
    struct pair pair;
    open_pair(loop, &pair);
    hark_recv(loop, &pair.receive.op, pair.end[1], pair.in, sizeof pair.in, 0, harness_done);
    harness_settle(loop);
    harness_close(loop, pair.end[0]);
    pair.end[0] = -1;
    harness_run(loop);
    assert_result(pair.receive.result, 0);
    close_pair(loop, &pair);
}

BACKEND_TEST(recv_of_no_bytes_gives_zero)
{
    struct pair pair;
    open_pair(loop, &pair);
    assert_int_equal(write(pair.end[0], "x", 1), 1);
    hark_recv(loop, &pair.receive.op, pair.end[1], pair.in, 0, 0, harness_done);
    harness_run(loop);
    assert_result(pair.receive.result, 0);
    close_pair(loop, &pair);
}

BACKEND_TEST(recv_peeks_where_asked)
{
    struct pair pair;
    open_pair(loop, &pair);
    assert_int_equal(write(pair.end[0], "abc", 3), 3);
    hark_recv(loop, &pair.receive.op, pair.end[1], pair.in, sizeof pair.in, MSG_PEEK, harness_done);
    harness_run(loop);
    assert_result(pair.receive.result, 3);
    harness_op_again(&pair.receive);
    hark_recv(loop, &pair.receive.op, pair.end[1], pair.in, sizeof pair.in, 0, harness_done);
    harness_run(loop);
    assert_result(pair.receive.result, 3);
    close_pair(loop, &pair);
}

BACKEND_TEST(promise_12_recv_that_peeks_does_not_wait_for_all)
{
    struct pair pair;
    open_pair(loop, &pair);
    assert_int_equal(write(pair.end[0], "abc", 3), 3);
    hark_recv(loop, &pair.receive.op, pair.end[1], pair.in, 9, MSG_PEEK | MSG_WAITALL,
              harness_done);
    harness_run(loop);
    assert_result(pair.receive.result, 3);
    close_pair(loop, &pair);
}

BACKEND_TEST(recv_all_waits_for_all)
{
    struct pair pair;
    open_pair(loop, &pair);
    hark_recv(loop, &pair.receive.op, pair.end[1], pair.in, 1000, MSG_WAITALL, harness_done);
    for (int piece = 0; piece < 10; piece++) {
        assert_int_equal(pair.receive.calls, 0);
        assert_int_equal(write(pair.end[0], pair.out + 100 * piece, 100), 100);
        harness_settle(loop);
    }
    harness_run(loop);
    assert_result(pair.receive.result, 1000);
    assert_true(harness_filled(pair.in, 1000, 3));
    close_pair(loop, &pair);
}

WORLDS_WITHOUT(recv_all_gives_fewer_at_the_end_on_cancel_and_past_the_deadline, LINK | SMALL,
               "what was sent is to be there before the end")
BACKEND_TEST(recv_all_gives_fewer_at_the_end_on_cancel_and_past_the_deadline)
{
    for (int how = 0; how < 3; how++) {
        struct pair pair;
        open_pair(loop, &pair);
        hark_recv(loop, &pair.receive.op, pair.end[1], pair.in, 1000, MSG_WAITALL, harness_done);
        assert_int_equal(write(pair.end[0], pair.out, 300), 300);
        harness_settle(loop);
        assert_int_equal(pair.receive.calls, 0);
        if (how == 0)
            shutdown(pair.end[0], SHUT_WR);
        else if (how == 1)
            hark_cancel(&pair.receive.op);
        else
            hark_op_deadline(&pair.receive.op, 0);
        harness_run(loop);
        assert_result(pair.receive.result, 300);
        assert_true(harness_filled(pair.in, 300, 3));
        close_pair(loop, &pair);
    }
}

BACKEND_TEST(bytes_received_in_small_pieces_are_all_received)
{
    static const size_t pieces[] = {1, 7, 100, 250};
    for (size_t index = 0; index < sizeof pieces / sizeof pieces[0]; index++) {
        struct pair pair;
        open_pair(loop, &pair);
        assert_int_equal(write(pair.end[0], pair.out, 1000), 1000);
        size_t received = 0;
        while (received < 1000) { /* each piece is full, and more is there */
            size_t left = 1000 - received;
            harness_op_again(&pair.receive);
            hark_recv(loop, &pair.receive.op, pair.end[1], pair.in + received,
                      pieces[index] < left ? pieces[index] : left, 0, harness_done);
            int64_t count = harness_wait(loop, &pair.receive);
            assert_true(count > 0);
            received += (size_t)count;
        }
        assert_true(harness_filled(pair.in, 1000, 3));
        close_pair(loop, &pair);
    }
}

BACKEND_TEST(recv_and_send_after_a_reset_give_econnreset_and_epipe)
{
    struct pair pair;
    open_pair(loop, &pair);
    hark_recv(loop, &pair.receive.op, pair.end[1], pair.in, sizeof pair.in, 0, harness_done);
    harness_settle(loop);
    reset(pair.end[0]);
    pair.end[0] = -1;
    harness_run(loop);
    assert_result(pair.receive.result, -ECONNRESET);
    hark_send(loop, &pair.send.op, pair.end[1], pair.out, 10, 0, harness_done);
    harness_run(loop);
    assert_result(pair.send.result, -EPIPE);
    close_pair(loop, &pair);
}

BACKEND_TEST(promise_14_send_to_a_closed_peer_gives_epipe_and_no_signal)
{
    int ends[2];
    struct harness_op send = {0};
    struct harness_op message_op = {0};
    struct iovec vector = {.iov_base = (char[]){"x"}, .iov_len = 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    harness_socket_pair(loop, ends);
    close(ends[1]);
    hark_send(loop, &send.op, ends[0], "x", 1, 0, harness_done);
    hark_sendmsg(loop, &message_op.op, ends[0], &message, 0, harness_done);
    harness_run(loop); /* SIGPIPE would end this process */
    assert_result(send.result, -EPIPE);
    assert_result(message_op.result, -EPIPE);
    harness_close(loop, ends[0]);
}

BACKEND_TEST(transfer_on_an_unconnected_socket_gives_enotconn_or_epipe)
{
    struct harness_op ops[5] = {0};
    char byte[1] = {0};
    struct iovec vector = {.iov_base = byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    int fd = hark_os_socket(loop, AF_INET, SOCK_STREAM, 0);
    hark_recv(loop, &ops[0].op, fd, byte, 1, 0, harness_done);
    hark_recv_each(loop, &ops[1].op, fd, harness_done);
    hark_recvmsg(loop, &ops[2].op, fd, &message, 0, harness_done);
    hark_send(loop, &ops[3].op, fd, byte, 1, 0, harness_done);
    hark_sendmsg(loop, &ops[4].op, fd, &message, 0, harness_done);
    harness_run(loop);
    assert_result(ops[0].result, -ENOTCONN);
    assert_result(ops[1].result, -ENOTCONN);
    assert_result(ops[2].result, -ENOTCONN);
    assert_result(ops[3].result, -EPIPE);
    assert_result(ops[4].result, -EPIPE);
    harness_close(loop, fd);
}

BACKEND_TEST(transfer_at_an_address_that_is_not_mapped_gives_efault)
{
    if (harness_in_world())
        harness_skip("a world does not know which memory is mapped");
    struct pair pair;
    open_pair(loop, &pair);
    char *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(hole != MAP_FAILED);
    assert_int_equal(write(pair.end[0], "x", 1), 1);
    hark_recv(loop, &pair.receive.op, pair.end[1], hole, 10, 0, harness_done);
    hark_send(loop, &pair.send.op, pair.end[0], hole, 10, 0, harness_done);
    harness_run(loop);
    assert_result(pair.receive.result, -EFAULT);
    assert_result(pair.send.result, -EFAULT);
    munmap(hole, 4096);
    close_pair(loop, &pair);
}

BACKEND_TEST(datagram_too_long_gives_emsgsize)
{
    static char large[70000];
    struct harness_op send = {0};
    struct hark_address address;
    assert_int_equal(hark_address_parse("127.0.0.1:9", &address), 0);
    int fd = hark_os_socket(loop, AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(connect(fd, &address.name.any, address.length), 0);
    hark_send(loop, &send.op, fd, large, sizeof large, 0, harness_done);
    harness_run(loop);
    assert_result(send.result, -EMSGSIZE);
    harness_close(loop, fd);
}

static void read_on(struct harness_op *self, int64_t result)
{
    int *fd = self->context;
    if (result > 0 && self->total < self->into_room) {
        self->ended = false;
        hark_recv(self->op.loop, &self->op, *fd, self->into + self->total,
                  self->into_room - (size_t)self->total, 0, harness_done);
    }
}

BACKEND_TEST(send_all_of_more_than_the_socket_holds_ends_with_all)
{
    enum { COUNT = 8 << 20 };
    struct pair pair;
    char *out = malloc(COUNT);
    char *in = malloc(COUNT);
    assert_true(out && in);
    open_pair(loop, &pair);
    harness_fill(out, COUNT, 11);
    pair.receive.then = read_on;
    pair.receive.context = &pair.end[1];
    pair.receive.into = in;
    pair.receive.into_room = COUNT;
    hark_send(loop, &pair.send.op, pair.end[0], out, COUNT, MSG_WAITALL, harness_done);
    harness_settle(loop);
    assert_int_equal(pair.send.calls, 0);
    hark_recv(loop, &pair.receive.op, pair.end[1], in, COUNT, 0, harness_done);
    harness_run(loop);
    assert_result(pair.send.result, COUNT);
    assert_int_equal(pair.receive.total, COUNT);
    assert_true(harness_filled(in, COUNT, 11));
    close_pair(loop, &pair);
    free(out);
    free(in);
}

BACKEND_TEST(send_without_all_gives_what_the_kernel_took)
{
    enum { COUNT = 32 << 20 };
    struct pair pair;
    char *out = calloc(1, COUNT);
    assert_non_null(out);
    open_pair(loop, &pair);
    hark_send(loop, &pair.send.op, pair.end[0], out, COUNT, 0, harness_done);
    harness_run(loop);
    assert_true(pair.send.result > 0 && pair.send.result < COUNT);
    close_pair(loop, &pair);
    free(out);
}

BACKEND_TEST(send_all_cancelled_or_timed_out_midway_gives_what_went)
{
    enum { COUNT = 32 << 20 };
    char *out = calloc(1, COUNT);
    char *in = malloc(65536);
    assert_true(out && in);
    for (int how = 0; how < 2; how++) {
        struct pair pair;
        open_pair(loop, &pair);
        hark_send(loop, &pair.send.op, pair.end[0], out, COUNT, MSG_WAITALL, harness_done);
        harness_settle(loop);
        if (how == 0)
            hark_cancel(&pair.send.op);
        else
            hark_op_deadline(&pair.send.op, 0);
        harness_run(loop);
        assert_true(pair.send.result > 0 && pair.send.result < COUNT);
        harness_close(loop, pair.end[0]);
        pair.end[0] = -1;
        int64_t arrived = 0;
        fcntl(pair.end[1], F_SETFL, 0);
        for (ssize_t step; (step = read(pair.end[1], in, 65536)) > 0;)
            arrived += step;
        assert_int_equal(arrived, pair.send.result);
        close_pair(loop, &pair);
    }
    free(out);
    free(in);
}

BACKEND_TEST(send_of_no_bytes_gives_zero)
{
    struct pair pair;
    open_pair(loop, &pair);
    hark_send(loop, &pair.send.op, pair.end[0], pair.out, 0, 0, harness_done);
    harness_run(loop);
    assert_result(pair.send.result, 0);
    close_pair(loop, &pair);
}

BACKEND_TEST(both_directions_of_one_descriptor_wait_at_once)
{
    struct pair pair;
    char byte[1];
    memset(&pair, 0, sizeof pair);
    harness_socket_pair(loop, pair.end);
    harness_stuff(pair.end[0]);
    hark_send(loop, &pair.send.op, pair.end[0], pair.out, 1, 0, harness_done);
    hark_recv(loop, &pair.receive.op, pair.end[0], byte, 1, 0, harness_done);
    harness_settle(loop);
    assert_int_equal(pair.send.calls + pair.receive.calls, 0);
    assert_int_equal(write(pair.end[1], "x", 1), 1);
    assert_result(harness_wait(loop, &pair.receive), 1);
    assert_int_equal(pair.send.calls, 0);
    static char sink[1 << 20];
    while (!pair.send.ended) {
        while (read(pair.end[1], sink, sizeof sink) > 0)
            ;
        harness_turns(loop, 1); /* not asleep: more may come after it has been read */
    }
    assert_result(pair.send.result, 1);
    close_pair(loop, &pair);
}
