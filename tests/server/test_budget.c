/* test_budget.c - what one client may have done at once: a share of a turn of the loop, and
 * documents are made once for all who wait. Turns and documents are counted, not time. */
#include "server/fixture.h"

enum { CLIENTS = 12 };

/* Streams, each with an event. */
static void make_streams(struct client *client, int count)
{
    enum { AT_ONCE = 100 };
    static char requests[AT_ONCE * 96];
    for (int made = 0; made < count; made += AT_ONCE) {
        size_t bytes = 0;
        for (int i = made; i < made + AT_ONCE; i++)
            bytes += (size_t)sprintf(
                requests + bytes,
                "POST /streams/s%d HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", i);
        client_send_bytes(client, requests, bytes);
        for (int i = 0; i < AT_ONCE; i++) {
            struct response response;
            client_response(client, true, &response);
            assert_int_equal(response.status, 201);
            response_done(&response);
        }
    }
}

static void send_many(struct client *client, const char *request, int count)
{
    size_t length = strlen(request);
    char *requests = malloc(length * (size_t)count);
    for (int i = 0; i < count; i++)
        memcpy(requests + (size_t)i * length, request, length);
    client_send_bytes(client, requests, length * (size_t)count);
    free(requests);
}

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
    send_many(&client, "HEAD /livez HTTP/1.1\r\nHost:a\r\n\r\n", REQUESTS);
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
            send_many(&clients[i], "HEAD /livez HTTP/1.1\r\nHost: a\r\n\r\n", REQUESTS);
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
    send_many(&client, "x\n", LINES);
    for (int i = 0; i < LINES; i++)
        client_line(&client);
    assert_true(client_stat(&other, "loop", "turns") - before >= LINES / SHARE);
    client_close(&client);
    client_close(&other);
    server_stop(&server);
}

BACKEND_TEST(head_makes_no_document)
{
    struct server server;
    struct client client;
    (void)loop;
    server_begin(&server, &client);
    uint64_t before = client_stat(&client, "connections", "documents");
    send_many(&client,
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
    make_streams(&client, STREAMS);
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
    make_streams(&client, STREAMS);
    for (int i = 0; i < CLIENTS; i++) {
        client_open(&clients[i], server.http);
        send_many(&clients[i], "GET /streams HTTP/1.1\r\nHost: a\r\n\r\n", ASKED);
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
