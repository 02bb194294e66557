/* hosts.h - the names of hosts that the world's resolver knows. */
#ifndef SIM_WORLD_HOSTS_H
#define SIM_WORLD_HOSTS_H

#include "sim/world/state.h"

/* An address of a name. One with several has several of these, in the order of their adding. */
struct host {
    struct host *next;
    const char *text, *address; /* behind it */
    char bytes[];
};

/* The world ends. */
void hosts_done(struct hark_sim *ended);

#endif
