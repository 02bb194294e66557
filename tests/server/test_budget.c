/* test_budget.c - what one client may have done at once: a share of a turn of the loop, and
 * documents are made once for all who wait. Turns and documents are counted, not time. */
#include "server/fixture.h"

enum { CLIENTS = 12 };

static void await_answers(struct client *client, int count)
{
    for (int i = 0; i < count; i++) {
        struct response response;
        client_response(client, false, &response);
        assert_int_equal(response.status, 200);
        response_done(&response);
    }
}

BACKEND_TEST(pipelined_requests_are_spread_over_turns)
{
    enum { REQUESTS = 1200, SHARE = 64 };
    struct server server;
    struct client client, other;
    (void)loop;
    server_begin(&server, &client);
    client_open(&other, server.http);
    uint64_t before = client_stat(&other, "loop", "turns");
    client_send_many(&client, "HEAD /livez HTTP/1.1\r\nHost:a\r\n\r\n", REQUESTS);
    await_answers(&client, REQUESTS);
    assert_true(client_stat(&other, "loop", "turns") - before >= REQUESTS / SHARE);
    client_close(&client);
    client_close(&other);
    server_stop(&server);
}

/* Sends requests for as long as they are taken, and takes what is answered. Gives: the most bytes
 * that were sent and not answered yet. */
static size_t flood(struct client *client, const char *request, size_t requests)
{
    size_t length = strlen(request), total = length * requests;
    size_t sent = 0, received = 0, answer = 0, most = 0;
    char bytes[65536];
    while (answer == 0 || received < answer * requests) {
        struct pollfd polled = {.fd = client->fd, .events = POLLIN};
        if (sent < total)
            polled.events |= POLLOUT;
        assert_true(poll(&polled, 1, -1) > 0);
        if (polled.revents & POLLOUT) {
            ssize_t count = send(client->fd, request + sent % length, length - sent % length,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
            sent += count > 0 ? (size_t)count : 0;
        }
        if (polled.revents & POLLIN) {
            ssize_t count = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);
            assert_true(count > 0);
            if (answer == 0) /* all are of one length */
                answer = (size_t)((char *)memmem(bytes, (size_t)count, "\r\n\r\n", 4) + 4 - bytes);
            received += (size_t)count;
        }
        size_t open = sent - (answer ? received / answer * length : 0);
        most = open > most ? open : most;
    }
    return most;
}

BACKEND_TEST(client_that_sends_more_than_its_share_is_not_read_from_meanwhile)
{
    enum { REQUESTS = 3000, LENGTH = 2000, OPEN_MAX = 2 * 1024 * 1024 };
    static char request[LENGTH + 1];
    struct server server;
    struct client client;
    (void)loop;
    server_begin(&server, &client);
    int head = snprintf(request, sizeof request, "HEAD /livez HTTP/1.1\r\nHost: a\r\nX: ");
    memset(request + head, 'x', sizeof request - (size_t)head);
    memcpy(request + LENGTH - 4, "\r\n\r\n", 5);
    assert_true(flood(&client, request, REQUESTS) < OPEN_MAX);
    server_finish(&server, &client);
}

BACKEND_TEST(clients_that_go_while_they_wait_for_their_turn_hold_up_no_other)
{
    enum { ROUNDS = 20, REQUESTS = 300 };
    struct server server;
    struct client clients[CLIENTS];
    struct client client;
    (void)loop;
    server_begin(&server, &client);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CLIENTS; i++) {
            client_open(&clients[i], server.http);
            client_send_many(&clients[i], "HEAD /livez HTTP/1.1\r\nHost: a\r\n\r\n", REQUESTS);
        }
        for (int i = 0; i < CLIENTS; i++)
            client_close(&clients[i]);
        free(client_get(&client, "/livez"));
    }
    server_finish(&server, &client);
}

BACKEND_TEST(lines_of_one_packet_are_spread_over_turns)
{
    enum { LINES = 10000, SHARE = 512 };
    struct server server;
    struct client client, other;
    (void)loop;
    server_init(&server, "a");
    server.options.log.sync = LOG_SYNC_NEVER;
    server_start(&server);
    client_open(&client, server.lines);
    client_open(&other, server.http);
    uint64_t before = client_stat(&other, "loop", "turns");
    client_send(&client, "PUB s ack\n");
    client_send_many(&client, "x\n", LINES);
    for (int i = 0; i < LINES; i++)
        client_line(&client);
    assert_true(client_stat(&other, "loop", "turns") - before >= LINES / SHARE);
    client_close(&client);
    client_close(&other);
    server_stop(&server);
}

/* The answers to the first fill the sockets: those to the others have to wait, and so do lines that
 * the server has read already, to the end. */
