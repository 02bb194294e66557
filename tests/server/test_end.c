/* test_end.c - the agent's beginning and end: what it says and gives when it may not begin, and
 * what it finishes when it ends. */
#include "server/fixture.h"

SERVER_TEST(sigterm_with_nothing_going_on_ends_with_0)
{
    struct server server;
    server_init(&server, "a");
    server_start(&server);
    assert_int_equal(server_end(&server, SIGTERM), 0);
    server_start(&server);
    assert_int_equal(server_end(&server, SIGINT), 0);
}

SERVER_TEST(signals_that_end_it_or_mean_nothing)
{
    static const int ends[] = {SIGHUP, SIGQUIT, SIGALRM, SIGXCPU};
    static const int mean_nothing[] = {SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct server server;
        server_init(&server, "a");
        server_start(&server);
        for (size_t j = 0; j < sizeof mean_nothing / sizeof mean_nothing[0]; j++)
            kill(server.pid, mean_nothing[j]);
        assert_int_equal(server_end(&server, ends[i]), 0);
        assert_non_null(
            strstr(server_said(&server), "ending: what was accepted is finished first"));
    }
}

/* As when the terminal of one that was started with nohup goes. */
SERVER_TEST(signal_that_was_ignored_at_the_start_stays_so)
{
    struct server server;
    struct client client;
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    server_init(&server, "a");
    server_start(&server);
    kill(server.pid, SIGHUP);
    kill(server.pid, SIGINT);
    client_open(&client, server.http);
    client_post(&client, "s", "x", 1);
    server_finish(&server, &client);
}

/* A terminal that goes sends it, and the shell that had it sends it again. */
SERVER_TEST(second_hangup_does_not_cut_the_end_short)
{
    struct server server;
    struct client subscriber;
    server_init(&server, "a");
    server_start(&server);
    client_say(&subscriber, server.lines, "PUB s ack\nx\n");
    client_line(&subscriber);
    for (int i = 0; i < 50; i++)
        kill(server.pid, SIGHUP);
    client_await_end(&subscriber);
    for (int i = 0; i < 50; i++)
        kill(server.pid, SIGHUP);
    client_close(&subscriber);
    assert_int_equal(server_wait(&server), 0);
}

SERVER_TEST(subscribers_are_told_of_the_end)
{
    struct server server;
    struct client client, subscriber, lines, publisher, idle;
    server_begin(&server, &client);
    client_post(&client, "s", "x", 1);
    client_subscribe(&subscriber, server.http, "/streams/s?after=start", "");
    client_say(&lines, server.lines, "SUB s start\n");
    client_line(&lines);
    client_say(&publisher, server.lines, "PUB s ack\ny\n");
    client_line(&publisher);
    client_await(&subscriber, "\ndata: y\n\n");
    client_open(&idle, server.http);
    kill(server.pid, SIGTERM);
    client_await(&subscriber, "\n\n: the server is ending\n\n");
    client_await_end(&subscriber);
    client_await_end(&lines);
    client_await_end(&publisher);
    client_await_end(&idle);
    client_await_end(&client);
    client_close(&subscriber);
    client_close(&lines);
    client_close(&publisher);
    client_close(&idle);
    client_close(&client);
    assert_int_equal(server_wait(&server), 0);
}

/* As when the collector of its log has stalled: the pipe is full before the server says its first
 * word. */
