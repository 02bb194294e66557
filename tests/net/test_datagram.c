/* test_datagram.c - the datagram socket: sending and receiving, its queue, what belongs to a
 * datagram, what is told of it, and its end. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { SEEN = 64, FAILURES = 16 };

/* A socket and what it was told. */
struct side {
    struct hark_datagram datagram;
    struct {
        size_t count, length, segment;
        char first;
        int tos;
        unsigned interface;
        struct hark_address local;
        struct sockaddr_storage from;
        socklen_t from_length;
    } seen[SEEN];
    int count;
    uint64_t total;
    struct {
        int error;
        uint64_t token;
        struct sockaddr_in to;
        bool by;
    } failures[FAILURES];
    int failed;
    int drained;
    bool answers;
    bool closes; /* with the first datagram */
    bool closed;
    bool ended;
    int end;
    int detached; /* the descriptor, plus one */
};

static void received(struct hark_datagram *datagram, const struct hark_datagram_received *message)
{
    struct side *side = hark_container_of(datagram, struct side, datagram);
    if (side->count < SEEN) {
        const char *bytes = message->bytes;
        side->seen[side->count].count = message->count;
        side->seen[side->count].length = message->length;
        side->seen[side->count].segment = message->segment;
        side->seen[side->count].first = message->count ? bytes[0] : 0;
        side->seen[side->count].tos = message->tos;
        side->seen[side->count].interface = message->interface;
        side->seen[side->count].local = message->local;
        side->seen[side->count].from_length = message->from_length;
        if (message->from)
            memcpy(&side->seen[side->count].from, message->from, message->from_length);
    }
    side->count++;
    side->total += message->count;
    if (side->answers) {
        const struct hark_datagram_way how = hark_datagram_answer(message);
        assert_result(hark_datagram_send(datagram, message->bytes, message->count, &how), 0);
    }
    if (side->closes)
        hark_datagram_close(datagram);
}

static void failed(struct hark_datagram *datagram, const struct hark_datagram_error *error)
{
    struct side *side = hark_container_of(datagram, struct side, datagram);
    assert_true(side->failed < FAILURES);
    side->failures[side->failed].error = error->error;
    side->failures[side->failed].token = error->token;
    side->failures[side->failed].by = error->by;
    if (error->to && error->to_length == sizeof(struct sockaddr_in))
        memcpy(&side->failures[side->failed].to, error->to, error->to_length);
    side->failed++;
}

static void ended(struct hark_datagram *datagram, int error)
{
    struct side *side = hark_container_of(datagram, struct side, datagram);
    side->ended = true;
    side->end = error;
}

static void drained(struct hark_datagram *datagram)
{
    hark_container_of(datagram, struct side, datagram)->drained++;
}

static void closed(struct hark_datagram *datagram)
{
    hark_container_of(datagram, struct side, datagram)->closed = true;
}

static void detached(struct hark_datagram *datagram, int fd)
{
    hark_container_of(datagram, struct side, datagram)->detached = fd + 1;
}

static const struct hark_datagram_events events = {.received = received,
                                                   .ended = ended,
                                                   .failed = failed,
                                                   .drained = drained,
                                                   .closed = closed,
                                                   .detached = detached};

static struct hark_address address_of(struct hark_loop *loop, const struct side *side)
{
    struct hark_address address;
    assert_result(hark_os_getsockname(loop, hark_datagram_fd(&side->datagram), &address), 0);
    return address;
}

static struct hark_address parse(const char *text)
{
    struct hark_address address;
    assert_result(hark_address_parse(text, &address), 0);
    return address;
}

static void bind_side(struct hark_loop *loop, struct side *side, const char *text, uint32_t flags)
{
    const struct hark_address local = parse(text);
    const struct hark_datagram_options options = {.flags = flags};
    memset(side, 0, sizeof *side);
    assert_result(hark_datagram_bind(loop, &side->datagram, &local, &options, &events), 0);
    hark_datagram_receive_start(&side->datagram);
}

