/* test_datagram_rights.c - descriptors that come along with a datagram, unasked, fill nobody's
 * table. */
#include "harness/harness.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct side {
    struct hark_datagram datagram;
    int received;
    bool closed;
};

static void received(struct hark_datagram *datagram, const struct hark_datagram_received *message)
{
    struct side *side = hark_container_of(datagram, struct side, datagram);
    side->received++;
    assert_int_equal(message->count, 1);
}

static void closed(struct hark_datagram *datagram)
{
    hark_container_of(datagram, struct side, datagram)->closed = true;
}

static void send_with_descriptor(int to, int descriptor)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof descriptor)];
    } control;
    char byte = 0;
    struct iovec vector = {&byte, sizeof byte};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(part), &descriptor, sizeof descriptor);
    assert_int_equal(sendmsg(to, &message, 0), 1);
}

/* The harness finds a descriptor that is open after the test. */
BACKEND_TEST(datagram_with_descriptors_that_nobody_asked_for_leaves_none_open)
{
    static const struct hark_datagram_events events = {.received = received, .closed = closed};
    static struct side side;
    int ends[2];
    memset(&side, 0, sizeof side);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(hark_datagram_open(loop, &side.datagram, ends[0], NULL, &events), 0);
    hark_datagram_receive_start(&side.datagram);
    for (int i = 1; i <= 3; i++) {
        send_with_descriptor(ends[1], STDIN_FILENO);
        while (side.received < i)
            assert_true(hark_run_once(loop) >= 0);
    }
    hark_datagram_close(&side.datagram);
    harness_run_until(loop, &side.closed);
    close(ends[1]);
}
