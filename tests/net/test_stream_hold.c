/* hark_stream_read_stop: nothing more is delivered until reading is started again, and then
 * everything, in order. */
#include "net/witness.h"

enum { BYTES = 40000, PIECE = 1024 };

/* A stream whose peer has sent BYTES before the loop turns; all that is received is collected. */
struct scene {
    struct witness stream;
    char sent[BYTES];
    int peer;
    int stop_after; /* pieces; 0: after each */
};

static void stop_reading(struct witness *witness, enum witness_event event, const void *bytes,
                         int64_t count)
{
    struct scene *scene = hark_container_of(witness, struct scene, stream);
    (void)bytes;
    (void)count;
    if (event == RECEIVED && (scene->stop_after == 0 || witness->pieces == scene->stop_after))
        witness_read_stop(witness);
}

static struct scene *open_scene(struct hark_loop *loop, int stop_after)
{
    struct scene *scene = calloc(1, sizeof *scene);
    int pair[2];
    assert_non_null(scene);
    harness_socket_pair(loop, pair);
    scene->peer = pair[1];
    harness_make_room(scene->peer, 2 * BYTES);
    scene->stop_after = stop_after;
    scene->stream.then = stop_reading;
    witness_collect(&scene->stream, BYTES);
    witness_open(loop, &scene->stream, pair[0], NULL);
    harness_fill(scene->sent, BYTES, 7);
    assert_int_equal(send(scene->peer, scene->sent, BYTES, MSG_DONTWAIT), BYTES);
    witness_read_start(&scene->stream);
    return scene;
}

static void run_until_piece(struct hark_loop *loop, struct scene *scene, int pieces)
{
    while (scene->stream.pieces < pieces)
        assert_true(hark_run_once(loop) >= 0);
    harness_settle(loop);
}

static void free_scene(struct scene *scene)
{
    if (scene->peer >= 0)
        close(scene->peer);
    free(scene->stream.bytes);
    free(scene);
}

BACKEND_TEST_WITH(stream_read_stop_lets_nothing_through_until_read_start, .buffer_bytes = PIECE)
{
    struct scene *scene = open_scene(loop, 0);
    assert_int_equal(shutdown(scene->peer, SHUT_WR), 0);
    for (int pieces = 1; scene->stream.total < BYTES; pieces++) {
        run_until_piece(loop, scene, pieces);
        assert_int_equal(scene->stream.pieces, pieces);
        assert_false(scene->stream.ended);
        witness_read_start(&scene->stream);
    }
    harness_run_until(loop, &scene->stream.ended);
    assert_result(scene->stream.end, 0);
    assert_int_equal(scene->stream.total, BYTES);
    assert_memory_equal(scene->stream.bytes, scene->sent, BYTES);
    witness_close(loop, &scene->stream);
    free_scene(scene);
}

BACKEND_TEST_WITH(stream_read_start_right_after_read_stop_keeps_the_order, .buffer_bytes = PIECE)
{
    struct scene *scene = open_scene(loop, 0);
    while (scene->stream.total < BYTES) {
        assert_true(hark_run_once(loop) >= 0);
        witness_read_start(&scene->stream); /* while what was taken is still on its way */
    }
    assert_memory_equal(scene->stream.bytes, scene->sent, BYTES);
    witness_close(loop, &scene->stream);
    free_scene(scene);
}

BACKEND_TEST_WITH(stream_read_stop_with_nothing_left_in_flight_lets_the_loop_end,
                  .buffer_bytes = PIECE)
{
    struct scene *scene = open_scene(loop, 1);
    harness_run(loop);
    assert_int_equal(scene->stream.pieces, 1);
    witness_close(loop, &scene->stream);
    free_scene(scene);
}

static void keep_small(struct witness *witness, enum witness_event event, const void *bytes,
                       int64_t count)
{
    if (event == RECEIVED && witness->pieces == 1)
        witness_read_stop(witness);
    else if (event == RECEIVED && witness->context)
        assert_ptr_equal(bytes, witness->context);
    (void)count;
}

