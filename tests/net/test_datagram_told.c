/* test_datagram_told.c - what belongs to a datagram (from where, by which way, ECN, groups), and
 * what is told of those that do not arrive. */
#include "net/side.h"

#include "harness/world.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

/* --- what belongs to a datagram --- */

static bool lacks(struct hark_loop *loop, struct side *side, uint32_t feature)
{
    if (hark_datagram_features(&side->datagram) & feature)
        return false;
    side_close(loop, side);
    return true;
}

/* A server with one socket for all addresses answers from the one that was asked. */
static void answer_from_where_it_came(struct hark_loop *loop, const char *bound, const char *asked)
{
    static struct side server;
    static struct side client;
    side_bind(loop, &server, bound, HARK_DATAGRAM_LOCAL);
    if (lacks(loop, &server, HARK_DATAGRAM_LOCAL))
        harness_skip("the kernel does not tell to which address a datagram came");
    server.answers = true;
    struct hark_address own = side_address(loop, &server);
    struct hark_address address = side_parse(asked);
    in_port_t port =
        own.name.any.sa_family == AF_INET6 ? own.name.ip6.sin6_port : own.name.ip4.sin_port;
    if (address.name.any.sa_family == AF_INET6)
        address.name.ip6.sin6_port = port;
    else
        address.name.ip4.sin_port = port;
    side_bind(loop, &client, address.name.any.sa_family == AF_INET6 ? "[::1]:0" : "127.0.0.1:0", 0);
    struct hark_datagram_way how = side_to(&address, 0);
    assert_result(hark_datagram_send(&client.datagram, "abc", 3, &how), 0);
    side_await(loop, &client.count, 1);
    assert_int_equal(client.seen[0].from_length, address.length);
    assert_memory_equal(&client.seen[0].from, &address.name, 8);
    assert_true(server.seen[0].local.length > 0);
    assert_int_equal(server.seen[0].local.name.any.sa_family, own.name.any.sa_family);
    assert_int_equal(server.seen[0].interface, if_nametoindex("lo"));
    side_close(loop, &client);
    side_close(loop, &server);
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
    side_bind(loop, &server, bound, HARK_DATAGRAM_TOS);
    if (lacks(loop, &server, HARK_DATAGRAM_TOS))
        harness_skip("the kernel does not tell the TOS byte");
    struct hark_address own = side_address(loop, &server);
    struct hark_address address = side_parse(asked);
    if (address.name.any.sa_family == AF_INET6)
        address.name.ip6.sin6_port = own.name.ip6.sin6_port;
    else
        address.name.ip4.sin_port =
            own.name.any.sa_family == AF_INET6 ? own.name.ip6.sin6_port : own.name.ip4.sin_port;
    side_connect(loop, &client, &address, 0);
    static const int values[] = {1, 2, 0, 3, 0x2e << 2};
    for (int i = 0; i < 5; i++) {
        struct hark_datagram_way how = {.tos = values[i]};
        assert_result(hark_datagram_send(&client.datagram, "abc", 3, &how), 0);
        side_await(loop, &server.count, i + 1);
        assert_int_equal(server.seen[i].tos, values[i]);
    }
    side_close(loop, &client);
    side_close(loop, &server);
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
    struct hark_address group = side_parse(group_text);
    const unsigned lo = if_nametoindex("lo");
    side_bind(loop, &member, bound, 0);
    int error = hark_datagram_join(&member.datagram, &group, lo, NULL);
    if (error) {
        side_close(loop, &member);
        harness_skip("no group can be joined: %s", hark_error_name(error));
    }
    assert_result(hark_datagram_join(&member.datagram, &group, lo, NULL), -EADDRINUSE);
    struct hark_address own = side_address(loop, &member);
    if (group.name.any.sa_family == AF_INET6)
        group.name.ip6.sin6_port = own.name.ip6.sin6_port;
    else
        group.name.ip4.sin_port = own.name.ip4.sin_port;
    side_bind(loop, &sender, bound, 0);
    struct hark_datagram_way how = side_to(&group, 7);
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
    side_close(loop, &sender);
    side_close(loop, &member);
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

BACKEND_TEST(datagram_that_nobody_takes_is_told_and_receiving_goes_on)
{
    static struct side client;
    static struct side server;
    struct hark_address address = side_nobody(loop);
    side_connect(loop, &client, &address, 0);
    for (int i = 0; i < 3; i++) {
        assert_result(hark_datagram_send(&client.datagram, "abc", 3, NULL), 0);
        side_await(loop, &client.failed, i + 1);
        assert_result(client.failures[i].error, -ECONNREFUSED);
        assert_int_equal(client.failures[i].token, 0);
    }
    memset(&server, 0, sizeof server);
    server.answers = true;
    assert_result(hark_datagram_bind(loop, &server.datagram, &address, NULL, &side_events), 0);
    hark_datagram_receive_start(&server.datagram);
    assert_result(hark_datagram_send(&client.datagram, "abc", 3, NULL), 0);
    side_await(loop, &client.count, 1);
    assert_int_equal(client.failed, 3);
    assert_false(client.ended);
    side_close(loop, &client);
    side_close(loop, &server);
}

static uint64_t token_of(struct hark_loop *loop, struct side *side, const struct hark_address *name,
                         const char *text, uint64_t token)
{
    struct hark_datagram_way how = side_to(name, token);
    int before = side->failed;
    assert_result(hark_datagram_send(&side->datagram, text, strlen(text), &how), 0);
    side_await(loop, &side->failed, before + 1);
    assert_result(side->failures[before].error, -ECONNREFUSED);
    assert_true(side->failures[before].by);
    assert_memory_equal(&side->failures[before].to, &name->name, 8);
    return side->failures[before].token;
}

BACKEND_TEST(errors_of_the_network_are_told_with_the_send_that_they_are_about)
{
    static struct side client;
    static struct side server;
    struct hark_address gone[2] = {side_nobody(loop), side_nobody(loop)};
    side_bind(loop, &server, "127.0.0.1:0", 0);
    struct hark_address here = side_address(loop, &server);
    side_bind(loop, &client, "127.0.0.1:0", HARK_DATAGRAM_ERRORS);
    if (lacks(loop, &client, HARK_DATAGRAM_ERRORS)) {
        side_close(loop, &server);
        harness_skip("the sockets of a world have no queue of errors");
    }
    assert_int_equal(token_of(loop, &client, &gone[0], "abc", 11), 11);
    assert_int_equal(token_of(loop, &client, &gone[1], "abc", 12), 12);
    assert_int_equal(token_of(loop, &client, &gone[0], "", 13), 13);
    /* Several at once: each is told once, and those that arrive are not told of. */
    static const char *const texts[] = {"a", "ab", "abcdefghijklmnopqrstuvwxyz", "ab", "zz", ""};
    for (uint64_t i = 0; i < 12; i++) {
        struct hark_datagram_way how = side_to(i % 2 ? &gone[0] : &here, 100 + i);
        assert_result(
            hark_datagram_send(&client.datagram, texts[i / 2], strlen(texts[i / 2]), &how), 0);
    }
    side_await(loop, &client.failed, 3 + 6);
    side_await(loop, &server.count, 6);
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
    side_close(loop, &client);
    side_close(loop, &server);
}

BACKEND_TEST(datagram_that_is_too_long_is_told_and_others_go_on)
{
    static struct side server;
    static struct side client;
    static char bytes[70000];
    side_bind(loop, &server, "127.0.0.1:0", 0);
    side_bind(loop, &client, "127.0.0.1:0", HARK_DATAGRAM_ERRORS);
    struct hark_address address = side_address(loop, &server);
    struct hark_datagram_way how = side_to(&address, 5);
    assert_result(hark_datagram_send(&client.datagram, bytes, sizeof bytes, &how), 0);
    assert_result(hark_datagram_send(&client.datagram, bytes, 10, &how), 0);
    side_await(loop, &client.failed, 1);
    side_await(loop, &server.count, 1);
    assert_result(client.failures[0].error, -EMSGSIZE);
    assert_int_equal(client.failures[0].token, 5);
    assert_int_equal(client.failed, 1);
    side_close(loop, &client);
    side_close(loop, &server);
}

BACKEND_TEST(datagram_to_a_full_unix_receiver_is_told)
{
    static struct side receiver;
    static struct side sender;
    struct hark_address address;
    int ends[2];
    memset(&receiver, 0, sizeof receiver);
    memset(&sender, 0, sizeof sender);
    side_unix_address(&address, "receiver");
    assert_result(hark_datagram_bind(loop, &receiver.datagram, &address, NULL, &side_events), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    close(ends[1]);
    int fd = hark_os_socket(loop, AF_UNIX, SOCK_DGRAM, 0);
    assert_result(hark_datagram_open(loop, &sender.datagram, fd, NULL, &side_events), 0);
    for (uint64_t token = 1; sender.failed == 0; token++) {
        struct hark_datagram_way how = side_to(&address, token);
        assert_result(hark_datagram_send(&sender.datagram, "abc", 3, &how), 0);
        harness_settle(loop);
    }
    assert_result(sender.failures[0].error, -EAGAIN);
    assert_true(sender.failures[0].token > 1);
    close(ends[0]);
    side_close(loop, &sender);
    side_close(loop, &receiver);
    assert_int_equal(unlink(address.name.unix_path.sun_path), 0);
}
