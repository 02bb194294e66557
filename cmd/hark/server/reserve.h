/* reserve.h - descriptors that are kept open for the log and the tails alone: connections cannot
 * take them. */
#ifndef HARK_COMMAND_SERVER_RESERVE_H
#define HARK_COMMAND_SERVER_RESERVE_H

#include <stdbool.h>

#include "hark.h"

/* A tail keeps up to eight files open and looks at two more things at once, the log at two. */
enum { RESERVE_DESCRIPTORS = 12 };

/* The owner's. Zeroed, then reserve_init. */
struct reserve {
    struct hark_loop *loop;
    int descriptors[RESERVE_DESCRIPTORS];
    int count;
    int most;          /* that there could be at first */
    uint64_t given_ns; /* when the last one was given up */
    bool done;
};

/* Takes as many as there can be. */
void reserve_init(struct reserve *reserve, struct hark_loop *loop);

/* The same, whenever a connection has ended. */
void reserve_fill(struct reserve *reserve);

/* Gives one up, for the log and the tails.
 * Gives: false: none is left. */
bool reserve_give(struct reserve *reserve);

/* Whether some were given up and have not come back: what becomes free in the next second is for
 * those that asked for it, and no connection may take it. After that they are taken back. */
bool reserve_is_tapped(struct reserve *reserve);

/* Closes all, and takes no more. */
void reserve_done(struct reserve *reserve);

#endif
