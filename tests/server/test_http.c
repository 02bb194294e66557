/* test_http.c - the HTTP port: what is answered, in which order, and when it is refused. */
#include "server/fixture.h"

SERVER_TEST(post_gives_201_with_the_stream_and_a_growing_id)
{
    struct server server;
    struct client client;
    struct response response;
    server_begin(&server, &client);
    uint64_t first = client_post(&client, "weather", "it rains", 8);
    uint64_t second = client_post(&client, "weather", "", 0);
    assert_true(first > 0 && second > first);
    client_send(&client,
                "POST /streams/weather HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    client_response(&client, true, &response);
    char expected[128];
    snprintf(expected, sizeof expected, "{\"stream\":\"weather\",\"id\":%llu}\n",
             (unsigned long long)second + 1);
    assert_int_equal(response.status, 201);
    assert_string_equal(response.body, expected);
    assert_non_null(strstr(response.head, "Content-Type: application/json\r\n"));
    response_done(&response);
    server_finish(&server, &client);
}

SERVER_TEST(pipelined_posts_are_answered_in_order_and_share_commits)
{
    enum { POSTS = 500 };
    struct server server;
    struct client client, other;
    uint64_t last = 0;
    server_begin(&server, &client);
    char *requests = malloc(POSTS * 128);
    size_t count = 0;
    for (int i = 0; i < POSTS; i++)
        count += (size_t)sprintf(
            requests + count,
            "POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n%04d", i);
    client_send_bytes(&client, requests, count);
    free(requests);
    for (int i = 0; i < POSTS; i++) {
        struct response response;
        client_response(&client, true, &response);
        assert_int_equal(response.status, 201);
        uint64_t id = strtoull(strstr(response.body, "\"id\":") + 5, NULL, 10);
        assert_true(id > last);
        last = id;
        response_done(&response);
    }
    client_open(&other, server.http);
    assert_int_equal(client_stat(&other, "log", "appends"), POSTS);
    /* What one turn reads is one commit. Another thread's posts come a few at a time, as fast as
     * the disk takes them. */
    if (server_threads == 1)
        assert_true(client_stat(&other, "log", "commits") <= POSTS / 10);
    client_close(&other);
    client_follow(&other, &server, "/streams/s?after=start", "");
    for (int i = 0; i < POSTS; i++) {
        char *block = client_block(&other);
        char data[32];
        snprintf(data, sizeof data, "\ndata: %04d", i);
        assert_non_null(strstr(block, data));
        free(block);
    }
    client_close(&other);
    server_finish(&server, &client);
}

SERVER_TEST(pipelined_requests_of_every_kind_are_answered_in_order)
{
    struct server server;
    struct client client;
    static const int expected[] = {200, 201, 200, 201, 204, 404, 404, 201, 200};
    server_begin(&server, &client);
    client_send(&client, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
                         "POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
                         "GET /streams HTTP/1.1\r\nHost: a\r\n\r\n"
                         "POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\ny"
                         "DELETE /streams/s HTTP/1.1\r\nHost: a\r\n\r\n"
                         "DELETE /streams/s HTTP/1.1\r\nHost: a\r\n\r\n"
                         "GET /streams/s HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n"
                         "POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nz"
                         "GET /streams/s HTTP/1.1\r\nHost: a\r\nAccept: "
                         "application/json\r\nConnection: close\r\n\r\n");
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct response response;
        client_response(&client, true, &response);
        assert_int_equal(response.status, expected[i]);
        if (i == 2)
            assert_non_null(strstr(response.body, "{\"name\":\"s\",\"events\":1,"));
        if (i == 8)
            assert_non_null(strstr(response.head, "Connection: close\r\n"));
        response_done(&response);
    }
    client_await_end(&client);
    assert_int_equal(client.count, 0);
    server_finish(&server, &client);
}

/* Which of the two the server could answer first does not matter. */
SERVER_TEST(publish_behind_a_long_document_is_answered_behind_it)
{
    enum { STREAMS = 2000 };
    struct server server;
    struct client client;
    server_init(&server, "a");
    server.options.log.sync = LOG_SYNC_NEVER;
    server_start(&server);
    client_open(&client, server.http);
    client_make_streams(&client, STREAMS);
    client_send(&client, "GET /streams HTTP/1.1\r\nHost: a\r\n\r\n"
                         "POST /streams/s0 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\ny");
    client_expect_status(&client, 200);
    client_expect_status(&client, 201);
    server_finish(&server, &client);
}

