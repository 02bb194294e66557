/* test_group_listen.c - one address for all loops of a group, and connections that go from one of
 * them to another. */
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOPS = 4 };

static void ignored(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
}

/* --- one address for all --- */

enum { CLIENTS = 96 };

struct acceptor {
    struct hark_listener listener;
    struct hark_op hold;
    int fd;
    int accepted;
    bool closing;
};

struct shop {
    struct hark_group *group;
    struct acceptor acceptors[LOOPS];
    struct hark_op all_served[LOOPS];
    atomic_int served;
};

static struct shop shop;

static void close_shop(struct hark_op *op, int64_t result)
{
    (void)result;
    for (int i = 0; i < LOOPS; i++)
        if (op == &shop.all_served[i])
            hark_listener_close(&shop.acceptors[i].listener);
}

static void accept_client(struct hark_listener *listener, int fd)
{
    struct acceptor *acceptor = hark_container_of(listener, struct acceptor, listener);
    acceptor->accepted++;
    assert_int_equal(hark_os_close(listener->loop, fd), 0);
    if (atomic_fetch_add(&shop.served, 1) + 1 == CLIENTS)
        for (uint32_t i = 0; i < LOOPS; i++)
            hark_message(listener->loop, &shop.all_served[i], hark_group_loop(shop.group, i),
                         close_shop);
}

static const struct hark_listener_events acceptor_events = {.accepted = accept_client};

static int begin_accepting(struct hark_loop *loop, uint32_t index, void *context)
{
    struct acceptor *acceptor = &shop.acceptors[index];
    (void)context;
    return hark_listener_adopt(loop, &acceptor->listener, acceptor->fd, &acceptor_events);
}

static void *come_in(void *context)
{
    const struct hark_address *address = context;
    for (int i = 0; i < CLIENTS; i++) {
        char byte[1];
        int fd = socket(address->name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        assert_int_equal(connect(fd, &address->name.any, address->length), 0);
        assert_int_equal(recv(fd, byte, 1, 0), 0);
        close(fd);
    }
    return NULL;
}

/* Lets CLIENTS connections come to the group at that address. */
static void serve(const struct hark_address *address)
{
    int fds[LOOPS];
    struct hark_address actual[LOOPS];
    pthread_t client;
    memset(&shop, 0, sizeof shop);
    shop.group = harness_group_create(LOOPS);
    struct hark_loop *first = hark_group_loop(shop.group, 0);
    assert_result(hark_group_listen(shop.group, address, 0, HARK_LISTEN_NO_DELAY, fds), 0);
    for (int i = 0; i < LOOPS; i++) {
        shop.acceptors[i].fd = fds[i];
        assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        assert_int_equal(hark_os_getsockname(first, fds[i], &actual[i]), 0);
        assert_int_equal(actual[i].length, actual[0].length);
        assert_memory_equal(&actual[i].name, &actual[0].name, actual[0].length);
    }
    assert_int_equal(pthread_create(&client, NULL, come_in, &actual[0]), 0);
    assert_result(hark_group_run(shop.group, begin_accepting, NULL), 0);
    pthread_join(client, NULL);
    assert_result(hark_group_destroy(shop.group), 0);
    assert_int_equal(atomic_load(&shop.served), CLIENTS);
}

BACKEND_TEST(connections_to_one_address_are_spread_over_all_loops)
{
    struct hark_address address;
    assert_int_equal(hark_address_parse("127.0.0.1:0", &address), 0);
    serve(&address);
    /* The kernel throws a die for each: that one of four is never meant in ninety-six throws
     * happens once in 10^11 times. */
    for (int i = 0; i < LOOPS; i++)
        assert_true(shop.acceptors[i].accepted > 0);
}

BACKEND_TEST(connections_to_a_unix_socket_are_accepted_by_any_loop)
{
    struct hark_address address;
    char text[256];
    snprintf(text, sizeof text, "unix:%s", harness_path("shop"));
    assert_int_equal(hark_address_parse(text, &address), 0);
    serve(&address);
}

static void close_all(int *fds, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        close(fds[i]);
}

BACKEND_TEST(address_of_a_group_is_in_use_for_everybody_else)
{
    struct hark_address address, actual;
    int fds[2], others[2] = {-7, -7};
    struct hark_group *group = harness_group_create(2);
    struct hark_group *other = harness_group_create(2);
    assert_int_equal(hark_address_parse("127.0.0.1:0", &address), 0);
    assert_result(hark_group_listen(group, &address, 0, 0, fds), 0);
    assert_int_equal(hark_os_getsockname(loop, fds[0], &actual), 0);
    assert_result(hark_group_listen(other, &actual, 0, 0, others), -EADDRINUSE);
    assert_result(hark_listen_at(loop, &actual, 0, 0), -EADDRINUSE);
    assert_int_equal(others[0], -7);
    close_all(fds, 2);
    assert_result(hark_group_listen(other, &actual, 0, 0, others), 0);
    /* and one that is another's is not taken */
    assert_result(hark_group_listen(group, &actual, 0, 0, fds), -EADDRINUSE);
    close_all(others, 2);
    int alone = hark_listen_at(loop, &actual, 0, 0);
    assert_true(alone >= 0);
    assert_result(hark_group_listen(group, &actual, 0, 0, fds), -EADDRINUSE);
    close(alone);
    assert_result(hark_group_destroy(group), 0);
    assert_result(hark_group_destroy(other), 0);
}

BACKEND_TEST(address_that_is_to_be_shared_with_other_processes_is)
{
    struct hark_address address, actual;
    int fds[2], others[2];
    struct hark_group *group = harness_group_create(2);
    assert_int_equal(hark_address_parse("127.0.0.1:0", &address), 0);
    assert_result(hark_group_listen(group, &address, 0, HARK_LISTEN_REUSE_PORT, fds), 0);
    assert_int_equal(hark_os_getsockname(loop, fds[0], &actual), 0);
    assert_result(hark_group_listen(group, &actual, 0, HARK_LISTEN_REUSE_PORT, others), 0);
    close_all(fds, 2);
    close_all(others, 2);
    assert_result(hark_group_destroy(group), 0);
}

BACKEND_TEST(listening_that_fails_leaves_no_socket_open)
{
    struct hark_address address;
    int fds[LOOPS] = {-7, -7, -7, -7};
    struct hark_group *group = harness_group_create(LOOPS);
    assert_int_equal(hark_address_parse("192.0.2.1:0", &address), 0); /* nobody's */
    assert_result(hark_group_listen(group, &address, 0, 0, fds), -EADDRNOTAVAIL);
    assert_int_equal(hark_address_parse("127.0.0.1:0", &address), 0);
    assert_result(hark_group_listen(group, &address, -1, 0, fds), -EINVAL);
    assert_result(hark_group_listen(group, &address, 0, 1u << 20, fds), -EINVAL);

    /* a descriptor for the first two */
    struct rlimit limit, few;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int next = dup(0);
    close(next);
    few = limit;
    few.rlim_cur = (rlim_t)next + 2;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int error = hark_group_listen(group, &address, 0, 0, fds);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_result(error, -EMFILE);
    assert_int_equal(fds[0], -7);
    assert_result(hark_group_destroy(group), 0);
}

/* --- a connection goes from loop to loop --- */

enum { STATIONS = 12 };

struct traveller {
    struct hark_stream stream;
    struct hark_op message;
    struct hark_op hold[LOOPS];
    struct hark_group *group;
    int fd;
    uint32_t at; /* the index of the loop that has it */
    int stations;
};

static void arrive(struct hark_op *op, int64_t result);

static void traveller_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    if (count > 0)
        assert_true(hark_stream_write(stream, bytes, (size_t)count) >= 0);
    else
        hark_stream_close(stream);
    int error = hark_stream_detach(stream);
    assert_true(!error || error == -EBUSY); /* it is being closed, or detached already */
}

