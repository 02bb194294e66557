/* test_subscribe.c - subscribers over SSE: what they are given, whoever else reads, stops reading,
 * or comes back. */
#include "harness/sanitizer.h"
#include "server/fixture.h"

static void publish_numbers(struct client *client, const char *stream, int from, int to)
{
    for (int i = from; i < to; i++) {
        char event[16];
        client_post(client, stream, event, (size_t)snprintf(event, sizeof event, "%d", i));
    }
}

/* The same, many to a commit. */
static void publish_numbers_together(struct client *client, const char *stream, int from, int to)
{
    for (int i = from; i < to; i++) {
        char request[256];
        char event[16];
        int count = snprintf(event, sizeof event, "%d", i);
        snprintf(request, sizeof request,
                 "POST /streams/%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", stream,
                 count, event);
        client_send(client, request);
    }
    for (int i = from; i < to; i++) {
        client_expect_status(client, 201);
    }
}

/* Takes the next event: asserts its data, and that its id grows. */
static void expect_event(struct client *client, uint64_t *last, const char *data)
{
    unsigned long long id = 0;
    char *block = client_block(client);
    char *line = strstr(block, "\ndata: ");
    if (sscanf(block, "id: %llu\n", &id) != 1 || !line || strcmp(line + 7, data) != 0 ||
        id <= *last)
        fail_msg("after %llu, instead of %s: %s", (unsigned long long)*last, data, block);
    *last = id;
    free(block);
}

static void expect_numbers(struct client *client, uint64_t *last, int from, int to)
{
    for (int i = from; i < to; i++) {
        char data[16];
        snprintf(data, sizeof data, "%d", i);
        expect_event(client, last, data);
    }
}

SERVER_TEST(subscriber_from_now_sees_what_comes_and_knows_its_position)
{
    struct server server;
    struct client client, subscriber;
    server_begin(&server, &client);
    uint64_t old = client_post(&client, "s", "old", 3);
    uint64_t last = client_follow(&subscriber, &server, "/streams/s", "");
    assert_int_equal(last, old);
    publish_numbers(&client, "s", 0, 20);
    expect_numbers(&subscriber, &last, 0, 20);
    client_close(&subscriber);
    server_finish(&server, &client);
}

SERVER_TEST(subscriber_of_a_stream_that_is_not_there_yet_sees_its_first_event)
{
    struct server server;
    struct client client, subscriber, replayer;
    server_begin(&server, &client);
    uint64_t last = client_follow(&subscriber, &server, "/streams/s", "");
    assert_int_equal(last, 0);
    uint64_t replayed = client_follow(&replayer, &server, "/streams/s?after=start", "");
    publish_numbers(&client, "s", 0, 3);
    expect_numbers(&subscriber, &last, 0, 3);
    expect_numbers(&replayer, &replayed, 0, 3);
    client_close(&replayer);
    client_close(&subscriber);
    server_finish(&server, &client);
}

SERVER_TEST(replay_begins_after_the_id_and_goes_over_into_live)
{
    struct server server;
    struct client client, subscriber;
    char fields[64];
    server_begin(&server, &client);
    publish_numbers(&client, "s", 0, 10);
    uint64_t middle = client_post(&client, "s", "10", 2);
    publish_numbers(&client, "s", 11, 20);
    /* The header goes before the query that a client began with. */
    snprintf(fields, sizeof fields, "Last-Event-ID: %llu\r\n", (unsigned long long)middle);
    uint64_t last = client_follow(&subscriber, &server, "/streams/s?after=start", fields);
    assert_int_equal(last, middle);
    expect_numbers(&subscriber, &last, 11, 20);
    publish_numbers(&client, "s", 20, 30);
    expect_numbers(&subscriber, &last, 20, 30);
    client_close(&subscriber);
    char path[64];
    snprintf(path, sizeof path, "/streams/s?after=%llu", (unsigned long long)middle);
    last = client_follow(&subscriber, &server, path, "");
    expect_numbers(&subscriber, &last, 11, 30);
    client_close(&subscriber);
    server_finish(&server, &client);
}

