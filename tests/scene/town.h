/* town.h - hark serve on one machine and its clients on another, as the scenes of the server have
 * them: how it is started, ended, and what holds when all is over. */
#ifndef SCENE_TOWN_H
#define SCENE_TOWN_H

#include "serve.h"

struct town {
    struct hark_sim *world;
    struct hark_sim_machine *home, *clients;
    struct serve_model *model;
    struct serve_run server;
    bool syncs_later;
    bool drops_connections; /* calls for its connections fail */
    uint64_t started_ns;    /* the server that runs, or ran last */
};

static const uint64_t town_ms_ns = 1000000;
static const uint64_t town_second_ns = 1000000000;

/* Makes it, without a server. */
struct town *town_create(struct hark_sim *world);
void town_destroy(struct town *town);

uint64_t town_chance(const struct town *town, uint64_t bound);

/* Whether it has faults of its own, with which it may end. */
bool town_may_fail(const struct town *town);

/* Says the words of the server's command line that all scenes have: data, ports, threads. */
void town_choose(struct town *town, const char *segment_bytes);

/* And when it syncs. */
void town_choose_sync(struct town *town);

void town_start_server(struct town *town);
/* By SIGTERM, and waits for it. */
void town_end_server(struct town *town);

/* Until it has ended, for twenty minutes at the most: else the scene fails. */
void town_await(struct town *town, const struct hark_sim_process *process, const char *who);

/* In peace: one more publisher is answered for, those that came later are shown all, and whoever is
 * still there ends. */
void town_end_clients(struct town *town);

/* When all are gone and a while has passed there is nothing that wakes the server. */
void town_check_sleeps(struct town *town);

#endif
