/* test_dns_connect.c - streams to a name that libhark-dns looks up: also while one of its families
 * is still waited for. */
#include "dns/resolving.h"
#include "net/witness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Who listens on a port of 127.0.0.1, and on the same of ::1 where this machine has that. */
struct host {
    int on_4, on_6; /* sockets with the same port in both families; -1: there is no IPv6 */
    char port[8];
};

/* Where it does not listen the port refuses, and is nobody else's. */
static int take_port(int family, bool listens, uint16_t *port)
{
    struct hark_address address;
    socklen_t length = sizeof address.name;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    assert_int_equal(hark_address_parse(family == AF_INET ? "127.0.0.1:0" : "[::1]:0", &address),
                     0);
    address.name.ip4.sin_port = htons(*port); /* at the same place in both families */
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
    if (bind(fd, &address.name.any, address.length) < 0 || (listens && listen(fd, 8) < 0)) {
        close(fd);
        return -1;
    }
    assert_int_equal(getsockname(fd, &address.name.any, &length), 0);
    *port = ntohs(address.name.ip4.sin_port);
    return fd;
}

static void host_open(struct host *host, bool on_4, bool on_6)
{
    uint16_t port;
    for (int tries = 0; tries < 100; tries++) {
        port = 0;
        host->on_6 = take_port(AF_INET6, on_6, &port);
        if (on_6 && host->on_6 < 0)
            harness_skip("no ::1");
        host->on_4 = take_port(AF_INET, on_4, &port);
        if (host->on_4 >= 0)
            break;
        close(host->on_6); /* the other family's is somebody else's */
    }
    assert_true(host->on_4 >= 0);
    snprintf(host->port, sizeof host->port, "%u", port);
}

static void host_close(const struct host *host)
{
    if (host->on_4 >= 0)
        close(host->on_4);
    if (host->on_6 >= 0)
        close(host->on_6);
}

static void connect_to(struct resolving *resolving, struct witness *client, const char *name,
                       const char *port, const struct hark_stream_options *options)
{
    const struct hark_stream_name to = {
        .host = name, .service = port, .resolver = hark_dns_resolver(resolving->dns)};
    assert_result(CALL(hark_stream_connect_name(resolving->loop, &client->stream, &to, options,
                                                &witness_events)),
                  0);
    assert_false(client->connected);
}

static int family_of(struct hark_loop *loop, const struct witness *client)
{
    struct hark_address peer;
    assert_int_equal(hark_os_getpeername(loop, hark_stream_fd(&client->stream), &peer), 0);
    return peer.name.any.sa_family;
}

static void connects_by(struct hark_loop *loop, const char *name, bool on_4, bool on_6, int family)
{
    struct resolving resolving;
    struct witness client = {0};
    struct host host;
    resolving_begin(loop, &resolving, NULL);
    host_open(&host, on_4, on_6);
    connect_to(&resolving, &client, name, host.port, NULL);
    harness_run_until(loop, &client.connected);
    assert_result(client.connected_error, 0);
    assert_int_equal(family_of(loop, &client), family);
    witness_close(loop, &client);
    host_close(&host);
    resolving_end(&resolving);
}

BACKEND_TEST(dns_connects_to_a_name_by_the_family_that_it_has)
{
    connects_by(loop, "four.test", true, false, AF_INET);
    connects_by(loop, "both.test", true, false, AF_INET); /* IPv6 is refused */
    connects_by(loop, "both.test.", true, false, AF_INET);
    connects_by(loop, "127.0.0.1", true, false, AF_INET);
    connects_by(loop, "localhost", true, false, AF_INET);
}

BACKEND_TEST(dns_connects_by_ipv6_where_both_families_answer)
{
    connects_by(loop, "both.test", true, true, AF_INET6);
    connects_by(loop, "six.test", true, true, AF_INET6);
    connects_by(loop, "six-last.test", true, true, AF_INET6);
}

/* The other is never answered, and the tests' patience is longer than a test may take. */
BACKEND_TEST(dns_connects_by_ipv4_while_ipv6_is_waited_for)
{
    connects_by(loop, "silent-six.test", true, false, AF_INET);
}