static void connect_side(struct hark_loop *loop, struct side *side, const struct hark_address *peer,
                         uint32_t flags)
{
    const struct hark_datagram_options options = {.flags = flags};
    memset(side, 0, sizeof *side);
    assert_result(hark_datagram_connect(loop, &side->datagram, NULL, peer, &options, &events), 0);
    hark_datagram_receive_start(&side->datagram);
}

static void await(struct hark_loop *loop, const int *count, int wanted)
{
    int left = 1;
    while (*(const volatile int *)count < wanted && left > 0)
        left = hark_run_once(loop);
    assert_true(left >= 0);
    assert_true(*(const volatile int *)count >= wanted);
}

static void close_side(struct hark_loop *loop, struct side *side)
{
    hark_datagram_close(&side->datagram);
    hark_datagram_close(&side->datagram);
    harness_run_until(loop, &side->closed);
    assert_int_equal(hark_datagram_fd(&side->datagram), -1);
}

static struct hark_datagram_way to(const struct hark_address *address, uint64_t token)
{
    return (struct hark_datagram_way){
        .to = &address->name.any, .to_length = address->length, .token = token};
}

/* --- there and back --- */

static void echo(struct hark_loop *loop, const char *text)
{
    static struct side server;
    static struct side client;
    static const size_t sizes[] = {3, 0, 1, 1400, 0};
    char bytes[1400];
    memset(bytes, 'x', sizeof bytes);
    bind_side(loop, &server, text, 0);
    server.answers = true;
    struct hark_address address = address_of(loop, &server);
    connect_side(loop, &client, &address, 0);
    for (int i = 0; i < 5; i++) {
        assert_result(hark_datagram_send(&client.datagram, bytes, sizes[i], NULL), 0);
        await(loop, &client.count, i + 1);
        assert_int_equal(client.seen[i].count, sizes[i]);
        assert_int_equal(client.seen[i].length, sizes[i]);
        assert_int_equal(client.seen[i].from_length, address.length);
        assert_memory_equal(&client.seen[i].from, &address.name, address.length);
        assert_int_equal(client.seen[i].tos, -1);
        assert_int_equal(client.seen[i].local.length, 0);
    }
    assert_int_equal(server.count, 5);
    assert_int_equal(client.failed + server.failed, 0);
    assert_int_equal(hark_datagram_queued(&client.datagram), 0);
    close_side(loop, &client);
    close_side(loop, &server);
}

BACKEND_TEST(datagram_is_received_and_answered_and_one_of_no_bytes_is_one)
{
    echo(loop, "127.0.0.1:0");
    echo(loop, "[::1]:0");
}

static void unix_address(struct hark_address *out_address, const char *name)
{
    memset(out_address, 0, sizeof *out_address);
    out_address->name.unix_path.sun_family = AF_UNIX;
    snprintf(out_address->name.unix_path.sun_path, sizeof out_address->name.unix_path.sun_path,
             "%s", harness_path(name));
    out_address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
                                      strlen(out_address->name.unix_path.sun_path) + 1);
}

/* Also more than the kernel holds: what is sent waits in the queue, in its order. */
BACKEND_TEST(datagrams_over_unix_sockets_arrive_all_and_in_order)
{
    enum { COUNT = 200 };
    static struct side server;
    static struct side client;
    struct hark_address address;
    const struct hark_datagram_options large = {.queue_bytes_max = 1 << 20};
    memset(&server, 0, sizeof server);
    memset(&client, 0, sizeof client);
    unix_address(&address, "server");
    assert_result(hark_datagram_bind(loop, &server.datagram, &address, NULL, &events), 0);
    assert_result(hark_datagram_connect(loop, &client.datagram, NULL, &address, &large, &events),
                  0);
    for (int i = 0; i < COUNT; i++) {
        char byte = (char)i;
        assert_result(hark_datagram_send(&client.datagram, &byte, (size_t)(i % 2), NULL), 0);
    }
    harness_settle(loop);
    assert_true(hark_datagram_queued(&client.datagram) > 0);
    hark_datagram_receive_start(&server.datagram);
    await(loop, &server.count, COUNT);
    for (int i = 0; i < SEEN; i++) {
        assert_int_equal(server.seen[i].count, i % 2);
        assert_int_equal(server.seen[i].first, i % 2 ? i : 0);
        assert_int_equal(server.seen[i].from_length, 0);
    }
    close_side(loop, &client);
    close_side(loop, &server);
    assert_int_equal(unlink(address.name.unix_path.sun_path), 0);
}

