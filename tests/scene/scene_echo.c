/* scene_echo.c - a server on a group of loops that echoes, and clients on other machines, while
 * links are cut and processes are killed. Each byte that comes back is compared; who slows down
 * holds the other back (the queues are small); and once all links are whole nobody hangs for
 * ever. */
#include "scene.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { LOOPS_MOST = 3, CALLERS = 3, CLIENTS = 3, TROUBLES = 6, PORT_BACKLOG = 4 };
static const uint64_t second_ns = 1000000000;
static const uint64_t patience_s = 3000;

static unsigned char byte_at(uint64_t number, uint64_t offset)
{
    return (unsigned char)((offset * 131 + number * 17) ^ offset >> 8);
}

/* --- the server --- */

struct lane {
    struct hark_loop *loop;
    struct hark_listener listener;
    struct connection *connections;
    struct hark_op ending; /* the message that it is over */
    struct server *server;
};

struct connection {
    struct hark_stream stream;
    struct lane *lane;
    struct connection *next, **link;
};

struct server {
    struct hark_group *group;
    struct hark_op signal;
    struct lane lanes[LOOPS_MOST];
    int fds[LOOPS_MOST];
    uint32_t loops;
    const char *at;
    bool is_up;
};

static struct connection *connection_of(struct hark_stream *stream)
{
    return hark_container_of(stream, struct connection, stream);
}

/* What the queue does not take is read again later: the peer is held back. */
static void echo(struct hark_stream *stream, const void *bytes, int64_t count)
{
    if (count <= 0)
        return count == 0 ? hark_stream_close_after_sending(stream) : hark_stream_close(stream);
    int result = hark_stream_write(stream, bytes, (size_t)count);
    if (result < 0)
        hark_stream_close(stream);
    else if (result == 1)
        hark_stream_read_stop(stream);
}

static void echo_drained(struct hark_stream *stream)
{
    hark_stream_read_start(stream);
}

static void echo_failed(struct hark_stream *stream, int error)
{
    scene_check(error < 0, "a stream fails with %d", error);
    hark_stream_close(stream);
}

static void echo_closed(struct hark_stream *stream)
{
    struct connection *connection = connection_of(stream);
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    free(connection);
}

static const struct hark_stream_events echoing = {
    .received = echo,
    .drained = echo_drained,
    .failed = echo_failed,
    .closed = echo_closed,
};

static void accepted(struct hark_listener *listener, int fd)
{
    static const struct hark_stream_options options = {.queue_bytes_max = 1 << 18,
                                                       .read_timeout_ns = 40000000000,
                                                       .write_timeout_ns = 40000000000};
    struct lane *lane = hark_container_of(listener, struct lane, listener);
    struct connection *connection = calloc(1, sizeof *connection);
    connection->lane = lane;
    connection->next = lane->connections;
    connection->link = &lane->connections;
    if (connection->next)
        connection->next->link = &connection->next;
    lane->connections = connection;
    hark_stream_open(lane->loop, &connection->stream, fd, &options, &echoing);
    hark_stream_read_start(&connection->stream);
}

/* It goes on by itself: only its end, with the group's, stops it. */
static void in_trouble(struct hark_listener *listener, int error)
{
    (void)listener;
    scene_check(scene_may_try_again(error), "a listener stops with %s", hark_error_name(error));
}

static const struct hark_listener_events listening = {.accepted = accepted, .failed = in_trouble};

static void end_lane(struct hark_op *op, int64_t result)
{
    struct lane *lane = hark_container_of(op, struct lane, ending);
    scene_check(result == 0, "a message ends with %lld", (long long)result);
    hark_listener_close(&lane->listener);
    for (struct connection *at = lane->connections; at; at = at->next)
        hark_stream_close(&at->stream);
}

static void told_to_end(struct hark_op *op, int64_t result)
{
    struct server *server = hark_container_of(op, struct server, signal);
    if (result < 0 && scene_may_try_again(result))
        return hark_signal_each(server->lanes[0].loop, op, SIGTERM, told_to_end);
    if (result != SIGTERM)
        return;
    hark_cancel(op);
    for (uint32_t i = 0; i < server->loops; i++)
        hark_message(server->lanes[0].loop, &server->lanes[i].ending, server->lanes[i].loop,
                     end_lane);
}

static int begin_lane(struct hark_loop *loop, uint32_t index, void *context)
{
    struct server *server = context;
    struct lane *lane = &server->lanes[index];
    struct hark_address address;
    scene_check(hark_address_parse(server->at, &address) == 0, "%s", server->at);
    int error = hark_listener_adopt(loop, &lane->listener, server->fds[index], &listening);
    while (scene_may_try_again(error)) /* the socket has gone with it */
        error = hark_listener_open(loop, &lane->listener, &address, PORT_BACKLOG,
                                   HARK_LISTEN_REUSE_PORT, &listening);
    if (index == 0)
        hark_signal_each(loop, &server->signal, SIGTERM, told_to_end);
    return error;
}

