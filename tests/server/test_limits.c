/* test_limits.c - what clients may take: memory for what is on its way in, and places. */
#include "server/fixture.h"

#include "harness/sanitizer.h"

#include <dirent.h>

enum { CLIENTS = 40, PART = 200 * 1024 };

/* Begins a body of a MiB, and sends a part of it. */
static void begin_body(struct client *client, const char *address, size_t count)
{
    char *bytes = calloc(1, count);
    client_open(client, address);
    client_send(client, "POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n");
    while (count > 0) {
        ssize_t sent = send(client->fd, bytes, count, MSG_NOSIGNAL);
        if (sent <= 0)
            break; /* it is refused meanwhile */
        count -= (size_t)sent;
    }
    free(bytes);
}

SERVER_TEST(bodies_that_do_not_end_have_one_bound)
{
    struct server server;
    struct client clients[CLIENTS];
    struct client client;
    int refused = 0;
    server_init(&server, "a");
    server.options.connection.incoming_bytes =
        6 * 1024 * 1024; /* 2 MiB for each of three threads */
    server_start(&server);
    for (int i = 0; i < CLIENTS; i++)
        begin_body(&clients[i], server.http, PART);
    /* More than 6 MiB of the 8 cannot stay: some are refused, and say so. */
    while (refused == 0) {
        for (int i = 0; i < CLIENTS; i++)
            refused += client_is_answered(&clients[i], 1);
    }
    for (int i = 0; i < CLIENTS; i++) {
        if (client_is_answered(&clients[i], 0)) {
            struct response response;
            client_response(&clients[i], true, &response);
            assert_int_equal(response.status, 503);
            assert_non_null(strstr(response.body, "too much is on its way"));
            assert_non_null(strstr(response.head, "Retry-After: "));
            response_done(&response);
        }
    }
    /* Ordinary events do not notice; and once the others are gone large ones are taken again. */
    client_open(&client, server.http);
    client_post(&client, "s", "x", 1);
    for (int i = 0; i < CLIENTS; i++)
        client_close(&clients[i]);
    char *large = calloc(1, 1024 * 1024);
    bool taken = false;
    while (!taken) {
        char head[128];
        struct response response;
        client_close(&client);
        client_open(&client, server.http);
        sprintf(head, "POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n",
                1024 * 1024);
        client_send(&client, head);
        for (size_t sent = 0; sent < 1024 * 1024;) {
            ssize_t now = send(client.fd, large + sent, 1024 * 1024 - sent, MSG_NOSIGNAL);
            if (now <= 0)
                break;
            sent += (size_t)now;
        }
        client_response(&client, true, &response);
        taken = response.status == 201;
        response_done(&response);
    }
    free(large);
    server_finish(&server, &client);
}

SERVER_TEST(half_lines_have_the_same_bound)
{
    struct server server;
    struct client clients[CLIENTS];
    struct client client;
    int refused = 0;
    char *bytes = malloc(PART);
    memset(bytes, 'x', PART);
    server_init(&server, "a");
    server.options.connection.incoming_bytes = 6 * 1024 * 1024;
    server_start(&server);
    for (int i = 0; i < CLIENTS; i++) {
        client_say(&clients[i], server.lines, "PUB s ack\n");
        for (size_t sent = 0; sent < PART;) {
            ssize_t now = send(clients[i].fd, bytes + sent, PART - sent, MSG_NOSIGNAL);
            if (now <= 0)
                break;
            sent += (size_t)now;
        }
    }
    while (refused == 0) {
        for (int i = 0; i < CLIENTS; i++)
            refused += client_is_answered(&clients[i], 1);
    }
    for (int i = 0; i < CLIENTS; i++) {
        if (client_is_answered(&clients[i], 0))
            assert_memory_equal(client_line(&clients[i]), "ERR too much is on its way", 26);
    }
    client_say(&client, server.lines, "PUB s ack\nsmall\n");
    assert_true(strtoull(client_line(&client), NULL, 10) > 0);
    client_close(&client);
    for (int i = 0; i < CLIENTS; i++)
        client_close(&clients[i]);
    free(bytes);
    server_stop(&server);
}

/* More than all may hold together, and no one of them more than a little. */
BACKEND_TEST(small_bodies_are_taken_whatever_others_hold)
{
    enum { SMALL = 160, BODY = 16000, FIRST = 15900 };
    struct server server;
    struct client clients[SMALL];
    struct client client;
    char body[BODY];
    memset(body, 'x', sizeof body);
    server_init(&server, "a");
    server.options.connection.incoming_bytes = 2 * 1024 * 1024;
    server_start(&server);
    for (int i = 0; i < SMALL; i++) {
        client_say(&clients[i], server.http,
                   "POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 16000\r\n\r\n");
        client_send_bytes(&clients[i], body, FIRST);
    }
    client_open(&client, server.http); /* what it is asked, it reads behind all of that */
    free(client_get(&client, "/livez"));
    for (int i = 0; i < SMALL; i++) {
        client_send_bytes(&clients[i], body, BODY - FIRST);
        client_expect_status(&clients[i], 201);
        client_close(&clients[i]);
    }
    server_finish(&server, &client);
}

