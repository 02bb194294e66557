/* scene_names.c - streams to a host by its name, of which some addresses are cut off, some refuse
 * and some answer, while links are cut and whole again. Each attempt ends with a connection or with
 * an error that is clear, within its deadline; whoever closes at a moment of chance, with names,
 * attempts or connections under way, leaves nothing behind. */
#include "scene.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum { MACHINES = 4, CALLS = 6 };
static const uint64_t second_ns = 1000000000;

/* --- whoever listens: says a byte, and waits for the end --- */

struct host {
    struct hark_listener listener;
    struct hark_op signal;
    struct guest *guests;
    struct hark_sim *world;
};

struct guest {
    struct hark_stream stream;
    struct host *host;
    struct guest *next, **link;
};

static void guest_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    (void)bytes;
    if (count <= 0)
        hark_stream_close(stream);
}

static void guest_closed(struct hark_stream *stream)
{
    struct guest *guest = hark_container_of(stream, struct guest, stream);
    *guest->link = guest->next;
    if (guest->next)
        guest->next->link = guest->link;
    free(guest);
}

static const struct hark_stream_events guest_events = {
    .received = guest_received,
    .closed = guest_closed,
};

static void accepted(struct hark_listener *listener, int fd)
{
    struct host *host = hark_container_of(listener, struct host, listener);
    struct guest *guest = calloc(1, sizeof *guest);
    guest->next = host->guests;
    guest->link = &host->guests;
    if (guest->next)
        guest->next->link = &guest->next;
    host->guests = guest;
    hark_stream_open(listener->loop, &guest->stream, fd, NULL, &guest_events);
    hark_stream_read_start(&guest->stream);
    (void)hark_stream_write(&guest->stream, "!", 1);
}

static const struct hark_listener_events listening = {.accepted = accepted};

static void told_to_end(struct hark_op *op, int64_t result)
{
    struct host *host = hark_container_of(op, struct host, signal);
    if (result != SIGTERM)
        return;
    hark_cancel(op);
    hark_listener_close(&host->listener);
    for (struct guest *at = host->guests; at; at = at->next)
        hark_stream_close(&at->stream);
}

static int serve(void *argument)
{
    struct host *host = argument;
    struct hark_loop *loop;
    struct hark_address address;
    scene_check(hark_address_parse(":7", &address) == 0, "an address");
    scene_check(hark_loop_create(NULL, &loop) == 0, "a loop");
    int error = hark_listener_open(loop, &host->listener, &address, 0, 0, &listening);
    scene_check(error == 0, "listening: %s", hark_error_name(error));
    hark_signal_each(loop, &host->signal, SIGTERM, told_to_end);
    error = hark_run(loop);
    scene_check(error == 0, "a run ends with %s", hark_error_name(error));
    return hark_loop_destroy(loop);
}

/* --- whoever calls --- */

struct call {
    struct hark_stream stream;
    struct hark_op pause; /* until it closes, whatever there is by then */
    struct caller *caller;
    uint64_t begun_ns, limit_ns;
    bool connected, heard;
};

struct caller {
    struct hark_sim *world;
    struct hark_loop *loop;
    struct call calls[CALLS];
    uint64_t answered;
};

static void connected(struct hark_stream *stream, int error)
{
    struct call *call = hark_container_of(stream, struct call, stream);
    scene_check(!call->connected, "it is connected twice");
    call->connected = true;
    scene_check(error == 0 || error == -ETIMEDOUT || error == -ECONNREFUSED ||
                    error == -EHOSTUNREACH || error == -ECONNRESET ||
                    error == HARK_LOOKUP_NOT_FOUND,
                "it ends with %s", hark_error_name(error));
    scene_check(error != -ETIMEDOUT || hark_os_clock(call->caller->loop) - call->begun_ns >=
                                           (call->limit_ns < 2 * second_ns ? call->limit_ns : 0),
                "its time is over too early");
    if (error)
        hark_stream_close(stream);
    call->caller->answered += error == 0;
}

static void received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct call *call = hark_container_of(stream, struct call, stream);
    scene_check(call->connected, "something is received before it is connected");
    scene_check(count <= 0 || *(const char *)bytes == '!', "another byte");
    call->heard = true;
    hark_stream_close(stream);
}

static void closed(struct hark_stream *stream)
{
    hark_cancel(&hark_container_of(stream, struct call, stream)->pause);
}

static const struct hark_stream_events events = {
    .connected = connected,
    .received = received,
    .closed = closed,
};

