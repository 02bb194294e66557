/* test_datagrams.c - sockets with messages in place of a stream: borders that stay, receivers that
 * are full, error queues. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void close_both(struct hark_loop *loop, const int ends[2])
{
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

static void datagram_pair(int out[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out), 0);
}

static int64_t receive(struct hark_loop *loop, int fd, char bytes[100], int flags)
{
    struct harness_op op = {0};
    hark_recv(loop, &op.op, fd, bytes, 100, flags, harness_done);
    return harness_wait(loop, &op);
}

/* Asserts that the loop sleeps while the op waits: a few turns in 20 ms, not thousands. */
static void assert_waits_asleep(struct hark_loop *loop, const struct harness_op *op)
{
    struct harness_op timer = {0};
    harness_settle(loop);
    uint64_t turns = hark_loop_metrics(loop)->turns;
    hark_sleep(loop, &timer.op, 20000000, harness_done);
    assert_result(harness_wait(loop, &timer), 0);
    assert_true(hark_loop_metrics(loop)->turns - turns <= 12);
    assert_int_equal(op->calls, 0);
}

BACKEND_TEST(promise_12_receiving_all_of_datagrams_gives_one_of_them)
{
    int ends[2];
    char bytes[100];
    datagram_pair(ends);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    assert_int_equal(write(ends[1], "defg", 4), 4);
    assert_result(receive(loop, ends[0], bytes, MSG_WAITALL), 3);
    assert_memory_equal(bytes, "abc", 3);
    assert_result(receive(loop, ends[0], bytes, MSG_WAITALL), 4);
    assert_memory_equal(bytes, "defg", 4);
    close_both(loop, ends);
}

BACKEND_TEST(promise_12_sending_all_of_a_datagram_sends_one)
{
    int ends[2];
    char bytes[100];
    struct harness_op op = {0};
    datagram_pair(ends);
    hark_send(loop, &op.op, ends[1], "abc", 3, MSG_WAITALL, harness_done);
    assert_result(harness_wait(loop, &op), 3);
    assert_result(receive(loop, ends[0], bytes, 0), 3);
    close_both(loop, ends);
}

