/* turns.c - a budget for each connection in each turn of the loop, and one for all of them.
 *
 * Requests come pipelined and lines in packets, thousands at once, from hundreds of connections:
 * who has used up its share, or finds the whole used up, waits in a list, and the list is served
 * from its beginning, turn by turn. So the longest that anybody waits is what a share costs, times
 * the connections that wait before.
 *
 * What must hold: nobody who comes later passes those that wait; a place stands in the list once,
 * and not after it has gone.
 */
#include "connection/turns.h"

void turns_init(struct turns *turns, struct hark_loop *loop,
                void (*go_on)(struct turns_place *place))
{
    turns->loop = loop;
    turns->go_on = go_on;
    list_init(&turns->waiting);
}

void turns_enter(struct turns_place *place)
{
    list_init(&place->waits);
}

void turns_leave(struct turns_place *place)
{
    list_remove(&place->waits);
}

int64_t turns_left(struct turns *turns, struct turns_place *place)
{
    uint64_t turn = hark_loop_metrics(turns->loop)->turns;
    if (turns->turn != turn) {
        turns->turn = turn;
        turns->left = TURNS_WHOLE;
    }
    if (place->turn != turn) {
        place->turn = turn;
        place->left = TURNS_SHARE;
    }
    bool others_wait = !turns->serving && !list_empty(&turns->waiting);
    if (place->left <= 0 || turns->left <= 0 || others_wait)
        return 0;
    return place->left < turns->left ? place->left : turns->left;
}

static void serve(struct hark_op *op, int64_t result);

static void serve_soon(struct turns *turns)
{
    if (!list_empty(&turns->waiting) && !hark_op_active(&turns->serve))
        hark_defer(turns->loop, &turns->serve, serve);
}

/* Those that wait now; who has to wait again comes behind them, and behind those that come
 * meanwhile. */
static void serve(struct hark_op *op, int64_t result)
{
    struct turns *turns = hark_container_of(op, struct turns, serve);
    struct list due;
    bool left = true;
    (void)result;
    list_init(&due);
    list_move(&due, &turns->waiting);
    turns->serving = true;
    while (left && !list_empty(&due)) {
        struct turns_place *place = hark_container_of(due.next, struct turns_place, waits);
        list_remove(&place->waits);
        turns->go_on(place);
        left = turns->left > 0;
    }
    turns->serving = false;
    list_move(&due, &turns->waiting);
    list_move(&turns->waiting, &due);
    serve_soon(turns);
}

void turns_wait(struct turns *turns, struct turns_place *place)
{
    if (!list_empty(&place->waits))
        return;
    list_append(&turns->waiting, &place->waits);
    serve_soon(turns);
}
