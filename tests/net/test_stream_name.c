/* hark_stream_connect_name: several addresses are raced, one wins, and nothing of the others is
 * left (the harness counts descriptors, ops and memory). Addresses are given by hand, but for the
 * tests of names, so that it is known who refuses and who is silent. */
#include "net/witness.h"

#define SHORT_NS 20000000ull
#define DELAY_NS 10000000ull

enum { OTHERS = 4 };

/* Who listens, and never has room for a connection more. */
struct silent {
    struct hark_address address;
    int listener;
    int others[OTHERS];
};

static void silent_open(struct hark_loop *loop, struct silent *silent)
{
    silent->listener = harness_listen(loop, &silent->address);
    assert_int_equal(listen(silent->listener, 0), 0);
    for (int i = 0; i < OTHERS; i++) {
        silent->others[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(silent->others[i], &silent->address.name.any, silent->address.length);
    }
}

static void silent_close(struct silent *silent)
{
    for (int i = 0; i < OTHERS; i++)
        close(silent->others[i]);
    close(silent->listener);
}

/* Where nobody listens. */
static struct hark_address refusing(struct hark_loop *loop)
{
    struct hark_address address;
    close(harness_listen(loop, &address));
    return address;
}

/* One that no socket is made for. */
static struct hark_address impossible(void)
{
    struct hark_address address = {.length = sizeof(struct sockaddr)};
    address.name.any.sa_family = 250; /* no family has that number */
    return address;
}

/* The same port on ::1, where this machine has that. Gives: the listener; -1. */
static int listen_on_6(struct hark_address *out_address)
{
    struct hark_address address;
    socklen_t length = sizeof address.name;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(hark_address_parse("[::1]:0", &address), 0);
    if (fd >= 0 && bind(fd, &address.name.any, address.length) == 0 && listen(fd, 8) == 0 &&
        getsockname(fd, &address.name.any, &length) == 0) {
        address.length = length;
        *out_address = address;
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static int connect_any(struct hark_loop *loop, struct witness *client,
                       const struct hark_address *addresses, size_t count,
                       const struct hark_stream_options *options)
{
    const struct hark_stream_name name = {
        .addresses = addresses, .count = count, .attempt_delay_ns = DELAY_NS};
    return CALL(hark_stream_connect_name(loop, &client->stream, &name, options, &witness_events));
}

/* Whose the connection is: the port of the other end. */
static in_port_t peer_port(struct hark_loop *loop, struct witness *client)
{
    struct hark_address peer = {0};
    int expected = hark_stream_fd(&client->stream);
    int fd = witness_detach(loop, client);
    assert_int_equal(fd, expected);
    assert_int_equal(hark_stream_fd(&client->stream), -1);
    socklen_t length = sizeof peer.name;
    assert_int_equal(getpeername(fd, &peer.name.any, &length), 0);
    close(fd);
    return peer.name.ip4.sin_port; /* at the same place in both families */
}

BACKEND_TEST(stream_name_connects_to_the_one_address_and_sends_what_was_written)
{
    struct witness client = {0};
    struct hark_address address;
    char got[5];
    int listener = harness_listen(loop, &address);
    assert_result(connect_any(loop, &client, &address, 1, NULL), 0);
    assert_int_equal(hark_stream_fd(&client.stream), -1); /* it is an attempt's still */
    assert_result(witness_write(&client, "early", 5), 0);
    witness_read_start(&client);
    harness_run_until(loop, &client.connected);
    assert_result(client.connected_error, 0);
    int peer = accept(listener, NULL, NULL);
    assert_true(peer >= 0);
    peer_read_all(loop, peer, got, sizeof got);
    assert_memory_equal(got, "early", 5);
    assert_int_equal(send(peer, "late", 4, 0), 4);
    while (client.total < 4)
        assert_true(hark_run_once(loop) >= 0);
    close(peer);
    harness_run_until(loop, &client.ended);
    witness_close(loop, &client);
    close(listener);
}

BACKEND_TEST(stream_name_goes_on_to_the_next_address_when_one_refuses_or_has_no_socket)
{
    struct witness client = {0};
    struct hark_address addresses[4] = {refusing(loop), impossible(), refusing(loop)};
    int listener = harness_listen(loop, &addresses[3]);
    in_port_t port = addresses[3].name.ip4.sin_port;
    assert_result(connect_any(loop, &client, addresses, 4, NULL), 0);
    memset(addresses, 0xff, sizeof addresses); /* they were copied */
    harness_run_until(loop, &client.connected);
    assert_result(client.connected_error, 0);
    assert_int_equal(peer_port(loop, &client), port);
    close(listener);
}

BACKEND_TEST(stream_name_begins_another_attempt_beside_one_that_is_silent)
{
    struct witness client = {0};
    struct silent silent[2];
    struct hark_address addresses[3];
    for (int i = 0; i < 2; i++) {
        silent_open(loop, &silent[i]);
        addresses[i] = silent[i].address;
    }
    int listener = harness_listen(loop, &addresses[2]);
    assert_result(connect_any(loop, &client, addresses, 3, NULL), 0);
    harness_run_until(loop, &client.connected);
    assert_result(client.connected_error, 0);
    assert_int_equal(peer_port(loop, &client), addresses[2].name.ip4.sin_port);
    harness_run(loop);
    for (int i = 0; i < 2; i++)
        silent_close(&silent[i]);
    close(listener);
}

BACKEND_TEST(stream_name_lets_the_families_take_turns)
{
    struct witness client = {0};
    struct silent silent;
    struct hark_address addresses[3];
    int on_6 = listen_on_6(&addresses[2]);
    if (on_6 < 0)
        harness_skip("no ::1");
    silent_open(loop, &silent);
    addresses[0] = silent.address;
    int on_4 = harness_listen(loop, &addresses[1]);
    assert_result(connect_any(loop, &client, addresses, 3, NULL), 0);
    harness_run_until(loop, &client.connected);
    assert_result(client.connected_error, 0);
    assert_int_equal(peer_port(loop, &client), addresses[2].name.ip6.sin6_port);
    harness_run(loop);
    silent_close(&silent);
    close(on_4);
    close(on_6);
}

BACKEND_TEST(stream_name_that_nobody_answers_tells_the_error_that_tells_most)
{
    struct witness client[3] = {{.fd = 0}};
    const struct hark_address none = impossible(), refused = refusing(loop);
    const struct hark_address orders[2][2] = {{none, refused}, {refused, none}};
    struct witness_block block;
    for (int i = 0; i < 2; i++) {
        assert_result(connect_any(loop, &client[i], orders[i], 2, NULL), 0);
        assert_result(witness_write_block(&client[i], &block, "x", 1), 0);
        harness_run_until(loop, &client[i].connected);
        assert_result(client[i].connected_error, -ECONNREFUSED);
        assert_result(block.error, -ECONNREFUSED);
        witness_close(loop, &client[i]);
    }
    assert_result(connect_any(loop, &client[2], &none, 1, NULL), 0);
    harness_run_until(loop, &client[2].connected);
    assert_result(client[2].connected_error, -EAFNOSUPPORT);
    witness_close(loop, &client[2]);
}

BACKEND_TEST(stream_name_past_its_deadline_gives_etimedout)
{
    struct witness client = {0};
    struct silent silent[2];
    struct hark_address addresses[2];
    struct hark_stream_options options = {.connect_timeout_ns = SHORT_NS};
    struct witness_block block;
    for (int i = 0; i < 2; i++) {
        silent_open(loop, &silent[i]);
        addresses[i] = silent[i].address;
    }
    assert_result(connect_any(loop, &client, addresses, 2, &options), 0);
    assert_result(witness_write_block(&client, &block, "x", 1), 0);
    harness_run(loop);
    assert_result(client.connected_error, -ETIMEDOUT);
    assert_result(block.error, -ETIMEDOUT);
    assert_false(client.failed);
    witness_close(loop, &client);
    for (int i = 0; i < 2; i++)
        silent_close(&silent[i]);
}

BACKEND_TEST(stream_name_is_looked_up)
{
    struct witness client = {0};
    struct hark_address address;
    char port[8];
    int listener = harness_listen(loop, &address);
    snprintf(port, sizeof port, "%u", (unsigned)ntohs(address.name.ip4.sin_port));
    const struct hark_stream_name name = {.host = "localhost", .service = port};
    assert_result(
        CALL(hark_stream_connect_name(loop, &client.stream, &name, NULL, &witness_events)), 0);
    assert_false(client.connected);
    harness_run_until(loop, &client.connected);
    assert_result(client.connected_error, 0);
    assert_int_equal(peer_port(loop, &client), address.name.ip4.sin_port);
    close(listener);
}

BACKEND_TEST(stream_name_that_is_not_found_says_so)
{
    struct witness client = {0};
    const struct hark_stream_name name = {.host = "localhost", .service = "no-such-service"};
    assert_result(
        CALL(hark_stream_connect_name(loop, &client.stream, &name, NULL, &witness_events)), 0);
    harness_run_until(loop, &client.connected);
    assert_result(client.connected_error, HARK_LOOKUP_SERVICE);
    witness_close(loop, &client);
}

/* Looking up, one attempt, several, a winner: whatever there is after so many turns is let go. */
BACKEND_TEST(stream_name_closed_at_any_moment_leaves_nothing)
{
    struct silent silent;
    struct hark_address addresses[4], address;
    char port[8];
    silent_open(loop, &silent);
    int listener = harness_listen(loop, &address);
    addresses[0] = silent.address;
    addresses[1] = refusing(loop);
    addresses[2] = silent.address;
    addresses[3] = address;
    snprintf(port, sizeof port, "%u", (unsigned)ntohs(address.name.ip4.sin_port));
    const struct hark_stream_name names[2] = {
        {.host = "localhost", .service = port},
        {.addresses = addresses, .count = 4, .attempt_delay_ns = DELAY_NS},
    };
    for (int i = 0; i < 20; i++) {
        struct witness client = {0};
        assert_result(CALL(hark_stream_connect_name(loop, &client.stream, &names[i % 2], NULL,
                                                    &witness_events)),
                      0);
        for (int turn = 0; turn < i / 2 && !client.connected; turn++)
            assert_true(hark_run_once(loop) >= 0);
        witness_close(loop, &client);
        harness_run(loop);
        assert_int_equal(hark_loop_active(loop), 0);
    }
    silent_close(&silent);
    close(listener);
}

BACKEND_TEST(stream_name_ends_with_hark_cancel_all)
{
    struct silent silent[2];
    struct hark_address addresses[2];
    for (int i = 0; i < 2; i++) {
        silent_open(loop, &silent[i]);
        addresses[i] = silent[i].address;
    }
    for (int i = 0; i < 2; i++) { /* with one attempt, and with two */
        struct witness client = {0};
        assert_result(connect_any(loop, &client, addresses, 2, NULL), 0);
        for (int turn = 0; turn < i; turn++)
            assert_true(hark_run_once(loop) >= 0);
        hark_cancel_all(loop);
        harness_run(loop);
        assert_result(client.connected_error, -ECANCELED);
        witness_close(loop, &client);
    }
    for (int i = 0; i < 2; i++)
        silent_close(&silent[i]);
}