BACKEND_TEST(datagram_of_no_bytes_is_received_as_such)
{
    int ends[2];
    char bytes[100];
    datagram_pair(ends);
    assert_int_equal(send(ends[1], "", 0, 0), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    assert_result(receive(loop, ends[0], bytes, MSG_WAITALL), 0);
    assert_result(receive(loop, ends[0], bytes, 0), 3);
    close_both(loop, ends);
}

/* --- received again and again --- */

static void expect_cut(struct harness_op *self, int64_t result)
{
    const int *wanted = self->context;
    assert_int_equal(hark_op_cut(&self->op), self->calls == *wanted);
    assert_true(result <= 0 || hark_op_buffer(&self->op));
}

static void receive_each(struct hark_loop *loop, const int ends[2])
{
    static char bytes[30000];
    int cut = 2;
    size_t room = hark_buffer_size(loop);
    const size_t sizes[] = {100, room + 1, 0, 7, 0, 0, room};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    struct harness_op receive = {.then = expect_cut, .context = &cut};
    hark_recv_each(loop, &receive.op, ends[0], harness_done);
    for (int i = 0; i < COUNT; i++) {
        assert_true(sizes[i] <= sizeof bytes);
        assert_int_equal(send(ends[1], bytes, sizes[i], 0), sizes[i]);
        while (receive.calls <= i)
            assert_result(hark_run_once(loop), 1);
        assert_int_equal(receive.results[i], sizes[i] < room ? sizes[i] : room);
        assert_true(receive.more[i]);
    }
    assert_int_equal(receive.calls, COUNT);
    hark_cancel(&receive.op);
    assert_result(harness_wait(loop, &receive), -ECANCELED);
    assert_int_equal(receive.calls, COUNT + 1);
}

static void udp_pair(struct hark_loop *loop, int out[2])
{
    struct hark_address address[2];
    for (int i = 0; i < 2; i++) {
        assert_result(hark_address_parse("127.0.0.1:0", &address[i]), 0);
        out[i] = hark_os_socket(loop, AF_INET, SOCK_DGRAM, 0);
        assert_result(hark_os_bind(loop, out[i], &address[i]), 0);
        assert_result(hark_os_getsockname(loop, out[i], &address[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(connect(out[i], &address[!i].name.any, address[!i].length), 0);
}

WORLDS_WITHOUT(promise_12_recv_each_goes_on_after_a_datagram_of_no_bytes_and_tells_one_that_is_cut,
               SMALL, "datagrams larger than a small socket")
BACKEND_TEST(promise_12_recv_each_goes_on_after_a_datagram_of_no_bytes_and_tells_one_that_is_cut)
{
    int ends[2];
    datagram_pair(ends);
    receive_each(loop, ends);
    close_both(loop, ends);
    udp_pair(loop, ends);
    receive_each(loop, ends);
    close_both(loop, ends);
}

BACKEND_TEST_WITH(recv_each_of_datagrams_that_starve_loses_none, .buffer_count = 2)
{
    enum { SOCKETS = 8 };
    int ends[SOCKETS][2];
    int cut = 0;
    struct harness_op receive[SOCKETS] = {0};
    for (int i = 0; i < SOCKETS; i++) {
        datagram_pair(ends[i]);
        receive[i] = (struct harness_op){.then = expect_cut, .context = &cut};
        hark_recv_each(loop, &receive[i].op, ends[i][0], harness_done);
        for (int piece = 0; piece < 4; piece++)
            assert_int_equal(send(ends[i][1], "abc", piece % 2 ? 3 : 0, 0), piece % 2 ? 3 : 0);
    }
    for (int i = 0; i < SOCKETS; i++) {
        while (receive[i].calls < 4)
            assert_result(hark_run_once(loop), 1);
        for (int piece = 0; piece < 4; piece++)
            assert_int_equal(receive[i].results[piece], piece % 2 ? 3 : 0);
        hark_cancel(&receive[i].op);
        assert_result(harness_wait(loop, &receive[i]), -ECANCELED);
        close_both(loop, ends[i]);
    }
}

/* --- a full receiver --- */

struct full {
    struct sockaddr_un address;
    struct iovec vector;
    struct msghdr message;
    int receiver;
    int sender;
};

/* A receiver with a name and a queue that holds no more, and a sender that is not connected to
 * it. */
static void open_full(struct full *full)
{
    static char byte[1] = "x";
    *full =
        (struct full){.address.sun_family = AF_UNIX, .vector = {.iov_base = byte, .iov_len = 1}};
    full->message = (struct msghdr){.msg_name = &full->address,
                                    .msg_namelen = sizeof full->address,
                                    .msg_iov = &full->vector,
                                    .msg_iovlen = 1};
    snprintf(full->address.sun_path, sizeof full->address.sun_path, "%s", harness_path("receiver"));
    full->receiver = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    full->sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(full->receiver, (struct sockaddr *)&full->address, sizeof full->address),
                     0);
    while (sendmsg(full->sender, &full->message, 0) == 1)
        ;
    assert_int_equal(errno, EAGAIN);
}

static void close_full(struct hark_loop *loop, struct full *full)
{
    harness_close(loop, full->sender);
    harness_close(loop, full->receiver);
}

static void drain(int fd)
{
    char bytes[100];
    while (recv(fd, bytes, sizeof bytes, 0) > 0)
        ;
}

/* There is nothing that could be waited for: such a socket is always writable. */
WORLDS_WITHOUT(promise_09_datagram_to_a_full_unix_receiver_gives_eagain, SMALL,
               "the receiver is to be full before the sender")
BACKEND_TEST(promise_09_datagram_to_a_full_unix_receiver_gives_eagain)
{
    struct full full;
    struct harness_op sending = {0};
    open_full(&full);
    hark_sendmsg(loop, &sending.op, full.sender, &full.message, 0, harness_done);
    assert_result(harness_wait(loop, &sending), -EAGAIN);
    drain(full.receiver);
    harness_op_again(&sending);
    hark_sendmsg(loop, &sending.op, full.sender, &full.message, 0, harness_done);
    assert_result(harness_wait(loop, &sending), 1);
    close_full(loop, &full);
}

/* What is sent at last is the datagram, not what a first try has left of it. */
BACKEND_TEST(promise_09_datagram_from_a_connected_sender_waits_asleep_until_there_is_room)
{
    enum { SEND, MESSAGE, NAMED_MESSAGE, WAYS };
    for (int way = 0; way < WAYS; way++) {
        struct full full;
        char bytes[100];
        struct harness_op sending = {0};
        open_full(&full);
        assert_int_equal(
            connect(full.sender, (struct sockaddr *)&full.address, sizeof full.address), 0);
        if (way == MESSAGE) {
            full.message.msg_name = NULL;
            full.message.msg_namelen = 0;
        }
        if (way == SEND)
            hark_send(loop, &sending.op, full.sender, full.vector.iov_base, full.vector.iov_len, 0,
                      harness_done);
        else
            hark_sendmsg(loop, &sending.op, full.sender, &full.message, 0, harness_done);
        assert_waits_asleep(loop, &sending);
        drain(full.receiver);
        assert_result(harness_wait(loop, &sending), 1);
        assert_result(receive(loop, full.receiver, bytes, 0), 1);
        close_full(loop, &full);
        assert_int_equal(unlink(full.address.sun_path), 0);
    }
}

/* --- the queue of errors --- */

static int64_t receive_error(struct hark_loop *loop, int fd, struct msghdr *message)
{
    struct harness_op op = {0};
    hark_recvmsg(loop, &op.op, fd, message, MSG_ERRQUEUE, harness_done);
    return harness_wait(loop, &op);
}

/* A UDP socket that is told of errors, connected to a port where nobody is. */
static int socket_to_nobody(void)
{
    int on = 1;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    int other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(other, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(getsockname(other, (struct sockaddr *)&name, &length), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, length), 0);
    close(other);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on), 0);
    return fd;
}

BACKEND_TEST(error_queue_is_read_once_a_poll_has_told_of_an_error)
{
    if (harness_in_world())
        harness_skip("the sockets of a world have no queue of errors");
    char bytes[100];
    char control[512];
    struct iovec vector = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct harness_op polling = {0};
    int fd = socket_to_nobody();
    assert_result(receive_error(loop, fd, &message), -EAGAIN);
    message.msg_controllen = sizeof control;
    hark_poll(loop, &polling.op, fd, HARK_POLL_ERROR, harness_done);
    harness_settle(loop);
    assert_int_equal(send(fd, "abc", 3, 0), 3);
    assert_result(harness_wait(loop, &polling), HARK_POLL_ERROR);
    assert_result(receive_error(loop, fd, &message),
                  3); /* what was sent comes back with the error */
    assert_true(message.msg_flags & MSG_ERRQUEUE);
    struct sock_extended_err error;
    assert_non_null(CMSG_FIRSTHDR(&message));
    memcpy(&error, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof error);
    assert_int_equal(error.ee_errno, ECONNREFUSED);
    harness_close(loop, fd);
}

/* A hang-up is reported whether asked for or not: waiting for the queue behind it could not
 * sleep. */
BACKEND_TEST(promise_09_empty_error_queue_of_a_socket_that_hung_up_gives_eagain)
{
    int ends[2];
    char bytes[100];
    char control[100];
    struct iovec vector = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    harness_tcp_pair(loop, ends);
    assert_int_equal(shutdown(ends[0], SHUT_WR), 0);
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    assert_result(receive_error(loop, ends[0], &message), -EAGAIN);
    assert_result(receive(loop, ends[0], bytes, MSG_ERRQUEUE), -EAGAIN);
    close_both(loop, ends);
}
