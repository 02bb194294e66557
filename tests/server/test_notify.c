/* test_notify.c - a service manager is told that the server is ready, and that it ends: the test is
 * the manager, with a socket as NOTIFY_SOCKET names it (sd_notify(3)). */
#include "server/fixture.h"

#include <stddef.h>

/* --- the manager --- */

/* Makes its socket, and names it for the servers that are started from here on.
 * Takes: a path, or @ and an abstract name. */
static int manager_open(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = SERVER_WAIT_SECONDS};
    size_t length = strlen(name);
    assert_true(length < sizeof address.sun_path);
    memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                     0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

/* The next datagram.
 * Gives: text that the next call uses again. */
static const char *manager_hears(int fd)
{
    static char text[64];
    ssize_t count = recv(fd, text, sizeof text - 1, 0);
    if (count < 0)
        fail_msg("the manager heard nothing: %s", strerror(errno));
    text[count] = '\0';
    return text;
}

static void manager_hears_nothing_more(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

/* Others have told it so much that its queue is full.
 * Gives: how often. */
static int manager_stuff(int fd)
{
    struct sockaddr_un address;
    socklen_t length = sizeof address;
    int count = 0;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    int other = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(other, (const struct sockaddr *)&address, length), 0);
    while (send(other, "WATCHDOG=1", 10, 0) == 10)
        count++;
    assert_int_equal(errno, EAGAIN);
    close(other);
    return count;
}

/* --- what it is told --- */

static void expect_told(const char *name)
{
    struct server server;
    struct client client;
    int manager = manager_open(name);
    server_init(&server, "a");
    server_start(&server);
    assert_string_equal(manager_hears(manager), "READY=1");
    client_open(&client, server.http);
    client_post(&client, "s", "x", 1);
    client_close(&client);
    client_say(&client, server.lines, "PUB s ack\ny\n");
    client_line(&client);
    client_close(&client);
    manager_hears_nothing_more(manager);
    server_stop(&server);
    assert_string_equal(manager_hears(manager), "STOPPING=1");
    manager_hears_nothing_more(manager);
    close(manager);
}

SERVER_TEST(manager_with_a_path_is_told_of_readiness_and_of_the_end)
{
    expect_told(harness_path("notify"));
}

SERVER_TEST(manager_with_an_abstract_name_is_told_of_readiness_and_of_the_end)
{
    char name[64];
    snprintf(name, sizeof name, "@hark-test-notify-%d", (int)getpid());
    expect_told(name);
}

/* The end is told when it begins, not when it has come: here it waits for a subscriber. */
SERVER_TEST(manager_is_told_of_the_end_when_it_begins)
{
    enum { EVENT_BYTES = 1024 * 1024, EVENTS = 8 };
    struct server server;
    struct client client, slow;
    char *event = calloc(1, EVENT_BYTES);
    int manager = manager_open(harness_path("notify"));
    server_begin(&server, &client);
    client_subscribe(&slow, server.http, "/streams/s", "");
    for (int i = 0; i < EVENTS; i++)
        client_post(&client, "s", event, EVENT_BYTES);
    client_close(&client);
    assert_string_equal(manager_hears(manager), "READY=1");
    kill(server.pid, SIGTERM);
    server_wake(&server);
    assert_string_equal(manager_hears(manager), "STOPPING=1");
    client_await_end(&slow);
    client_close(&slow);
    assert_int_equal(server_wait(&server), 0);
    free(event);
    close(manager);
}

/* Whatever is lacking at the start: it is not said to be there. */
SERVER_TEST(manager_is_not_told_that_a_server_is_ready_which_is_refused)
{
    struct server server, second;
    server_init(&server, "a");
    server_init(&second, "b");
    memcpy(second.lines, server.lines, sizeof second.lines);
    server_start(&server);
    int manager = manager_open(harness_path("notify"));
    assert_false(server_try(&second)); /* its second port is another's */
    assert_int_equal(server_wait(&second), 1);
    assert_string_equal(manager_hears(manager), "STOPPING=1");
    second.options.data = server.data;
    assert_false(server_try(&second));
    assert_int_equal(server_wait(&second), 1);
    ssize_t count = recv(manager, (char[64]){0}, 64, MSG_DONTWAIT);
    assert_true(count < 0 || count == (ssize_t)strlen("STOPPING=1"));
    close(manager);
    server_stop(&server);
}