/* --- the queue --- */

BACKEND_TEST(datagram_queue_refuses_what_has_no_room_and_tells_when_it_has)
{
    int ends[2];
    static struct side side;
    const struct hark_datagram_options small = {.queue_bytes_max = 8192};
    char bytes[500];
    char in[600];
    memset(bytes, 'x', sizeof bytes);
    memset(&side, 0, sizeof side);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    assert_result(hark_datagram_open(loop, &side.datagram, ends[0], &small, &events), 0);
    int result;
    int sent = 0;
    bool was_high = false;
    assert_result(hark_datagram_send(&side.datagram, bytes, 8192, NULL), -EMSGSIZE);
    for (;;) { /* as long as the kernel takes some, the queue falls again */
        result = hark_datagram_send(&side.datagram, bytes, sizeof bytes, NULL);
        if (result < 0)
            break;
        was_high |= result == 1;
        sent++;
        harness_turns(loop, 3);
    }
    assert_result(result, -ENOBUFS);
    assert_true(was_high);
    int before = side.drained;
    int arrived = 0;
    while (side.drained == before) {
        while (recv(ends[1], in, sizeof in, 0) == (ssize_t)sizeof bytes)
            arrived++;
        harness_turns(loop, 1);
    }
    assert_true(hark_datagram_queued(&side.datagram) <= 1024);
    assert_result(hark_datagram_send(&side.datagram, bytes, 1, NULL), 0);
    hark_datagram_close_after_sending(&side.datagram);
    assert_result(hark_datagram_send(&side.datagram, bytes, 1, NULL), -EPIPE);
    harness_run_until(loop, &side.closed);
    for (ssize_t count; (count = recv(ends[1], in, sizeof in, 0)) > 0;)
        arrived++;
    assert_int_equal(arrived, sent + 1);
    harness_close(loop, ends[1]);
}

