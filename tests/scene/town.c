/* town.c - see the header. */
#include "town.h"
#include "serve_http.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

struct town *town_create(struct hark_sim *world)
{
    struct town *town = calloc(1, sizeof *town);
    scene_check(town, "%s", "no memory");
    town->world = world;
    town->home = hark_sim_add_machine(world);
    town->clients = hark_sim_add_machine(world);
    town->model = serve_model_create(world);
    town->server.world = world;
    return town;
}

void town_destroy(struct town *town)
{
    serve_model_destroy(town->model);
    free(town);
}

uint64_t town_chance(const struct town *town, uint64_t bound)
{
    return hark_sim_random(town->world, bound);
}

bool town_may_fail(const struct town *town)
{
    return town->model->errs || town->drops_connections;
}

/* --- the server --- */

void town_choose(struct town *town, const char *segment_bytes)
{
    struct serve_run *server = &town->server;
    serve_word(server, "hark");
    serve_word(server, "serve");
    serve_word(server, "--sandbox"); /* it would be this process's own, of the real kernel */
    serve_word(server, "off");
    serve_word(server, "--data");
    serve_word(server, "/tmp/data");
    serve_word(server, "--lines");
    serve_word(server, "0.0.0.0:12346");
    serve_word(server, "--http");
    serve_word(server, "0.0.0.0:12345");
    serve_word(server, "--insecure");
    serve_word(server, "--threads");
    serve_word(server, "%d", 1 + (int)town_chance(town, 2));
    serve_word(server, "--segment-bytes");
    serve_word(server, "%s", segment_bytes);
}

/* Those under which what is acknowledged may be lost with the power. */
void town_choose_sync(struct town *town)
{
    static const char *const whens[] = {"always", "always", "1ms", "200ms", "never"};
    size_t chosen = town_chance(town, sizeof whens / sizeof *whens);
    serve_word(&town->server, "--sync");
    serve_word(&town->server, "%s", whens[chosen]);
    town->syncs_later = chosen > 1;
}

void town_start_server(struct town *town)
{
    town->started_ns = hark_sim_now(town->world);
    serve_start(&town->server, town->home);
}

void town_await(struct town *town, const struct hark_sim_process *process, const char *who)
{
    for (int i = 0; i < 1200 && !hark_sim_ended(process); i++) {
        int result = hark_sim_run_for(town->world, town_second_ns);
        scene_check(result >= 0, "the world ends with %s", hark_error_name(result));
    }
    scene_check(hark_sim_ended(process), "%s does not end", who);
}

void town_end_server(struct town *town)
{
    uint64_t ended_ns = hark_sim_now(town->world);
    hark_sim_signal(town->server.process, SIGTERM);
    town_await(town, town->server.process, "the server");
    int status = hark_sim_status(town->server.process);
    if (status == 1 && town_may_fail(town))
        return;
    /* Before it has come to handle the signal, that ends it. */
    bool began = town->started_ns + town_second_ns < ended_ns;
    scene_check(status == 0 || (status == 128 + SIGTERM && !began), "the server ends with %d",
                status);
}

/* --- the end --- */

/* Nothing but a link fails any more: of some tries one is answered for, whole. */
static void publish_last(struct town *town, int stream)
{
    enum { TRIES = SERVE_TRIES / SERVE_STREAMS };
    struct serve_model *model = town->model;
    bool whole = false;
    for (int left = TRIES; left > 0 && !whole; left--) {
        serve_publish(model, town->clients, stream);
        struct hark_sim_process *last = model->publishers[model->publishers_count - 1].run.process;
        town_await(town, last, "the last publisher");
        whole = hark_sim_status(last) == 0;
    }
    scene_check(whole, "of %d publishers in peace none is answered", TRIES);
}

/* One that has no faults. What failed under the one before and was told to nobody is told to who
 * syncs next (fsync(2)): then it does not begin, and whoever looks after it starts it once more. */
static void start_in_peace(struct town *town)
{
    enum { TRIES = 8 }; /* a file each */
    town_end_server(town);
    for (int left = TRIES; left > 0; left--) {
        town_start_server(town);
        (void)hark_sim_run_for(town->world, 10 * town_second_ns);
        if (!hark_sim_ended(town->server.process))
            return;
        int status = hark_sim_status(town->server.process);
        scene_check(status == 1, "the server ends by itself with %d", status);
    }
}

void town_end_clients(struct town *town)
{
    struct serve_model *model = town->model;
    for (int i = 0; i < model->publishers_count; i++)
        town_await(town, model->publishers[i].run.process, "a publisher");
    if (town_may_fail(town))
        start_in_peace(town);
    for (int i = 0; i < model->deletions_count; i++)
        town_await(town, model->deletions[i].process, "a deletion");
    for (int i = 0; i < SERVE_STREAMS; i++) /* one that was deleted is made anew: its gap is told */
        publish_last(town, i);
    for (int i = 0; i < SERVE_STREAMS; i++)
        serve_read(model, town->clients, i, true)->is_last = true;
    serve_follow(model, town->clients, 0, true)->is_last = true;
    (void)hark_sim_run_for(town->world, 300 * town_second_ns);
    for (int i = 0; i < model->readers_count; i++)
        hark_sim_signal(model->readers[i].run.process, SIGINT);
    for (int i = 0; i < model->readers_count; i++)
        town_await(town, model->readers[i].run.process, "a reader");
}

void town_check_sleeps(struct town *town)
{
    (void)hark_sim_run_for(town->world, 300 * town_second_ns);
    uint64_t calls = hark_sim_calls(town->world);
    (void)hark_sim_run_for(town->world, 3600 * town_second_ns);
    scene_check(hark_sim_calls(town->world) == calls, "%llu calls in an hour of nothing",
                (unsigned long long)(hark_sim_calls(town->world) - calls));
}
