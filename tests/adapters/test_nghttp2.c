/* test_nghttp2.c - HTTP/2 sessions over streams: against each other in one loop, and with nghttpd;
 * requests by the hundred thousand over connections that come and go, streams that are cancelled,
 * deadlines, and callbacks that end the connection or ask for more. */
#include "adapters/http2.h"
#include "adapters/nghttpd.h"
#include "adapters/numbers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void run_to_ends(struct hark_loop *loop, const struct http2_side *server,
                        const struct http2_side *client, int server_error, int client_error)
{
    harness_run(loop);
    assert_true(server->closed);
    assert_true(client->closed);
    assert_result(server->error, server_error);
    assert_result(client->error, client_error);
}

/* The other side has closed at once: where it had not read all it resets the connection. */
static bool lost(const struct http2_side *side)
{
    return side->closed &&
           (side->error == NGHTTP2_ERR_EOF || side->error == -ECONNRESET || side->error == -EPIPE);
}

/* --- bodies --- */

enum { BODY = 1000000, BODIES = 40 };

static void end_with_the_last(struct http2_side *client)
{
    if (client->answers == BODIES)
        http2_terminate(client);
}

static void exchange_bodies(struct http2_side *client)
{
    for (int i = 0; i < BODIES / 2; i++) {
        http2_get(client, "/1000000");
        http2_post(client, BODY);
    }
    hark_nghttp2_send(&client->http2);
}

BACKEND_TEST(bodies_go_both_ways_at_once_as_far_as_windows_and_queues_let_them)
{
    struct http2_side server = {0}, client = {.on_answer = end_with_the_last};
    http2_pair(loop, &server, &client);
    exchange_bodies(&client);
    run_to_ends(loop, &server, &client, 0, 0);
    assert_int_equal(client.answers, BODIES);
    assert_int_equal(client.bytes, (uint64_t)BODIES * BODY);
    assert_int_equal(server.bytes, (uint64_t)BODIES / 2 * BODY);
    assert_int_equal(server.requests, BODIES);
}

/* The largest piece is a frame of 16 KiB with its head; a second one is always refused. */
BACKEND_TEST(queue_that_has_room_for_one_frame_alone_loses_none)
{
    static const struct hark_stream_options one = {.queue_bytes_max = 20000, .high_bytes = 20000};
    struct http2_side server = {.options = &one, .window = 1 << 24};
    struct http2_side client = {.options = &one, .window = 1 << 24, .on_answer = end_with_the_last};
    http2_pair(loop, &server, &client);
    exchange_bodies(&client);
    run_to_ends(loop, &server, &client, 0, 0);
    assert_int_equal(client.bytes, (uint64_t)BODIES * BODY);
}

BACKEND_TEST(queue_that_has_no_room_for_a_frame_ends_the_connection)
{
    static const struct hark_stream_options less = {.queue_bytes_max = 10000};
    struct http2_side server = {.options = &less}, client = {0};
    http2_pair(loop, &server, &client);
    http2_get(&client, "/1000000");
    hark_nghttp2_send(&client.http2);
    harness_run(loop);
    assert_result(server.error, -ENOBUFS);
    assert_true(lost(&client));
}

/* --- a hundred thousand requests --- */

enum { CONNECTIONS = 10, ROUNDS = 10, REQUESTS = 1000, TOTAL = CONNECTIONS * ROUNDS * REQUESTS };

struct traffic {
    struct hark_loop *loop;
    struct hark_listener listener;
    struct hark_address address;
    int open, rounds;
    int requests, answers, resets, over;
};

/* What a side of its own is freed with. */
struct lane {
    struct http2_side side;
    int left, parallel;
    int32_t cancelled; /* the last stream that was */
};

static void server_closed(struct http2_side *side)
{
    struct traffic *traffic = side->context;
    traffic->over += side->error == 0;
    free(side);
}

static void accepted(struct hark_listener *listener, int fd)
{
    struct http2_side *side = calloc(1, sizeof *side);
    side->on_closed = server_closed;
    side->context = hark_container_of(listener, struct traffic, listener);
    numbers_note(fd);
    http2_serve(listener->loop, side, fd);
}

static void lane_fill(struct lane *lane)
{
    while (lane->left > 0 && lane->parallel < 20) {
        lane->left--;
        lane->parallel++;
        if (lane->left % 50 == 0)
            http2_get(&lane->side, "/never");
        else if (lane->left % 7 == 0)
            http2_post(&lane->side, 100);
        else
            http2_get(&lane->side, "/100");
    }
    if (lane->left == 0 && lane->parallel == 0)
        http2_terminate(&lane->side);
}