SERVER_TEST(bodies_that_were_published_hold_nothing)
{
    enum { POSTS = 8, LARGE = 1024 * 1024 };
    struct server server;
    struct client client;
    char *large = calloc(1, LARGE);
    server_init(&server, "a");
    server.options.connection.incoming_bytes = 2 * 1024 * 1024;
    server_start(&server);
    client_open(&client, server.http);
    for (int i = 0; i < POSTS; i++)
        client_post(&client, "s", large, LARGE);
    free(large);
    server_finish(&server, &client);
}

SERVER_TEST(clients_that_rest_hold_nothing_of_their_bodies)
{
    enum { RESTING = 400, BODY = 48 * 1024, LARGE = 1024 * 1024, POSTS = 16 };
    struct server server;
    struct client first, *clients = calloc(RESTING, sizeof *clients);
    char *large = calloc(1, LARGE);
    server_begin(&server, &first);
    for (int i = 0; i < POSTS; i++) /* what is kept of events is kept */
        client_post(&first, "s", large, LARGE);
    uint64_t before = server_resident(&server);
    for (int i = 0; i < RESTING; i++) {
        client_open(&clients[i], server.http);
        client_post(&clients[i], "s", large, BODY);
    }
    if (!SANITIZED)
        assert_true(server_resident(&server) < before + (uint64_t)RESTING * BODY * 2 / 3);
    for (int i = 0; i < RESTING; i++)
        client_close(&clients[i]);
    free(clients);
    free(large);
    server_finish(&server, &first);
}

/* What they send while it is stopped, the server finds before the log has written any of it:
 * together it is too much, but of nobody is a half line the most. */
BACKEND_TEST(half_line_of_one_that_waits_for_the_log_stays)
{
    enum { WAITING = 100, LINES = 3, LINE = 10000 };
    struct server server;
    struct client clients[WAITING];
    char line[LINE + 1];
    int status;
    memset(line, 'x', LINE - 1);
    memcpy(line + LINE - 1, "\n", 2);
    server_init(&server, "a");
    server.options.connection.incoming_bytes = 2 * 1024 * 1024;
    server_start(&server);
    for (int i = 0; i < WAITING; i++)
        client_say(&clients[i], server.lines, "PUB s ack\n");
    assert_int_equal(kill(server.pid, SIGSTOP), 0);
    assert_int_equal(waitpid(server.pid, &status, WUNTRACED), server.pid);
    for (int i = 0; i < WAITING; i++) {
        client_send_many(&clients[i], line, LINES);
        client_send(&clients[i], "half");
    }
    assert_int_equal(kill(server.pid, SIGCONT), 0);
    for (int i = 0; i < WAITING; i++) {
        client_send(&clients[i], " a line\n");
        for (int j = 0; j < LINES + 1; j++)
            assert_true(strtoull(client_line(&clients[i]), NULL, 10) > 0);
        client_close(&clients[i]);
    }
    server_stop(&server);
}

SERVER_TEST(lines_leave_places_to_http)
{
    enum { PLACES = 16, KEPT = 2 };
    struct server server;
    struct client clients[PLACES];
    struct client client;
    server_init(&server, "a");
    server.options.connections_max = PLACES;
    server_start(&server);
    for (int i = 0; i < PLACES; i++) {
        client_open(&clients[i], server.lines);
        client_try_send(&clients[i], "PUB s ack\nx\n");
        if (i < PLACES - KEPT)
            client_line(&clients[i]);
        else
            client_await_end(&clients[i]);
    }
    client_open(&client, server.http);
    free(client_get(&client, "/healthz"));
    client_close(&client);
    for (int i = 0; i < PLACES; i++)
        client_close(&clients[i]);
    server_stop(&server);
}

SERVER_TEST(port_that_is_alone_has_all_places)
{
    enum { PLACES = 16 };
    struct server server;
    struct client clients[PLACES];
    server_init(&server, "a");
    server.lines[0] = '\0';
    server.options.connections_max = PLACES;
    server_start(&server);
    for (int i = 0; i < PLACES; i++) {
        client_open(&clients[i], server.http);
        free(client_get(&clients[i], "/livez"));
    }
    for (int i = 0; i < PLACES; i++)
        client_close(&clients[i]);
    server_stop(&server);
}

