/* test_names.c - addresses with names, from text. kernel_getaddrinfo is this file's: what it finds
 * is the same on every machine. */
#include "base/say.h"
#include "client/client.h"
#include "client/connection.h"
#include "fault/faults.h"
#include "harness/harness.h"
#include "options/names.h"
#include "options/value.h"
#include "server/fixture.h"

#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int look_ups;
static const char *moving = "127.0.0.1"; /* where moving.example is at first; */
static const char *moved = "127.0.0.2";  /* from the second look-up on; NULL: nobody knows then */
static int asked = -1; /* told when the second look-up begins, which then has no end */

/* Names, and the addresses that they have. 192.0.2.1 is nobody's. */
static const struct {
    const char *name, *addresses[3];
} known[] = {
    {"both.example", {"127.0.0.1", "[::1]", "127.0.0.1"}},
    {"loop.example", {"127.0.0.1", "127.0.0.2", "127.0.0.1"}},
    {"partly.example", {"192.0.2.1", "127.0.0.1", NULL}},
    {"nobody.example", {"192.0.2.1", NULL, NULL}},
};

static int64_t put(const char *address, const char *service, struct hark_address *out_address)
{
    char text[HARK_ADDRESS_TEXT_MAX];
    snprintf(text, sizeof text, "%s:%s", address, service);
    assert_int_equal(hark_address_parse(text, out_address), 0);
    return 1;
}

static int64_t look_up_moving(const char *service, struct hark_address *out_address)
{
    const char *now = moving;
    if (now != moved) {
        moving = moved;
        return put(now, service, out_address);
    }
    while (asked >= 0) {
        (void)!write(asked, "?", 1);
        pause();
    }
    return now ? put(now, service, out_address) : KERNEL_EAI + EAI_AGAIN;
}

int64_t kernel_getaddrinfo(const char *host, const char *service, int family, int flags,
                           struct hark_address *out_addresses, size_t room)
{
    int64_t count = 0;
    (void)family;
    (void)flags;
    assert_true(room >= 3);
    look_ups++;
    if (strcmp(host, "moving.example") == 0)
        return look_up_moving(service, out_addresses);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(host, known[i].name) != 0)
            continue;
        for (int at = 0; at < 3 && known[i].addresses[at]; at++)
            count += put(known[i].addresses[at], service, &out_addresses[count]);
    }
    return count ? count : KERNEL_EAI + EAI_NONAME;
}

/* Reads an address, and looks it up. */
static int look_up(const char *text, struct name *out_name, struct names *out_names)
{
    int code = names_parse("--http", text, out_name);
    return code == EXIT_DONE ? names_look_up("--http", out_name, out_names) : code;
}

static void assert_address(const struct names *names, size_t index, const char *expected)
{
    char text[HARK_ADDRESS_TEXT_MAX];
    assert_true(index < names->count);
    assert_string_equal(hark_address_format(&names->addresses[index], text, sizeof text), expected);
}

TEST(name_gives_each_of_its_addresses_once)
{
    struct name name;
    struct names names;
    char text[NAMES_TEXT_MAX];
    assert_int_equal(look_up("both.example:80", &name, &names), EXIT_DONE);
    assert_true(name.named);
    assert_int_equal(names.count, 2);
    assert_address(&names, 0, "127.0.0.1:80");
    assert_address(&names, 1, "[::1]:80");
    assert_string_equal(names_format(&names.addresses[1], name.text, text, sizeof text),
                        "[::1]:80 (both.example:80)");
    names_done(&names);
}

TEST(name_that_is_nowhere_is_refused_by_the_machine)
{
    struct name name;
    struct names names;
    assert_int_equal(look_up("none.example:80", &name, &names), EXIT_REFUSED);
    names_done(&names);
}

