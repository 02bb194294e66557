/* scene_serve.c - hark serve on one machine, hark pub and hark sub on others; the server is killed,
 * ended and started again, and its power fails, now and then while it starts. What docs/SERVE.md
 * promises: what is acknowledged stays, in order, once; ids grow and are never given twice; nothing
 * that was shown vanishes; who comes back by id misses nothing; idle costs nothing. */
#include "serve.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum { TRIES = 4 };

static const uint64_t ms_ns = 1000000;
static const uint64_t second_ns = 1000000000;

struct town {
    struct hark_sim *world;
    struct hark_sim_machine *home, *clients;
    struct serve_model *model;
    struct serve_run server;
    uint64_t started_ns, ended_ns;
};

static uint64_t chance(const struct town *town, uint64_t bound)
{
    return hark_sim_random(town->world, bound);
}

static void start_server(struct town *town)
{
    town->started_ns = hark_sim_now(town->world);
    serve_start(&town->server, town->home);
}

/* Short times and long ones, none of them rare. */
static void pass(struct town *town)
{
    static const uint64_t most_ns[] = {100000, 1000000, 10000000, 100000000, 3000000000};
    int result = hark_sim_run_for(town->world, chance(town, most_ns[chance(town, 5)]));
    scene_check(result >= 0, "the world ends with %s", hark_error_name(result));
    if (!hark_sim_ended(town->server.process))
        return;
    int status = hark_sim_status(town->server.process);
    scene_check(town->model->errs && status == 1, "the server ends by itself with %d", status);
    start_server(town);
}

/* Of the server that runs now, a while from now. */
static void fail_disk(struct town *town)
{
    static const struct {
        const char *call;
        int error;
    } faults[] = {
        {"write", -EIO},     {"write", -ENOSPC},     {"write", -EDQUOT},     {"sync", -EIO},
        {"sync", -EIO},      {"sync", -ENOSPC},      {"read", -EIO},         {"openat", -EIO},
        {"openat", -ENOSPC}, {"renameat2", -ENOSPC}, {"renameat2", -EIO},    {"unlinkat", -EIO},
        {"statx", -EIO},     {"openat", -EMFILE},    {"fallocate", -ENOSPC}, {"write", -ENOSPC},
    };
    size_t chosen = chance(town, sizeof faults / sizeof *faults);
    uint32_t after = (uint32_t)chance(town, 1 + chance(town, 40));
    uint32_t times = 1 + (uint32_t)chance(town, 1 + chance(town, 20));
    struct hark_sim_fault fault = {
        .call = faults[chosen].call,
        .path = "data/",
        .process = town->server.process,
        .after = after,
        .times = times,
        .error = faults[chosen].error,
    };
    hark_sim_add_fault(town->world, &fault);
}

static void choose_server(struct town *town)
{
    static const char *const segments[] = {"4K", "4K", "16K", "64M"};
    struct serve_run *server = &town->server;
    server->world = town->world;
    serve_word(server, "hark");
    serve_word(server, "serve");
    serve_word(server, "--data");
    serve_word(server, "/tmp/data");
    serve_word(server, "--lines");
    serve_word(server, "0.0.0.0:12346");
    serve_word(server, "--http");
    serve_word(server, "0.0.0.0:12345");
    serve_word(server, "--threads");
    serve_word(server, "%d", 1 + (int)chance(town, 2));
    serve_word(server, "--segment-bytes");
    serve_word(server, "%s", segments[chance(town, 4)]);
    town->model->drops = chance(town, 4) == 0;
    if (town->model->drops) {
        serve_word(server, "--retention-bytes");
        serve_word(server, "%d", 8192 + (int)chance(town, 60000));
    }
}

/* Until it has ended, for that much time at the most. */
static void await_end(struct town *town, struct hark_sim_process *process, const char *who)
{
    for (int i = 0; i < 1200 && !hark_sim_ended(process); i++) {
        int result = hark_sim_run_for(town->world, second_ns);
        scene_check(result >= 0, "the world ends with %s", hark_error_name(result));
    }
    scene_check(hark_sim_ended(process), "%s does not end", who);
}

static void end_server(struct town *town)
{
    town->ended_ns = hark_sim_now(town->world);
    hark_sim_signal(town->server.process, SIGTERM);
    await_end(town, town->server.process, "the server");
    /* Before it has come to handle the signal, that ends it. */
    int status = hark_sim_status(town->server.process);
    if (status == 1 && town->model->errs)
        return;
    bool began = town->started_ns + second_ns < town->ended_ns;
    scene_check(status == 0 || (status == 128 + SIGTERM && !began), "the server ends with %d",
                status);
}