SERVER_TEST(address_has_no_more_connections_than_it_may)
{
    enum { EACH = 3 };
    static const char *const hosts[] = {"a"};
    struct server server;
    struct client clients[EACH];
    struct client client;
    server_init(&server, "a");
    strcpy(server.http, "127.0.0.1:0");
    server.options.connections_each = EACH;
    server.options.connection.hosts = hosts;
    server.options.connection.hosts_count = 1;
    server_start(&server);
    for (int i = 0; i < EACH; i++) {
        client_open_tcp(&clients[i], &server);
        free(client_get(&clients[i], "/livez"));
    }
    client_open_tcp(&client, &server);
    client_await_end(&client);
    client_close(&client);
    /* One that ends makes room for the next, once the server has seen it. */
    client_close(&clients[0]);
    for (bool taken = false; !taken;) {
        client_open_tcp(&client, &server);
        client_try_send(&client, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
        taken = client_receive(&client);
        if (!taken)
            client_close(&client);
    }
    client_close(&client);
    for (int i = 1; i < EACH; i++)
        client_close(&clients[i]);
    server_stop(&server);
}

SERVER_TEST(connection_that_has_ended_gives_its_place_to_the_next)
{
    enum { PLACES = 2, AFTER_EACH_OTHER = 4 * PLACES };
    struct server server;
    struct client client;
    server_init(&server, "a");
    server.options.connections_max = PLACES;
    server_start(&server);
    for (int i = 0; i < AFTER_EACH_OTHER; i++) {
        bool taken = false;
        for (int tried = 0; !taken && tried < 10000; tried++) { /* it may not have seen the end */
            client_open(&client, server.http);
            client_try_send(&client, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
            taken = client_receive(&client);
            client_close(&client);
        }
        assert_true(taken);
    }
    server_stop(&server);
}

static size_t descriptors_of(const struct server *server)
{
    char path[64];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)server->pid);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

/* The server may have no descriptor with this number, or a larger one. */
static void limit_descriptors(const struct server *server, rlim_t count)
{
    struct rlimit limit = {.rlim_cur = count, .rlim_max = 4096};
    assert_int_equal(prlimit(server->pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

enum { LIMIT = 80, MANY = 2 * LIMIT };

static void take_all_descriptors(struct server *server, struct client many[MANY])
{
    limit_descriptors(server, LIMIT);
    for (int i = 0; i < MANY; i++)
        client_open(&many[i], server->http);
    while (descriptors_of(server) <
           LIMIT - 2) /* a listener and the log may be without the one they keep for such times */
        poll(NULL, 0, 1);
}

BACKEND_TEST(log_finds_a_descriptor_when_connections_have_taken_all)
{
    enum { EVENTS = 3, EVENT_BYTES = 3000 };
    static char event[EVENT_BYTES];
    struct server server;
    struct client many[MANY];
    struct client client;
    (void)loop;
    server_init(&server, "a");
    server.options.log.segment_bytes = 4096; /* each event begins a segment */
    server_start(&server);
    client_open(&client, server.http);
    client_post(&client, "s", event, sizeof event);
    take_all_descriptors(&server, many);
    for (int i = 0; i < EVENTS; i++)
        client_post(&client, "s", event, sizeof event);
    for (int i = 0; i < MANY; i++)
        client_close(&many[i]);
    server_finish(&server, &client);
}

/* Connections are closed as they come while descriptors of the log's are lacking, which come back
 * under the same limit once the others have ended. */
SERVER_TEST(connections_are_taken_again_once_the_log_has_its_descriptors_back)
{
    enum { EVENT_BYTES = 3000 };
    static char event[EVENT_BYTES];
    struct server server;
    struct client many[MANY];
    struct client client;
    server_init(&server, "a");
    server.options.log.segment_bytes = 4096;
    server_start(&server);
    client_open(&client, server.http);
    client_post(&client, "s", event, sizeof event);
    take_all_descriptors(&server, many);
    client_post(&client, "s", event, sizeof event);
    for (int i = 0; i < MANY; i++)
        client_close(&many[i]);
    for (bool taken = false; !taken;) {
        struct client next;
        client_open(&next, server.http);
        client_try_send(&next, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
        taken = client_receive(&next);
        client_close(&next);
    }
    server_finish(&server, &client);
}

static void append_line(const char *path, const char *line)
{
    FILE *file = fopen(path, "ae");
    assert_non_null(file);
    fprintf(file, "%s\n", line);
    assert_int_equal(fclose(file), 0);
}

BACKEND_TEST(tail_finds_a_descriptor_when_connections_have_taken_all)
{
    enum { ROTATIONS = 5 };
    char path[256];
    char rotated[280];
    struct server server;
    struct client many[MANY];
    struct client subscriber;
    (void)loop;
    server_init(&server, "a");
    snprintf(path, sizeof path, "%s", harness_path("app.log"));
    const struct tail_file tail = {path, "app"};
    server.options.tails = &tail;
    server.options.tails_count = 1;
    append_line(path, "one");
    server_start(&server);
    client_say(&subscriber, server.lines, "SUB app start\n");
    assert_non_null(strstr(client_line(&subscriber), "\tone"));
    take_all_descriptors(&server, many);
    for (int i = 0; i < ROTATIONS; i++) { /* a rotated file is kept open beside the new one */
        snprintf(rotated, sizeof rotated, "%s.%d", path, ROTATIONS - i);
        assert_int_equal(rename(path, rotated), 0);
        append_line(path, "more");
        assert_non_null(strstr(client_line(&subscriber), "\tmore"));
    }
    for (int i = 0; i < MANY; i++)
        client_close(&many[i]);
    client_close(&subscriber);
    server_stop(&server);
}
