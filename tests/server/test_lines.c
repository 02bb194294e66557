/* test_lines.c - the lines port: publishing, acknowledgements, subscribing, and what is refused. */
#include "server/fixture.h"

/* The id and the event of a line. */
static uint64_t expect_line(struct client *client, const char *event)
{
    const char *line = client_line(client);
    char *tab = NULL;
    unsigned long long id = strtoull(line, &tab, 10);
    if (*tab != '\t' || strcmp(tab + 1, event) != 0)
        fail_msg("instead of %s: %s", event, line);
    return id;
}

SERVER_TEST(published_lines_reach_a_subscriber_in_order)
{
    struct server server;
    struct client publisher, subscriber;
    server_init(&server, "a");
    server_start(&server);
    client_say(&subscriber, server.lines, "SUB s start\n");
    client_say(&publisher, server.lines, "PUB s\none\n\ntwo\r\nhalf a li");
    uint64_t first = expect_line(&subscriber, "one");
    uint64_t second = expect_line(&subscriber, "");
    uint64_t third = expect_line(&subscriber, "two\r");
    assert_true(first < second && second < third);
    client_close(&publisher); /* the half is no event */
    client_say(&publisher, server.lines, "PUB s\r\nwhole\n");
    expect_line(&subscriber, "whole");
    client_close(&publisher);
    client_close(&subscriber);
    server_stop(&server);
}

SERVER_TEST(acknowledged_lines_are_answered_each_with_its_id)
{
    enum { LINES = 50000 };
    struct server server;
    struct client publisher, subscriber;
    server_init(&server, "a");
    server_start(&server);
    client_open(&publisher, server.lines);
    pid_t sender = fork(); /* sending and receiving must not wait for each other */
    if (sender == 0) {
        char *lines = malloc(LINES * 16);
        size_t count = (size_t)sprintf(lines, "PUB s ack\n");
        for (int i = 0; i < LINES; i++)
            count += (size_t)sprintf(lines + count, "%d\n", i);
        client_send_bytes(&publisher, lines, count);
        shutdown(publisher.fd, SHUT_WR);
        _exit(0);
    }
    uint64_t *ids = malloc(LINES * sizeof *ids);
    for (int i = 0; i < LINES; i++) {
        ids[i] = strtoull(client_line(&publisher), NULL, 10);
        assert_true(ids[i] > (i > 0 ? ids[i - 1] : 0));
    }
    client_await_end(&publisher);
    assert_int_equal(publisher.count, 0);
    assert_int_equal(waitpid(sender, NULL, 0), sender);
    client_say(&subscriber, server.lines, "SUB s after 0\n");
    for (int i = 0; i < LINES; i++) {
        char event[16];
        snprintf(event, sizeof event, "%d", i);
        assert_int_equal(expect_line(&subscriber, event), ids[i]);
    }
    client_close(&subscriber);
    client_close(&publisher);
    free(ids);
    server_stop(&server);
}

SERVER_TEST(subscriber_that_ends_its_side_goes_on_reading)
{
    struct server server;
    struct client publisher, subscriber;
    server_init(&server, "a");
    server_start(&server);
    client_say(&publisher, server.lines, "PUB s ack\n1\n");
    client_line(&publisher);
    client_say(&subscriber, server.lines, "SUB s start\n");
    shutdown(subscriber.fd, SHUT_WR);
    expect_line(&subscriber, "1");
    client_send(&publisher, "2\n");
    expect_line(&subscriber, "2");
    client_close(&subscriber);
    client_close(&publisher);
    server_stop(&server);
}

SERVER_TEST(event_with_line_ends_comes_in_parts)
{
    struct server server;
    struct client client, subscriber;
    server_begin(&server, &client);
    uint64_t id = client_post(&client, "s", "one\ntwo", 7);
    client_say(&subscriber, server.lines, "SUB s start\n");
    assert_string_equal(client_line(&subscriber), "+\tone");
    assert_int_equal(expect_line(&subscriber, "two"), id);
    client_close(&subscriber);
    server_finish(&server, &client);
}

SERVER_TEST(wrong_first_lines_are_refused_with_a_reason)
{
    static const char *const wrong[] = {
        "HELLO\n", "PUB\n", "PUB .a\n", "PUB a maybe\n", "SUB a after x\n", "GET / HTTP/1.1\r\n",
        "\n"};
    struct server server;
    server_init(&server, "a");
    server_start(&server);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct client client;
        client_open(&client, server.lines);
        client_send(&client, wrong[i]);
        assert_memory_equal(client_line(&client), "ERR ", 4);
        client_await_end(&client);
        assert_int_equal(client.count, 0);
        client_close(&client);
    }
    server_stop(&server);
}