/* As a browser sends it that has seen no event yet. */
SERVER_TEST(last_event_id_that_is_empty_is_none)
{
    struct server server;
    struct client client, subscriber;
    server_begin(&server, &client);
    uint64_t first = client_post(&client, "s", "first", 5);
    uint64_t newest = client_post(&client, "s", "newest", 6);
    assert_int_equal(client_follow(&subscriber, &server, "/streams/s", "Last-Event-ID:\r\n"),
                     newest);
    client_close(&subscriber);
    char path[64];
    snprintf(path, sizeof path, "/streams/s?after=%llu", (unsigned long long)first);
    uint64_t last = client_follow(&subscriber, &server, path, "Last-Event-ID: \r\n");
    assert_int_equal(last, first);
    expect_event(&subscriber, &last, "newest");
    client_close(&subscriber);
    server_finish(&server, &client);
}

SERVER_TEST(events_keep_their_lines)
{
    struct server server;
    struct client client, subscriber;
    server_begin(&server, &client);
    client_follow(&subscriber, &server, "/streams/s", "");
    client_post(&client, "s", "one\ntwo\r\nthree\rfour\n", 20);
    char *block = client_block(&subscriber);
    assert_non_null(strstr(block, "\ndata: one\ndata: two\ndata: three\ndata: four\ndata: "));
    free(block);
    client_close(&subscriber);
    server_finish(&server, &client);
}

/* A line end becomes seven bytes: what one read of the disk gives is more than one block takes. */
SERVER_TEST(events_of_many_lines_are_replayed_in_as_many_blocks_as_they_need)
{
    enum { LINES = 16000, EVENTS = 6 };
    struct server server;
    struct client client, subscriber;
    char event[LINES];
    server_begin(&server, &client);
    memset(event, '\n', sizeof event);
    uint64_t ids[EVENTS];
    for (int i = 0; i < EVENTS; i++)
        ids[i] = client_post(&client, "s", event, sizeof event);
    client_follow(&subscriber, &server, "/streams/s?after=start", "");
    for (int i = 0; i < EVENTS; i++) {
        unsigned long long id = 0;
        int lines = 0;
        char *block = client_block(&subscriber);
        assert_int_equal(sscanf(block, "id: %llu\n", &id), 1);
        assert_int_equal(id, ids[i]);
        for (const char *at = block; (at = strstr(at, "\ndata:")); at++)
            lines++;
        assert_int_equal(lines, LINES + 1);
        free(block);
    }
    client_close(&subscriber);
    server_finish(&server, &client);
}

SERVER_TEST(stream_made_anew_tells_those_who_know_the_old_one_of_a_gap)
{
    struct server server;
    struct client client, subscriber;
    char fields[64];
    server_begin(&server, &client);
    uint64_t old = client_post(&client, "s", "old", 3);
    uint64_t last = client_follow(&subscriber, &server, "/streams/s", "");
    client_send(&client, "DELETE /streams/s HTTP/1.1\r\nHost: a\r\n\r\n");
    client_expect_status(&client, 204);
    uint64_t first = client_post(&client, "s", "0", 1);
    assert_true(first > old);
    for (int i = 0; i < 2; i++) { /* the one that stayed, then one that comes back */
        client_expect_gap(&subscriber, old);
        last = old;
        expect_event(&subscriber, &last, "0");
        assert_int_equal(last, first);
        client_close(&subscriber);
        snprintf(fields, sizeof fields, "Last-Event-ID: %llu\r\n", (unsigned long long)old);
        client_follow(&subscriber, &server, "/streams/s", fields);
    }
    client_close(&subscriber);
    server_finish(&server, &client);
}

