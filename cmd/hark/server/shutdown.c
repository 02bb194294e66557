/* shutdown.c - the end of the worker, in order.
 *
 * At SIGTERM, and at what else a person or a supervisor may send to end it, it stops accepting
 * connections and reading files and requests; what it has accepted is published and answered; then
 * subscribers are told; then the broker and the log are closed, and nothing is left in flight, so
 * that hark_run returns. What has to
 * finish before is counted (worker.h: accepted, connected), and the step that follows is taken in
 * a turn of its own.
 *
 * Where there are several threads the owner leads: subscribers are told when all threads have
 * answered what they had accepted, and the owner closes its broker and the log when all others have
 * ended.
 *
 * The first signal gives all of them back to what they did before: a second one ends the process at
 * once, whatever it is doing; but not SIGHUP, which a terminal that goes may send twice. When the
 * deadline passes, connections are closed as they are; when the disk does not answer for as long
 * again, the loop is left.
 */
#include "broker/broker.h"
#include "connection/connection.h"
#include "threads/owner.h"

#include <errno.h>
#include <signal.h>

#include "base/say.h"

static const uint64_t SHUTDOWN_NS_DEFAULT = 5000000000U;
static const uint64_t DISK_NS =
    5000000000U; /* what the disk is given beyond it, once nobody else is waited for */

/* --- signals --- */

/* All signals are given back: now a second one does what is said. */
static void signal_ended(const struct worker *worker)
{
    for (size_t i = 0; i < SHUTDOWN_SIGNALS; i++)
        if (hark_op_active(&worker->signals[i].op))
            return;
    if (worker->signalled && !worker->options->quiet)
        say_at(SAY_NOTE,
               "ending: what was accepted is finished first (a second signal ends at once)");
}

static void signalled(struct hark_op *op, int64_t number)
{
    struct worker *worker = hark_container_of(op, struct signal_watch, op)->worker;
    if (hark_op_more(op)) {
        worker->signalled = worker->ending == ENDING_NOT || worker->signalled;
        shutdown_begin(worker, EXIT_DONE);
        return;
    }
    if (number != -ECANCELED)
        say("cannot follow signals: %s", why(number));
    signal_ended(worker);
}

void shutdown_watch(struct worker *worker)
{
    static const int numbers[SHUTDOWN_SIGNALS] = {SIGTERM, SIGINT,  SIGHUP,
                                                  SIGQUIT, SIGALRM, SIGXCPU};
    for (size_t i = 0; i < SHUTDOWN_SIGNALS; i++) {
        struct sigaction now;
        worker->signals[i].worker = worker;
        /* What was ignored when it was started stays so: nohup, the background of a script. */
        if (numbers[i] != SIGTERM && sigaction(numbers[i], NULL, &now) == 0 &&
            now.sa_handler == SIG_IGN)
            continue;
        if (numbers[i] == SIGHUP)
            signal(SIGHUP, SIG_IGN); /* to which it is given back: no moment is left in which a
                                        second one ends the process */
        hark_signal_each(worker->loop, &worker->signals[i].op, numbers[i], signalled);
    }
}

/* --- steps --- */

static void connections_finish(struct worker *worker)
{
    struct list *place = worker->connections.next;
    while (place != &worker->connections) {
        struct connection *connection = hark_container_of(place, struct connection, place);
        place = place->next;
        connection->kind->finish(connection);
    }
}

static void connections_close(struct worker *worker)
{
    struct list *place = worker->connections.next;
    while (place != &worker->connections) {
        struct connection *connection = hark_container_of(place, struct connection, place);
        place = place->next;
        connection_close(connection);
    }
}

static void tail_closed(void *context)
{
    struct worker *worker = context;
    worker->tail = NULL;
    pending_end(&worker->accepted);
}

static void step_turn(struct hark_op *op, int64_t result)
{
    struct worker *worker = hark_container_of(op, struct worker, step);
    (void)result;
    worker->next(worker);
}

/* The next step, in a turn of its own: whoever finished something may still be at it. */
static void step_soon(struct worker *worker, void (*next)(struct worker *worker))
{
    worker->next = next;
    hark_defer(worker->loop, &worker->step, step_turn);
}

static void deadline_ended(struct deadline *deadline)
{
    (void)deadline;
}

static void step_end(struct worker *worker)
{
    worker->ending = ENDING_DONE;
    if (worker_is_owner(worker))
        deadline_end(&worker->shutdown, deadline_ended);
    else
        workers_send_gone(worker);
}

