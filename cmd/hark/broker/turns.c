/* turns.c - one op that comes when somebody is ready.
 *
 * All events of a commit are among the recent ones before the first reader gets its turn, so each
 * reader sends them in one call.
 *
 * Thread: the broker's.
 */
#include "broker/turns.h"

void broker_turns_init(struct broker_turns *turns, struct hark_loop *loop, struct pending *pending,
                       broker_turns_give *give)
{
    *turns = (struct broker_turns){.loop = loop, .pending = pending, .give = give};
    list_init(&turns->ready);
}

static void come(struct hark_op *op, int64_t result)
{
    struct broker_turns *turns = hark_container_of(op, struct broker_turns, op);
    (void)result;
    turns->give(turns);
    pending_end(turns->pending);
}

void broker_turns_soon(struct broker_turns *turns)
{
    if (hark_op_active(&turns->op))
        return;
    pending_begin(turns->pending);
    hark_defer(turns->loop, &turns->op, come);
}

void broker_turns_add(struct broker_turns *turns, struct list *place)
{
    list_remove(place);
    list_append(&turns->ready, place);
    broker_turns_soon(turns);
}

void broker_turns_add_all(struct broker_turns *turns, struct list *places)
{
    if (list_empty(places))
        return;
    list_move(&turns->ready, places);
    broker_turns_soon(turns);
}
