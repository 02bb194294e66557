/* events.h - what the simulated kernel does at a time of the future: a heap by time, and by order
 * where times are equal. */
#ifndef SIM_WORLD_EVENTS_H
#define SIM_WORLD_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event {
    uint64_t at_ns;
    uint64_t order;
    size_t place; /* in the heap, from 1; 0: it is not in */
    void (*happen)(struct event *event);
    void (*drop)(struct event *event); /* the world ends before; NULL: nothing is to be done */
    const void *owner;                 /* with whose end it ends: events_drop */
};

struct events {
    struct event **heap;
    size_t count, room;
    uint64_t order;
};

/* Puts an event in, or moves it if it is in. Memory for it is the world's own: where there is none
 * the program ends. */
void events_set(struct events *events, struct event *event, uint64_t at_ns);

/* Takes it out. One that is not in: nothing happens. */
void events_remove(struct events *events, struct event *event);

/* UINT64_MAX: there is none. */
uint64_t events_next(const struct events *events);

/* Takes out the first. */
struct event *events_take(struct events *events);

/* Takes out all of an owner, and drops them. */
void events_drop(struct events *events, const void *owner);

void events_done(struct events *events);

#endif
