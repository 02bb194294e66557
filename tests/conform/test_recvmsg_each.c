/* test_recvmsg_each.c - receiving messages again and again: who has sent them, control data, cuts
 * and borders. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MESSAGES = 16 };

/* What each call has brought, copied. */
struct seen {
    struct harness_op receive;
    struct {
        socklen_t name_length;
        struct sockaddr_storage name;
        size_t count, length;
        int flags;
        bool cut;
        char first, last;
        size_t control_bytes;
        int passed; /* a descriptor, -1: none */
    } messages[MESSAGES];
    int count;
    void *kept[MESSAGES];
    bool keeps;
};

static void read_control(struct seen *seen, const struct hark_packet *message)
{
    struct msghdr header;
    hark_packet_control(message, &header);
    seen->messages[seen->count].passed = -1;
    seen->messages[seen->count].control_bytes = header.msg_controllen;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part))
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS)
            memcpy(&seen->messages[seen->count].passed, CMSG_DATA(part), sizeof(int));
}

static void note(struct harness_op *self, int64_t result)
{
    struct seen *seen = self->context;
    const struct hark_packet *message = hark_op_packet(&self->op);
    if (!hark_op_more(&self->op)) {
        assert_null(message);
        return;
    }
    assert_non_null(message);
    assert_true(seen->count < MESSAGES);
    const struct sockaddr *name =
        hark_packet_name(message, &seen->messages[seen->count].name_length);
    assert_int_equal(!name, seen->messages[seen->count].name_length == 0);
    if (name)
        memcpy(&seen->messages[seen->count].name, name, seen->messages[seen->count].name_length);
    size_t count = hark_packet_count(message);
    assert_int_equal(count, result);
    seen->messages[seen->count].count = count;
    seen->messages[seen->count].length = hark_packet_length(message);
    seen->messages[seen->count].flags = hark_packet_flags(message);
    seen->messages[seen->count].cut = hark_op_cut(&self->op);
    const char *bytes = hark_packet_bytes(message);
    seen->messages[seen->count].first = count ? bytes[0] : 0;
    seen->messages[seen->count].last = count ? bytes[count - 1] : 0;
    read_control(seen, message);
    if (seen->keeps)
        seen->kept[seen->count] = hark_buffer_keep(&self->op);
    seen->count++;
}

static void begin(struct hark_loop *loop, struct seen *seen, int fd, size_t control_room)
{
    *seen = (struct seen){.receive.then = note, .keeps = seen->keeps};
    seen->receive.context = seen;
    hark_recvmsg_each(loop, &seen->receive.op, fd, control_room, harness_done);
}

static void await(struct hark_loop *loop, const struct seen *seen, int count)
{
    while (seen->count < count)
        assert_result(hark_run_once(loop), 1);
    assert_int_equal(seen->count, count);
}

static void end(struct hark_loop *loop, struct seen *seen)
{
    int calls = seen->receive.calls;
    hark_cancel(&seen->receive.op);
    assert_result(harness_wait(loop, &seen->receive), -ECANCELED);
    assert_int_equal(seen->receive.calls, calls + 1);
}

static int udp_socket(struct hark_loop *loop, struct hark_address *out_address)
{
    assert_result(hark_address_parse("127.0.0.1:0", out_address), 0);
    int fd = hark_os_socket(loop, AF_INET, SOCK_DGRAM, 0);
    assert_result(hark_os_bind(loop, fd, out_address), 0);
    assert_result(hark_os_getsockname(loop, fd, out_address), 0);
    return fd;
}

static void send_to(int fd, const struct hark_address *to, const void *bytes, size_t count)
{
    assert_int_equal(sendto(fd, bytes, count, 0, &to->name.any, to->length), count);
}

static void assert_from(const struct seen *seen, int index, const struct hark_address *from)
{
    assert_int_equal(seen->messages[index].name_length, from->length);
    assert_memory_equal(&seen->messages[index].name, &from->name, from->length);
}

