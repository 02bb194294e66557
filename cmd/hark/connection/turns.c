/* turns.c - a budget for each connection in each turn of the loop, and one for all of them.
 *
 * Requests come pipelined and lines in packets, thousands at once, from hundreds of connections:
 * who has used up its share, or finds the whole used up, waits in a list, and the list is served
 * from its beginning, turn by turn. So the longest that anybody waits is what a share costs, times
 * the connections that wait before.
 *
 * What must hold: nobody who comes later passes those that wait; a connection stands in the list
 * once, and not after its end.
 */
#include "connection/turns.h"

#include "connection/connection.h"

void turns_init(struct turns *turns)
{
    list_init(&turns->waiting);
}

int64_t turns_left(struct connection *connection)
{
    struct turns *turns = &connection->worker->turns;
    struct turns_place *place = &connection->turns;
    uint64_t turn = hark_loop_metrics(connection->worker->loop)->turns;
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

void turns_spend(struct connection *connection, int64_t units)
{
    connection->turns.left -= units;
    connection->worker->turns.left -= units;
}

static void serve(struct hark_op *op, int64_t result);

static void serve_soon(struct worker *worker)
{
    if (!list_empty(&worker->turns.waiting) && !hark_op_active(&worker->turns.serve))
        hark_defer(worker->loop, &worker->turns.serve, serve);
}

/* Those that wait now; who has to wait again comes behind them, and behind those that come
 * meanwhile. */
static void serve(struct hark_op *op, int64_t result)
{
    struct worker *worker = hark_container_of(op, struct worker, turns.serve);
    struct turns *turns = &worker->turns;
    struct list answerable;
    bool left = true;
    (void)result;
    list_init(&answerable);
    list_move(&answerable, &turns->waiting);
    turns->serving = true;
    while (left && !list_empty(&answerable)) {
        struct connection *connection =
            hark_container_of(answerable.next, struct connection, turns.place);
        list_remove(&connection->turns.place);
        connection->kind->go_on(connection);
        left = turns->left > 0;
    }
    turns->serving = false;
    list_move(&answerable, &turns->waiting);
    list_move(&turns->waiting, &answerable);
    serve_soon(worker);
}

void turns_wait(struct connection *connection)
{
    if (connection->ended || !list_empty(&connection->turns.place))
        return;
    list_append(&connection->worker->turns.waiting, &connection->turns.place);
    serve_soon(connection->worker);
}
