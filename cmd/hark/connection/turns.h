/* turns.h - how much one connection, and all of them together, may have done for them in one turn
 * of the loop. */
#ifndef HARK_COMMAND_CONNECTION_TURNS_H
#define HARK_COMMAND_CONNECTION_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "hark.h"

/* Work is counted in units of well below a microsecond. */
enum {
    TURNS_LINE = 1,          /* a line that is published */
    TURNS_REQUEST = 8,       /* a request, whatever becomes of it */
    TURNS_BYTES = 512,       /* so many bytes of input are a unit */
    TURNS_SHARE = 512,       /* what a connection may have done in a turn */
    TURNS_WHOLE = 16 * 512,  /* and all of them together: milliseconds */
    TURNS_INPUT = 64 * 1024, /* a connection that waits for its turn is read from while less than
                                this is kept */
};

/* A connection's. Zeroed, then turns_enter. */
struct turns_place {
    struct list waits; /* among those that wait */
    uint64_t turn;     /* the one that `left` is of */
    int64_t left;
};

/* A worker's. All private. */
struct turns {
    struct hark_loop *loop;
    void (*go_on)(struct turns_place *place);
    struct list waiting; /* places, in order */
    struct hark_op serve;
    uint64_t turn; /* the one that `left` is of */
    int64_t left;
    bool serving;
};

/* Takes: go_on: called when the turn of a place has come. */
void turns_init(struct turns *turns, struct hark_loop *loop,
                void (*go_on)(struct turns_place *place));

/* A place comes, and goes. */
void turns_enter(struct turns_place *place);
void turns_leave(struct turns_place *place);

/* What may be done for the place now, in units.
 * Gives: 0: it has to wait for its turn. */
int64_t turns_left(struct turns *turns, struct turns_place *place);

/* Takes: what was done; a little more than was left does no harm. */
static inline void turns_spend(struct turns *turns, struct turns_place *place, int64_t units)
{
    place->left -= units;
    turns->left -= units;
}

/* go_on is called when its turn has come. Called again: nothing happens. */
void turns_wait(struct turns *turns, struct turns_place *place);

#endif