/* What fails by chance before it serves is tried again. */
static void make_group(struct server *server, const struct hark_address *address)
{
    struct hark_group_options options = {.loops = server->loops};
    int result;
    do
        result = hark_group_create(&options, &server->group);
    while (scene_may_try_again(result));
    scene_check(result == 0, "a group: %s", hark_error_name(result));
    do
        result = hark_group_listen(server->group, address, PORT_BACKLOG, 0, server->fds);
    while (scene_may_try_again(result));
    scene_check(result == 0, "listening: %s", hark_error_name(result));
}

static int serve(void *argument)
{
    struct server *server = argument;
    struct hark_address address;
    memset(server->lanes, 0, sizeof server->lanes);
    server->signal = (struct hark_op){0};
    scene_check(hark_address_parse(server->at, &address) == 0, "%s", server->at);
    make_group(server, &address);
    for (uint32_t i = 0; i < server->loops; i++) {
        server->lanes[i].loop = hark_group_loop(server->group, i);
        server->lanes[i].server = server;
    }
    server->is_up = true;
    int result = hark_group_run(server->group, begin_lane, server);
    scene_check(result == 0, "the group ends with %s", hark_error_name(result));
    return hark_group_destroy(server->group);
}

/* --- clients: each sends so many bytes, and compares what comes back --- */

struct client {
    struct caller *caller;
    struct hark_stream stream;
    struct hark_op pause; /* until it calls again, or reads on */
    uint64_t number, size, piece;
    uint64_t sent, compared;
    bool is_done, has_ended, rests, is_over;
    unsigned char into[512];
};

struct caller {
    struct hark_sim *world;
    struct hark_loop *loop;
    const char *to;
    struct client clients[CLIENTS];
};

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

/* Into its own buffer, or one of the pool's. */
static void read_on(struct client *client)
{
    if (client->number % 2)
        hark_stream_read_into(&client->stream, client->into, sizeof client->into);
    else
        hark_stream_read_start(&client->stream);
}

static void connected(struct hark_stream *stream, int error)
{
    if (error)
        return hark_stream_close(stream);
    read_on(client_of(stream));
    go_on_sending(client_of(stream));
}

static void call_again(struct client *client);

/* Cancelled, since the connection is over. */
static void rested(struct hark_op *op, int64_t result)
{
    struct client *client = hark_container_of(op, struct client, pause);
    client->rests = false;
    if (result == 0 && !client->is_over)
        read_on(client);
    else
        call_again(client);
}

static void received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct client *client = client_of(stream);
    scene_check(!client->rests, "%lld bytes come while it reads nothing", (long long)count);
    for (int64_t i = 0; i < count; i++, client->compared++)
        scene_check(((const unsigned char *)bytes)[i] == byte_at(client->number, client->compared),
                    "client %llu: byte %llu is another", (unsigned long long)client->number,
                    (unsigned long long)client->compared);
    scene_check(client->compared <= client->sent, "more comes back than was sent");
    if (count <= 0) {
        client->is_done = count == 0 && client->compared == client->size;
        return hark_stream_close(stream);
    }
    if (hark_sim_random(client->caller->world, 40) == 0) {
        client->rests = true;
        hark_stream_read_stop(stream);
        hark_sleep(client->caller->loop, &client->pause,
                   hark_sim_random(client->caller->world, second_ns), rested);
    } else
        read_on(client);
}

static void drained(struct hark_stream *stream)
{
    go_on_sending(client_of(stream));
}

static void failed(struct hark_stream *stream, int error)
{
    scene_check(error < 0, "a stream fails with %d", error);
    hark_stream_close(stream);
}

static void begin(struct client *client);

static void has_waited(struct hark_op *op, int64_t result)
{
    scene_check(result == 0, "%lld", (long long)result);
    begin(hark_container_of(op, struct client, pause));
}

/* A server that is not there, or not to be reached, is called again. */
static void call_again(struct client *client)
{
    if (!client->is_done)
        hark_sleep(client->caller->loop, &client->pause, second_ns / 10, has_waited);
}

static void closed(struct hark_stream *stream)
{
    struct client *client = client_of(stream);
    client->is_over = true;
    if (client->rests)
        hark_cancel(&client->pause);
    else
        call_again(client);
}

static const struct hark_stream_events calling = {
    .connected = connected,
    .received = received,
    .drained = drained,
    .failed = failed,
    .closed = closed,
};

static void begin(struct client *client)
{
    static const struct hark_stream_options options = {.queue_bytes_max = 1 << 16,
                                                       .connect_timeout_ns = 5000000000,
                                                       .read_timeout_ns = 15000000000,
                                                       .write_timeout_ns = 20000000000};
    struct hark_address address;
    scene_check(hark_address_parse(client->caller->to, &address) == 0, "%s", client->caller->to);
    client->sent = client->compared = 0;
    client->has_ended = client->is_over = false;
    client->stream = (struct hark_stream){0};
    int error =
        hark_stream_connect(client->caller->loop, &client->stream, &address, &options, &calling);
    if (scene_may_try_again(error))
        return call_again(client);
    scene_check(error == 0, "connecting: %s", hark_error_name(error));
}