static void fail_server(struct town *town)
{
    switch (chance(town, 3)) {
    case 0:
        hark_sim_kill(town->server.process);
        break;
    case 1:
        town->model->tears = true;
        hark_sim_power_off(town->home);
        (void)hark_sim_run_for(town->world, chance(town, second_ns));
        hark_sim_power_on(town->home);
        break;
    default:
        end_server(town);
    }
    if (chance(town, 2))
        (void)hark_sim_run_for(town->world, chance(town, second_ns));
    start_server(town);
}

/* One draw a line: compilers order the arguments of a call as they like. */
static void start_reader(struct town *town)
{
    int stream = (int)chance(town, SERVE_STREAMS);
    bool whole = chance(town, 2);
    serve_read(town->model, town->clients, stream, whole);
}

static void step(struct town *town)
{
    if (town->model->errs && chance(town, 2))
        fail_disk(town);
    switch (chance(town, 8)) {
    case 0:
    case 1:
        fail_server(town);
        break;
    case 2:
        if (town->model->readers_count < SERVE_READERS - SERVE_STREAMS)
            start_reader(town);
        break;
    default:
        if (town->model->publishers_count < SERVE_RUNS - TRIES)
            serve_publish(town->model, town->clients, (int)chance(town, SERVE_STREAMS));
    }
    pass(town);
}

/* Nothing but a link fails any more: of some tries one is answered for, whole. */
static void publish_last(struct town *town)
{
    struct serve_model *model = town->model;
    bool whole = false;
    for (int left = TRIES; left > 0 && !whole; left--) {
        serve_publish(model, town->clients, 0);
        struct hark_sim_process *last = model->publishers[model->publishers_count - 1].run.process;
        await_end(town, last, "the last publisher");
        whole = hark_sim_status(last) == 0;
    }
    scene_check(whole, "of %d publishers in peace none is answered", TRIES);
}

static void end_clients(struct town *town)
{
    struct serve_model *model = town->model;
    for (int i = 0; i < model->publishers_count; i++)
        await_end(town, model->publishers[i].run.process, "a publisher");
    if (model->errs) { /* one whose disk has no faults */
        end_server(town);
        start_server(town);
        (void)hark_sim_run_for(town->world, 10 * second_ns);
    }
    publish_last(town);
    for (int i = 0; i < SERVE_STREAMS; i++)
        serve_read(model, town->clients, i, true)->is_last = true;
    (void)hark_sim_run_for(town->world, 300 * second_ns);
    for (int i = 0; i < model->readers_count; i++)
        hark_sim_signal(model->readers[i].run.process, SIGINT);
    for (int i = 0; i < model->readers_count; i++)
        await_end(town, model->readers[i].run.process, "a reader");
}

/* When all are gone and a while has passed there is nothing that wakes the server. */
static void check_sleeps(struct town *town)
{
    (void)hark_sim_run_for(town->world, 300 * second_ns);
    uint64_t calls = hark_sim_calls(town->world);
    (void)hark_sim_run_for(town->world, 3600 * second_ns);
    scene_check(hark_sim_calls(town->world) == calls, "%llu calls in an hour of nothing",
                (unsigned long long)(hark_sim_calls(town->world) - calls));
}

static void play(struct hark_sim *world, bool errs)
{
    struct town *town = calloc(1, sizeof *town);
    town->world = world;
    town->home = hark_sim_add_machine(world);
    town->clients = hark_sim_add_machine(world);
    town->model = serve_model_create(world);
    town->model->errs = errs;
    choose_server(town);
    start_server(town);
    (void)hark_sim_run_for(world, 100 * ms_ns);
    for (int steps = 4 + (int)chance(town, 16); steps > 0; steps--)
        step(town);
    end_clients(town);
    check_sleeps(town);
    end_server(town);
    serve_model_check(town->model);
    serve_model_destroy(town->model);
    free(town);
}

SCENE(serve, "hark serve, pub and sub; the server is killed, and its power fails")
{
    play(world, false);
}

SCENE(serve_disk, "the same, and the disk of the server fails: errors, no space, failed syncs")
{
    play(world, true);
}
