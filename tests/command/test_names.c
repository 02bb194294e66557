/* test_names.c - addresses with names, from text. getaddrinfo is this file's: what it finds is the same on every machine. */
#include "client/connection.h"
#include "harness/harness.h"
#include "hub/server.h"
#include "names.h"
#include "options_value.h"
#include "say.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

static int look_ups;

/* Puts an address in front of a list. */
static void add(struct addrinfo **list, const char *text)
{
    struct addrinfo *info = calloc(1, sizeof *info);
    struct hark_address *address = calloc(1, sizeof *address);
    assert_non_null(info);
    assert_non_null(address);
    assert_int_equal(hark_address_parse(text, address), 0);
    info->ai_family = address->name.any.sa_family;
    info->ai_addrlen = address->length;
    info->ai_addr = &address->name.any;
    info->ai_next = *list;
    *list = info;
}

/* Names, and the addresses that they have. 192.0.2.1 is nobody's. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    static const struct {
        const char *name, *addresses[3];
    } known[] = {
        {"both.example", {"127.0.0.1", "[::1]", "127.0.0.1"}},
        {"loop.example", {"127.0.0.1", "127.0.0.2", "127.0.0.1"}},
        {"partly.example", {"192.0.2.1", "127.0.0.1", NULL}},
        {"nobody.example", {"192.0.2.1", NULL, NULL}},
    };
    look_ups++;
    assert_int_equal(hints->ai_socktype, SOCK_STREAM);
    *result = NULL;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        for (int last = 2; strcmp(node, known[i].name) == 0 && last >= 0; last--) {
            char text[HARK_ADDRESS_TEXT_MAX];
            const char *address = known[i].addresses[last];
            if (address && snprintf(text, sizeof text, "%s:%s", address, service) > 0)
                add(result, text);
        }
    }
    return *result ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *info)
{
    while (info) {
        struct addrinfo *next = info->ai_next;
        free(hark_container_of(info->ai_addr, struct hark_address, name.any));
        free(info);
        info = next;
    }
}

static void assert_address(const struct names *names, size_t index, const char *expected)
{
    char text[HARK_ADDRESS_TEXT_MAX];
    assert_true(index < names->count);
    assert_string_equal(hark_address_format(&names->addresses[index], text, sizeof text), expected);
}

TEST(name_gives_each_of_its_addresses_once)
{
    struct names names;
    char text[NAMES_TEXT_MAX];
    assert_int_equal(names_look_up("--http", "both.example:80", &names), EXIT_DONE);
    assert_true(names.named);
    assert_int_equal(names.count, 2);
    assert_address(&names, 0, "127.0.0.1:80");
    assert_address(&names, 1, "[::1]:80");
    assert_string_equal(names_format(&names.addresses[1], names.text, text, sizeof text), "[::1]:80 (both.example:80)");
    names_done(&names);
}

TEST(name_that_is_nowhere_is_refused_by_the_machine)
{
    struct names names;
    assert_int_equal(names_look_up("--http", "none.example:80", &names), EXIT_REFUSED);
    names_done(&names);
}

TEST(port_alone_is_this_machine_and_all_interfaces_are_said_in_full)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"8080", "127.0.0.1:8080"}, {":8080", "127.0.0.1:8080"},  {"0", "127.0.0.1:0"},           {"*:8080", "[::]:8080"},
        {"[::]:80", "[::]:80"},     {"0.0.0.0:80", "0.0.0.0:80"}, {"[::1]:65535", "[::1]:65535"}, {"unix:/a:80", "unix:/a:80"},
    };
    look_ups = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct names names;
        assert_null(value_address(rows[i].text));
        assert_int_equal(names_look_up("--http", rows[i].text, &names), EXIT_DONE);
        assert_int_equal(names.count, 1);
        assert_address(&names, 0, rows[i].expected);
        assert_false(names.named);
        names_done(&names);
    }
    assert_int_equal(look_ups, 0);
}

TEST(what_is_no_address_is_not_looked_up)
{
    static const char *const wrong[] = {
        "",
        ":",
        "somewhere",
        "somewhere:",
        "somewhere:65536",
        "65536",
        ":65536",
        "::1:80",
        "127.1:80",
        "0x7f.1:80",
        "127.0x1:80",
        "256.0.0.1:80",
        "1.2.3.4.5:80",
        "a b:80",
        "http://a:80",
        "[both.example]:80",
        "a.:80",
        "-:-1",
        "a:+1",
        "a: 1",
        "80 ",
        "8080:",
        "a:000080",
    };
    look_ups = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct names names;
        if (!value_address(wrong[i]))
            fail_msg("%s was taken", wrong[i]);
        assert_int_equal(names_look_up("--http", wrong[i], &names), EXIT_USAGE);
    }
    assert_null(value_address("both.example:80"));
    assert_null(value_address("a-b_c.example:0"));
    assert_int_equal(look_ups, 0);
}

/* ---- hark serve ---- */

