/* turns.h - who may have something to do: each gets a turn soon, in the order of asking. How many
 * get theirs in one turn of the loop is for whoever gives the turns to say. */
#ifndef HARK_COMMAND_BROKER_TURNS_H
#define HARK_COMMAND_BROKER_TURNS_H

#include "base/list.h"
#include "base/pending.h"
#include "hark.h"

struct broker_turns;

/* Gives turns; calls broker_turns_soon if some are left over. */
typedef void broker_turns_give(struct broker_turns *turns);

struct broker_turns {
    struct hark_loop *loop;
    struct pending *pending;
    broker_turns_give *give;
    struct list ready; /* whoever waits for a turn */
    struct hark_op op;
};

/* Takes: pending: counts a turn that is to come. */
void broker_turns_init(struct broker_turns *turns, struct hark_loop *loop, struct pending *pending,
                       broker_turns_give *give);

/* Takes place out of the list that it stands in, and gives it a turn soon. */
void broker_turns_add(struct broker_turns *turns, struct list *place);

/* The same for all of a list, in its order. */
void broker_turns_add_all(struct broker_turns *turns, struct list *places);

/* Calls `give` from hark_run, once for all calls until then. */
void broker_turns_soon(struct broker_turns *turns);

#endif
