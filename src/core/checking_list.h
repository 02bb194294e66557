/* checking_list.h - the ops in flight, as the checking build knows them: in an array without gaps,
 * found by their addresses through lists that hang from a table. Both are mapped once, and touched
 * as far as they are used; what finds no room is not looked at. */
#ifndef CORE_CHECKING_LIST_H
#define CORE_CHECKING_LIST_H

#include "core/checking_memory.h"

enum { FLIGHTS_MAX = 1 << 16, FLIGHT_BUCKETS = 1 << 16, CALLED_NUMBERS = 256 };

/* One op in flight, and what must stand in it. */
struct flight {
    struct hark_op *op;
    hark_done *done;
    void *given; /* its first argument, where that leads to memory */
    uint64_t id;
    int32_t fd;
    uint32_t next;  /* in its list: a place in the array, plus one; 0: none */
    uint64_t start; /* how many were started before it */
    uint8_t code;
    bool delegated;  /* it has been out of the loop's hands */
    bool returned;   /* and has come back */
    bool remembered; /* memory is */
    bool exact;      /* its descriptor fills no byte beyond those that it counts */
    bool shared;     /* another op may have filled the same memory */
    uint32_t turns;  /* that it has waited though it could be done (checking_turns.c) */
    struct memory memory;
};

struct checking {
    uint32_t count;
    uint32_t next;   /* the next to be looked at */
    uint64_t starts; /* so far */
    /* of those started before this one nobody knows who shares their memory */
    uint64_t blind_before;
    bool crowded;        /* there was no room for an op */
    bool pool_inexact;   /* what lies in the pool's buffers beyond the bytes received may be the
                          kernel's */
    uint64_t turns;      /* of the loop, so far */
    uint64_t busy_turns; /* in a row that did not sleep */
    uint64_t called[CALLED_NUMBERS]; /* by descriptor: the turn in which an op of it was called */
    uint32_t buckets[FLIGHT_BUCKETS];
    struct flight flights[FLIGHTS_MAX];
};

/* The op's entry, or NULL. */
struct flight *checking_find(const struct hark_loop *loop, const struct hark_op *op);

#endif