BACKEND_TEST_WITH(stream_read_into_takes_first_what_came_after_read_stop, .buffer_bytes = PIECE)
{
    struct scene *scene = open_scene(loop, 1);
    char small[700];
    scene->stream.then = keep_small;
    run_until_piece(loop, scene, 1);
    scene->stream.context = small;
    while (scene->stream.total < BYTES) {
        int pieces = scene->stream.pieces;
        CALL_VOID(hark_stream_read_into(&scene->stream.stream, small, sizeof small));
        harness_run(loop); /* one piece, then it rests */
        assert_int_equal(scene->stream.pieces, pieces + 1);
    }
    assert_memory_equal(scene->stream.bytes, scene->sent, BYTES);
    witness_close(loop, &scene->stream);
    free_scene(scene);
}

BACKEND_TEST_WITH(stream_read_stopped_again_before_what_is_held_is_delivered_waits,
                  .buffer_bytes = PIECE)
{
    struct scene *scene = open_scene(loop, 1);
    run_until_piece(loop, scene, 1);
    witness_read_start(&scene->stream);
    witness_read_stop(&scene->stream);
    harness_run(loop);
    assert_int_equal(scene->stream.pieces, 1);
    scene->stop_after = -1;
    witness_read_start(&scene->stream);
    while (scene->stream.total < BYTES)
        assert_true(hark_run_once(loop) >= 0);
    assert_memory_equal(scene->stream.bytes, scene->sent, BYTES);
    witness_close(loop, &scene->stream);
    free_scene(scene);
}

/* What the stream has not delivered is still in the descriptor that it was detached from. */
static void assert_rest_is_left(struct scene *scene, int fd)
{
    size_t total = (size_t)scene->stream.total;
    while (total < BYTES) {
        ssize_t count = peer_read(fd, scene->stream.bytes + total, BYTES - total);
        assert_true(count > 0);
        total += (size_t)count;
    }
    assert_memory_equal(scene->stream.bytes, scene->sent, BYTES);
    close(fd);
}

BACKEND_TEST_WITH(stream_detached_while_stopped_delivers_what_was_received_and_leaves_the_rest,
                  .buffer_bytes = PIECE)
{
    struct scene *scene = open_scene(loop, 1);
    run_until_piece(loop, scene, 1);
    int fd = witness_detach(loop, &scene->stream);
    assert_rest_is_left(scene, fd);
    free_scene(scene);
}

BACKEND_TEST_WITH(stream_detached_before_what_is_held_is_delivered_loses_nothing,
                  .buffer_bytes = PIECE)
{
    struct scene *scene = open_scene(loop, 1);
    run_until_piece(loop, scene, 1);
    witness_read_start(&scene->stream);
    int fd = witness_detach(loop, &scene->stream);
    assert_rest_is_left(scene, fd);
    free_scene(scene);
}

BACKEND_TEST_WITH(stream_closed_while_stopped_drops_what_is_held, .buffer_bytes = PIECE)
{
    struct scene *scene = open_scene(loop, 1);
    run_until_piece(loop, scene, 1);
    witness_read_start(&scene->stream);
    witness_close(loop, &scene->stream);
    assert_int_equal(scene->stream.pieces, 1);
    free_scene(scene);
}

/* What is held waits for its call behind others, of which a turn handles one: the descriptor is
 * closed before it comes. */
BACKEND_TEST_WITH(stream_closed_while_what_is_held_waits_for_its_call_is_told_last,
                  .buffer_bytes = PIECE, .turn_max = 1)
{
    enum { OTHERS = 20 };
    struct harness_op others[OTHERS] = {0};
    struct scene *scene = open_scene(loop, 1);
    run_until_piece(loop, scene, 1);
    for (int index = 0; index < OTHERS; index++)
        hark_defer(loop, &others[index].op, harness_done);
    witness_read_start(&scene->stream);
    witness_close(loop, &scene->stream);
    assert_int_equal(scene->stream.pieces, 1);
    harness_run(loop);
    free_scene(scene);
}