SERVER_TEST(id_that_was_never_given_leads_to_a_gap_and_all_events)
{
    struct server server;
    struct client client, subscriber;
    server_begin(&server, &client);
    publish_numbers(&client, "s", 0, 3);
    client_follow(&subscriber, &server, "/streams/s?after=99999999", "");
    client_expect_gap(&subscriber, 99999999);
    uint64_t last = 0;
    expect_numbers(&subscriber, &last, 0, 3);
    client_close(&subscriber);
    server_finish(&server, &client);
}

SERVER_TEST(id_that_was_never_given_leads_to_a_gap_before_the_first_event_of_a_stream)
{
    struct server server;
    struct client client, subscriber;
    server_begin(&server, &client);
    client_follow(&subscriber, &server, "/streams/s?after=99999999", "");
    publish_numbers(&client, "s", 0, 3);
    client_expect_gap(&subscriber, 99999999);
    uint64_t last = 0;
    expect_numbers(&subscriber, &last, 0, 3);
    client_close(&subscriber);
    server_finish(&server, &client);
}

SERVER_TEST(retention_tells_those_who_were_before_it_of_a_gap)
{
    struct server server;
    struct client client, subscriber;
    char event[2048];
    server_init(&server, "a");
    server.options.log.segment_bytes = 16384;
    server.options.log.retain_bytes = 65536;
    server_start(&server);
    client_open(&client, server.http);
    memset(event, 'x', sizeof event);
    uint64_t first = client_post(&client, "s", "first", 5);
    uint64_t newest = 0;
    while (client_stat(&client, "log", "removed") == 0) {
        for (int i = 0; i < 16; i++)
            newest = client_post(&client, "s", event, sizeof event);
    }
    char path[64];
    snprintf(path, sizeof path, "/streams/s?after=%llu", (unsigned long long)first);
    client_follow(&subscriber, &server, path, "");
    unsigned long long id = 0;
    uint64_t kept = client_expect_gap(&subscriber, first);
    char *block = client_block(&subscriber);
    assert_int_equal(sscanf(block, "id: %llu\n", &id), 1);
    assert_true(id >= kept && kept > first && id <= newest);
    free(block);
    client_close(&subscriber);
    server_finish(&server, &client);
}

