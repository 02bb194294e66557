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
    int most;              /* that there can be, by what is known */
    uint64_t left_free_ns; /* for so long after one was given up none is taken */
    uint64_t given_ns;     /* when the last one was given up */
    bool given;
    bool done;
};

/* Takes as many as there can be. */
void reserve_init(struct reserve *reserve, struct hark_loop *loop);

/* Takes back what is lacking, as far as there are descriptors; none in the time that is left to
 * whoever one was given up for. To be called whenever a connection has ended or comes, and once
 * more when one that came was closed. */
void reserve_fill(struct reserve *reserve);

/* Gives one up, for the log and the tails.
 * Gives: false: none is left. */
bool reserve_give(struct reserve *reserve);

/* Whether some were given up and have not come back: then no connection may keep its
 * descriptor. */
bool reserve_lacks(const struct reserve *reserve);

/* Closes all, and takes no more. */
void reserve_done(struct reserve *reserve);

#endif