/* What is never answered is cancelled as soon as it was asked for. */
static int lane_hook(struct http2_side *side, enum http2_moment moment, int32_t id)
{
    struct lane *lane = hark_container_of(side, struct lane, side);
    const struct http2_exchange *exchange =
        nghttp2_session_get_stream_user_data(side->http2.session, id);
    if (moment == HTTP2_STREAM_CLOSED) {
        lane->parallel--;
        lane_fill(lane);
    } else if (moment == HTTP2_SENT_FRAME && id > lane->cancelled && exchange && exchange->never) {
        lane->cancelled = id;
        assert_int_equal(
            nghttp2_submit_rst_stream(side->http2.session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL),
            0);
    }
    return 0;
}

static void lane_open(struct traffic *traffic);

static void lane_closed(struct http2_side *side)
{
    struct lane *lane = hark_container_of(side, struct lane, side);
    struct traffic *traffic = side->context;
    assert_int_equal(side->error, 0);
    traffic->answers += side->answers;
    traffic->resets += side->resets;
    free(lane);
    if (--traffic->rounds >= 0)
        lane_open(traffic);
    else if (--traffic->open == 0)
        hark_listener_close(&traffic->listener);
}

static void lane_open(struct traffic *traffic)
{
    struct lane *lane = calloc(1, sizeof *lane);
    lane->side.context = traffic;
    lane->side.on_closed = lane_closed;
    lane->side.hook = lane_hook;
    lane->left = REQUESTS;
    assert_int_equal(http2_connect(traffic->loop, &lane->side, &traffic->address), 0);
    lane_fill(lane);
    hark_nghttp2_send(&lane->side.http2);
}

static const struct hark_listener_events listening = {.accepted = accepted};

static void traffic_listen(struct hark_loop *loop, struct traffic *traffic)
{
    traffic->loop = loop;
    assert_int_equal(hark_address_parse("127.0.0.1:0", &traffic->address), 0);
    assert_int_equal(
        hark_listener_open(loop, &traffic->listener, &traffic->address, 0, 0, &listening), 0);
    assert_int_equal(hark_listener_address(&traffic->listener, &traffic->address), 0);
}

BACKEND_TEST(hundred_thousand_requests_are_answered_or_cancelled_over_connections_that_come_and_go)
{
    struct traffic traffic = {.open = CONNECTIONS, .rounds = CONNECTIONS * (ROUNDS - 1)};
    traffic_listen(loop, &traffic);
    for (int i = 0; i < CONNECTIONS; i++)
        lane_open(&traffic);
    harness_run(loop);
    assert_int_equal(traffic.answers + traffic.resets, TOTAL);
    assert_true(traffic.resets >= TOTAL / 50);
    assert_true(traffic.answers >= TOTAL / 2);
    assert_int_equal(traffic.listener.accepted_count, CONNECTIONS * ROUNDS);
    assert_int_equal(traffic.over, CONNECTIONS * ROUNDS);
    assert_true(numbers_again > 0);
}

/* --- ends --- */

BACKEND_TEST(server_that_ends_finishes_what_was_asked_for)
{
    struct http2_side server = {0}, client = {0};
    http2_pair(loop, &server, &client);
    for (int i = 0; i < BODIES; i++)
        http2_get(&client, "/1000000");
    hark_nghttp2_send(&client.http2);
    while (server.requests < BODIES)
        assert_int_equal(hark_run_once(loop), 1);
    assert_true(client.answers < BODIES);
    http2_end(&server);
    run_to_ends(loop, &server, &client, 0, 0);
    assert_int_equal(client.answers, BODIES);
    assert_int_equal(client.goaways, 1);
}

BACKEND_TEST(session_that_is_terminated_ends_both_sides_and_drops_its_streams)
{
    struct http2_side server = {0}, client = {0};
    http2_pair(loop, &server, &client);
    http2_get(&client, "/never");
    hark_nghttp2_send(&client.http2);
    while (server.requests < 1)
        assert_int_equal(hark_run_once(loop), 1);
    http2_terminate(&server);
    harness_run(loop);
    assert_result(server.error, 0);
    assert_int_equal(client.goaways, 1);
    assert_true(client.closed);
    assert_true(client.error == NGHTTP2_ERR_EOF); /* it has a stream that was not answered */
}

