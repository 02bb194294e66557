/* test_health.c - what the server tells of its state: /healthz is 503 with the reason while events
 * are refused, and finds out by itself that they are taken again. */
#include "server/fixture.h"

/* The files of the server may not be longer than this. */
static void limit_files(const struct server *server, rlim_t bytes)
{
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    assert_int_equal(prlimit(server->pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

/* Asks for a document. Gives: its status; it holds that text. */
static int status_of(struct client *client, const char *path, const char *text)
{
    struct response response;
    char request[128];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    client_send(client, request);
    client_response(client, true, &response);
    if (!strstr(response.body, text))
        fail_msg("%s: %s has no %s", path, response.body, text);
    int status = response.status;
    response_done(&response);
    return status;
}

static int post_status(struct client *client, const char *text)
{
    struct response response;
    client_send(client, "POST /streams/s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    client_response(client, true, &response);
    assert_non_null(strstr(response.body, text));
    int status = response.status;
    response_done(&response);
    return status;
}

SERVER_TEST(healthz_says_why_events_are_refused_until_they_are_taken)
{
    struct server server;
    struct client client;
    server_begin(&server, &client);
    client_post(&client, "s", "x", 1);
    assert_int_equal(status_of(&client, "/healthz", "ok"), 200);
    status_of(&client, "/stats", "\"health\":{\"ok\":true,\"reason\":\"\"}");
    status_of(&client, "/metrics", "\nhark_refusing 0\n");
    limit_files(&server, 1);
    assert_int_equal(post_status(&client, "nothing was kept: there is no space left"), 507);
    assert_int_equal(status_of(&client, "/healthz", "nothing was kept: there is no space left"),
                     503);
    assert_int_equal(status_of(&client, "/readyz", "nothing was kept: there is no space left"),
                     503);
    assert_int_equal(status_of(&client, "/livez", "ok"), 200);
    status_of(&client, "/stats",
              "\"health\":{\"ok\":false,\"reason\":\"nothing was kept: there is no space left on "
              "the disk\"}");
    status_of(&client, "/metrics", "\nhark_refusing 1\n");
    limit_files(&server, RLIM_INFINITY);
    while (post_status(&client, "") !=
           201) /* one may still share the end of what the look at /healthz has tried */
        ;
    assert_int_equal(status_of(&client, "/healthz", "ok"), 200);
    server_finish(&server, &client);
}

SERVER_TEST(healthz_finds_out_alone_that_the_trouble_is_over)
{
    struct server server;
    struct client client;
    server_begin(&server, &client);
    client_post(&client, "s", "x", 1);
    limit_files(&server, 1);
    assert_int_equal(post_status(&client, "nothing was kept"), 507);
    assert_int_equal(status_of(&client, "/healthz", "nothing was kept"), 503);
    /* Behind what that has had tried, which so was refused as well: it is tried again. */
    assert_int_equal(post_status(&client, "nothing was kept"), 507);
    limit_files(&server, RLIM_INFINITY);
    while (status_of(&client, "/healthz", "") != 200)
        ;
    /* What was tried for it is seen by nobody, and is gone again before what is published now. */
    char *listing = client_get(&client, "/streams");
    assert_null(strstr(listing, ".health"));
    free(listing);
    client_post(&client, "s", "x", 1);
    assert_int_equal(client_stat(&client, "log", "streams"), 1);
    server_finish(&server, &client);
}

SERVER_TEST(streams_that_do_not_exist_are_not_told_of)
{
    struct server server;
    struct client client, subscriber;
    server_init(&server, "a");
    server_start(&server);
    client_follow(&subscriber, &server, "/streams/wished", "");
    client_open(&client, server.http);
    client_post(&client, "real", "x", 1);
    static const char *const pages[] = {"/streams", "/stats", "/metrics"};
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        char *page = client_get(&client, pages[i]);
        assert_non_null(strstr(page, "\"real\""));
        assert_null(strstr(page, "wished"));
        free(page);
    }
    char *metrics = client_get(&client, "/metrics");
    assert_non_null(strstr(metrics, "\nhark_streams 1\n"));
    free(metrics);
    client_close(&subscriber);
    server_finish(&server, &client);
}
