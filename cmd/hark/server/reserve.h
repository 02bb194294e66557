/* reserve.h - descriptors that are kept open for the log and the tails alone: connections cannot
 * take them. */
#ifndef SERVER_RESERVE_H
#define SERVER_RESERVE_H

#include <stdbool.h>

struct worker;

enum { RESERVE_DESCRIPTORS = 8 };

/* The owner's. */
struct reserve {
    int descriptors[RESERVE_DESCRIPTORS];
    int count;
};

/* Takes as many as there can be. Called again whenever a connection has ended. */
void reserve_fill(struct worker *owner);

/* Gives one up.
 * Takes: the owner.
 * Gives: false: none is left. */
bool reserve_give(void *owner);

/* Closes all. */
void reserve_done(struct worker *owner);

#endif
