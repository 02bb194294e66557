/* test_message.c - recvmsg and sendmsg: vectors, addresses, passed descriptors, and their
 * failures. */
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

BACKEND_TEST(message_of_vectors_arrives_in_vectors)
{
    int ends[2];
    char one[3];
    char other[10];
    struct harness_op send = {0};
    struct harness_op receive = {0};
    struct iovec out[2] = {{.iov_base = (char[]){"ab"}, .iov_len = 2},
                           {.iov_base = (char[]){"cdef"}, .iov_len = 4}};
    struct iovec in[2] = {{.iov_base = one, .iov_len = 3}, {.iov_base = other, .iov_len = 10}};
    struct msghdr sent = {.msg_iov = out, .msg_iovlen = 2};
    struct msghdr received = {.msg_iov = in, .msg_iovlen = 2};
    harness_socket_pair(loop, ends);
    hark_recvmsg(loop, &receive.op, ends[1], &received, 0, harness_done);
    harness_settle(loop);
    hark_sendmsg(loop, &send.op, ends[0], &sent, 0, harness_done);
    harness_run(loop);
    assert_result(send.result, 6);
    assert_result(receive.result, 6);
    assert_memory_equal(one, "abc", 3);
    assert_memory_equal(other, "def", 3);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(datagram_carries_its_address_and_says_when_it_was_cut)
{
    struct hark_address address;
    struct hark_address from = {0};
    char bytes[4];
    struct harness_op send = {0};
    struct harness_op receive = {0};
    struct iovec out = {.iov_base = (char[]){"datagram"}, .iov_len = 8};
    struct iovec in = {.iov_base = bytes, .iov_len = sizeof bytes};
    assert_int_equal(hark_address_parse("127.0.0.1:0", &address), 0);
    int receiver = hark_os_socket(loop, AF_INET, SOCK_DGRAM, 0);
    int sender = hark_os_socket(loop, AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(hark_os_bind(loop, receiver, &address), 0);
    assert_int_equal(hark_os_bind(loop, sender, &address), 0);
    assert_int_equal(hark_os_getsockname(loop, receiver, &address), 0);
    struct msghdr sent = {
        .msg_iov = &out, .msg_iovlen = 1, .msg_name = &address.name, .msg_namelen = address.length};
    struct msghdr received = {
        .msg_iov = &in, .msg_iovlen = 1, .msg_name = &from.name, .msg_namelen = sizeof from.name};
    hark_recvmsg(loop, &receive.op, receiver, &received, 0, harness_done);
    harness_settle(loop);
    hark_sendmsg(loop, &send.op, sender, &sent, 0, harness_done);
    harness_run(loop);
    assert_result(send.result, 8);
    assert_result(receive.result, 4);
    assert_true(received.msg_flags & MSG_TRUNC);
    assert_int_equal(hark_os_getsockname(loop, sender, &address), 0);
    assert_int_equal(received.msg_namelen, address.length);
    assert_memory_equal(&from.name, &address.name, address.length);
    harness_close(loop, receiver);
    harness_close(loop, sender);
}

/* Sends one descriptor over a socket. */
static void send_descriptor(int socket, int fd)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec vector = {.iov_base = (char[]){"x"}, .iov_len = 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control.room};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    assert_int_equal(sendmsg(socket, &message, 0), 1);
}

BACKEND_TEST(descriptor_in_a_message_is_received_close_on_exec)
{
    for (int before = 0; before < 2; before++) {
        int ends[2];
        char byte[1];
        int passed = -1;
        struct harness_op receive = {0};
        union {
            struct cmsghdr header;
            char room[CMSG_SPACE(sizeof(int))];
        } control = {0};
        struct iovec vector = {.iov_base = byte, .iov_len = 1};
        struct msghdr message = {.msg_iov = &vector,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof control.room};
        harness_socket_pair(loop, ends);
        if (before)
            send_descriptor(ends[0], STDIN_FILENO);
        hark_recvmsg(loop, &receive.op, ends[1], &message, 0, harness_done);
        if (!before) {
            harness_settle(loop);
            send_descriptor(ends[0], STDIN_FILENO);
        }
        harness_run(loop);
        assert_result(receive.result, 1);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        assert_non_null(header);
        memcpy(&passed, CMSG_DATA(header), sizeof passed);
        assert_true(fcntl(passed, F_GETFD) & FD_CLOEXEC);
        close(passed);
        harness_close(loop, ends[0]);
        harness_close(loop, ends[1]);
    }
}

BACKEND_TEST(message_that_asks_for_all_gives_einval)
{
    int ends[2];
    char byte[1] = {0};
    struct harness_op send = {0};
    struct harness_op receive = {0};
    struct iovec vector = {.iov_base = byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    harness_socket_pair(loop, ends);
    hark_sendmsg(loop, &send.op, ends[0], &message, MSG_WAITALL, harness_done);
    hark_recvmsg(loop, &receive.op, ends[1], &message, MSG_WAITALL, harness_done);
    harness_run(loop);
    assert_result(send.result, -EINVAL);
    assert_result(receive.result, -EINVAL);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(message_with_too_many_vectors_gives_emsgsize)
{
    static struct iovec vectors[1100];
    int ends[2];
    struct harness_op send = {0};
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 1100};
    harness_socket_pair(loop, ends);
    hark_sendmsg(loop, &send.op, ends[0], &message, 0, harness_done);
    harness_run(loop);
    assert_result(send.result, -EMSGSIZE);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(recvmsg_at_end_of_stream_gives_zero)
{
    int ends[2];
    char byte[1];
    struct harness_op receive = {0};
    struct iovec vector = {.iov_base = byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    harness_socket_pair(loop, ends);
    hark_recvmsg(loop, &receive.op, ends[1], &message, 0, harness_done);
    harness_settle(loop);
    close(ends[0]);
    harness_run(loop);
    assert_result(receive.result, 0);
    harness_close(loop, ends[1]);
}
