/* test_http_deadlines.c - the HTTP port: requests that do not come in time, and connections on
 * which none comes. */
#include "server/fixture.h"

SERVER_TEST(head_that_does_not_end_in_time_gets_408)
{
    struct server server;
    struct client client;
    server_start_within(&server, &(struct connection_options){.head_timeout_ns = SERVER_SOON_NS});
    client_say(&client, server.http, "GET / HTTP/1.1\r\nHost: ");
    client_expect_status(&client, 408);
    client_await_end(&client);
    server_finish(&server, &client);
}

SERVER_TEST(slow_head_gets_408_after_the_answers_before_it)
{
    struct server server;
    struct client client;
    server_start_within(&server, &(struct connection_options){.head_timeout_ns = SERVER_SOON_NS});
    client_open(&client, server.http);
    client_send(&client,
                "POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nxPOST /str");
    client_expect_status(&client, 201);
    client_expect_status(&client, 408);
    client_await_end(&client);
    server_finish(&server, &client);
}

SERVER_TEST(body_that_does_not_end_in_time_gets_408_and_is_not_published)
{
    struct server server;
    struct client client;
    server_start_within(&server, &(struct connection_options){.body_timeout_ns = SERVER_SOON_NS});
    client_say(&client, server.http,
               "POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    client_expect_status(&client, 408);
    client_await_end(&client);
    client_close(&client);
    client_open(&client, server.http);
    assert_int_equal(client_stat(&client, "events", "published"), 0);
    server_finish(&server, &client);
}

SERVER_TEST(idle_connection_is_closed_in_the_end)
{
    struct server server;
    struct client client;
    struct response response;
    server_start_within(&server, &(struct connection_options){.idle_timeout_ns = SERVER_SOON_NS});
    client_open(&client, server.http);
    client_await_end(&client);
    assert_int_equal(client.count, 0);
    do { /* until it is in time: a request, its answer, and the end after some idle time */
        client_close(&client);
        client_open(&client, server.http);
        client_try_send(&client,
                        "POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
        client_await_end(&client);
    } while (client.count == 0);
    client_response(&client, true, &response);
    assert_int_equal(response.status, 201);
    assert_int_equal(client.count, 0);
    response_done(&response);
    server_finish(&server, &client);
}

/* Whatever comes of it meanwhile. */
SERVER_TEST(head_of_which_bytes_come_on_and_on_gets_408)
{
    struct server server;
    struct client client;
    server_start_within(&server, &(struct connection_options){.head_timeout_ns = SERVER_SOON_NS});
    client_say(&client, server.http, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    do
        client_try_send(&client, "x");
    while (!client_is_answered(&client, 1));
    client_expect_status(&client, 408);
    client_await_end(&client);
    server_finish(&server, &client);
}

SERVER_TEST(connections_that_a_deadline_ended_are_counted)
{
    struct server server;
    struct client client;
    server_start_within(&server, &(struct connection_options){.head_timeout_ns = SERVER_SOON_NS});
    client_say(&client, server.http, "GET / HTTP/1.1\r\nHost: ");
    client_expect_status(&client, 408);
    client_close(&client);
    client_say(&client, server.lines, "PUB ");
    assert_memory_equal(client_line(&client), "ERR ", 4);
    client_close(&client);
    client_open(&client, server.http);
    assert_int_equal(client_stat(&client, "connections", "timeouts"), 2);
    server_finish(&server, &client);
}

/* Another connection is idle for too long after it would have been. */
SERVER_TEST(subscriber_may_ask_for_nothing_for_ever)
{
    struct server server;
    struct client client, subscriber;
    server_start_within(&server, &(struct connection_options){.idle_timeout_ns = SERVER_SOON_NS});
    client_follow(&subscriber, &server, "/streams/s", "");
    client_open(&client, server.http);
    client_await_end(&client);
    client_close(&client);
    client_say(&client, server.lines, "PUB s ack\nx\n");
    client_line(&client);
    client_await(&subscriber, "\ndata: x\n\n");
    client_close(&subscriber);
    server_finish(&server, &client);
}
