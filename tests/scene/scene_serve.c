/* scene_serve.c - hark serve on one machine, hark pub, hark sub and clients over HTTP on another;
 * the server is killed, ended and started again, and its power fails, now and then while it starts;
 * the link is cut; streams are deleted. What docs/SERVE.md
 * promises: what is acknowledged stays, in order, once; ids grow and are never given twice; nothing
 * that was shown vanishes; who comes back by id misses nothing; idle costs nothing. */
#include "serve_http.h"
#include "town.h"

#include <errno.h>

/* Short times and long ones, none of them rare. */
static void pass(struct town *town)
{
    static const uint64_t most_ns[] = {100000, 1000000, 10000000, 100000000, 3000000000};
    int result = hark_sim_run_for(town->world, town_chance(town, most_ns[town_chance(town, 5)]));
    scene_check(result >= 0, "the world ends with %s", hark_error_name(result));
    if (!hark_sim_ended(town->server.process))
        return;
    int status = hark_sim_status(town->server.process);
    scene_check(town_may_fail(town) && status == 1, "the server ends by itself with %d", status);
    town_start_server(town);
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
    size_t chosen = town_chance(town, sizeof faults / sizeof *faults);
    uint32_t after = (uint32_t)town_chance(town, 1 + town_chance(town, 40));
    uint32_t times = 1 + (uint32_t)town_chance(town, 1 + town_chance(town, 20));
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

/* Its connections, and what it waits with. */
static void fail_connections(struct town *town)
{
    static const struct {
        const char *call;
        int error;
    } faults[] = {
        {"accept", -EMFILE}, {"accept", -ENFILE}, {"accept", -ENOMEM},    {"accept", -EPROTO},
        {"recv", -ENOMEM},   {"send", -ENOBUFS},  {"send", -ENOMEM},      {"poll", -ENOMEM},
        {"socket", -EMFILE}, {"socket", -ENFILE}, {"epoll_ctl", -ENOMEM}, {"epoll_ctl", -ENOSPC},
    };
    size_t chosen = town_chance(town, sizeof faults / sizeof *faults);
    uint32_t after = (uint32_t)town_chance(town, 1 + town_chance(town, 40));
    uint32_t times = 1 + (uint32_t)town_chance(town, 1 + town_chance(town, 20));
    struct hark_sim_fault fault = {
        .call = faults[chosen].call,
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
    town_choose(town, segments[town_chance(town, 4)]);
    town_choose_sync(town);
    town->model->forgets =
        town->model->errs && town->syncs_later; /* a sync fails after the answer */
    town->model->drops = town_chance(town, 4) == 0;
    if (town->model->drops) {
        serve_word(&town->server, "--retention-bytes");
        serve_word(&town->server, "%d", 8192 + (int)town_chance(town, 60000));
    }
}

static void fail_server(struct town *town)
{
    switch (town_chance(town, 3)) {
    case 0:
        hark_sim_kill(town->server.process);
        break;
    case 1:
        town->model->tears = true;
        town->model->forgets |= town->syncs_later;
        hark_sim_power_off(town->home);
        (void)hark_sim_run_for(town->world, town_chance(town, town_second_ns));
        hark_sim_power_on(town->home);
        break;
    default:
        town_end_server(town);
    }
    if (town_chance(town, 2))
        (void)hark_sim_run_for(town->world, town_chance(town, town_second_ns));
    town_start_server(town);
}

/* What is under way is lost, and sent again when the link is whole. */
static void cut_link(struct town *town)
{
    static const uint64_t most_ns[] = {10000000, 1000000000, 90000000000};
    uint64_t least = most_ns[town_chance(town, 3)];
    hark_sim_partition(town->home, town->clients);
    (void)hark_sim_run_for(town->world, town_chance(town, least));
    hark_sim_heal(town->home, town->clients);
}

/* One draw a line: compilers order the arguments of a call as they like. */
static void start_reader(struct town *town)
{
    if (town->model->readers_count >= SERVE_READERS - SERVE_LAST)
        return;
    int stream = (int)town_chance(town, SERVE_STREAMS);
    bool whole = town_chance(town, 2);
    if (town_chance(town, 2))
        serve_read(town->model, town->clients, stream, whole);
    else
        serve_follow(town->model, town->clients, stream, whole);
}

static void start_publisher(struct town *town)
{
    if (town->model->publishers_count >= SERVE_RUNS - SERVE_TRIES)
        return;
    int stream = (int)town_chance(town, SERVE_STREAMS);
    if (town_chance(town, 3) > 0)
        serve_publish(town->model, town->clients, stream);
    else
        serve_post(town->model, town->clients, stream);
}

static void step(struct town *town)
{
    if (town->model->errs && town_chance(town, 2))
        fail_disk(town);
    if (town->drops_connections && town_chance(town, 2))
        fail_connections(town);
    switch (town_chance(town, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        fail_server(town);
        break;
    case 4:
    case 5:
        start_reader(town);
        break;
    case 6:
        cut_link(town);
        break;
    case 7:
        serve_delete(town->model, town->clients, (int)town_chance(town, SERVE_STREAMS));
        break;
    default:
        start_publisher(town);
    }
    pass(town);
}

static void play(struct hark_sim *world, bool errs, bool drops_connections)
{
    struct town *town = town_create(world);
    town->model->errs = errs;
    town->drops_connections = drops_connections;
    choose_server(town);
    town_start_server(town);
    (void)hark_sim_run_for(world, 100 * town_ms_ns);
    for (uint64_t steps = scene_steps(4 + town_chance(town, 16)); steps > 0; steps--)
        step(town);
    town_end_clients(town);
    town_check_sleeps(town);
    town_end_server(town);
    serve_model_check(town->model);
    town_destroy(town);
}

SCENE(serve, "hark serve, pub and sub; the server is killed, and its power fails")
{
    play(world, false, false);
}

SCENE(serve_disk, "the same, and the disk of the server fails: errors, no space, failed syncs")
{
    play(world, true, false);
}

SCENE(serve_net, "the same, and calls for its connections fail: no memory, no descriptors, no room")
{
    play(world, false, true);
}