BACKEND_TEST(recvmsg_each_tells_each_datagram_and_who_has_sent_it)
{
    struct seen seen = {.keeps = false};
    struct hark_address to;
    struct hark_address from[2];
    int fd = udp_socket(loop, &to);
    int senders[2] = {udp_socket(loop, &from[0]), udp_socket(loop, &from[1])};
    begin(loop, &seen, fd, 0);
    for (int i = 0; i < 4; i++) {
        send_to(senders[i % 2], &to, &"abcdefg"[i], (size_t)(7 - i));
        await(loop, &seen, i + 1);
        assert_int_equal(seen.messages[i].count, 7 - i);
        assert_int_equal(seen.messages[i].length, 7 - i);
        assert_int_equal(seen.messages[i].first, 'a' + i);
        assert_int_equal(seen.messages[i].last, 'g');
        assert_false(seen.messages[i].cut);
        assert_from(&seen, i, &from[i % 2]);
    }
    end(loop, &seen);
    harness_close(loop, fd);
    harness_close(loop, senders[0]);
    harness_close(loop, senders[1]);
}

BACKEND_TEST(recvmsg_each_gives_a_datagram_of_no_bytes_with_its_sender_and_goes_on)
{
    struct seen seen = {.keeps = false};
    struct hark_address to;
    struct hark_address from;
    int fd = udp_socket(loop, &to);
    int sender = udp_socket(loop, &from);
    begin(loop, &seen, fd, 64);
    harness_settle(loop);
    static const size_t sizes[] = {0, 3, 0, 0, 1};
    for (int i = 0; i < 5; i++)
        send_to(sender, &to, "abc", sizes[i]);
    await(loop, &seen, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(seen.messages[i].count, sizes[i]);
        assert_from(&seen, i, &from);
    }
    end(loop, &seen);
    harness_close(loop, fd);
    harness_close(loop, sender);
}

BACKEND_TEST_WITH(recvmsg_each_cuts_what_is_too_long_and_tells_how_long_it_was, .buffer_bytes = 512)
{
    static const struct {
        size_t asked, room;
    } rooms[] = {
        {0, 512 - 128}, {1, 512 - 192}, {64, 512 - 192}, {65, 512 - 256}, {129, 512 - 384}};
    char bytes[2000];
    memset(bytes, 'x', sizeof bytes);
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        struct seen seen = {.keeps = false};
        int ends[2];
        const size_t room = rooms[i].room;
        const size_t sizes[] = {room, room + 1, 3, sizeof bytes, 0};
        assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
                         0);
        begin(loop, &seen, ends[0], rooms[i].asked);
        for (int at = 0; at < 5; at++) {
            assert_int_equal(send(ends[1], bytes, sizes[at], 0), sizes[at]);
            await(loop, &seen, at + 1);
            bool cut = sizes[at] > room;
            assert_int_equal(seen.messages[at].count, cut ? room : sizes[at]);
            assert_int_equal(seen.messages[at].length, sizes[at]);
            assert_int_equal(seen.messages[at].cut, cut);
            assert_int_equal((seen.messages[at].flags & MSG_TRUNC) != 0, cut);
            assert_int_equal(seen.messages[at].name_length, 0);
        }
        end(loop, &seen);
        harness_close(loop, ends[0]);
        harness_close(loop, ends[1]);
    }
}

BACKEND_TEST_WITH(recvmsg_each_without_room_for_its_bytes_gives_einval, .buffer_bytes = 256)
{
    struct harness_op receive = {0};
    int ends[2];
    static const struct {
        size_t control;
        int64_t result;
    } cases[] = {{128, -EINVAL},
                 {512, -EINVAL},
                 {HARK_PACKET_CONTROL_MAX + 1, -EINVAL},
                 {SIZE_MAX, -EINVAL},
                 {64, -ECANCELED}};
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        harness_op_again(&receive);
        hark_recvmsg_each(loop, &receive.op, ends[0], cases[i].control, harness_done);
        harness_settle(loop);
        hark_cancel(&receive.op);
        assert_result(harness_wait(loop, &receive), cases[i].result);
        assert_int_equal(receive.calls, 1);
    }
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

/* --- control data --- */

static void pass(int through, int fd)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    char byte = 'p';
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    assert_int_equal(sendmsg(through, &message, 0), 1);
}