BACKEND_TEST(silent_peer_is_told_and_left_by_its_deadline)
{
    static const struct hark_stream_options short_silence = {.read_timeout_ns = 20000000};
    struct http2_side server = {0}, client = {.options = &short_silence};
    http2_pair(loop, &server, &client);
    http2_get(&client, "/never");
    hark_nghttp2_send(&client.http2);
    run_to_ends(loop, &server, &client, NGHTTP2_ERR_EOF, -ETIMEDOUT);
    assert_int_equal(server.goaways, 1);

    struct http2_side idle = {.options = &short_silence}, other = {0};
    http2_pair(loop, &idle, &other);
    run_to_ends(loop, &idle, &other, -ETIMEDOUT, 0);
    assert_int_equal(other.goaways, 1);
}

BACKEND_TEST(connection_that_is_refused_is_told_and_its_number_comes_again)
{
    struct hark_address address;
    char text[32];
    int taken;
    snprintf(text, sizeof text, "127.0.0.1:%u", numbers_refusing_port(SOCK_STREAM, &taken));
    assert_int_equal(hark_address_parse(text, &address), 0);
    for (int i = 0; i < 100; i++) {
        struct http2_side client = {0};
        assert_int_equal(http2_connect(loop, &client, &address), 0);
        http2_get(&client, "/1");
        hark_nghttp2_send(&client.http2);
        harness_run(loop);
        assert_int_equal(client.connected, 0);
        assert_result(client.error, -ECONNREFUSED);
    }
    close(taken);
}

BACKEND_TEST(loop_that_is_cancelled_closes_every_connection)
{
    struct http2_side server = {0}, client = {0};
    http2_pair(loop, &server, &client);
    http2_get(&client, "/never");
    hark_nghttp2_send(&client.http2);
    while (server.requests < 1)
        assert_int_equal(hark_run_once(loop), 1);
    hark_cancel_all(loop);
    run_to_ends(loop, &server, &client, -ECANCELED, -ECANCELED);
}

TEST(errors_are_told_in_words_from_whomever_they_are)
{
    assert_string_equal(hark_nghttp2_error_text(-ECONNRESET), hark_error_text(-ECONNRESET));
    assert_string_equal(hark_nghttp2_error_text(NGHTTP2_ERR_EOF),
                        nghttp2_strerror(NGHTTP2_ERR_EOF));
    assert_string_equal(hark_nghttp2_error_text(NGHTTP2_ERR_FLOODED),
                        nghttp2_strerror(NGHTTP2_ERR_FLOODED));
}

/* --- callbacks that act --- */

enum deed { CLOSES, CLOSES_AND_FAILS, TERMINATES, ASKS_FOR_MORE, DEEDS };

struct actor {
    struct http2_side side;
    enum http2_moment moment;
    enum deed deed;
    int done;
};

