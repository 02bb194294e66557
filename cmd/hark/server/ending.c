/* ending.c - the steps of a worker's end. What has to be over before a step is counted
 * (connection/worker.h: accepted, connected), and the step is taken in a turn of its own: whoever
 * finished something may still be at it. */
#include "server/ending.h"
#include "broker/broker.h"
#include "connection/connection.h"

static void step_turn(struct hark_op *op, int64_t result)
{
    struct ending *ending = hark_container_of(op, struct ending, step);
    (void)result;
    ending->next(ending);
}

static void step_soon(struct ending *ending, ending_reached *next)
{
    ending->next = next;
    hark_defer(ending->worker->loop, &ending->step, step_turn);
}

static void each_connection(struct worker *worker, void (*each)(struct connection *connection))
{
    struct list *place = worker->connections.next;
    while (place != &worker->connections) {
        struct connection *connection = hark_container_of(place, struct connection, place);
        place = place->next;
        each(connection);
    }
}

void ending_cut(struct worker *worker)
{
    each_connection(worker, connection_close);
}

/* --- what was accepted --- */

static void accepted_done(struct pending *accepted);

static void step_accepted(struct ending *ending)
{
    struct pending *accepted = &ending->worker->accepted;
    if (pending_none(accepted))
        ending->finished(ending);
    else /* some more was, meanwhile */
        pending_wait(accepted, accepted_done);
}

static void accepted_done(struct pending *accepted)
{
    struct worker *worker = hark_container_of(accepted, struct worker, accepted);
    step_soon(worker->ending, step_accepted);
}

void ending_finish(struct ending *ending, struct worker *worker, ending_reached *finished)
{
    ending->worker = worker;
    ending->finished = finished;
    worker->ending = ending;
    worker->state = WORKER_FINISHES;
    live_end(&worker->live);
    each_connection(worker, connection_finish);
    pending_wait(&worker->accepted, accepted_done);
}

/* --- subscribers, connections, the broker --- */

static void broker_closed(void *context)
{
    struct ending *ending = context;
    broker_destroy(ending->worker->broker);
    ending->worker->broker = NULL;
    step_soon(ending, ending->left);
}

static void step_broker(struct ending *ending)
{
    if (ending->worker->broker)
        broker_close(ending->worker->broker, broker_closed, ending);
    else
        ending->left(ending);
}

static void connected_gone(struct pending *connected)
{
    struct worker *worker = hark_container_of(connected, struct worker, connected);
    step_soon(worker->ending, step_broker);
}

void ending_leave(struct ending *ending, ending_reached *left)
{
    struct worker *worker = ending->worker;
    ending->left = left;
    worker->state = WORKER_LEAVES;
    if (worker->broker)
        broker_flush(worker->broker); /* the last events come before the farewell */
    each_connection(worker, connection_finish);
    pending_wait(&worker->connected, connected_gone);
}