static void log_is_closed(void *context, int result)
{
    struct worker *worker = context;
    reserve_done(worker);
    worker->log = NULL;
    if (result < 0) {
        say("the last events may not be on the disk: %s (look at %s)", why(result),
            worker->options->data);
        worker->exit_code = EXIT_REFUSED;
    }
    step_soon(worker, step_end);
}

static void step_log(struct worker *worker)
{
    worker->ending = ENDING_LOG;
    if (worker->log)
        log_close(worker->log, log_is_closed, worker);
    else
        step_end(worker);
}

static void broker_closed(void *context)
{
    struct worker *worker = context;
    broker_destroy(worker->broker);
    worker->broker = NULL;
    if (worker_is_owner(worker)) {
        owner_destroy(worker->server->owner);
        worker->server->owner = NULL;
    }
    step_soon(worker, step_log);
}

/* All connections are gone, on the owner also all other workers. */
static void step_broker(struct worker *worker)
{
    worker->ending = ENDING_BROKER;
    if (worker->broker)
        broker_close(worker->broker, broker_closed, worker);
    else
        step_log(worker);
}

static void connected_gone(struct pending *connected)
{
    step_soon(hark_container_of(connected, struct worker, connected), step_broker);
}

/* Subscribers are told: all that was accepted, on every thread, is answered. */
static void step_subscribers(struct worker *worker)
{
    worker->ending = ENDING_SUBSCRIBERS;
    if (worker_is_owner(worker))
        owner_flush(worker->server->owner); /* the last events come before the farewell */
    if (worker->broker)
        broker_flush(worker->broker);
    if (worker_is_owner(worker))
        workers_farewell(worker);
    connections_finish(worker);
    pending_wait(&worker->connected, connected_gone);
}

static void accepted_done(struct pending *accepted);

static void step_accepted(struct worker *worker)
{
    if (!pending_none(&worker->accepted)) /* some more was, meanwhile */
        pending_wait(&worker->accepted, accepted_done);
    else if (worker_is_owner(worker))
        step_subscribers(worker);
    else
        workers_send_idle(worker); /* the owner says when */
}

static void accepted_done(struct pending *accepted)
{
    step_soon(hark_container_of(accepted, struct worker, accepted), step_accepted);
}

/* Nothing more is accepted; what is, is finished. */
static void finish_accepted(struct worker *worker)
{
    worker->ending = ENDING_ACCEPTED;
    connections_finish(worker);
    pending_wait(&worker->accepted, accepted_done);
}

/* --- begin --- */

void shutdown_cut(struct worker *worker)
{
    connections_close(worker);
}

static void deadline_passed(struct deadline *deadline)
{
    struct worker *worker = hark_container_of(deadline, struct worker, shutdown);
    if (worker->shutdown_late) {
        say("the end takes too long: leaving as it is (look at the disk of %s)",
            worker->options->data);
        worker->exit_code = EXIT_REFUSED;
        hark_group_stop(worker->server->group);
        return;
    }
    worker->shutdown_late = true;
    connections_close(worker);
    workers_cut(worker);
    deadline_set(deadline, DISK_NS);
}

void shutdown_begin(struct worker *worker, int exit_code)
{
    uint64_t timeout_ns = worker->options->shutdown_timeout_ns;
    if (worker->exit_code == EXIT_DONE)
        worker->exit_code = exit_code;
    if (worker->ending != ENDING_NOT)
        return;
    worker->ending = ENDING_ACCEPTED;
    for (size_t i = 0; i < SHUTDOWN_SIGNALS; i++)
        hark_cancel(&worker->signals[i].op);
    deadline_init(&worker->shutdown, worker->loop, deadline_passed);
    deadline_set(&worker->shutdown, timeout_ns != 0 ? timeout_ns : SHUTDOWN_NS_DEFAULT);
    for (uint32_t i = 1; i < worker->server->count; i++) {
        pending_begin(&worker->accepted);
        pending_begin(&worker->connected);
    }
    listeners_close(worker);
    if (worker->tail)
        tail_close(worker->tail, tail_closed, worker);
    workers_finish(worker);
    finish_accepted(worker);
}

void shutdown_follow(struct worker *worker, enum ending ending)
{
    if (ending == ENDING_SUBSCRIBERS)
        step_subscribers(worker);
    else
        finish_accepted(worker);
}