SERVER_TEST(subscriber_that_had_ended_its_side_before_it_began_is_let_go_after_its_answers)
{
    struct server server;
    struct client client;
    server_init(&server, "a");
    server_start(&server);
    for (int posts = 0; posts < 2 * SERVER_THREADS; posts++) {
        client_open(&client, server.http);
        for (int i = 0; i < posts; i++)
            client_send(&client,
                        "POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
        client_send(&client,
                    "GET /streams/s HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
        shutdown(client.fd, SHUT_WR);
        client_await_end(&client);
        for (int i = 0; i < posts; i++) {
            client_expect_status(&client, 201);
        }
        client_close(&client);
    }
    server_stop(&server);
}

/* More is asked for than is done in one turn: its end is read before it subscribes. */
SERVER_TEST(subscriber_that_ended_its_side_while_it_waited_for_its_turn_is_let_go)
{
    enum { LOOKS = 500 };
    struct server server;
    struct client client;
    server_begin(&server, &client);
    client_send_many(&client, "HEAD /livez HTTP/1.1\r\nHost: a\r\n\r\n", LOOKS);
    client_send(&client, "GET /streams/s HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
    shutdown(client.fd, SHUT_WR);
    client_await_end(&client);
    server_finish(&server, &client);
}

SERVER_TEST(heartbeat_comes_to_idle_subscribers_alone)
{
    struct server server;
    struct client client, subscriber;
    server_init(&server, "a");
    server.options.broker.heartbeat_ns = 5000000;
    server_start(&server);
    client_open(&client, server.http);
    client_follow(&subscriber, &server, "/streams/s", "");
    client_expect(&subscriber, ":");
    client_expect(&subscriber, ":");
    client_close(&subscriber);
    while (client_stat(&client, "subscribers", "sse") != 0)
        ;
    server_finish(&server, &client);
}

/* --- many, and slow ones --- */

enum { MANY = 1000, MANY_EVENTS = 60 };

SERVER_TEST(thousand_subscribers_each_get_each_event_once_from_one_encoding_a_thread)
{
    struct server server;
    struct client client;
    struct client *subscribers = calloc(MANY, sizeof *subscribers);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < MANY + 100)
        harness_skip("the limit of descriptors is %llu", (unsigned long long)limit.rlim_cur);
    int many =
        harness_backend() == HARK_BACKEND_SELECT ? 700 : MANY; /* select ends at 1024 descriptors */
    server_init(&server, "a");
    server.options.log.sync =
        LOG_SYNC_NEVER; /* a commit for each event, and no wait for the disk in each */
    server_start(&server);
    client_open(&client, server.http);
    client_post(&client, "s", "before", 6);
    for (int i = 0; i < many; i++)
        client_subscribe(&subscribers[i], server.http, "/streams/s", "");
    assert_int_equal(client_stat(&client, "subscribers", "sse"), many);
    publish_numbers(&client, "s", 0, MANY_EVENTS);
    for (int i = 0; i < many; i++) {
        uint64_t last = client_position(&subscribers[i]);
        expect_numbers(&subscribers[i], &last, 0, MANY_EVENTS);
        assert_int_equal(subscribers[i].count, 0);
    }
    assert_int_equal(client_stat(&client, "events", "encoded"), MANY_EVENTS * server_threads);
    assert_int_equal(client_stat(&client, "events", "delivered"), (uint64_t)many * MANY_EVENTS);
    assert_int_equal(client_stat(&client, "events", "disk_reads"), 0);
    for (int i = 0; i < many; i++)
        client_close(&subscribers[i]);
    while (client_stat(&client, "subscribers", "sse") != 0)
        ;
    assert_int_equal(client_stat(&client, "events", "ring_bytes"), 0);
    client_close(&client);
    free(subscribers);
    server_stop(&server);
}

SERVER_TEST(subscriber_that_stops_costs_little_delays_nobody_and_misses_nothing)
{
    /* 40 MB, ten times what the ring holds. What the slow ones cost is looked at where no sanitizer
     * slows each byte down: there one for each thread will do. */
    enum { SLOW = SANITIZED ? SERVER_THREADS : 8, EVENTS = 600, EVENT_BYTES = 65536 };
    struct server server;
    struct client client, quick, slow[SLOW];
    char *event = malloc(EVENT_BYTES + 1);
    server_init(&server, "a");
    server.options.log.sync =
        LOG_SYNC_NEVER; /* a commit for each event, and no wait for the disk in each */
    server_start(&server);
    client_open(&client, server.http);
    client_post(&client, "s", "before", 6);
    for (int i = 0; i < SLOW; i++)
        client_subscribe(&slow[i], server.http, "/streams/s", "");
    uint64_t last = client_follow(&quick, &server, "/streams/s", "");
    uint64_t before = server_resident(&server);
    for (int i = 0; i < EVENTS; i++) {
        int digits = snprintf(event, 32, "%d ", i);
        memset(event + digits, 'x', EVENT_BYTES - (size_t)digits);
        event[EVENT_BYTES] = '\0';
        client_post(&client, "s", event, EVENT_BYTES);
        expect_event(&quick, &last, event);
    }
    uint64_t grown = server_resident(&server) - before;
    /* The ring, a chunk for each slow one, the log's and the process's own; for each further thread
     * a ring, and what is on its way. */
    /* A sanitizer keeps freed memory for a while: what is resident says nothing then. */
    if (grown > (24 + 10 * (server_threads - 1)) * 1024 * 1024 && !SANITIZED)
        fail_msg("the server grew by %llu bytes", (unsigned long long)grown);
    assert_true(client_stat(&client, "events", "ring_bytes") <=
                server_threads * (4 * 1024 * 1024 + 2 * EVENT_BYTES));
    for (int i = 0; i < SLOW; i++) { /* and now they read */
        last = client_position(&slow[i]);
        for (int j = 0; j < EVENTS; j++) {
            int digits = snprintf(event, 32, "%d ", j);
            memset(event + digits, 'x', EVENT_BYTES - (size_t)digits);
            expect_event(&slow[i], &last, event);
        }
        client_close(&slow[i]);
    }
    assert_true(client_stat(&client, "events", "disk_reads") > 0);
    client_close(&quick);
    client_close(&client);
    free(event);
    server_stop(&server);
}

SERVER_TEST(subscriber_that_takes_nothing_for_too_long_is_dropped)
{
    struct server server;
    struct client client, slow;
    char *event = calloc(1, 1024 * 1024);
    server_start_within(&server, &(struct connection_options){.stall_timeout_ns = SERVER_SOON_NS});
    client_open(&client, server.http);
    client_subscribe(&slow, server.http, "/streams/s", "");
    while (client_stat(&client, "subscribers", "sse") != 0)
        client_post(&client, "s", event, 1024 * 1024);
    client_close(&slow);
    client_close(&client);
    free(event);
    server_stop(&server);
}

/* --- the server's death --- */

SERVER_TEST(killed_and_started_again_it_gives_a_client_that_comes_back_each_event_once)
{
    enum { ROUNDS = 5, EACH = 50 };
    struct server server;
    struct client client, subscriber;
    uint64_t last = 0;
    server_init(&server, "a");
    for (int round = 0; round < ROUNDS; round++) {
        char fields[64];
        server_start(&server);
        client_open(&client, server.http);
        snprintf(fields, sizeof fields, "Last-Event-ID: %llu\r\n", (unsigned long long)last);
        client_subscribe(&subscriber, server.http, "/streams/s", fields);
        assert_int_equal(client_position(&subscriber), last);
        publish_numbers_together(&client, "s", round * EACH, (round + 1) * EACH);
        /* It has seen only some of them when the server dies. */
        int seen_from = round == 0 ? 0 : round * EACH - EACH / 2;
        int seen_to = (round + 1) * EACH - EACH / 2;
        expect_numbers(&subscriber, &last, seen_from, seen_to);
        assert_int_equal(server_end(&server, SIGKILL), 128 + SIGKILL);
        client_close(&subscriber);
        client_close(&client);
    }
    server_start(&server);
    client_follow(&subscriber, &server, "/streams/s?after=start", "");
    last = 0;
    expect_numbers(&subscriber, &last, 0, ROUNDS * EACH);
    client_close(&subscriber);
    server_stop(&server);
}

SERVER_TEST(thousand_that_come_back_at_once_are_all_served_from_the_disk)
{
    enum { EACH = 200 };
    struct server server;
    struct client client;
    int many = harness_backend() == HARK_BACKEND_SELECT ? 300 : MANY;
    struct client *subscribers = calloc((size_t)many, sizeof *subscribers);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < MANY + 100)
        harness_skip("the limit of descriptors is %llu", (unsigned long long)limit.rlim_cur);
    server_begin(&server, &client);
    publish_numbers_together(&client, "s", 0, EACH);
    client_close(&client);
    assert_int_equal(server_end(&server, SIGKILL), 128 + SIGKILL);
    server_start(&server);
    for (int i = 0; i < many; i++)
        client_subscribe(&subscribers[i], server.http, "/streams/s?after=start", "");
    for (int i = 0; i < many; i += 2) /* half of them leave, some with a buffer kept for them */
        client_close(&subscribers[i]);
    for (int i = 1; i < many; i += 2) {
        uint64_t last = client_position(&subscribers[i]);
        expect_numbers(&subscribers[i], &last, 0, EACH);
        client_close(&subscribers[i]);
    }
    free(subscribers);
    server_stop(&server);
}