static int act(struct http2_side *side, enum http2_moment moment, int32_t id)
{
    struct actor *actor = hark_container_of(side, struct actor, side);
    (void)id;
    if (moment != actor->moment || actor->done >= (actor->deed == ASKS_FOR_MORE ? 5 : 1))
        return 0;
    actor->done++;
    if (actor->deed == TERMINATES) {
        http2_terminate(side);
    } else if (actor->deed == CLOSES || actor->deed == CLOSES_AND_FAILS) {
        hark_nghttp2_close(&side->http2);
        hark_nghttp2_send(&side->http2); /* which does nothing any more */
        hark_nghttp2_close(&side->http2);
    } else if (nghttp2_session_check_server_session(side->http2.session)) {
        nghttp2_submit_ping(side->http2.session, NGHTTP2_FLAG_NONE, NULL);
        hark_nghttp2_send(&side->http2);
    } else {
        http2_get(side, "/1000");
        hark_nghttp2_send(&side->http2);
    }
    assert_false(side->closed);
    return actor->deed == CLOSES_AND_FAILS ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static void end_when_all_is_answered(struct http2_side *client)
{
    if (!client->open)
        http2_terminate(client);
}

static void plays(struct hark_loop *loop, bool as_server, enum http2_moment moment, enum deed deed)
{
    struct http2_side other = {.on_answer = as_server ? end_when_all_is_answered : NULL};
    struct actor actor = {
        .moment = moment,
        .deed = deed,
        .side = {.hook = act, .on_answer = as_server ? NULL : end_when_all_is_answered}};
    struct http2_side *client = as_server ? &other : &actor.side;
    http2_pair(loop, as_server ? &actor.side : &other, client);
    for (int i = 0; i < 3; i++)
        http2_post(client, 30000);
    hark_nghttp2_send(&client->http2);
    harness_run(loop);
    assert_true(actor.side.closed);
    assert_true(other.closed);
    assert_true(actor.done > 0);
    if (deed == CLOSES || deed == CLOSES_AND_FAILS)
        assert_result(actor.side.error, -ECANCELED);
    else
        assert_result(actor.side.error, 0);
    if (deed == ASKS_FOR_MORE)
        assert_int_equal(client->answers, 3 + (as_server ? 0 : actor.done));
}

BACKEND_TEST(callbacks_may_close_terminate_and_submit_wherever_they_are)
{
    for (int moment = 0; moment < HTTP2_MOMENTS; moment++) {
        for (int deed = 0; deed < DEEDS; deed++) {
            plays(loop, false, (enum http2_moment)moment, (enum deed)deed);
            plays(loop, true, (enum http2_moment)moment, (enum deed)deed);
        }
    }
}

static void close_at_once(struct http2_side *side)
{
    hark_nghttp2_close(&side->http2);
}

BACKEND_TEST(connection_may_be_closed_before_it_is_made_and_when_it_is_made)
{
    struct traffic traffic = {0};
    struct http2_side early = {0}, then = {.on_connected = close_at_once};
    traffic_listen(loop, &traffic);
    assert_int_equal(http2_connect(loop, &early, &traffic.address), 0);
    hark_nghttp2_close(&early.http2);
    assert_false(early.closed);
    assert_int_equal(http2_connect(loop, &then, &traffic.address), 0);
    while (!early.closed || !then.closed)
        assert_int_equal(hark_run_once(loop), 1);
    hark_listener_close(&traffic.listener);
    harness_run(loop);
    assert_int_equal(early.connected, 0);
    assert_int_equal(then.connected, 1);
    assert_result(early.error, -ECANCELED);
    assert_result(then.error, -ECANCELED);
}

static int pauses(struct http2_side *side, enum http2_moment moment, int32_t id)
{
    (void)side;
    (void)id;
    return moment == HTTP2_HAVE_DATA ? NGHTTP2_ERR_PAUSE : 0;
}

BACKEND_TEST(callback_that_pauses_ends_the_connection)
{
    struct http2_side server = {.hook = pauses}, client = {0};
    http2_pair(loop, &server, &client);
    http2_post(&client, 30000); /* two frames, of which one piece brings the first and more */
    hark_nghttp2_send(&client.http2);
    harness_run(loop);
    assert_result(server.error, NGHTTP2_ERR_PAUSE);
    assert_true(lost(&client));
}

/* --- nghttpd --- */

enum { FILE_BYTES = 300000, FILES = 200 };

static void ask_for_files(struct http2_side *client)
{
    for (int i = 0; i < FILES; i++)
        http2_get(client, "/file");
    hark_nghttp2_send(&client->http2);
}

static void end_with_the_last_file(struct http2_side *client)
{
    if (client->answers == FILES)
        http2_terminate(client);
}

BACKEND_TEST(files_come_from_nghttpd_which_dies_and_comes_again)
{
    struct nghttpd server;
    char *bytes = malloc(FILE_BYTES);
    http2_fill_body((uint8_t *)bytes, FILE_BYTES);
    close(harness_file("file", bytes, FILE_BYTES));
    free(bytes);
    nghttpd_start(&server);
    for (int round = 0; round < 3; round++) {
        struct http2_side client = {.on_connected = ask_for_files,
                                    .on_answer = end_with_the_last_file};
        assert_int_equal(http2_connect(loop, &client, &server.address), 0);
        harness_run(loop);
        assert_result(client.error, 0);
        assert_int_equal(client.answers, FILES);
        assert_int_equal(client.bytes, (uint64_t)FILES * FILE_BYTES);
    }
    struct http2_side last = {.on_connected = ask_for_files};
    assert_int_equal(http2_connect(loop, &last, &server.address), 0);
    while (last.answers < 1)
        assert_int_equal(hark_run_once(loop), 1);
    nghttpd_kill(&server);
    harness_run(loop);
    assert_true(lost(&last) || last.answers == FILES);
    nghttpd_start(&server);
    struct http2_side again = {.on_connected = ask_for_files, .on_answer = end_with_the_last_file};
    assert_int_equal(http2_connect(loop, &again, &server.address), 0);
    harness_run(loop);
    assert_result(again.error, 0);
    nghttpd_kill(&server);
}