SERVER_TEST(nothing_is_taken_behind_a_request_that_is_the_last)
{
    struct server server;
    struct client client;
    server_begin(&server, &client);
    client_send(&client, "POST /streams/s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                         "Content-Length: 1\r\n\r\nx"
                         "POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\ny");
    client_expect_status(&client, 201);
    client_await_end(&client);
    assert_int_equal(client.count, 0);
    client_close(&client);
    client_open(&client, server.http);
    assert_int_equal(client_stat(&client, "events", "published"), 1);
    server_finish(&server, &client);
}

SERVER_TEST(pipelined_questions_about_all_threads_are_each_answered)
{
    enum { CLIENTS = 3 * SERVER_THREADS, GETS = 40 };
    struct server server;
    struct client clients[CLIENTS];
    server_init(&server, "a");
    server_start(&server);
    for (int i = 0; i < CLIENTS; i++)
        client_open(&clients[i], server.http);
    for (int i = 0; i < CLIENTS; i++)
        for (int j = 0; j < GETS; j++)
            client_send(&clients[i], j % 2 ? "GET /stats HTTP/1.1\r\nHost: a\r\n\r\n"
                                           : "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < CLIENTS; i++) {
        for (int j = 0; j < GETS; j++) {
            client_expect_status(&clients[i], 200);
        }
        client_close(&clients[i]);
    }
    server_stop(&server);
}

SERVER_TEST(many_pipelined_gets_to_a_client_that_waits_are_all_answered)
{
    enum { GETS = 2000 };
    struct server server;
    struct client client;
    server_begin(&server, &client);
    pid_t sender = fork(); /* the answers are larger than what sockets hold: sending and receiving
                              must not wait for each other */
    if (sender == 0) {
        for (int i = 0; i < GETS; i++)
            client_send(&client, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        _exit(0);
    }
    for (int i = 0; i < GETS; i++) {
        client_expect_status(&client, 200);
    }
    assert_int_equal(waitpid(sender, NULL, 0), sender);
    server_finish(&server, &client);
}

SERVER_TEST(request_in_single_bytes_is_understood)
{
    static const char request[] =
        "POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    struct server server;
    struct client client;
    server_begin(&server, &client);
    for (size_t i = 0; i < sizeof request - 1; i++)
        client_send_bytes(&client, request + i, 1);
    client_expect_status(&client, 201);
    server_finish(&server, &client);
}

/* --- statuses --- */

struct case_of {
    const char *request;
    int status;
    const char *has;   /* in the head; NULL: nothing in particular */
    bool ends;         /* the connection is closed after the answer */
    bool without_body; /* HEAD */
};

static const struct case_of cases[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, "Content-Type: text/html", false, false},
    {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 200, "Content-Length: ", false, true},
    {"GET /healthz HTTP/1.0\r\n\r\n", 200, "Connection: close", true, false},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 200, "version=0.0.4", false, false},
    {"HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 200, "Content-Type: text/plain; version=0.0.4",
     false, true},
    {"GET /stats HTTP/1.1\r\nHost: a\r\n\r\n", 200, "application/json", false, false},
    {"GET /streams HTTP/1.1\r\nHost: a\r\n\r\n", 200, "application/json", false, false},
    {"HEAD /streams/s HTTP/1.1\r\nHost: a\r\n\r\n", 200, "text/event-stream", true, true},
    {"OPTIONS /streams/s HTTP/1.1\r\nHost: a\r\n\r\n", 204,
     "Allow: GET, HEAD, POST, DELETE, OPTIONS\r\n", false, false},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204, "Allow: ", false, false},
    {"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404, NULL, false, false},
    {"GET /streams/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, false, false},
    {"POST /streams/.hidden HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 400, NULL, false,
     false},
    {"POST /streams/a%20b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 400, NULL, false,
     false},
    {"GET /streams/s HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n", 404, NULL, false,
     false},
    {"DELETE /streams/s HTTP/1.1\r\nHost: a\r\n\r\n", 404, NULL, false, false},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 405,
     "Allow: GET, HEAD, OPTIONS\r\n", false, false},
    {"DELETE /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 405, "Allow: GET, HEAD, OPTIONS\r\n", false,
     false},
    {"PUT /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 405,
     "Allow: GET, HEAD, POST, DELETE, OPTIONS\r\n", false, false},
    {"GET /streams/s HTTP/1.1\r\nHost: a\r\nAccept: image/png\r\n\r\n", 406, NULL, false, false},
    {"GET /streams/s?after=x HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, false, false},
    {"GET /streams/s?after=1&after=2 HTTP/1.1\r\nHost: a\r\n\r\n", 400, NULL, false, false},
    {"GET /streams/s HTTP/1.1\r\nHost: a\r\nLast-Event-ID: x\r\n\r\n", 400, NULL, false, false},
    {"POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", 413,
     "Connection: close", true, false},
    {"POST /streams/s HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nContent-Length: 1\r\n\r\nx", 417,
     NULL, true, false},
    {"BREW /streams/s HTTP/1.1\r\nHost: a\r\n\r\n", 501, NULL, true, false},
    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, NULL, true, false},
    {"POST /streams/t HTTP/1.1\r\nHost: a:1\r\nOrigin: http://a:1\r\nContent-Length: 1\r\n\r\nx",
     201, NULL, false, false},
    {"POST /streams/t HTTP/1.1\r\nHost: a:1\r\nOrigin: http://evil\r\nContent-Length: 1\r\n\r\nx",
     403, NULL, false, false},
    {"POST /streams/t HTTP/1.1\r\nHost: a:1\r\nOrigin: null\r\nContent-Length: 1\r\n\r\nx", 403,
     NULL, false, false},
    {"DELETE /streams/t HTTP/1.1\r\nHost: a:1\r\nOrigin: http://evil\r\n\r\n", 403, NULL, false,
     false},
    {"GET / HTTP/1.1\r\n\r\n", 400, NULL, true, false},
    {"GET / HTTP/1.1\nHost: a\n\n", 400, NULL, true, false},
};

