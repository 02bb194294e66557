/* test_lines_deadlines.c - the lines port: what does not come, or is not taken, in time. */
#include "server/fixture.h"

SERVER_TEST(first_line_that_does_not_come_in_time_is_refused)
{
    struct server server;
    struct client client;
    server_start_within(&server, &(struct connection_options){.head_timeout_ns = SERVER_SOON_NS});
    client_say(&client, server.lines, "PUB ");
    assert_memory_equal(client_line(&client), "ERR ", 4);
    client_await_end(&client);
    server_finish(&server, &client);
}

SERVER_TEST(line_that_does_not_end_in_time_is_refused_and_not_published)
{
    struct server server;
    struct client client;
    server_start_within(&server, &(struct connection_options){.body_timeout_ns = SERVER_SOON_NS});
    client_say(&client, server.lines, "PUB s ack\nwhole\nha");
    assert_true(strtoull(client_line(&client), NULL, 10) > 0);
    assert_string_equal(client_line(&client), "ERR the line did not end in time");
    client_await_end(&client);
    client_close(&client);
    client_open(&client, server.http);
    assert_int_equal(client_stat(&client, "events", "published"), 1);
    server_finish(&server, &client);
}

SERVER_TEST(publisher_whose_pieces_end_within_lines_may_go_on_for_ever)
{
    const uint64_t second_ns = 1000000000U;
    struct server server;
    struct client client;
    server_init(&server, "a");
    server.options.connection.body_timeout_ns = second_ns;
    server.options.log.sync = LOG_SYNC_NEVER; /* an answer is never late because of the disk */
    server_start(&server);
    bool late = true; /* the machine kept one of the two away for so long that a line did take a
                         second: all begins anew */
    while (late) {
        client_open(&client, server.lines);
        uint64_t begun_ns = hark_os_clock(loop);
        client_send(&client, "PUB s ack\nha");
        uint64_t until_ns =
            begun_ns + 2 * second_ns; /* longer than a line may take, and never between two lines */
        for (late = false; !late && hark_os_clock(loop) < until_ns;) {
            uint64_t next_begun_ns = hark_os_clock(loop);
            client_try_send(&client, "lf\nha");
            late = strtoull(client_line(&client), NULL, 10) == 0;
            assert_true(!late || hark_os_clock(loop) - begun_ns >= second_ns);
            begun_ns = next_begun_ns;
        }
        client_close(&client);
    }
    server_stop(&server);
}

SERVER_TEST(subscriber_that_has_ended_its_side_and_takes_nothing_is_dropped_soon)
{
    struct server server;
    struct client client, slow;
    char *event = calloc(1, 1024 * 1024);
    server_init(&server, "a");
    server.options.connection.stall_timeout_ns = 3600000000000U;
    server.options.connection.half_closed_ns = 20000000;
    server_start(&server);
    client_open(&client, server.http);
    client_say(&slow, server.lines, "SUB s now\n");
    assert_int_equal(shutdown(slow.fd, SHUT_WR), 0);
    while (client_stat(&client, "subscribers", "lines") != 1)
        ;
    while (client_stat(&client, "subscribers", "lines") != 0)
        client_post(&client, "s", event, 1024 * 1024);
    client_close(&slow);
    client_close(&client);
    free(event);
    server_stop(&server);
}

SERVER_TEST(line_of_which_bytes_come_on_and_on_is_refused)
{
    struct server server;
    struct client client;
    server_start_within(&server, &(struct connection_options){.body_timeout_ns = SERVER_SOON_NS});
    client_say(&client, server.lines, "PUB s ack\n");
    do
        client_try_send(&client, "x");
    while (!client_is_answered(&client, 1));
    assert_string_equal(client_line(&client), "ERR the line did not end in time");
    client_await_end(&client);
    server_finish(&server, &client);
}

/* Another's first line is late after its own would have been. */
SERVER_TEST(subscriber_is_not_under_the_deadline_of_its_first_line)
{
    struct server server;
    struct client client, subscriber;
    server_start_within(&server, &(struct connection_options){.head_timeout_ns = SERVER_SOON_NS});
    client_say(&subscriber, server.lines, "SUB s now\n");
    assert_string_equal(client_line(&subscriber), "0");
    client_say(&client, server.lines, "PUB ");
    client_await_end(&client);
    client_close(&client);
    client_say(&client, server.lines, "PUB s ack\nx\n");
    client_line(&client);
    assert_non_null(strstr(client_line(&subscriber), "\tx"));
    client_close(&subscriber);
    server_finish(&server, &client);
}