TEST(port_alone_is_this_machine_and_all_interfaces_are_said_in_full)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"8080", "127.0.0.1:8080"},     {":8080", "127.0.0.1:8080"},  {"0", "127.0.0.1:0"},
        {"*:8080", "[::]:8080"},        {"[::]:80", "[::]:80"},       {"0.0.0.0:80", "0.0.0.0:80"},
        {"[::1]:65535", "[::1]:65535"}, {"unix:/a:80", "unix:/a:80"},
    };
    look_ups = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct name name;
        struct names names;
        assert_null(names_check(rows[i].text));
        assert_int_equal(look_up(rows[i].text, &name, &names), EXIT_DONE);
        assert_int_equal(names.count, 1);
        assert_address(&names, 0, rows[i].expected);
        assert_false(name.named);
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
        struct name name;
        if (!names_check(wrong[i]))
            fail_msg("%s was taken", wrong[i]);
        assert_int_equal(names_parse("--http", wrong[i], &name), EXIT_USAGE);
    }
    assert_null(names_check("both.example:80"));
    assert_null(names_check("a-b_c.example:0"));
    assert_int_equal(look_ups, 0);
}

/* --- hark serve --- */

/* A server on a name. Gives: whether it came to listen. */
static bool serve_on(struct server *server, const char *http)
{
    server_init(server, "named");
    snprintf(server->http, sizeof server->http, "%s", http);
    server->options.insecure = true; /* some are others' addresses */
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
    assert_non_null(
        strstr(server_said(&server), "cannot listen on 192.0.2.1:0 (nobody.example:0): "));
    assert_false(serve_on(&server, "none.example:0"));
    assert_int_equal(server_wait(&server), EXIT_REFUSED);
    assert_non_null(
        strstr(server_said(&server), "--http none.example:0: cannot look up none.example: "));
}

/* --- clients --- */

static struct {
    int opened, ended;
} told;

static void opened(struct client_connection *connection)
{
    told.opened++;
    client_connection_close(connection);
}

static void ended(struct client_connection *connection)
{
    told.ended++;
    (void)connection;
}

/* Connects to a name, and runs until that has come to its end. */
static void connect_to(struct hark_loop *loop, struct client_connection *connection,
                       const char *text)
{
    static const struct client_connection_events events = {.opened = opened, .ended = ended};
    static struct name name;
    assert_int_equal(names_parse("--server", text, &name), EXIT_DONE);
    memset(connection, 0, sizeof *connection);
    client_connection_open(loop, connection, &name, NULL, &events);
    assert_true(hark_run(loop) >= 0);
}

BACKEND_TEST(client_takes_the_first_address_that_answers)
{
    static struct client_connection connection;
    struct hark_address address;
    char text[64];
    int listening = harness_listen(loop, &address);
    unsigned port = ntohs(address.name.ip4.sin_port);
    snprintf(text, sizeof text, "both.example:%u", port); /* nobody listens on [::1] */
    connect_to(loop, &connection, text);
    assert_int_equal(told.opened, 1);
    assert_int_equal(told.ended, 1);
    assert_memory_equal(&connection.peer.name, &address.name, sizeof address.name.ip4);
    connect_to(loop, &connection, "loop.example:1");
    assert_int_equal(told.opened, 1);
    assert_int_equal(told.ended, 2);
    assert_int_equal(connection.error, -ECONNREFUSED);
    connect_to(loop, &connection, "none.example:1");
    assert_int_equal(told.opened, 1);
    assert_int_equal(told.ended, 3);
    assert_int_equal(connection.error, HARK_LOOKUP_NOT_FOUND);
    harness_close(loop, listening);
}

/* A process that runs hark sub, its output in a pipe. */
static pid_t start_sub(const char *server, int out)
{
    pid_t process = fork();
    assert_true(process >= 0);
    if (process > 0)
        return process;
    const char *const words[] = {"sub",      "s",    "--backend", harness_backend_name(),
                                 "--server", server, "--count",   "2"};
    enum { WORDS = sizeof words / sizeof *words };
    char *argv[WORDS + 1] = {NULL};
    for (int i = 0; i < WORDS; i++)
        argv[i] = strdup(words[i]);
    alarm(60); /* it would try for ever */
    dup2(out, STDOUT_FILENO);
    _exit(client_sub_run(WORDS, argv));
}