SERVER_TEST(each_request_gets_its_status)
{
    struct server server;
    server_init(&server, "a");
    server_start(&server);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct client client;
        struct response response;
        client_open(&client, server.http);
        client_send(&client, cases[i].request);
        client_response(&client, !cases[i].without_body, &response);
        if (response.status != cases[i].status ||
            (cases[i].has && !strstr(response.head, cases[i].has)))
            fail_msg("%s gave %s", cases[i].request, response.head);
        response_done(&response);
        if (cases[i].ends) {
            client_await_end(&client);
        } else { /* it lives on */
            client_send(&client, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
            client_response(&client, true, &response);
            assert_string_equal(response.body, "ok\n");
            response_done(&response);
        }
        assert_int_equal(client.count, 0);
        client_close(&client);
    }
    server_stop(&server);
}

SERVER_TEST(limits_of_line_and_head_are_told)
{
    static const int expected[] = {414, 431};
    struct server server;
    server_init(&server, "a");
    server_start(&server);
    for (int i = 0; i < 2; i++) {
        struct client client;
        char *filler = malloc(20001);
        memset(filler, 'a', 20000);
        filler[20000] = '\0';
        client_open(&client, server.http);
        client_send(&client, i == 0 ? "GET /" : "GET / HTTP/1.1\r\nHost: a\r\nX: ");
        send(client.fd, filler, 20000, MSG_NOSIGNAL); /* maybe refused before all is sent */
        client_expect_status(&client, expected[i]);
        client_close(&client);
        free(filler);
    }
    server_stop(&server);
}

SERVER_TEST(expect_continue_is_told_before_the_body)
{
    struct server server;
    struct client client;
    struct response response;
    server_begin(&server, &client);
    client_send(
        &client,
        "POST /streams/s HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    client_response(&client, false, &response);
    assert_int_equal(response.status, 100);
    response_done(&response);
    client_send(&client, "ab");
    client_expect_status(&client, 201);
    /* Where the body is not wanted it is refused instead. */
    client_send(
        &client,
        "POST /nothing HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    client_response(&client, true, &response);
    assert_int_equal(response.status, 404);
    assert_non_null(strstr(response.head, "Connection: close\r\n"));
    response_done(&response);
    client_await_end(&client);
    server_finish(&server, &client);
}

SERVER_TEST(event_of_the_largest_size_passes_and_one_byte_more_is_refused)
{
    enum { LARGEST = 1024 * 1024 };
    struct server server;
    struct client client, subscriber;
    char *event = malloc(LARGEST + 1);
    server_begin(&server, &client);
    memset(event, '\n', LARGEST); /* as SSE seven times as long */
    client_post(&client, "s", event, LARGEST);
    client_post(&client, "s", "after", 5);
    client_subscribe(&subscriber, server.http, "/streams/s?after=start", ""); /* from the disk */
    client_await(&subscriber, "\ndata: after\n\n");
    assert_true(subscriber.count > 7 * LARGEST);
    client_drop(&subscriber, subscriber.count);
    memset(event, 'x', LARGEST);
    client_post(&client, "s", event, LARGEST); /* from memory */
    client_post(&client, "s", "again", 5);
    client_await(&subscriber, "\ndata: again\n\n");
    assert_true(subscriber.count > LARGEST);
    client_close(&subscriber);
    client_close(&client);
    free(event);
    server_stop(&server);
}

/* --- limits --- */

/* A page whose name leads to 127.0.0.1 is in somebody's browser, and asks by that name. */
SERVER_TEST(requests_on_loopback_are_for_its_names_alone)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]", "page.example"};
    struct server server;
    server_init(&server, "a");
    strcpy(server.http, "127.0.0.1:0");
    server_start(&server);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct client client;
        char request[128];
        client_open_tcp(&client, &server);
        snprintf(request, sizeof request, "GET /livez HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i]);
        client_send(&client, request);
        client_expect_status(&client, i < 3 ? 200 : 421);
        client_close(&client);
    }
    server_stop(&server);
}

