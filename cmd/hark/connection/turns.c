/* turns.c - a budget for each connection in each turn of the loop, and one for all of them.
 *
 * Requests come pipelined and lines in packets, thousands at once, from hundreds of connections:
 * who has used up its share, or finds the whole used up, waits in a list, and the list is served
 * from its beginning, turn by turn. So the longest that anybody waits is what a share costs, times
 * the connections that wait before.
 *
 * What must hold: nobody who comes later passes those that wait; a session stands in the list once,
 * and not after its end.
 */
#include "connection/turns.h"

#include "connection/connection.h"

void turns_init(struct turns *turns)
{
    list_init(&turns->waiting);
}

int64_t turns_left(struct session *session)
{
    struct turns *turns = &session->agent->turns;
    struct turns_place *place = &session->turns;
    uint64_t turn = hark_loop_metrics(session->agent->loop)->turns;
    if (turns->turn != turn) {
        turns->turn = turn;
        turns->left = TURNS_WHOLE;
    }
    if (place->turn != turn) {
        place->turn = turn;
        place->left = TURNS_SHARE;
    }
    if (place->left <= 0 || turns->left <= 0 || (!turns->serving && !list_empty(&turns->waiting)))
        return 0;
    return place->left < turns->left ? place->left : turns->left;
}

void turns_spend(struct session *session, int64_t units)
{
    session->turns.left -= units;
    session->agent->turns.left -= units;
}

static void serve(struct hark_op *op, int64_t result);

static void serve_soon(struct agent *agent)
{
    if (!list_empty(&agent->turns.waiting) && !hark_op_active(&agent->turns.serve))
        hark_defer(agent->loop, &agent->turns.serve, serve);
}

/* Those that wait now; who has to wait again comes behind them, and behind those that come
 * meanwhile. */
static void serve(struct hark_op *op, int64_t result)
{
    struct agent *agent = hark_container_of(op, struct agent, turns.serve);
    struct turns *turns = &agent->turns;
    struct list due;
    bool left = true;
    (void)result;
    list_init(&due);
    list_move(&due, &turns->waiting);
    turns->serving = true;
    while (left && !list_empty(&due)) {
        struct session *session = hark_container_of(due.next, struct session, turns.place);
        list_remove(&session->turns.place);
        session->kind->go_on(session);
        left = turns->left > 0;
    }
    turns->serving = false;
    list_move(&due, &turns->waiting);
    list_move(&turns->waiting, &due);
    serve_soon(agent);
}

void turns_wait(struct session *session)
{
    if (session->ended || !list_empty(&session->turns.place))
        return;
    list_append(&session->agent->turns.waiting, &session->turns.place);
    serve_soon(session->agent);
}