SERVER_TEST(standard_error_that_nobody_drains_stops_nothing)
{
    struct server server;
    struct client client;
    struct response response;
    int ends[2];
    char *left_out;
    harness_pipe(ends, 0);
    harness_stuff(ends[1]);
    server_init(&server, "a");
    server.says_to = ends[1];
    server_start(&server);
    client_open(&client, server.http);
    client_post(&client, "s", "x", 1);
    client_send(&client, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    client_response(&client, true, &response);
    left_out = strstr(response.body, "\nhark_messages_left_out_total ");
    assert_non_null(left_out);
    assert_true(atoi(strchr(left_out + 1, ' ')) >= 3); /* two ports and that it is ready */
    response_done(&response);
    server_finish(&server, &client);
    close(ends[0]);
    close(ends[1]);
}

/* How many events a client was told to be kept. */
static int count_created(const struct client *client)
{
    int count = 0;
    for (const char *at = client->bytes; at && (at = strstr(at, "201 Created")); at++)
        count++;
    return count;
}

/* Starts the server again, once, and looks: the only stream has so many events. */
static void expect_kept(struct server *server, int count)
{
    struct client client;
    unsigned long long events = 0;
    server_start(server);
    client_open(&client, server->http);
    char *body = client_get(&client, "/streams");
    assert_int_equal(sscanf(body, "{\"streams\":[{\"name\":\"s\",\"events\":%llu,", &events), 1);
    assert_int_equal(events, count);
    free(body);
    server_finish(server, &client);
}

SERVER_TEST(what_was_accepted_before_the_end_is_answered_and_kept)
{
    struct server server;
    struct client client;
    server_begin(&server, &client);
    client_post(&client, "s", "x", 1);
    /* A burst, and the end in the middle of it: every answer is of an event that is there
     * afterwards. */
    for (int i = 0; i < 100; i++)
        client_send(&client, "POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\ny");
    kill(server.pid, SIGTERM);
    client_await_end(&client);
    int answered = count_created(&client);
    shutdown(client.fd, SHUT_WR); /* the server waits a little for the client's end */
    assert_int_equal(server_wait(&server), 0);
    expect_kept(&server, 1 + answered);
    client_close(&client);
}

SERVER_TEST(subscriber_that_takes_nothing_cannot_hold_up_the_end)
{
    struct server server;
    struct client client, slow;
    char *event = calloc(1, 1024 * 1024);
    server_init(&server, "a");
    server.options.shutdown_timeout_ns = 100000000;
    server_start(&server);
    client_open(&client, server.http);
    client_subscribe(&slow, server.http, "/streams/s", "");
    for (int i = 0; i < 8; i++)
        client_post(&client, "s", event, 1024 * 1024);
    server_stop(&server);
    client_close(&slow);
    client_close(&client);
    free(event);
}

SERVER_TEST(posts_that_wait_at_the_end_are_each_answered_or_not_kept)
{
    enum { POSTS = 20000 };
    struct server server;
    struct client client;
    server_begin(&server, &client);
    char *requests = malloc(POSTS * 128);
    size_t count = 0;
    for (int i = 0; i < POSTS; i++)
        count += (size_t)sprintf(
            requests + count, "POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\ny");
    pid_t sender =
        fork(); /* until it is refused: more than are taken at once, more than sockets hold */
    if (sender == 0) {
        size_t sent = 0;
        ssize_t some;
        while (sent < count &&
               (some = send(client.fd, requests + sent, count - sent, MSG_NOSIGNAL)) > 0)
            sent += (size_t)some;
        _exit(0);
    }
    client_await(&client, "201 Created");
    kill(server.pid, SIGTERM);
    client_await_end(&client);
    int answered = count_created(&client);
    assert_int_equal(waitpid(sender, NULL, 0), sender);
    shutdown(client.fd, SHUT_WR);
    assert_int_equal(server_wait(&server), 0);
    expect_kept(&server, answered);
    free(requests);
    client_close(&client);
}

/* --- what refuses --- */

static void expect_refusal(struct server *server, int code, const char *said)
{
    assert_false(server_try(server));
    assert_int_equal(server_wait(server), code);
    const char *text = server_said(server);
    if (!strstr(text, "Z hark: error: cannot ") && code != 2)
        fail_msg("it said: %s", text);
    if (!strstr(text, said) || !strchr(text, '\n') || strchr(text, '\n')[1] != '\0')
        fail_msg("it said: %s", text);
}

SERVER_TEST(second_instance_on_the_same_data_is_refused)
{
    struct server server, second;
    server_init(&server, "a");
    server_init(&second, "b");
    server.options.quiet = second.options.quiet = true;
    second.options.data = server.data;
    server_start(&server);
    expect_refusal(&second, 1, "is in use (another hark serve uses it");
    server_stop(&server);
}

SERVER_TEST(used_port_is_refused)
{
    struct server server, second;
    server_init(&server, "a");
    server_init(&second, "b");
    server.options.quiet = second.options.quiet = true;
    memcpy(second.lines, server.lines, sizeof second.lines);
    server_start(&server);
    expect_refusal(&second, 1, "address already in use (try --lines 127.0.0.1:0)");
    server_stop(&server);
}

/* As when a server is started again before the last one has quite ended. */
SERVER_TEST(address_that_becomes_free_soon_is_waited_for)
{
    struct server server, second;
    struct client client;
    server_init(&server, "a");
    server_init(&second, "b");
    memcpy(second.lines, server.lines, sizeof second.lines);
    server_start(&server);
    pid_t ender = fork(); /* ends the first once the second has the other of its addresses */
    if (ender == 0) {
        while (access(second.http + strlen("unix:"), F_OK) < 0)
            ;
        kill(server.pid, SIGTERM);
        _exit(0);
    }
    server_start(&second);
    assert_int_equal(waitpid(ender, NULL, 0), ender);
    assert_int_equal(server_wait(&server), 0);
    client_say(&client, second.lines, "PUB s ack\nx\n");
    assert_true(strtoull(client_line(&client), NULL, 10) > 0);
    server_finish(&second, &client);
}

SERVER_TEST(address_that_is_none_is_refused_as_usage)
{
    struct server server;
    server_init(&server, "a");
    snprintf(server.http, sizeof server.http, "localhost");
    expect_refusal(&server, 2, "--http localhost: is not an address such as 127.0.0.1:12345");
}

SERVER_TEST(data_directory_that_cannot_be_is_refused)
{
    struct server server;
    server_init(&server, "a");
    close(harness_file("file", "x", 1));
    snprintf(server.data, sizeof server.data, "%s", harness_path("file"));
    expect_refusal(&server, 1, "cannot open the data directory");
    snprintf(server.data, sizeof server.data, "%s", harness_path("missing/data"));
    expect_refusal(&server, 1, "(make the directory that it is to be in, or try another --data)");
}
