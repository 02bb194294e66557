/* test_short_reads.c - a read that gave fewer bytes than there was room for, though more lie in the
 * socket: after a peek, a passed descriptor, passed credentials, the urgent mark. What is left must
 * be found by the next read, which gets no event for it. */
#include "harness/harness.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void close_both(struct hark_loop *loop, const int ends[2])
{
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

/* Receives, and waits until it has. Asserts that it gave the text. */
static void expect(struct hark_loop *loop, int fd, int flags, const char *text)
{
    char bytes[100];
    struct harness_op op = {0};
    hark_recv(loop, &op.op, fd, bytes, sizeof bytes, flags, harness_done);
    assert_result(harness_wait(loop, &op), (int64_t)strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

/* Starts to receive before anything is there, as an op that waits is reported once only. */
static void start_recv(struct hark_loop *loop, struct harness_op *op, int fd, char bytes[100],
                       int flags)
{
    hark_recv(loop, &op->op, fd, bytes, 100, flags, harness_done);
    harness_settle(loop);
    assert_int_equal(op->calls, 0);
}

BACKEND_TEST(recv_after_a_peek_that_waited_gets_the_bytes)
{
    for (int tcp = 0; tcp < 2; tcp++) {
        int ends[2];
        char bytes[100];
        struct harness_op peek = {0};
        if (tcp)
            harness_tcp_pair(loop, ends);
        else
            harness_socket_pair(loop, ends);
        start_recv(loop, &peek, ends[0], bytes, MSG_PEEK);
        assert_int_equal(write(ends[1], "hello", 5), 5);
        assert_result(harness_wait(loop, &peek), 5);
        expect(loop, ends[0], MSG_PEEK, "hello");
        expect(loop, ends[0], 0, "hello");
        close_both(loop, ends);
    }
}

BACKEND_TEST(recv_each_after_a_peek_that_waited_gets_the_bytes)
{
    int ends[2];
    char bytes[100];
    struct harness_op peek = {0};
    struct harness_op each = {.into = bytes, .into_room = sizeof bytes};
    harness_tcp_pair(loop, ends);
    start_recv(loop, &peek, ends[0], bytes, MSG_PEEK);
    assert_int_equal(write(ends[1], "hello", 5), 5);
    assert_result(harness_wait(loop, &peek), 5);
    hark_recv_each(loop, &each.op, ends[0], harness_done);
    while (each.total < 5)
        assert_result(hark_run_once(loop), 1);
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    assert_result(harness_wait(loop, &each), 0);
    close_both(loop, ends);
}

BACKEND_TEST(message_peeked_at_is_received_afterwards)
{
    int ends[2];
    char bytes[100];
    struct harness_op peek = {0};
    struct iovec vector = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    harness_tcp_pair(loop, ends);
    hark_recvmsg(loop, &peek.op, ends[0], &message, MSG_PEEK, harness_done);
    harness_settle(loop);
    assert_int_equal(write(ends[1], "hello", 5), 5);
    assert_result(harness_wait(loop, &peek), 5);
    expect(loop, ends[0], 0, "hello");
    close_both(loop, ends);
}

static void send_with_descriptor(int socket, const char *text)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    int fd = STDIN_FILENO;
    struct iovec vector = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control.room};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    assert_int_equal(sendmsg(socket, &message, 0), (ssize_t)strlen(text));
}

BACKEND_TEST(recv_goes_on_after_a_piece_that_carried_a_descriptor)
{
    int ends[2];
    char bytes[100];
    struct harness_op op = {0};
    harness_socket_pair(loop, ends);
    start_recv(loop, &op, ends[0], bytes, 0);
    send_with_descriptor(ends[1], "abc");
    assert_int_equal(write(ends[1], "defgh", 5), 5);
    assert_result(harness_wait(loop, &op), 3);
    expect(loop, ends[0], 0, "defgh");
    close_both(loop, ends);
}

/* Of a socket that the library made itself, which it need not look up. */
BACKEND_TEST(recv_on_an_accepted_unix_stream_goes_on_after_a_piece_that_carried_a_descriptor)
{
    int ends[2];
    char bytes[100];
    struct hark_address address;
    struct harness_op making = {0};
    struct harness_op accepting = {0};
    struct harness_op connecting = {0};
    struct harness_op op = {0};
    char text[HARK_ADDRESS_TEXT_MAX];
    snprintf(text, sizeof text, "unix:%s", harness_path("socket"));
    assert_int_equal(hark_address_parse(text, &address), 0);
    int listener = hark_listen_at(loop, &address, 0, 0);
    assert_true(listener >= 0);
    hark_socket(loop, &making.op, AF_UNIX, SOCK_STREAM, 0, harness_done);
    ends[1] = (int)harness_wait(loop, &making);
    hark_accept(loop, &accepting.op, listener, NULL, NULL, harness_done);
    hark_connect(loop, &connecting.op, ends[1], &address.name.any, address.length, harness_done);
    assert_result(harness_wait(loop, &connecting), 0);
    ends[0] = (int)harness_wait(loop, &accepting);
    for (int turn = 0; turn < 2; turn++) { /* what was accepted, then what was made */
        harness_op_again(&op);
        start_recv(loop, &op, ends[turn], bytes, 0);
        send_with_descriptor(ends[1 - turn], "abc");
        assert_int_equal(write(ends[1 - turn], "defgh", 5), 5);
        assert_result(harness_wait(loop, &op), 3);
        expect(loop, ends[turn], 0, "defgh");
    }
    harness_close(loop, listener);
    close_both(loop, ends);
}

BACKEND_TEST(recv_each_goes_on_after_pieces_that_carried_descriptors)
{
    int ends[2];
    char bytes[100];
    struct harness_op each = {.into = bytes, .into_room = sizeof bytes};
    harness_socket_pair(loop, ends);
    hark_recv_each(loop, &each.op, ends[0], harness_done);
    harness_settle(loop);
    send_with_descriptor(ends[1], "abc");
    send_with_descriptor(ends[1], "def");
    assert_int_equal(write(ends[1], "gh", 2), 2);
    while (each.total < 8)
        assert_result(hark_run_once(loop), 1);
    assert_memory_equal(bytes, "abcdefgh", 8);
    hark_cancel(&each.op);
    assert_result(harness_wait(loop, &each), -ECANCELED);
    close_both(loop, ends);
}

BACKEND_TEST(recv_all_is_filled_across_pieces_that_carried_descriptors)
{
    int ends[2];
    char bytes[8];
    struct harness_op op = {0};
    harness_socket_pair(loop, ends);
    hark_recv(loop, &op.op, ends[0], bytes, sizeof bytes, MSG_WAITALL, harness_done);
    harness_settle(loop);
    send_with_descriptor(ends[1], "abc");
    harness_settle(loop);
    send_with_descriptor(ends[1], "def");
    assert_int_equal(write(ends[1], "gh", 2), 2);
    assert_result(harness_wait(loop, &op), 8);
    assert_memory_equal(bytes, "abcdefgh", 8);
    close_both(loop, ends);
}

BACKEND_TEST(recv_goes_on_past_the_urgent_mark)
{
    int ends[2];
    char bytes[100];
    struct harness_op op = {0};
    harness_tcp_pair(loop, ends);
    start_recv(loop, &op, ends[0], bytes, 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    assert_int_equal(send(ends[1], "!", 1, MSG_OOB), 1);
    assert_int_equal(write(ends[1], "defgh", 5), 5);
    assert_result(harness_wait(loop, &op), 3); /* a read stops at the mark */
    expect(loop, ends[0], 0, "defgh");
    close_both(loop, ends);
}

BACKEND_TEST(recv_after_the_urgent_byte_was_received_gets_the_plain_bytes)
{
    int ends[2];
    struct harness_op polling = {0};
    harness_tcp_pair(loop, ends);
    hark_poll(loop, &polling.op, ends[0], HARK_POLL_EXCEPTIONAL, harness_done);
    harness_settle(loop);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    assert_int_equal(send(ends[1], "!", 1, MSG_OOB), 1);
    assert_result(harness_wait(loop, &polling), HARK_POLL_EXCEPTIONAL);
    expect(loop, ends[0], MSG_OOB, "!"); /* one of a hundred: says nothing about the plain bytes */
    expect(loop, ends[0], 0, "abc");
    close_both(loop, ends);
}

BACKEND_TEST(records_of_a_seqpacket_socket_are_received_one_by_one)
{
    int ends[2];
    char bytes[100];
    struct harness_op op = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
                     0);
    start_recv(loop, &op, ends[0], bytes, 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    assert_int_equal(write(ends[1], "defgh", 5), 5);
    assert_result(harness_wait(loop, &op), 3);
    expect(loop, ends[0], 0, "defgh");
    close_both(loop, ends);
}