BACKEND_TEST(dns_connects_by_ipv6_while_ipv4_is_waited_for)
{
    connects_by(loop, "silent-four.test", true, true, AF_INET6);
}

/* All addresses of the family that has come refuse; then the other comes, and has one that does
 * not. */
BACKEND_TEST(dns_goes_on_with_the_family_that_comes_late)
{
    struct resolving resolving;
    struct witness client = {0};
    struct host host;
    resolving_begin(loop, &resolving, NULL);
    host_open(&host, false, true);
    connect_to(&resolving, &client, "slow-six.test", host.port, NULL);
    while (resolving.server.udp_questions < 2)
        assert_int_equal(hark_run_once(loop), 1);
    struct harness_op pause = {.context = NULL}; /* IPv4 has its turn meanwhile, or not yet */
    hark_sleep(loop, &pause.op, 100000000, harness_done);
    harness_wait(loop, &pause);
    assert_false(client.connected);
    name_server_tell(&resolving.server);
    harness_run_until(loop, &client.connected);
    assert_result(client.connected_error, 0);
    assert_int_equal(family_of(loop, &client), AF_INET6);
    witness_close(loop, &client);
    host_close(&host);
    resolving_end(&resolving);
}

BACKEND_TEST(dns_that_finds_nothing_or_is_destroyed_tells_the_stream)
{
    static const struct {
        const char *name;
        bool destroyed;
        int error;
    } cases[] = {{"no-such-name.test", false, HARK_LOOKUP_NOT_FOUND},
                 {"servfail.test", false, HARK_LOOKUP_AGAIN},
                 {"silent.test", true, -ECANCELED},
                 {"both.test", false, -ECONNREFUSED}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct resolving resolving;
        struct witness client = {0};
        struct host host;
        resolving_begin(loop, &resolving, NULL);
        host_open(&host, true, false);
        host_close(&host);
        connect_to(&resolving, &client, cases[i].name, host.port, NULL);
        if (cases[i].destroyed) {
            hark_dns_destroy(resolving.dns);
            resolving.dns = NULL;
        }
        harness_run_until(loop, &client.connected);
        assert_result(client.connected_error, cases[i].error);
        witness_close(loop, &client);
        resolving_end(&resolving);
    }
}

/* A name without a domain is whole only with it: nothing is told of it early. */
BACKEND_TEST(dns_connects_to_a_name_that_is_found_in_a_domain)
{
    static const char *const names[] = {"both", "both.test", "x.both"};
    static const char *const first[] = {"both.nothing", "both.test", "x.both"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct resolving resolving;
        struct witness client = {0};
        struct host host;
        resolving_begin(loop, &resolving, &(struct hark_dns_options){.domains = "nothing test"});
        host_open(&host, true, false);
        connect_to(&resolving, &client, names[i], host.port, NULL);
        harness_run_until(loop, &client.connected);
        assert_result(client.connected_error, 0);
        assert_string_equal(resolving.server.first, first[i]);
        witness_close(loop, &client);
        host_close(&host);
        resolving_end(&resolving);
    }
}

BACKEND_TEST(dns_of_a_stream_that_is_closed_or_late_is_given_up)
{
    static const char *const names[] = {"silent.test", "silent-six.test", "slow-six.test",
                                        "both.test"};
    static const struct hark_stream_options hurry = {.connect_timeout_ns = 1000000};
    for (int i = 0; i < 32; i++) {
        struct resolving resolving;
        struct witness client = {0};
        struct host host;
        resolving_begin(loop, &resolving, NULL);
        host_open(&host, false, false);
        connect_to(&resolving, &client, names[i % 4], "1", i == 4 ? &hurry : NULL);
        if (i == 4)
            harness_run_until(loop, &client.connected);
        else
            harness_turns(loop, i / 4);
        if (i == 4)
            assert_result(client.connected_error, -ETIMEDOUT);
        witness_close(loop, &client);
        resolving_end(&resolving);
        host_close(&host);
    }
}
