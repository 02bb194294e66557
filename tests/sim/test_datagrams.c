/* test_datagrams.c - datagrams over a link that loses, doubles, disorders and damages them: a
 * damaged one wakes who waits, and is none when it is asked for. */
#include "hark/sim.h"
#include "harness/harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DATAGRAMS = 200, BYTES = 100 };

static const uint64_t second_ns = UINT64_C(1000000000);

static const struct sockaddr_in *receiver(void)
{
    static struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_port = htons(1234);
    address.sin_addr.s_addr = inet_addr("10.0.0.1");
    return &address;
}

/* All bytes of a datagram are its number. */
static int send_all(void *argument)
{
    (void)argument;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    usleep(100000);
    for (int i = 1; i <= DATAGRAMS; i++) {
        char bytes[BYTES];
        memset(bytes, i, sizeof bytes);
        if (sendto(fd, bytes, sizeof bytes, 0, (const void *)receiver(), sizeof *receiver()) < 0 &&
            errno != ECONNREFUSED)
            return 1;
        usleep(2000);
    }
    close(fd);
    return 0;
}

static int receiving_socket(int flags)
{
    int fd = socket(AF_INET, SOCK_DGRAM | flags, 0);
    return bind(fd, (const void *)receiver(), sizeof *receiver()) < 0 ? -1 : fd;
}

static bool is_whole(const unsigned char *bytes, int64_t count)
{
    for (int64_t i = 1; i < count; i++)
        if (bytes[i] != bytes[0])
            return false;
    return count == BYTES;
}

/* Plays it in a world of that seed, and asserts that the receiver ends well. */
static void play(uint64_t seed, int (*receive)(void *), void *argument, const char *backend)
{
    struct hark_sim_options options = {.seed = seed};
    struct hark_sim *world;
    assert_int_equal(hark_sim_create(&options, &world), 0);
    struct hark_sim_process *receives =
        hark_sim_start(hark_sim_add_machine(world), receive, argument);
    if (backend)
        assert_int_equal(hark_sim_setenv(receives, "HARK_BACKEND", backend), 0);
    struct hark_sim_process *sends = hark_sim_start(hark_sim_add_machine(world), send_all, NULL);
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(sends), 0);
    assert_int_equal(hark_sim_status(receives), 0);
    hark_sim_destroy(world);
}

struct seen {
    int received, in_vain; /* reports of poll(2) behind which there was nothing */
};

static int poll_and_receive(void *argument)
{
    struct seen *seen = argument;
    int fd = receiving_socket(SOCK_NONBLOCK);
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    while (poll(&watched, 1, 2000) > 0) {
        unsigned char bytes[2 * BYTES];
        ssize_t count = recv(fd, bytes, sizeof bytes, 0);
        if (count < 0 && errno != EAGAIN)
            return 1;
        if (count >= 0 && !is_whole(bytes, count))
            return 2;
        seen->received += count > 0;
        seen->in_vain += count < 0;
    }
    return close(fd);
}

/* Of a socket that would block only whole ones are told, or poll would be of no use (select(2)). */
static int poll_and_block(void *argument)
{
    struct seen *seen = argument;
    int fd = receiving_socket(0);
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    while (poll(&watched, 1, 2000) > 0) {
        unsigned char bytes[2 * BYTES];
        ssize_t count = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (!is_whole(bytes, count))
            return 1;
        seen->received++;
    }
    return close(fd);
}

TEST(poll_reports_a_damaged_datagram_and_nothing_is_there)
{
    struct seen seen = {0}, blocking = {0};
    for (uint64_t seed = 0; seed < 50; seed++) {
        play(seed, poll_and_receive, &seen, NULL);
        play(seed, poll_and_block, &blocking, NULL);
    }
    assert_true(seen.in_vain > 0);
    assert_true(seen.received > 50 * DATAGRAMS * 9 / 10);
    assert_true(blocking.received > 50 * DATAGRAMS * 9 / 10);
}

/* --- hark's own receive --- */

struct receiver {
    struct hark_loop *loop;
    struct hark_op op;
    unsigned char bytes[2 * BYTES];
    int fd, received, wrong;
};

static void receive_next(struct receiver *receiver);

static void received(struct hark_op *op, int64_t count)
{
    struct receiver *receiver = hark_container_of(op, struct receiver, op);
    if (count == -ETIMEDOUT)
        return;
    receiver->received++;
    receiver->wrong += !is_whole(receiver->bytes, count);
    receive_next(receiver);
}

static void receive_next(struct receiver *receiver)
{
    hark_recv(receiver->loop, &receiver->op, receiver->fd, receiver->bytes, sizeof receiver->bytes,
              0, received);
    hark_op_deadline(&receiver->op, hark_now(receiver->loop) + 2 * second_ns);
}

static int receive_on_loop(void *argument)
{
    struct receiver *receiver = argument;
    if (hark_loop_create(NULL, &receiver->loop) < 0)
        return 1;
    receiver->fd = receiving_socket(SOCK_NONBLOCK);
    receive_next(receiver);
    int result = hark_run(receiver->loop);
    close(receiver->fd);
    return result ? result : hark_loop_destroy(receiver->loop);
}

TEST(a_receive_on_each_engine_gives_whole_datagrams_alone)
{
    static const char *const backends[] = {"epoll", "poll", "select", "uring"};
    for (size_t i = 0; i < 4; i++) {
        struct receiver receiver = {.received = 0};
        for (uint64_t seed = 0; seed < 50; seed++)
            play(seed, receive_on_loop, &receiver, backends[i]);
        assert_int_equal(receiver.wrong, 0);
        assert_true(receiver.received > 50 * DATAGRAMS * 9 / 10);
    }
}
