/* test_network.c - hark's own listeners and streams over the simulated network: whatever is lost,
 * late or cut, each byte comes once and in order; and who is killed leaves no connection behind. */
#include "hark/sim.h"
#include "harness/harness.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t second_ns = UINT64_C(1000000000);
static const char *const backends[] = {"epoll", "poll", "select", "uring"};

/* The byte at a place of what a client sends. */
static unsigned char byte_at(uint64_t client, uint64_t place)
{
    return (unsigned char)((place * 2654435761u + client * 97) >> 7);
}

/* --- the server: it sends back what comes, until SIGTERM --- */

struct server {
    struct hark_loop *loop;
    struct hark_listener listener;
    struct hark_op signal;
    const char *at;
    int backlog;
    bool is_up;
    int connections, open;
};

static struct server *server_of(struct hark_stream *stream)
{
    return stream->context;
}

/* What the queue does not take is read again later: it is held back. */
static void server_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    if (count <= 0)
        return hark_stream_close_after_sending(stream);
    int result = hark_stream_write(stream, bytes, (size_t)count);
    if (result < 0)
        hark_stream_close(stream);
    else if (result == 1)
        hark_stream_read_stop(stream);
}

static void server_drained(struct hark_stream *stream)
{
    hark_stream_read_start(stream);
}

static void server_failed(struct hark_stream *stream, int error)
{
    (void)error;
    hark_stream_close(stream);
}

static void server_closed(struct hark_stream *stream)
{
    server_of(stream)->open--;
    free(stream);
}

static const struct hark_stream_events server_events = {
    .received = server_received,
    .drained = server_drained,
    .failed = server_failed,
    .closed = server_closed,
};

static void accepted(struct hark_listener *listener, int fd)
{
    static const struct hark_stream_options options = {.queue_bytes_max = 1 << 18};
    struct server *server = hark_container_of(listener, struct server, listener);
    struct hark_stream *stream = calloc(1, sizeof *stream);
    assert_non_null(stream);
    stream->context = server;
    server->connections++;
    server->open++;
    hark_stream_open(server->loop, stream, fd, &options, &server_events);
    hark_stream_read_start(stream);
}

static const struct hark_listener_events listening = {.accepted = accepted};

static void told_to_end(struct hark_op *op, int64_t result)
{
    struct server *server = hark_container_of(op, struct server, signal);
    if (result != SIGTERM)
        return;
    hark_listener_close(&server->listener);
    hark_cancel(op);
}

static int serve(void *argument)
{
    struct server *server = argument;
    struct hark_address address;
    assert_int_equal(hark_address_parse(server->at, &address), 0);
    assert_int_equal(hark_loop_create(NULL, &server->loop), 0);
    int error = hark_listener_open(server->loop, &server->listener, &address, server->backlog, 0,
                                   &listening);
    if (error)
        return -error;
    hark_signal_each(server->loop, &server->signal, SIGTERM, told_to_end);
    server->is_up = true;
    int result = hark_run(server->loop);
    return result ? result : hark_loop_destroy(server->loop);
}

/* --- a client: it sends so many bytes, and compares what comes back --- */

struct client {
    struct hark_loop *loop;
    struct hark_stream stream;
    struct hark_op pause;
    const char *to;
    uint64_t number, size, piece;
    uint64_t sent, compared;
    int connections;
    bool is_done, has_ended;
};

static void begin(struct client *client);

static struct client *client_of(struct hark_stream *stream)
{
    return hark_container_of(stream, struct client, stream);
}

static void go_on_sending(struct client *client)
{
    unsigned char bytes[4096];
    while (client->sent < client->size) {
        uint64_t left = client->size - client->sent;
        size_t size = (size_t)(left < client->piece ? left : client->piece);
        for (size_t i = 0; i < size; i++)
            bytes[i] = byte_at(client->number, client->sent + i);
        int result = hark_stream_write(&client->stream, bytes, size);
        if (result < 0)
            return; /* `drained`, or `failed`, comes */
        client->sent += size;
        if (result == 1)
            return;
    }
    if (!client->has_ended)
        hark_stream_end(&client->stream);
    client->has_ended = true;
}

static void client_connected(struct hark_stream *stream, int error)
{
    if (error)
        return hark_stream_close(stream);
    client_of(stream)->connections++;
    hark_stream_read_start(stream);
    go_on_sending(client_of(stream));
}

static void client_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct client *client = client_of(stream);
    for (int64_t i = 0; i < count; i++)
        assert_int_equal(((const unsigned char *)bytes)[i],
                         byte_at(client->number, client->compared++));
    if (count > 0)
        return;
    client->is_done = count == 0 && client->compared == client->size;
    hark_stream_close(stream);
}

static void client_drained(struct hark_stream *stream)
{
    go_on_sending(client_of(stream));
}

static void client_failed(struct hark_stream *stream, int error)
{
    (void)error;
    hark_stream_close(stream);
}

static void paused(struct hark_op *op, int64_t result)
{
    assert_int_equal(result, 0);
    begin(hark_container_of(op, struct client, pause));
}

/* A server that is not there yet, or whose queue is full, is called again. */
static void client_closed(struct hark_stream *stream)
{
    struct client *client = client_of(stream);
    if (!client->is_done)
        hark_sleep(client->loop, &client->pause, second_ns / 10, paused);
}

static const struct hark_stream_events client_events = {
    .connected = client_connected,
    .received = client_received,
    .drained = client_drained,
    .failed = client_failed,
    .closed = client_closed,
};

static void begin(struct client *client)
{
    static const struct hark_stream_options options = {.queue_bytes_max = 1 << 16};
    struct hark_address address;
    assert_int_equal(hark_address_parse(client->to, &address), 0);
    client->sent = client->compared = 0;
    client->has_ended = false;
    client->stream = (struct hark_stream){0};
    assert_int_equal(
        hark_stream_connect(client->loop, &client->stream, &address, &options, &client_events), 0);
}