SERVER_TEST(connection_past_the_limit_is_closed_and_others_live_on)
{
    struct server server;
    struct client first, second, third;
    server_init(&server, "a");
    server.options.connections_max = 2;
    server_start(&server);
    client_open(&first, server.http);
    client_post(&first, "s", "x", 1);
    client_say(&second, server.lines, "SUB s start\n");
    client_line(&second);
    client_open(&third, server.http);
    client_await_end(&third);
    assert_int_equal(third.count, 0);
    client_close(&third);
    client_post(&first, "s", "y", 1);
    assert_int_equal(client_stat(&first, "connections", "shed"), 1);
    client_close(&second);
    client_close(&first);
    server_stop(&server);
}

SERVER_TEST(origin_is_allowed_only_where_it_was_asked_for)
{
    for (int asked = 0; asked < 2; asked++) {
        struct server server;
        struct client client;
        struct response response;
        server_init(&server, asked != 0 ? "a" : "b");
        server.options.connection.allow_origin = asked != 0 ? "*" : NULL;
        server_start(&server);
        client_say(&client, server.http, "OPTIONS /streams/s HTTP/1.1\r\nHost: a\r\n\r\n");
        client_response(&client, true, &response);
        assert_int_equal(
            !strstr(response.head, "Access-Control-Allow-Methods: GET, HEAD, POST, DELETE\r\n"),
            !asked);
        assert_int_equal(!strstr(response.head, "Access-Control-Allow-Origin: *\r\n"), !asked);
        response_done(&response);
        server_finish(&server, &client);
    }
}

SERVER_TEST(metrics_are_lines_of_the_text_format)
{
    struct server server;
    struct client client;
    server_begin(&server, &client);
    client_post(&client, "s", "x", 1);
    char *text = client_get(&client, "/metrics");
    assert_non_null(strstr(text, "\nhark_stream_events{stream=\"s\"} 1\n"));
    assert_non_null(strstr(text, "\nhark_events_published_total 1\n"));
    char kind[128] = "";
    size_t count = strlen(text);
    assert_int_equal(text[count - 1], '\n');
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char name[128];
        double value;
        if (sscanf(line, "# TYPE %127s", kind) == 1 || strncmp(line, "# HELP ", 7) == 0)
            continue;
        assert_int_equal(sscanf(line, "%127[a-z_0-9]", name), 1);
        if (strncmp(name, kind, strlen(kind)) != 0) /* samples stand together, under their TYPE */
            fail_msg("%s stands under %s", line, kind);
        assert_int_equal(sscanf(strrchr(line, ' '), " %lf", &value), 1);
        assert_true(value >= 0);
    }
    free(text);
    server_finish(&server, &client);
}

SERVER_TEST(post_whose_segment_cannot_be_made_is_answered_as_not_kept)
{
    struct server server;
    struct client client;
    struct response response;
    struct rlimit none, limit;
    if (harness_backend() == HARK_BACKEND_POLL)
        harness_skip("poll itself takes no more descriptors than the limit");
    server_begin(&server, &client);
    client_send(&client, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    client_response(&client, true, &response);
    response_done(&response);
    assert_int_equal(prlimit(server.pid, RLIMIT_NOFILE, NULL, &limit), 0);
    none = limit;
    none.rlim_cur = 3; /* the first event needs a segment, and that a descriptor */
    assert_int_equal(prlimit(server.pid, RLIMIT_NOFILE, &none, NULL), 0);
    client_send(&client, "POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    client_response(&client, true, &response);
    assert_int_equal(response.status, 503);
    assert_non_null(strstr(response.body, "nothing was kept"));
    response_done(&response);
    assert_int_equal(prlimit(server.pid, RLIMIT_NOFILE, &limit, NULL), 0);
    assert_true(client_post(&client, "s", "x", 1) > 0);
    server_finish(&server, &client);
}