static void receive_passed(struct hark_loop *loop, int type)
{
    struct seen seen = {.keeps = false};
    int ends[2];
    int given[2];
    char byte;
    assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    harness_pipe(given, 0);
    begin(loop, &seen, ends[0], CMSG_SPACE(sizeof(int)));
    pass(ends[1], given[1]);
    await(loop, &seen, 1);
    assert_int_equal(send(ends[1], "abc", 3, 0), 3);
    await(loop, &seen, 2);
    assert_int_equal(seen.messages[0].count, 1);
    assert_true(seen.messages[0].passed >= 0);
    assert_int_equal(write(seen.messages[0].passed, "x", 1), 1);
    assert_int_equal(read(given[0], &byte, 1), 1);
    assert_int_equal(seen.messages[1].passed, -1);
    assert_int_equal(seen.messages[1].control_bytes, 0);
    close(seen.messages[0].passed);
    close(given[0]);
    close(given[1]);
    if (type == SOCK_DGRAM) {
        end(loop, &seen);
    } else {
        harness_close(loop, ends[1]);
        assert_result(harness_wait(loop, &seen.receive), 0);
        assert_int_equal(seen.count, 2);
    }
    harness_close(loop, ends[0]);
    if (type == SOCK_DGRAM)
        harness_close(loop, ends[1]);
}

BACKEND_TEST(recvmsg_each_brings_descriptors_in_control_data)
{
    receive_passed(loop, SOCK_DGRAM);
    receive_passed(loop, SOCK_STREAM);
    receive_passed(loop, SOCK_SEQPACKET);
}