/* --- signs of life --- */

static void expect_signs(bool wanted, const char *whose)
{
    struct server server;
    int manager = manager_open(harness_path("notify"));
    setenv("WATCHDOG_USEC", "20000", 1);
    if (whose)
        setenv("WATCHDOG_PID", whose, 1);
    server_init(&server, "a");
    server_start(&server);
    assert_string_equal(manager_hears(manager), "READY=1");
    for (int i = 0; i < 3 && wanted; i++)
        assert_string_equal(manager_hears(manager), "WATCHDOG=1");
    kill(server.pid, SIGTERM);
    server_wake(&server);
    const char *heard = manager_hears(manager);
    while (wanted && strcmp(heard, "WATCHDOG=1") == 0)
        heard = manager_hears(manager);
    assert_string_equal(heard, "STOPPING=1");
    assert_int_equal(server_wait(&server), 0);
    close(manager);
}

SERVER_TEST(manager_that_watches_is_told_again_and_again_that_the_loop_turns)
{
    expect_signs(true, NULL);
}

/* It watches another process, whose variables this one has. */
SERVER_TEST(manager_that_watches_another_is_told_of_no_life)
{
    expect_signs(false, "1");
}

SERVER_TEST(manager_whose_patience_makes_no_sense_is_told_of_no_life)
{
    struct server server;
    int manager = manager_open(harness_path("notify"));
    setenv("WATCHDOG_USEC", "soon", 1);
    server_init(&server, "a");
    server_start(&server);
    server_stop(&server);
    assert_string_equal(manager_hears(manager), "READY=1");
    assert_string_equal(manager_hears(manager), "STOPPING=1");
    close(manager);
}

/* --- managers that do not listen --- */

SERVER_TEST(manager_whose_queue_is_full_is_told_once_it_has_room)
{
    struct server server;
    struct client client;
    int manager = manager_open(harness_path("notify"));
    int others = manager_stuff(manager);
    server_begin(&server, &client);
    client_post(&client, "s", "x", 1);
    for (int i = 0; i < others; i++)
        assert_string_equal(manager_hears(manager), "WATCHDOG=1");
    assert_string_equal(manager_hears(manager), "READY=1");
    server_finish(&server, &client);
    assert_string_equal(manager_hears(manager), "STOPPING=1");
    close(manager);
}

SERVER_TEST(manager_that_takes_nothing_holds_up_neither_the_start_nor_the_end)
{
    struct server server;
    struct client client;
    int manager = manager_open(harness_path("notify"));
    manager_stuff(manager);
    server_begin(&server, &client);
    client_post(&client, "s", "x", 1);
    server_finish(&server, &client);
    assert_null(strstr(server_said(&server), "service manager"));
    close(manager);
}

/* It says so, once, and serves. */
static void expect_untold(const char *name, const char *why)
{
    struct server server;
    struct client client;
    setenv("NOTIFY_SOCKET", name, 1);
    server_begin(&server, &client);
    client_post(&client, "s", "x", 1);
    server_finish(&server, &client);
    const char *said = strstr(server_said(&server), "cannot tell the service manager");
    if (!said || !strstr(said, why) || strstr(said + 1, "cannot tell"))
        fail_msg("it said: %s", server_said(&server));
}

SERVER_TEST(manager_that_is_not_there_is_said_and_not_needed)
{
    char text[160];
    expect_untold(harness_path("nobody"), "no such file or directory");
    snprintf(text, sizeof text, "@hark-test-nobody-%d", (int)getpid());
    expect_untold(text, "connection refused");
    expect_untold("relative", "invalid argument");
    expect_untold("vsock:2:1", "invalid argument");
    memset(text, 'x', sizeof text - 1);
    text[0] = '/';
    text[sizeof text - 1] = '\0';
    expect_untold(text, "invalid argument");
}

SERVER_TEST(no_manager_is_no_reason_to_say_anything)
{
    struct server server;
    setenv("NOTIFY_SOCKET", "", 1);
    server_init(&server, "a");
    server_start(&server);
    server_stop(&server);
    unsetenv("NOTIFY_SOCKET");
    server_start(&server);
    server_stop(&server);
    assert_null(strstr(server_said(&server), "manager"));
}