BACKEND_TEST(lines_that_wait_are_published_though_their_peer_has_ended_its_side)
{
    enum { LINES = 60000, SENT = 2 * LINES };
    static char lines[LINES];
    struct server server;
    struct client client, other;
    (void)loop;
    memset(lines, '\n', sizeof lines);
    server_init(&server, "a");
    server.options.log.sync = LOG_SYNC_NEVER;
    server_start(&server);
    client_say(&client, server.lines, "PUB s ack\n");
    client_open(&other, server.http);
    client_send_bytes(&client, lines, sizeof lines);
    while (client_stat(&other, "events", "published") < LINES)
        ;
    client_send_bytes(&client, lines, sizeof lines);
    assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
    for (uint64_t before = 0, now = LINES; now != before;) { /* until no more are taken */
        before = now;
        now = client_stat(&other, "events", "published");
    }
    for (int i = 0; i < SENT; i++)
        client_line(&client);
    client_await_end(&client);
    client_close(&other);
    server_finish(&server, &client);
}

/* How many OPTIONS have been answered. */
static uint64_t options_answered(struct client *client)
{
    static const char key[] = "\nhark_http_requests_total{method=\"OPTIONS\"} ";
    char *metrics = client_get(client, "/metrics");
    const char *found = strstr(metrics, key);
    assert_non_null(found);
    uint64_t count = strtoull(found + sizeof key - 1, NULL, 10);
    free(metrics);
    return count;
}