static void paused(struct hark_op *op, int64_t result)
{
    if (result == 0)
        hark_stream_close(&hark_container_of(op, struct call, pause)->stream);
}

static int make_calls(void *argument)
{
    static const char *const hosts[] = {"all", "all", "some", "nobody", "10.0.0.2"};
    struct caller *caller = argument;
    uint32_t workers = 1 + (uint32_t)hark_sim_random(caller->world, 4);
    struct hark_options loop_options = {.workers_max = workers};
    int error = hark_loop_create(&loop_options, &caller->loop);
    scene_check(error == 0, "a loop: %s", hark_error_name(error));
    for (size_t i = 0; i < CALLS; i++) {
        struct call *call = &caller->calls[i];
        struct hark_stream_options options = {0};
        struct hark_stream_name name = {.service = "7"};
        name.host = hosts[hark_sim_random(caller->world, 5)];
        name.attempt_delay_ns = hark_sim_random(caller->world, second_ns);
        options.connect_timeout_ns = 1 + hark_sim_random(caller->world, 20 * second_ns);
        call->limit_ns = options.connect_timeout_ns;
        call->caller = caller;
        call->begun_ns = hark_os_clock(caller->loop);
        error = hark_stream_connect_name(caller->loop, &call->stream, &name, &options, &events);
        scene_check(error == 0, "a call: %s", hark_error_name(error));
        hark_stream_read_start(&call->stream);
        uint64_t patience_ns = hark_sim_random(caller->world, 2) ? 100 * second_ns : second_ns;
        hark_sleep(caller->loop, &call->pause, hark_sim_random(caller->world, patience_ns), paused);
    }
    error = hark_run(caller->loop);
    scene_check(error == 0, "a run ends with %s", hark_error_name(error));
    return hark_loop_destroy(caller->loop);
}

/* --- the scene --- */

static void add_names(struct hark_sim *world)
{
    static const char *const all[] = {"fd00::2", "fd00::3", "10.0.0.2", "10.0.0.3", "10.0.0.4"};
    static const char *const some[] = {"10.0.0.4", "fd00::4", "10.0.0.3"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        scene_check(hark_sim_add_name(world, "all", all[i]) == 0, "%s", all[i]);
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++)
        scene_check(hark_sim_add_name(world, "some", some[i]) == 0, "%s", some[i]);
    scene_check(hark_sim_add_name(world, "none", "some") == -EINVAL, "a name is an address");
}

SCENE(names, "streams to names, of whose addresses some are cut off and some refuse")
{
    struct hark_sim_machine *machines[MACHINES];
    struct hark_sim_process *serving[MACHINES] = {NULL};
    struct host *hosts = calloc(MACHINES, sizeof *hosts);
    struct caller *caller = calloc(1, sizeof *caller);
    caller->world = world;
    add_names(world);
    for (size_t i = 0; i < MACHINES; i++) /* nobody listens on the last */
        machines[i] = hark_sim_add_machine(world);
    for (size_t i = 1; i < MACHINES - 1; i++)
        serving[i] = hark_sim_start(machines[i], serve, &hosts[i]);
    (void)hark_sim_run_for(world, second_ns);
    struct hark_sim_process *calling = hark_sim_start(machines[0], make_calls, caller);
    for (uint64_t left = scene_steps(hark_sim_random(world, 6)); left > 0; left--) {
        size_t which = 1 + (size_t)hark_sim_random(world, MACHINES - 1);
        hark_sim_partition(machines[0], machines[which]);
        (void)hark_sim_run_for(world, hark_sim_random(world, 5 * second_ns));
        if (hark_sim_random(world, 2) == 0)
            hark_sim_heal(machines[0], machines[which]);
    }
    for (size_t i = 1; i < MACHINES; i++)
        hark_sim_heal(machines[0], machines[i]);
    for (uint64_t seconds = 0; !hark_sim_ended(calling); seconds++) {
        if (seconds == 1000)
            hark_sim_tell_threads(world, 2);
        scene_check(seconds < 1000, "a call hangs");
        scene_check(hark_sim_run_for(world, second_ns) >= 0, "the world stands still");
    }
    scene_left_nothing(calling);
    for (size_t i = 1; i < MACHINES - 1; i++)
        hark_sim_signal(serving[i], SIGTERM);
    scene_run(world);
    for (size_t i = 1; i < MACHINES - 1; i++)
        scene_left_nothing(serving[i]);
    free(hosts);
    free(caller);
}