BACKEND_TEST(recvmsg_each_tells_that_control_data_found_no_room)
{
    struct seen seen = {.keeps = false};
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    begin(loop, &seen, ends[0], 0);
    pass(ends[1], STDIN_FILENO);
    await(loop, &seen, 1);
    assert_int_equal(seen.messages[0].count, 1);
    assert_true(seen.messages[0].flags & MSG_CTRUNC);
    assert_int_equal(seen.messages[0].control_bytes, 0);
    end(loop, &seen);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(recvmsg_each_tells_to_which_address_a_datagram_came)
{
    if (harness_in_world())
        harness_skip("the sockets of a world tell nothing of packets");
    struct hark_address to;
    int on = 1;
    int fd = udp_socket(loop, &to);
    assert_result(hark_os_setsockopt(loop, fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on), 0);
    struct seen seen = {.keeps = false};
    begin(loop, &seen, fd, HARK_PACKET_CONTROL_DATAGRAM);
    send_to(fd, &to, "abc", 3);
    await(loop, &seen, 1);
    assert_int_equal(seen.messages[0].control_bytes, CMSG_SPACE(sizeof(struct in_pktinfo)));
    end(loop, &seen);
    harness_close(loop, fd);
}

/* --- buffers --- */

BACKEND_TEST_WITH(recvmsg_each_waits_while_the_pool_is_empty_and_loses_nothing, .buffer_count = 4)
{
    struct seen seen = {.keeps = true};
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    begin(loop, &seen, ends[0], 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(send(ends[1], &"abcdefgh"[i], 1, 0), 1);
    await(loop, &seen, 4);
    harness_turns(loop, 10);
    assert_int_equal(seen.count, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(*(char *)hark_packet_bytes(seen.kept[i]), 'a' + i);
        hark_buffer_return(loop, seen.kept[i]);
    }
    await(loop, &seen, 8);
    for (int i = 0; i < 8; i++)
        assert_int_equal(seen.messages[i].first, 'a' + i);
    for (int i = 4; i < 8; i++)
        hark_buffer_return(loop, seen.kept[i]);
    end(loop, &seen);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

/* A loop that has no buffer left sleeps until one is given back. */
BACKEND_TEST_WITH(promise_09_recvmsg_each_that_starves_sleeps, .buffer_count = 1)
{
    struct seen seen = {.keeps = true};
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    begin(loop, &seen, ends[0], 64);
    assert_int_equal(send(ends[1], "a", 1, 0), 1);
    assert_int_equal(send(ends[1], "b", 1, 0), 1);
    await(loop, &seen, 1);
    harness_assert_idle(loop);
    assert_int_equal(seen.count, 1);
    hark_buffer_return(loop, seen.kept[0]);
    await(loop, &seen, 2);
    hark_buffer_return(loop, seen.kept[1]);
    harness_assert_idle(loop);
    end(loop, &seen);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

/* Both kinds take from one pool, whichever way each gets a buffer. */
BACKEND_TEST_WITH(recvmsg_each_and_recv_each_share_a_pool_of_two_buffers, .buffer_count = 2)
{
    enum { SOCKETS = 6, PIECES = 6 };
    int ends[SOCKETS][2];
    static struct seen seen[SOCKETS / 2];
    struct harness_op plain[SOCKETS / 2] = {0};
    for (int i = 0; i < SOCKETS; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends[i]),
                         0);
        if (i % 2)
            begin(loop, &seen[i / 2], ends[i][0], 0);
        else
            hark_recv_each(loop, &plain[i / 2].op, ends[i][0], harness_done);
    }
    harness_settle(loop);
    for (int piece = 0; piece < PIECES; piece++)
        for (int i = 0; i < SOCKETS; i++)
            assert_int_equal(send(ends[i][1], "abc", (size_t)(piece % 3), 0), piece % 3);
    for (int i = 0; i < SOCKETS / 2; i++) {
        await(loop, &seen[i], PIECES);
        while (plain[i].calls < PIECES)
            assert_result(hark_run_once(loop), 1);
        for (int piece = 0; piece < PIECES; piece++) {
            assert_int_equal(seen[i].messages[piece].count, piece % 3);
            assert_int_equal(plain[i].results[piece], piece % 3);
        }
    }
    harness_assert_idle(loop);
    for (int i = 0; i < SOCKETS / 2; i++) {
        end(loop, &seen[i]);
        hark_cancel(&plain[i].op);
        assert_result(harness_wait(loop, &plain[i]), -ECANCELED);
    }
    for (int i = 0; i < SOCKETS; i++) {
        harness_close(loop, ends[i][0]);
        harness_close(loop, ends[i][1]);
    }
}

/* --- ends --- */

static void cancel_itself(struct harness_op *self, int64_t result)
{
    (void)result;
    hark_cancel(&self->op);
}

BACKEND_TEST(recvmsg_each_cancelled_in_its_callback_gets_its_final_call)
{
    struct harness_op receive = {.then = cancel_itself};
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    hark_recvmsg_each(loop, &receive.op, ends[0], 0, harness_done);
    assert_int_equal(send(ends[1], "", 0, 0), 0);
    assert_result(harness_wait(loop, &receive), -ECANCELED);
    assert_int_equal(receive.calls, 2);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(recvmsg_each_of_a_refused_udp_socket_ends_and_goes_on_when_started_again)
{
    struct seen seen = {.keeps = false};
    struct hark_address own;
    struct hark_address other;
    int fd = udp_socket(loop, &own);
    int gone = udp_socket(loop, &other);
    assert_int_equal(connect(fd, &other.name.any, other.length), 0);
    harness_close(loop, gone);
    begin(loop, &seen, fd, 0);
    harness_settle(loop);
    assert_int_equal(send(fd, "abc", 3, 0), 3);
    assert_result(harness_wait(loop, &seen.receive), -ECONNREFUSED);
    gone = hark_os_socket(loop, AF_INET, SOCK_DGRAM, 0);
    assert_result(hark_os_bind(loop, gone, &other), 0);
    begin(loop, &seen, fd, 0);
    send_to(gone, &own, "xyz", 3);
    await(loop, &seen, 1);
    assert_int_equal(seen.messages[0].first, 'x');
    end(loop, &seen);
    harness_close(loop, gone);
    harness_close(loop, fd);
}

/* More than the pool and the queues of a small loop hold. */
BACKEND_TEST(recvmsg_each_of_many_datagrams_gets_all_in_order)
{
    enum { COUNT = 2000 };
    struct harness_op receive = {0};
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    hark_recvmsg_each(loop, &receive.op, ends[0], 0, harness_done);
    uint64_t total = 0;
    for (int sent = 0; sent < COUNT;) {
        static const char bytes[100];
        if (send(ends[1], bytes, (size_t)(sent % 100), 0) == sent % 100)
            total += (uint64_t)(sent++ % 100);
        else
            assert_result(hark_run_once(loop), 1);
    }
    while (receive.calls < COUNT)
        assert_result(hark_run_once(loop), 1);
    assert_int_equal(receive.total, total);
    for (int i = 0; i < HARNESS_RESULTS; i++)
        assert_int_equal(receive.results[i], i % 100);
    hark_cancel(&receive.op);
    assert_result(harness_wait(loop, &receive), -ECANCELED);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}