/* A server on a name. Gives: whether it came to listen. */
static bool serve_on(struct server *server, const char *http)
{
    server_init(server, "named");
    snprintf(server->http, sizeof server->http, "%s", http);
    return server_try(server);
}

BACKEND_TEST(server_listens_on_every_address_of_a_name)
{
    struct server server;
    assert_true(serve_on(&server, "loop.example:0"));
    assert_non_null(strstr(server_said(&server), "http on 127.0.0.1:"));
    assert_non_null(strstr(server_said(&server), "http on 127.0.0.2:"));
    server_stop(&server);
}

BACKEND_TEST(server_passes_over_an_address_that_the_machine_lacks)
{
    struct server server;
    assert_true(serve_on(&server, "partly.example:0"));
    assert_non_null(strstr(server_said(&server), "http not on 192.0.2.1:0 (partly.example:0): "));
    assert_non_null(strstr(server_said(&server), "http on 127.0.0.1:"));
    server_stop(&server);
}

BACKEND_TEST(server_does_not_start_where_no_address_of_a_name_is_here)
{
    struct server server;
    assert_false(serve_on(&server, "nobody.example:0"));
    assert_int_equal(server_wait(&server), EXIT_REFUSED);
    assert_non_null(strstr(server_said(&server), "cannot listen on 192.0.2.1:0 (nobody.example:0): "));
    assert_false(serve_on(&server, "none.example:0"));
    assert_int_equal(server_wait(&server), EXIT_REFUSED);
    assert_non_null(strstr(server_said(&server), "--http none.example:0: cannot look up none.example: "));
}

/* ---- clients ---- */

static struct {
    int opened, ended;
} told;

static void opened(struct connection *connection)
{
    told.opened++;
    connection_close(connection);
}

static void ended(struct connection *connection)
{
    told.ended++;
    (void)connection;
}

BACKEND_TEST(client_tries_each_address_in_turn)
{
    static const struct connection_events events = {.opened = opened, .ended = ended};
    static struct connection connection;
    struct hark_address addresses[3];
    int listening = harness_listen(loop, &addresses[2]);
    assert_int_equal(hark_address_parse("127.0.0.1:1", &addresses[0]), 0);
    assert_int_equal(hark_address_parse("127.0.0.2:1", &addresses[1]), 0);
    struct names names = {.text = "three.example:1", .named = true, .addresses = addresses, .count = 3};
    connection_open(loop, &connection, &names, &events);
    assert_true(hark_run(loop) >= 0);
    assert_int_equal(told.opened, 1);
    assert_int_equal(told.ended, 1);
    names.count = 2;
    connection_open(loop, &connection, &names, &events);
    assert_true(hark_run(loop) >= 0);
    assert_int_equal(told.opened, 1);
    assert_int_equal(told.ended, 2);
    assert_int_equal(connection.error, -ECONNREFUSED);
    assert_ptr_equal(connection.address, &addresses[1]);
    harness_close(loop, listening);
}