BACKEND_TEST_WITH(stream_closed_after_sending_while_stopped_drops_what_is_held,
                  .buffer_bytes = PIECE)
{
    struct scene *scene = open_scene(loop, 1);
    assert_int_equal(shutdown(scene->peer, SHUT_WR), 0);
    run_until_piece(loop, scene, 1);
    witness_close_after_sending(&scene->stream);
    harness_run_until(loop, &scene->stream.closed);
    assert_int_equal(scene->stream.pieces, 1);
    free_scene(scene);
}

/* --- a proxy --- */

enum { ROUTES = 24, ROUTE_BYTES = 200000, QUEUE = 8192 };

/* One connection through the proxy: what `in` receives is written to `out`, whose queue has room
 * for a few pieces. */
struct route {
    struct witness in, out;
    int source, sink;
    size_t sent, got;
    bool stopped;
};

static void forward(struct witness *in, enum witness_event event, const void *bytes, int64_t count)
{
    struct route *route = hark_container_of(in, struct route, in);
    if (event == RECEIVED_END)
        witness_end(&route->out);
    if (event != RECEIVED)
        return;
    assert_false(route->stopped);
    int full = witness_write(&route->out, bytes, (size_t)count);
    assert_true(full >= 0); /* a producer that heeds the 1 never finds the queue full */
    if (full) {
        route->stopped = true;
        witness_read_stop(in);
    }
}

static void go_on(struct witness *out, enum witness_event event, const void *bytes, int64_t count)
{
    struct route *route = hark_container_of(out, struct route, out);
    (void)bytes;
    (void)count;
    if (event != DRAINED)
        return;
    route->stopped = false;
    witness_read_start(&route->in);
}

static void route_open(struct hark_loop *loop, struct route *route)
{
    int from[2], to[2];
    harness_tcp_pair(loop, from);
    harness_tcp_pair(loop, to);
    *route = (struct route){
        .in = {.then = forward}, .out = {.then = go_on}, .source = from[0], .sink = to[1]};
    peer_shrink(to[0]);
    peer_shrink(to[1]);
    witness_open(loop, &route->in, from[1], NULL);
    witness_open(loop, &route->out, to[0],
                 &(struct hark_stream_options){.queue_bytes_max = QUEUE, .high_bytes = QUEUE / 2});
    witness_read_start(&route->in);
}

/* Sends and takes what goes at once. Gives whether the route is done. */
static bool route_feed(struct route *route, const char *bytes)
{
    char taken[16384];
    if (route->sent < ROUTE_BYTES) {
        ssize_t count = send(route->source, bytes + route->sent, ROUTE_BYTES - route->sent,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
        route->sent += count > 0 ? (size_t)count : 0;
        if (route->sent == ROUTE_BYTES)
            assert_int_equal(shutdown(route->source, SHUT_WR), 0);
    }
    ssize_t count = peer_read(route->sink, taken, sizeof taken);
    if (count > 0) {
        assert_memory_equal(taken, bytes + route->got, (size_t)count);
        route->got += (size_t)count;
    }
    assert_true(count >= 0 || count == -EAGAIN);
    return count == 0;
}

BACKEND_TEST_WITH(stream_proxy_with_small_queues_loses_no_byte, .buffer_bytes = PIECE)
{
    struct route *routes = calloc(ROUTES, sizeof *routes);
    char *bytes = malloc(ROUTE_BYTES);
    assert_true(routes && bytes);
    harness_fill(bytes, ROUTE_BYTES, 11);
    for (int i = 0; i < ROUTES; i++)
        route_open(loop, &routes[i]);
    for (int done = 0; done < ROUTES;) {
        done = 0;
        for (int i = 0; i < ROUTES; i++)
            done += route_feed(&routes[i], bytes);
        assert_true(hark_run_ready(loop) >= 0);
    }
    for (int i = 0; i < ROUTES; i++) {
        assert_int_equal(routes[i].got, ROUTE_BYTES);
        witness_close(loop, &routes[i].in);
        witness_close(loop, &routes[i].out);
        close(routes[i].source);
        close(routes[i].sink);
    }
    free(bytes);
    free(routes);
}