/* Each would give the time for a first line anew, for ever. */
SERVER_TEST(auth_is_taken_once_also_without_rules)
{
    struct server server;
    struct client client;
    server_init(&server, "a");
    server_start(&server);
    client_say(&client, server.lines, "AUTH x\nPUB s ack\nevent\n");
    assert_true(strtoull(client_line(&client), NULL, 10) > 0);
    client_close(&client);
    client_say(&client, server.lines, "AUTH x\nAUTH x\nPUB s ack\nevent\n");
    assert_string_equal(client_line(&client), "ERR AUTH was said before");
    client_await_end(&client);
    client_close(&client);
    server_stop(&server);
}

SERVER_TEST(line_over_the_limit_is_refused_after_the_answers_before_it)
{
    enum { LONGEST = 1024 * 1024 };
    struct server server;
    struct client client;
    char *line = malloc(LONGEST + 2);
    server_init(&server, "a");
    server_start(&server);
    client_open(&client, server.lines);
    memset(line, 'x', LONGEST + 1);
    client_send(&client, "PUB s ack\n");
    client_send_bytes(&client, line, LONGEST);
    client_send(&client, "\nshort\n");
    client_send_bytes(&client, line, LONGEST + 1);
    assert_true(strtoull(client_line(&client), NULL, 10) > 0);
    assert_true(strtoull(client_line(&client), NULL, 10) > 0);
    assert_string_equal(client_line(&client), "ERR the line is too long");
    client_await_end(&client);
    client_close(&client);
    free(line);
    server_stop(&server);
}

SERVER_TEST(subscriber_after_a_stream_made_anew_is_told_of_the_gap)
{
    struct server server;
    struct client client, subscriber;
    struct response response;
    server_begin(&server, &client);
    uint64_t old = client_post(&client, "s", "old", 3);
    client_send(&client, "DELETE /streams/s HTTP/1.1\r\nHost: a\r\n\r\n");
    client_response(&client, true, &response);
    response_done(&response);
    uint64_t id = client_post(&client, "s", "new", 3);
    char command[64];
    snprintf(command, sizeof command, "SUB s after %llu\n", (unsigned long long)old);
    client_say(&subscriber, server.lines, command);
    char expected[32];
    snprintf(expected, sizeof expected, "GAP\t%llu\t", (unsigned long long)old);
    assert_memory_equal(client_line(&subscriber), expected, strlen(expected));
    assert_int_equal(expect_line(&subscriber, "new"), id);
    client_close(&subscriber);
    server_finish(&server, &client);
}

SERVER_TEST(subscriber_from_now_is_told_its_position_where_it_asks)
{
    struct server server;
    struct client client, subscriber;
    server_begin(&server, &client);
    client_say(&subscriber, server.lines, "SUB s now\n");
    assert_string_equal(client_line(&subscriber), "0");
    uint64_t id = client_post(&client, "s", "x", 1);
    assert_int_equal(expect_line(&subscriber, "x"), id);
    client_close(&subscriber);
    client_say(&subscriber, server.lines, "SUB s now\n");
    assert_int_equal(strtoull(client_line(&subscriber), NULL, 10), id);
    uint64_t next = client_post(&client, "s", "y", 1);
    assert_int_equal(expect_line(&subscriber, "y"), next);
    client_close(&subscriber);
    server_finish(&server, &client);
}

SERVER_TEST(subscriber_that_is_gone_after_it_ended_its_side_is_noticed)
{
    struct server server;
    struct client client, subscriber;
    server_begin(&server, &client);
    client_say(&subscriber, server.lines, "SUB s now\n");
    shutdown(subscriber.fd, SHUT_WR);
    client_line(&subscriber);
    client_close(&subscriber);
    while (client_stat(&client, "subscribers", "lines") != 0)
        ;
    server_finish(&server, &client);
}

SERVER_TEST(what_a_subscriber_sends_is_no_event)
{
    struct server server;
    struct client client, subscriber;
    server_begin(&server, &client);
    client_say(&subscriber, server.lines, "SUB s now\nPUB s\nno event\n");
    client_line(&subscriber);
    client_send(&subscriber, "no event either\n");
    uint64_t id = client_post(&client, "s", "x", 1);
    assert_int_equal(expect_line(&subscriber, "x"), id);
    assert_int_equal(client_stat(&client, "events", "published"), 1);
    client_close(&subscriber);
    server_finish(&server, &client);
}