/* Answers fill the sockets, and what the server may queue. */
BACKEND_TEST(client_that_takes_nothing_has_little_answered)
{
    enum { LOOKS = 300, ANSWERS_MAX = 1024 * 1024 };
    static const char request[] = "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n";
    const size_t length = sizeof request - 1;
    struct server server;
    struct client client, other;
    struct response response;
    size_t sent = 0;
    (void)loop;
    server_begin(&server, &client);
    client_open(&other, server.http);
    client_send(&other, request);
    client_response(&other, false, &response);
    response_done(&response);
    for (int i = 0; i < LOOKS; i++) {
        ssize_t count;
        while ((count = send(client.fd, request + sent % length, length - sent % length,
                             MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
            sent += (size_t)count;
        assert_true(options_answered(&other) * strlen(response.head) < ANSWERS_MAX);
    }
    client_close(&other);
    server_finish(&server, &client);
}

BACKEND_TEST(head_makes_no_document)
{
    struct server server;
    struct client client;
    (void)loop;
    server_begin(&server, &client);
    uint64_t before = client_stat(&client, "connections", "documents");
    client_send_many(
        &client,
        "HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\nHEAD /stats HTTP/1.1\r\nHost: a\r\n\r\n"
        "HEAD /streams HTTP/1.1\r\nHost: a\r\n\r\n",
        10);
    await_answers(&client, 30);
    assert_int_equal(client_stat(&client, "connections", "documents"), before + 1);
    server_finish(&server, &client);
}

SERVER_TEST(document_is_written_over_turns_once_for_all_who_wait)
{
    enum { STREAMS = 4000, PART = 256 };
    struct server server;
    struct client clients[CLIENTS];
    struct client client;
    int status;
    server_init(&server, "a");
    server.options.log.sync = LOG_SYNC_NEVER;
    server_start(&server);
    client_open(&client, server.http);
    client_make_streams(&client, STREAMS);
    for (int i = 0; i < CLIENTS; i++) {
        client_open(&clients[i], server.http);
        free(client_get(&clients[i], "/livez"));
    }
    uint64_t turns = client_stat(&client, "loop", "turns");
    uint64_t documents = client_stat(&client, "connections", "documents");
    /* What all of them send while it is stopped, it finds together. */
    assert_int_equal(kill(server.pid, SIGSTOP), 0);
    assert_int_equal(waitpid(server.pid, &status, WUNTRACED), server.pid);
    for (int i = 0; i < CLIENTS; i++)
        client_send(&clients[i], "GET /streams HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(kill(server.pid, SIGCONT), 0);
    for (int i = 0; i < CLIENTS; i++) {
        struct response response;
        client_response(&clients[i], true, &response);
        assert_int_equal(response.status, 200);
        assert_non_null(strstr(response.body, "{\"name\":\"s0\""));
        assert_non_null(strstr(response.body, "{\"name\":\"s3999\""));
        response_done(&response);
        client_close(&clients[i]);
    }
    uint64_t made = client_stat(&client, "connections", "documents") - documents;
    assert_true(made <= CLIENTS / 2); /* a thread takes one or two, and the count itself is one */
    assert_true(client_stat(&client, "loop", "turns") - turns >= STREAMS / PART);
    server_finish(&server, &client);
}

/* One that is being written may have passed it: then he is given the next. */
SERVER_TEST(who_has_published_finds_it_in_the_document_that_he_asks_for_then)
{
    enum { STREAMS = 4000, ROUNDS = 30 };
    struct server server;
    struct client client, other;
    server_init(&server, "a");
    server.options.log.sync = LOG_SYNC_NEVER;
    server_start(&server);
    client_open(&client, server.http);
    client_open(&other, server.http);
    client_make_streams(&client, STREAMS);
    for (int round = 1; round <= ROUNDS; round++) {
        client_send(&other, "GET /streams HTTP/1.1\r\nHost: a\r\n\r\n");
        client_post(&client, "s0", "x", 1);
        char *body = client_get(&client, "/streams");
        int events = 0;
        assert_int_equal(sscanf(body, "{\"streams\":[{\"name\":\"s0\",\"events\":%d,", &events), 1);
        assert_int_equal(events, 1 + round);
        free(body);
        client_expect_status(&other, 200);
    }
    client_close(&other);
    server_finish(&server, &client);
}

/* All together are more than may be held at once. */
SERVER_TEST(documents_that_were_taken_hold_no_memory)
{
    enum { STREAMS = 4000, TOGETHER = 80 * 1024 * 1024 };
    struct server server;
    struct client client;
    server_init(&server, "a");
    server.options.log.sync = LOG_SYNC_NEVER;
    server_start(&server);
    client_open(&client, server.http);
    client_make_streams(&client, STREAMS);
    for (size_t taken = 0; taken < TOGETHER;) {
        char *body = client_get(&client, "/streams");
        taken += strlen(body);
        free(body);
    }
    server_finish(&server, &client);
}

/* Each asks for one, once the one before it is made, and takes nothing. */
BACKEND_TEST(documents_that_nobody_takes_have_one_bound)
{
    enum { STREAMS = 4000, ASKERS = 300 };
    struct server server;
    struct client askers[ASKERS];
    struct client client;
    int status = 200, asked = 0;
    server_init(&server, "a");
    server.options.log.sync = LOG_SYNC_NEVER;
    server_start(&server);
    client_open(&client, server.http);
    client_make_streams(&client, STREAMS);
    while (status == 200 && asked < ASKERS) {
        struct response response;
        client_say(&askers[asked++], server.http, "GET /streams HTTP/1.1\r\nHost: a\r\n\r\n");
        client_send(&client, "GET /streams HTTP/1.1\r\nHost: a\r\n\r\n");
        client_response(&client, true, &response);
        status = response.status;
        response_done(&response);
    }
    assert_int_equal(status, 503);
    for (int i = 0; i < asked; i++)
        client_close(&askers[i]);
    server_finish(&server, &client);
}

SERVER_TEST(metrics_are_of_so_many_streams_and_no_more)
{
    enum { STREAMS = 1100, STREAMS_MAX = 1000 };
    struct server server;
    struct client client;
    server_init(&server, "a");
    server.options.log.sync = LOG_SYNC_NEVER;
    server_start(&server);
    client_open(&client, server.http);
    client_make_streams(&client, STREAMS);
    char *text = client_get(&client, "/metrics");
    int count = 0;
    for (const char *at = text; (at = strstr(at, "\nhark_stream_events{")); at++)
        count++;
    assert_int_equal(count, STREAMS_MAX);
    free(text);
    server_finish(&server, &client);
}

SERVER_TEST(documents_that_nobody_takes_hold_up_no_other)
{
    enum { STREAMS = 2000, ASKED = 20 };
    struct server server;
    struct client clients[CLIENTS];
    struct client client;
    server_init(&server, "a");
    server.options.log.sync = LOG_SYNC_NEVER;
    server_start(&server);
    client_open(&client, server.http);
    client_make_streams(&client, STREAMS);
    for (int i = 0; i < CLIENTS; i++) {
        client_open(&clients[i], server.http);
        client_send_many(&clients[i], "GET /streams HTTP/1.1\r\nHost: a\r\n\r\n", ASKED);
    }
    client_post(&client, "s1", "x", 1);
    free(client_get(&client, "/healthz"));
    free(client_get(&client, "/streams"));
    /* Whoever takes them after all has each of them, in order. */
    for (int i = 0; i < ASKED; i++) {
        struct response response;
        client_response(&clients[0], true, &response);
        assert_int_equal(response.status, 200);
        assert_memory_equal(response.body + response.count - 3, "]}\n", 3);
        response_done(&response);
    }
    for (int i = 0; i < CLIENTS; i++)
        client_close(&clients[i]);
    server_finish(&server, &client);
}