static int call(void *argument)
{
    struct caller *caller = argument;
    caller->loop = scene_make_loop(NULL);
    for (size_t i = 0; i < CLIENTS; i++)
        begin(&caller->clients[i]);
    int result = hark_run(caller->loop);
    scene_check(result == 0, "the loop ends with %s", hark_error_name(result));
    for (size_t i = 0; i < CLIENTS; i++)
        scene_check(caller->clients[i].is_done, "client %llu is not through",
                    (unsigned long long)caller->clients[i].number);
    return hark_loop_destroy(caller->loop);
}

/* --- the scene --- */

struct town {
    struct hark_sim *world;
    struct hark_sim_machine *machines[1 + CALLERS];
    struct server server;
    struct hark_sim_process *serving;
    struct caller callers[CALLERS];
    struct hark_sim_process *calling[CALLERS];
    bool killed[CALLERS];
};

static void start_all(struct town *town)
{
    static const char *const servers[] = {"10.0.0.1:7", "[fd00::1]:7", ":7"};
    static const char *const targets[] = {"10.0.0.1:7", "[fd00::1]:7", "10.0.0.1:7"};
    uint64_t way = hark_sim_random(town->world, 3);
    for (size_t i = 0; i <= CALLERS; i++)
        town->machines[i] = hark_sim_add_machine(town->world);
    town->server.at = servers[way];
    town->server.loops = 1 + (uint32_t)hark_sim_random(town->world, LOOPS_MOST);
    town->serving = hark_sim_start(town->machines[0], serve, &town->server);
    for (size_t i = 0; i < CALLERS; i++) {
        struct caller *caller = &town->callers[i];
        caller->world = town->world;
        caller->to = targets[way];
        for (size_t k = 0; k < CLIENTS; k++) {
            struct client *client = &caller->clients[k];
            client->caller = caller;
            client->number = i * CLIENTS + k;
            client->size = hark_sim_random(town->world, 300000);
            client->piece = 1 + hark_sim_random(town->world, 4096);
        }
        town->calling[i] = hark_sim_start(town->machines[1 + i], call, caller);
    }
}

static void make_trouble(struct town *town)
{
    size_t which = (size_t)hark_sim_random(town->world, CALLERS);
    switch (hark_sim_random(town->world, 6)) {
    case 0:
        if (!hark_sim_ended(town->serving))
            hark_sim_kill(town->serving);
        (void)hark_sim_run_for(town->world, hark_sim_random(town->world, second_ns));
        town->server.is_up = false;
        town->serving = hark_sim_start(town->machines[0], serve, &town->server);
        break;
    case 1:
        if (hark_sim_ended(town->calling[which]))
            break;
        hark_sim_kill(town->calling[which]);
        town->killed[which] = true;
        break;
    default:
        hark_sim_partition(town->machines[0], town->machines[1 + which]);
        (void)hark_sim_run_for(town->world, hark_sim_random(town->world, 30 * second_ns));
        hark_sim_heal(town->machines[0], town->machines[1 + which]);
    }
}

static bool have_ended(const struct town *town)
{
    for (size_t i = 0; i < CALLERS; i++)
        if (!hark_sim_ended(town->calling[i]))
            return false;
    return town->server.is_up;
}

static void play(struct hark_sim *world)
{
    struct town *town = calloc(1, sizeof *town);
    town->world = world;
    start_all(town);
    for (uint64_t left = scene_steps(hark_sim_random(world, TROUBLES)); left > 0; left--) {
        (void)hark_sim_run_for(world, hark_sim_random(world, second_ns / 5));
        make_trouble(town);
    }
    for (uint64_t seconds = 0; !have_ended(town); seconds++) {
        if (seconds == patience_s)
            hark_sim_tell_threads(world, 2);
        scene_check(seconds < patience_s, "a client hangs");
        scene_check(hark_sim_run_for(world, second_ns) >= 0, "the world stands still");
    }
    hark_sim_signal(town->serving, SIGTERM);
    scene_run(world);
    scene_left_nothing(town->serving);
    for (size_t i = 0; i < CALLERS; i++)
        if (!town->killed[i])
            scene_left_nothing(town->calling[i]);
    free(town);
}

SCENE(echo, "echoing over links that are cut, servers and clients that are killed")
{
    play(world);
}

SCENE_WITHOUT(echo_errors, "the same, and calls fail", 100000000,
              1 << HARK_SIM_FAULT_MEMORY | 1 << HARK_SIM_FAULT_LINK | 1 << HARK_SIM_FAULT_SMALL |
                  1 << HARK_SIM_FAULT_RING)
{
    play(world);
}