static int call(void *argument)
{
    struct client *client = argument;
    assert_int_equal(hark_loop_create(NULL, &client->loop), 0);
    begin(client);
    int result = hark_run(client->loop);
    return result ? result : hark_loop_destroy(client->loop);
}

/* --- scenes --- */

enum { CLIENTS = 4 };

struct scene {
    uint64_t seed;
    struct hark_sim *world;
    struct hark_sim_machine *machines[3];
    struct server server;
    struct hark_sim_process *serving;
    struct client clients[CLIENTS];
    struct hark_sim_process *calling[CLIENTS];
};

static const char *const servers[] = {"10.0.0.1:7", "[fd00::1]:7", ":7", "0.0.0.0:7"};
static const char *const targets[] = {"10.0.0.1:7", "[fd00::1]:7", "10.0.0.1:7", "10.0.0.1:7"};

static void begin_scene(struct scene *scene, uint64_t seed, uint64_t size_most)
{
    struct hark_sim_options options = {.seed = seed};
    *scene = (struct scene){.seed = seed};
    assert_int_equal(hark_sim_create(&options, &scene->world), 0);
    for (size_t i = 0; i < 3; i++)
        scene->machines[i] = hark_sim_add_machine(scene->world);
    size_t way = hark_sim_random(scene->world, 4);
    scene->server.at = servers[way];
    scene->server.backlog = hark_sim_random(scene->world, 2) ? 1 : 0;
    scene->serving = hark_sim_start(scene->machines[0], serve, &scene->server);
    hark_sim_setenv(scene->serving, "HARK_BACKEND", backends[seed % 4]);
    for (size_t i = 0; i < CLIENTS; i++) {
        struct client *client = &scene->clients[i];
        client->to = targets[way];
        client->number = i;
        client->size = hark_sim_random(scene->world, size_most);
        client->piece = 1 + hark_sim_random(scene->world, 4096);
        scene->calling[i] =
            hark_sim_start(scene->machines[hark_sim_random(scene->world, 3)], call, client);
        hark_sim_setenv(scene->calling[i], "HARK_BACKEND", backends[seed / 4 % 4]);
    }
}

static bool have_ended(const struct scene *scene)
{
    for (size_t i = 0; i < CLIENTS; i++)
        if (!hark_sim_ended(scene->calling[i]))
            return false;
    return scene->server.is_up;
}

static void all_are_done(const struct scene *scene)
{
    for (size_t i = 0; i < CLIENTS; i++)
        if (hark_sim_status(scene->calling[i]) || !scene->clients[i].is_done)
            fail_msg("seed %lu: client %zu: %d, %lu of %lu bytes", (unsigned long)scene->seed, i,
                     hark_sim_status(scene->calling[i]), (unsigned long)scene->clients[i].compared,
                     (unsigned long)scene->clients[i].size);
}

/* The clients are through; the server is told to end, and does so when nobody is connected. */
static uint64_t end_scene(struct scene *scene, bool all_done)
{
    for (int seconds = 0; !have_ended(scene) && seconds < 3000; seconds++)
        if (hark_sim_run_for(scene->world, second_ns) != 1)
            break;
    if (!have_ended(scene))
        fail_msg("seed %lu: a client hangs", (unsigned long)scene->seed);
    hark_sim_signal(scene->serving, SIGTERM);
    int result = hark_sim_run(scene->world);
    if (result || hark_sim_status(scene->serving) || scene->server.open)
        fail_msg("seed %lu: the server: %d, %d, %d open", (unsigned long)scene->seed, result,
                 hark_sim_status(scene->serving), scene->server.open);
    if (all_done)
        all_are_done(scene);
    uint64_t hash = hark_sim_hash(scene->world);
    hark_sim_destroy(scene->world);
    return hash;
}

TEST(each_byte_comes_once_and_in_order_over_links_that_lose)
{
    for (uint64_t seed = 0; seed < 150; seed++) {
        struct scene scene;
        begin_scene(&scene, seed, 200000);
        end_scene(&scene, true);
    }
}

TEST(one_seed_gives_the_same_packets_again)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct scene once, again;
        begin_scene(&once, seed, 20000);
        uint64_t hash = end_scene(&once, true);
        begin_scene(&again, seed, 20000);
        assert_int_equal(hash, end_scene(&again, true));
    }
}

TEST(what_a_cut_link_has_lost_comes_when_it_is_whole_again)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct scene scene;
        begin_scene(&scene, seed, 2000000);
        for (int i = 0; i < 5; i++) {
            uint64_t other = 1 + hark_sim_random(scene.world, 2);
            (void)hark_sim_run_for(scene.world, hark_sim_random(scene.world, second_ns / 10));
            hark_sim_partition(scene.machines[0], scene.machines[other]);
            (void)hark_sim_run_for(scene.world, hark_sim_random(scene.world, 5 * second_ns));
            hark_sim_heal(scene.machines[0], scene.machines[other]);
        }
        end_scene(&scene, true);
    }
}

TEST(who_is_killed_leaves_no_connection_behind)
{
    for (uint64_t seed = 0; seed < 150; seed++) {
        struct scene scene;
        begin_scene(&scene, seed, 2000000);
        (void)hark_sim_run_for(scene.world, hark_sim_random(scene.world, second_ns / 20));
        uint64_t killed = hark_sim_random(scene.world, CLIENTS);
        if (!hark_sim_ended(scene.calling[killed]))
            hark_sim_kill(scene.calling[killed]);
        end_scene(&scene, false);
    }
}