static void release_all(struct hark_op *op, int64_t result)
{
    struct traveller *traveller = hark_container_of(op, struct traveller, message);
    (void)result;
    hark_cancel(&traveller->hold[traveller->at]);
    if (++traveller->at < LOOPS)
        hark_message(op->loop, op, hark_group_loop(traveller->group, traveller->at), release_all);
}

static void traveller_closed(struct hark_stream *stream)
{
    struct traveller *traveller = hark_container_of(stream, struct traveller, stream);
    traveller->at = 0;
    hark_message(stream->loop, &traveller->message, hark_group_loop(traveller->group, 0),
                 release_all);
}

static void traveller_detached(struct hark_stream *stream, int fd)
{
    struct traveller *traveller = hark_container_of(stream, struct traveller, stream);
    struct hark_loop *from = stream->loop;
    traveller->fd = fd;
    traveller->at = (traveller->at + 1) % LOOPS;
    traveller->stations++;
    hark_message(from, &traveller->message, hark_group_loop(traveller->group, traveller->at),
                 arrive);
}

static const struct hark_stream_events traveller_events = {
    .received = traveller_received, .closed = traveller_closed, .detached = traveller_detached};

static void arrive(struct hark_op *op, int64_t result)
{
    struct traveller *traveller = hark_container_of(op, struct traveller, message);
    assert_result(result, 0);
    assert_ptr_equal(op->loop, hark_group_loop(traveller->group, traveller->at));
    hark_stream_open(op->loop, &traveller->stream, traveller->fd, NULL, &traveller_events);
    hark_stream_read_start(&traveller->stream);
}

static int begin_travel(struct hark_loop *loop, uint32_t index, void *context)
{
    struct traveller *traveller = context;
    hark_sleep_until(loop, &traveller->hold[index], HARK_NEVER, ignored);
    if (index == 0)
        hark_message(loop, &traveller->message, loop, arrive);
    return 0;
}

static void *talk_to_traveller(void *context)
{
    int fd = *(int *)context;
    for (int i = 0; i < STATIONS; i++) {
        char sent[2] = {(char)('a' + i), '.'};
        char got[2] = {0};
        assert_int_equal(send(fd, sent, 2, 0), 2);
        assert_int_equal(recv(fd, got, 2, MSG_WAITALL), 2);
        assert_memory_equal(sent, got, 2);
    }
    close(fd);
    return NULL;
}

BACKEND_TEST(connection_goes_from_loop_to_loop_with_each_piece)
{
    int pair[2];
    pthread_t client;
    struct traveller traveller = {.group = harness_group_create(LOOPS)};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    traveller.fd = pair[0];
    assert_int_equal(pthread_create(&client, NULL, talk_to_traveller, &pair[1]), 0);
    assert_result(hark_group_run(traveller.group, begin_travel, &traveller), 0);
    pthread_join(client, NULL);
    assert_true(traveller.stations >= STATIONS);
    assert_result(hark_group_destroy(traveller.group), 0);
}