/* Records of all sizes, round and round. */
BACKEND_TEST(datagram_queue_that_goes_round_loses_nothing)
{
    enum { COUNT = 600 };
    int ends[2];
    static struct side side;
    static char bytes[3000];
    static char in[4000];
    const struct hark_datagram_options small = {.queue_bytes_max = 16384};
    memset(&side, 0, sizeof side);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    assert_result(hark_datagram_open(loop, &side.datagram, ends[0], &small, &events), 0);
    int arrived = 0;
    for (int sent = 0; arrived < COUNT;) {
        size_t count = (size_t)(sent * 37 % 3000);
        harness_fill(bytes, count, (uint64_t)sent);
        if (sent < COUNT && hark_datagram_send(&side.datagram, bytes, count, NULL) >= 0) {
            sent++;
            continue;
        }
        for (ssize_t size; (size = recv(ends[1], in, sizeof in, 0)) >= 0; arrived++) {
            assert_int_equal(size, arrived * 37 % 3000);
            assert_true(harness_filled(in, (size_t)size, (uint64_t)arrived));
        }
        harness_turns(loop, 1);
    }
    close_side(loop, &side);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(datagrams_in_segments_arrive_as_one_each)
{
    static struct side server;
    static struct side client;
    static char bytes[70 * 1000 + 50];
    bind_side(loop, &server, "127.0.0.1:0", 0);
    struct hark_address address = address_of(loop, &server);
    connect_side(loop, &client, &address, 0);
    struct hark_datagram_way how = {.segment = 100};
    assert_result(hark_datagram_send(&client.datagram, bytes, 1050, &how), 0);
    await(loop, &server.count, 11);
    how.segment = 1000;
    assert_result(hark_datagram_send(&client.datagram, bytes, 3000, &how), 0);
    await(loop, &server.count, 14);
    how.segment = 5000;
    assert_result(hark_datagram_send(&client.datagram, bytes, 3000, &how), 0);
    await(loop, &server.count, 15);
    for (int i = 0; i < 15; i++)
        assert_int_equal(server.seen[i].count, i < 10 ? 100 : i == 10 ? 50 : i < 14 ? 1000 : 3000);
    how.segment = 1000; /* more than one datagram may be */
    assert_true(hark_datagram_send(&client.datagram, bytes, sizeof bytes, &how) >= 0);
    await(loop, &server.count, 15 + 71);
    assert_int_equal(server.total, 1050 + 3000 + 3000 + sizeof bytes);
    assert_int_equal(client.failed, 0);
    close_side(loop, &client);
    close_side(loop, &server);
}

BACKEND_TEST_WITH(datagrams_that_come_together_are_told_as_segments, 0,
                  .buffer_bytes = HARK_DATAGRAM_GRO_BYTES, .buffer_count = 16)
{
    static struct side server;
    static struct side client;
    static char bytes[10000];
    bind_side(loop, &server, "127.0.0.1:0", HARK_DATAGRAM_GRO);
    struct hark_address address = address_of(loop, &server);
    connect_side(loop, &client, &address, 0);
    if (!(hark_datagram_features(&server.datagram) & HARK_DATAGRAM_GRO) ||
        !(hark_datagram_features(&client.datagram) & HARK_DATAGRAM_GSO)) {
        close_side(loop, &client);
        close_side(loop, &server);
        harness_skip("the kernel has no segments of datagrams");
    }
    struct hark_datagram_way how = {.segment = 1000};
    assert_result(hark_datagram_send(&client.datagram, bytes, 9500, &how), 0);
    while (server.total < 9500)
        assert_result(hark_run_once(loop), 1);
    assert_int_equal(server.count, 1);
    assert_int_equal(server.seen[0].count, 9500);
    assert_int_equal(server.seen[0].segment, 1000);
    assert_result(hark_datagram_send(&client.datagram, bytes, 700, NULL), 0);
    await(loop, &server.count, 2);
    assert_int_equal(server.seen[1].segment, 0);
    close_side(loop, &client);
    close_side(loop, &server);
}

/* A pool of small buffers would cut what comes together. */
BACKEND_TEST(datagrams_are_not_received_together_into_small_buffers)
{
    static struct side side;
    bind_side(loop, &side, "127.0.0.1:0", HARK_DATAGRAM_GRO);
    assert_false(hark_datagram_features(&side.datagram) & HARK_DATAGRAM_GRO);
    close_side(loop, &side);
}

/* --- what belongs to a datagram --- */

static bool lacks(struct hark_loop *loop, struct side *side, uint32_t feature)
{
    if (hark_datagram_features(&side->datagram) & feature)
        return false;
    close_side(loop, side);
    return true;
}

/* A server with one socket for all addresses answers from the one that was asked. */
static void answer_from_where_it_came(struct hark_loop *loop, const char *bound, const char *asked)
{
    static struct side server;
    static struct side client;
    bind_side(loop, &server, bound, HARK_DATAGRAM_LOCAL);
    if (lacks(loop, &server, HARK_DATAGRAM_LOCAL))
        harness_skip("the kernel does not tell to which address a datagram came");
    server.answers = true;
    struct hark_address own = address_of(loop, &server);
    struct hark_address address = parse(asked);
    in_port_t port =
        own.name.any.sa_family == AF_INET6 ? own.name.ip6.sin6_port : own.name.ip4.sin_port;
    if (address.name.any.sa_family == AF_INET6)
        address.name.ip6.sin6_port = port;
    else
        address.name.ip4.sin_port = port;
    bind_side(loop, &client, address.name.any.sa_family == AF_INET6 ? "[::1]:0" : "127.0.0.1:0", 0);
    struct hark_datagram_way how = to(&address, 0);
    assert_result(hark_datagram_send(&client.datagram, "abc", 3, &how), 0);
    await(loop, &client.count, 1);
    assert_int_equal(client.seen[0].from_length, address.length);
    assert_memory_equal(&client.seen[0].from, &address.name, 8);
    assert_true(server.seen[0].local.length > 0);
    assert_int_equal(server.seen[0].local.name.any.sa_family, own.name.any.sa_family);
    assert_int_equal(server.seen[0].interface, if_nametoindex("lo"));
    close_side(loop, &client);
    close_side(loop, &server);
}

BACKEND_TEST(datagram_is_answered_from_the_address_that_it_came_to)
{
    if (harness_in_world())
        harness_skip("a world has one address of itself");
    answer_from_where_it_came(loop, "0.0.0.0:0", "127.0.0.2:1");
    answer_from_where_it_came(loop, "[::]:0", "[::1]:1");
    answer_from_where_it_came(loop, "[::]:0", "127.0.0.3:1");
}

static void tell_tos(struct hark_loop *loop, const char *bound, const char *asked)
{
    static struct side server;
    static struct side client;
    bind_side(loop, &server, bound, HARK_DATAGRAM_TOS);
    if (lacks(loop, &server, HARK_DATAGRAM_TOS))
        harness_skip("the kernel does not tell the TOS byte");
    struct hark_address own = address_of(loop, &server);
    struct hark_address address = parse(asked);
    if (address.name.any.sa_family == AF_INET6)
        address.name.ip6.sin6_port = own.name.ip6.sin6_port;
    else
        address.name.ip4.sin_port =
            own.name.any.sa_family == AF_INET6 ? own.name.ip6.sin6_port : own.name.ip4.sin_port;
    connect_side(loop, &client, &address, 0);
    static const int values[] = {1, 2, 0, 3, 0x2e << 2};
    for (int i = 0; i < 5; i++) {
        struct hark_datagram_way how = {.tos = values[i]};
        assert_result(hark_datagram_send(&client.datagram, "abc", 3, &how), 0);
        await(loop, &server.count, i + 1);
        assert_int_equal(server.seen[i].tos, values[i]);
    }
    close_side(loop, &client);
    close_side(loop, &server);
}

BACKEND_TEST(datagram_carries_its_ecn_bits)
{
    tell_tos(loop, "127.0.0.1:0", "127.0.0.1:1");
    tell_tos(loop, "[::1]:0", "[::1]:1");
    tell_tos(loop, "[::]:0", "127.0.0.1:1");
}

static void receive_of_group(struct hark_loop *loop, const char *bound, const char *group_text)
{
    static struct side member;
    static struct side sender;
    struct hark_address group = parse(group_text);
    const unsigned lo = if_nametoindex("lo");
    bind_side(loop, &member, bound, 0);
    int error = hark_datagram_join(&member.datagram, &group, lo, NULL);
    if (error) {
        close_side(loop, &member);
        harness_skip("no group can be joined: %s", hark_error_name(error));
    }
    assert_result(hark_datagram_join(&member.datagram, &group, lo, NULL), -EADDRINUSE);
    struct hark_address own = address_of(loop, &member);
    if (group.name.any.sa_family == AF_INET6)
        group.name.ip6.sin6_port = own.name.ip6.sin6_port;
    else
        group.name.ip4.sin_port = own.name.ip4.sin_port;
    bind_side(loop, &sender, bound, 0);
    struct hark_datagram_way how = to(&group, 7);
    how.interface = lo;
    assert_result(hark_datagram_send(&sender.datagram, "abc", 3, &how), 0);
    while (member.count + sender.failed == 0)
        assert_result(hark_run_once(loop), 1);
    if (sender.failed == 0) {
        assert_int_equal(member.seen[0].count, 3);
        assert_result(hark_datagram_leave(&member.datagram, &group, lo, NULL), 0);
        assert_result(hark_datagram_leave(&member.datagram, &group, lo, NULL), -EADDRNOTAVAIL);
    } else {
        print_message("no way to a group here: %s\n", hark_error_name(sender.failures[0].error));
    }
    close_side(loop, &sender);
    close_side(loop, &member);
    assert_result(hark_datagram_join(&member.datagram, &group, lo, NULL), -EBADF);
}

BACKEND_TEST(datagram_to_a_group_comes_to_its_members)
{
    if (harness_in_world())
        harness_skip("a world has no groups");
    receive_of_group(loop, "0.0.0.0:0", "239.1.2.3:1");
    receive_of_group(loop, "[::]:0", "[ff01::1234]:1");
}

/* --- what is told of it --- */

/* An address where nobody is. */
static struct hark_address nobody(struct hark_loop *loop)
{
    static struct side gone;
    bind_side(loop, &gone, "127.0.0.1:0", 0);
    struct hark_address address = address_of(loop, &gone);
    close_side(loop, &gone);
    return address;
}

BACKEND_TEST(datagram_that_nobody_takes_is_told_and_receiving_goes_on)
{
    static struct side client;
    static struct side server;
    struct hark_address address = nobody(loop);
    connect_side(loop, &client, &address, 0);
    for (int i = 0; i < 3; i++) {
        assert_result(hark_datagram_send(&client.datagram, "abc", 3, NULL), 0);
        await(loop, &client.failed, i + 1);
        assert_result(client.failures[i].error, -ECONNREFUSED);
        assert_int_equal(client.failures[i].token, 0);
    }
    memset(&server, 0, sizeof server);
    server.answers = true;
    assert_result(hark_datagram_bind(loop, &server.datagram, &address, NULL, &events), 0);
    hark_datagram_receive_start(&server.datagram);
    assert_result(hark_datagram_send(&client.datagram, "abc", 3, NULL), 0);
    await(loop, &client.count, 1);
    assert_int_equal(client.failed, 3);
    assert_false(client.ended);
    close_side(loop, &client);
    close_side(loop, &server);
}

static uint64_t token_of(struct hark_loop *loop, struct side *side, const struct hark_address *name,
                         const char *text, uint64_t token)
{
    struct hark_datagram_way how = to(name, token);
    int before = side->failed;
    assert_result(hark_datagram_send(&side->datagram, text, strlen(text), &how), 0);
    await(loop, &side->failed, before + 1);
    assert_result(side->failures[before].error, -ECONNREFUSED);
    assert_true(side->failures[before].by);
    assert_memory_equal(&side->failures[before].to, &name->name, 8);
    return side->failures[before].token;
}

BACKEND_TEST(errors_of_the_network_are_told_with_the_send_that_they_are_about)
{
    static struct side client;
    static struct side server;
    struct hark_address gone[2] = {nobody(loop), nobody(loop)};
    bind_side(loop, &server, "127.0.0.1:0", 0);
    struct hark_address here = address_of(loop, &server);
    bind_side(loop, &client, "127.0.0.1:0", HARK_DATAGRAM_ERRORS);
    if (lacks(loop, &client, HARK_DATAGRAM_ERRORS)) {
        close_side(loop, &server);
        harness_skip("the sockets of a world have no queue of errors");
    }
    assert_int_equal(token_of(loop, &client, &gone[0], "abc", 11), 11);
    assert_int_equal(token_of(loop, &client, &gone[1], "abc", 12), 12);
    assert_int_equal(token_of(loop, &client, &gone[0], "", 13), 13);
    /* Several at once: each is told once, and those that arrive are not told of. */
    static const char *const texts[] = {"a", "ab", "abcdefghijklmnopqrstuvwxyz", "ab", "zz", ""};
    for (uint64_t i = 0; i < 12; i++) {
        struct hark_datagram_way how = to(i % 2 ? &gone[0] : &here, 100 + i);
        assert_result(
            hark_datagram_send(&client.datagram, texts[i / 2], strlen(texts[i / 2]), &how), 0);
    }
    await(loop, &client.failed, 3 + 6);
    await(loop, &server.count, 6);
    uint64_t told = 0;
    for (int i = 3; i < 9; i++) {
        assert_true(client.failures[i].token >= 100);
        assert_false(told >> (client.failures[i].token - 100) & 1);
        told |= UINT64_C(1) << (client.failures[i].token - 100);
    }
    assert_int_equal(told, 0xaaa);
    harness_assert_idle(loop);
    assert_int_equal(client.failed, 9);
    assert_int_equal(client.count, 0);
    close_side(loop, &client);
    close_side(loop, &server);
}

BACKEND_TEST(datagram_that_is_too_long_is_told_and_others_go_on)
{
    static struct side server;
    static struct side client;
    static char bytes[70000];
    bind_side(loop, &server, "127.0.0.1:0", 0);
    bind_side(loop, &client, "127.0.0.1:0", HARK_DATAGRAM_ERRORS);
    struct hark_address address = address_of(loop, &server);
    struct hark_datagram_way how = to(&address, 5);
    assert_result(hark_datagram_send(&client.datagram, bytes, sizeof bytes, &how), 0);
    assert_result(hark_datagram_send(&client.datagram, bytes, 10, &how), 0);
    await(loop, &client.failed, 1);
    await(loop, &server.count, 1);
    assert_result(client.failures[0].error, -EMSGSIZE);
    assert_int_equal(client.failures[0].token, 5);
    assert_int_equal(client.failed, 1);
    close_side(loop, &client);
    close_side(loop, &server);
}

BACKEND_TEST(datagram_to_a_full_unix_receiver_is_told)
{
    static struct side receiver;
    static struct side sender;
    struct hark_address address;
    int ends[2];
    memset(&receiver, 0, sizeof receiver);
    memset(&sender, 0, sizeof sender);
    unix_address(&address, "receiver");
    assert_result(hark_datagram_bind(loop, &receiver.datagram, &address, NULL, &events), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    close(ends[1]);
    int fd = hark_os_socket(loop, AF_UNIX, SOCK_DGRAM, 0);
    assert_result(hark_datagram_open(loop, &sender.datagram, fd, NULL, &events), 0);
    for (uint64_t token = 1; sender.failed == 0; token++) {
        struct hark_datagram_way how = to(&address, token);
        assert_result(hark_datagram_send(&sender.datagram, "abc", 3, &how), 0);
        harness_settle(loop);
    }
    assert_result(sender.failures[0].error, -EAGAIN);
    assert_true(sender.failures[0].token > 1);
    close(ends[0]);
    close_side(loop, &sender);
    close_side(loop, &receiver);
    assert_int_equal(unlink(address.name.unix_path.sun_path), 0);
}

/* --- deadlines and ends --- */

BACKEND_TEST(silence_past_the_deadline_ends_receiving_until_it_is_started_again)
{
    static struct side server;
    const struct hark_address local = parse("127.0.0.1:0");
    const struct hark_datagram_options options = {.receive_timeout_ns = 20000000};
    memset(&server, 0, sizeof server);
    assert_result(hark_datagram_bind(loop, &server.datagram, &local, &options, &events), 0);
    hark_datagram_receive_start(&server.datagram);
    harness_run_until(loop, &server.ended);
    assert_result(server.end, -ETIMEDOUT);
    server.ended = false;
    hark_datagram_receive_start(&server.datagram);
    struct hark_address address = address_of(loop, &server);
    struct hark_datagram_way how = to(&address, 0);
    assert_result(hark_datagram_send(&server.datagram, "abc", 3, &how), 0);
    await(loop, &server.count, 1);
    harness_run_until(loop, &server.ended);
    assert_result(server.end, -ETIMEDOUT);
    close_side(loop, &server);
}

BACKEND_TEST(datagram_that_cannot_be_sent_in_time_is_told)
{
    int ends[2];
    static struct side side;
    const struct hark_datagram_options options = {.send_timeout_ns = 20000000};
    memset(&side, 0, sizeof side);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    while (send(ends[0], "x", 1, 0) == 1)
        ;
    assert_result(hark_datagram_open(loop, &side.datagram, ends[0], &options, &events), 0);
    struct hark_datagram_way how = {.token = 9};
    assert_result(hark_datagram_send(&side.datagram, "abc", 3, &how), 0);
    await(loop, &side.failed, 1);
    assert_result(side.failures[0].error, -ETIMEDOUT);
    assert_int_equal(side.failures[0].token, 9);
    close_side(loop, &side);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(datagram_socket_stopped_keeps_what_comes_for_later)
{
    static struct side server;
    bind_side(loop, &server, "127.0.0.1:0", 0);
    struct hark_address address = address_of(loop, &server);
    struct hark_datagram_way how = to(&address, 0);
    harness_settle(loop);
    hark_datagram_receive_stop(&server.datagram);
    harness_settle(loop);
    assert_result(hark_datagram_send(&server.datagram, "abc", 3, &how), 0);
    harness_settle(loop);
    assert_int_equal(server.count, 0);
    hark_datagram_receive_start(&server.datagram);
    hark_datagram_receive_stop(&server.datagram);
    hark_datagram_receive_start(&server.datagram);
    await(loop, &server.count, 1);
    assert_false(server.ended);
    close_side(loop, &server);
}

BACKEND_TEST(datagram_socket_closed_in_its_callback_drops_its_queue)
{
    static struct side server;
    bind_side(loop, &server, "127.0.0.1:0", 0);
    server.closes = true;
    struct hark_address address = address_of(loop, &server);
    struct hark_datagram_way how = to(&address, 0);
    for (int i = 0; i < 100; i++)
        assert_true(hark_datagram_send(&server.datagram, "abc", 3, &how) >= 0);
    harness_run_until(loop, &server.closed);
    assert_int_equal(server.count, 1);
    assert_result(hark_datagram_send(&server.datagram, "abc", 3, &how), -EPIPE);
    harness_run(loop);
}

BACKEND_TEST(datagram_socket_that_is_detached_has_sent_its_queue)
{
    enum { COUNT = 50 };
    static struct side server;
    static struct side client;
    bind_side(loop, &server, "127.0.0.1:0", 0);
    struct hark_address address = address_of(loop, &server);
    connect_side(loop, &client, &address, HARK_DATAGRAM_ERRORS);
    for (int i = 0; i < COUNT; i++)
        assert_true(hark_datagram_send(&client.datagram, "abc", 3, NULL) >= 0);
    assert_result(hark_datagram_detach(&client.datagram), 0);
    assert_result(hark_datagram_detach(&client.datagram), -EBUSY);
    assert_result(hark_datagram_send(&client.datagram, "abc", 3, NULL), -EPIPE);
    await(loop, &client.detached, 1);
    assert_result(hark_datagram_detach(&client.datagram), -EBADF);
    await(loop, &server.count, COUNT);
    int fd = client.detached - 1;
    assert_result(hark_datagram_open(loop, &client.datagram, fd, NULL, &events), 0);
    assert_result(hark_datagram_send(&client.datagram, "abc", 3, NULL), 0);
    await(loop, &server.count, COUNT + 1);
    close_side(loop, &client);
    close_side(loop, &server);
}

BACKEND_TEST(datagram_socket_of_what_is_none_is_refused)
{
    static struct side side;
    int ends[2];
    const struct hark_address address = parse("127.0.0.1:0");
    memset(&side, 0, sizeof side);
    harness_socket_pair(loop, ends);
    assert_result(hark_datagram_open(loop, &side.datagram, ends[0], NULL, &events), -EPROTOTYPE);
    assert_result(hark_datagram_open(loop, &side.datagram, 1000, NULL, &events), -EBADF);
    assert_int_equal(hark_datagram_fd(&side.datagram), -1);
    hark_datagram_receive_start(&side.datagram);
    hark_datagram_close(&side.datagram);
    assert_result(hark_datagram_send(&side.datagram, "abc", 3, NULL), -EPIPE);
    bind_side(loop, &side, "[::1]:0", 0);
    struct hark_datagram_way how = {.local = &address};
    assert_result(hark_datagram_send(&side.datagram, "abc", 3, &how), -EAFNOSUPPORT);
    how = (struct hark_datagram_way){.segment = 65536};
    assert_result(hark_datagram_send(&side.datagram, "abc", 3, &how), -EINVAL);
    close_side(loop, &side);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}