static int listen_on(const char *host, uint16_t port)
{
    char text[64];
    struct hark_address address;
    snprintf(text, sizeof text, "%s:%u", host, (unsigned)port);
    assert_int_equal(hark_address_parse(text, &address), 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(fd, &address.name.any, address.length), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* Takes a connection, which says that, and answers. */
static void serve_once(int listening, const char *expected, const char *answer)
{
    char request[64] = "";
    size_t count = 0;
    int connection = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    assert_true(connection >= 0);
    while (!strchr(request, '\n')) {
        ssize_t got = read(connection, request + count, sizeof request - 1 - count);
        assert_true(got > 0);
        count += (size_t)got;
        request[count] = '\0';
    }
    assert_string_equal(request, expected);
    assert_int_equal(write(connection, answer, strlen(answer)), (ssize_t)strlen(answer));
    close(connection);
}

static uint16_t free_port(struct hark_loop *loop)
{
    struct hark_address address;
    harness_close(loop, harness_listen(loop, &address));
    return ntohs(address.name.ip4.sin_port);
}

BACKEND_TEST(sub_finds_a_server_that_has_moved)
{
    char server[64], printed[64] = "";
    int ends[2], status;
    uint16_t port = free_port(loop);
    int first = listen_on("127.0.0.1", port), second = listen_on("127.0.0.2", port);
    snprintf(server, sizeof server, "moving.example:%u", (unsigned)port);
    harness_pipe(ends, 0);
    pid_t process = start_sub(server, ends[1]);
    close(ends[1]);
    serve_once(first, "SUB s now\n", "5\n6\tone\n");
    close(first);
    serve_once(second, "SUB s after 6\n", "7\ttwo\n");
    assert_int_equal(waitpid(process, &status, 0), process);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(read(ends[0], printed, sizeof printed), 8);
    assert_string_equal(printed, "one\ntwo\n");
    close(second);
    close(ends[0]);
}

BACKEND_TEST(sub_goes_on_where_its_server_was_while_no_name_server_answers)
{
    char server[64], printed[64] = "";
    int ends[2], status;
    uint16_t port = free_port(loop);
    int listening = listen_on("127.0.0.1", port);
    moved = NULL;
    snprintf(server, sizeof server, "moving.example:%u", (unsigned)port);
    harness_pipe(ends, 0);
    pid_t process = start_sub(server, ends[1]);
    close(ends[1]);
    serve_once(listening, "SUB s now\n", "5\n6\tone\n");
    serve_once(listening, "SUB s after 6\n", "7\ttwo\n");
    assert_int_equal(waitpid(process, &status, 0), process);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(read(ends[0], printed, sizeof printed), 8);
    assert_string_equal(printed, "one\ntwo\n");
    close(listening);
    close(ends[0]);
}

BACKEND_TEST(sub_comes_again_after_a_refusal_that_passes)
{
    char server[64], printed[64] = "";
    int ends[2], status;
    uint16_t port = free_port(loop);
    int listening = listen_on("127.0.0.1", port);
    snprintf(server, sizeof server, "127.0.0.1:%u", (unsigned)port);
    harness_pipe(ends, 0);
    pid_t process = start_sub(server, ends[1]);
    close(ends[1]);
    serve_once(listening, "SUB s now\n", "5\n6\tone\nERR too much at once: try again later\n");
    serve_once(listening, "SUB s after 6\n", "7\ttwo\n");
    assert_int_equal(waitpid(process, &status, 0), process);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(read(ends[0], printed, sizeof printed), 8);
    assert_string_equal(printed, "one\ntwo\n");
    close(listening);
    close(ends[0]);
}

BACKEND_TEST(sub_ends_after_a_refusal_that_stays)
{
    char server[64];
    int status;
    uint16_t port = free_port(loop);
    int listening = listen_on("127.0.0.1", port);
    snprintf(server, sizeof server, "127.0.0.1:%u", (unsigned)port);
    pid_t process = start_sub(server, STDERR_FILENO);
    serve_once(listening, "SUB s now\n", "ERR not a stream's name\n");
    assert_int_equal(waitpid(process, &status, 0), process);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    close(listening);
}

BACKEND_TEST(interrupt_ends_sub_while_a_name_server_does_not_answer)
{
    char server[64], byte;
    int ends[2], status;
    uint16_t port = free_port(loop);
    int first = listen_on("127.0.0.1", port);
    snprintf(server, sizeof server, "moving.example:%u", (unsigned)port);
    harness_pipe(ends, 0);
    asked = ends[1];
    pid_t process = start_sub(server, STDERR_FILENO);
    serve_once(first, "SUB s now\n", "5\n");
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(kill(process, SIGINT), 0);
    assert_int_equal(waitpid(process, &status, 0), process);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(first);
    close(ends[0]);
    close(ends[1]);
}
