/* shutdown.c - the end of the agent, in order.
 *
 * At SIGTERM, and at what else a person or a supervisor may send to end it, it stops accepting
 * connections and reading files and requests; what it has accepted is published and answered; then
 * subscribers are told; then the broker and the log are closed, and nothing is left in flight, so
 * that hark_run returns. Who has finished something calls shutdown_advance, and the next step is
 * taken in a turn of its own.
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
#include "connection/connection.h"

#include <errno.h>
#include <signal.h>

#include "base/say.h"

static const uint64_t SHUTDOWN_NS_DEFAULT = 5000000000U;
static const uint64_t DISK_NS =
    5000000000U; /* what the disk is given beyond it, once nobody else is waited for */

/* --- signals --- */

/* All signals are given back: now a second one does what is said. */
static void signal_ended(const struct agent *agent)
{
    for (size_t i = 0; i < AGENT_SIGNALS; i++)
        if (hark_op_active(&agent->signals[i].op))
            return;
    if (agent->signalled && !agent->options->quiet)
        say_at(SAY_NOTE,
               "ending: what was accepted is finished first (a second signal ends at once)");
}

static void signalled(struct hark_op *op, int64_t number)
{
    struct agent *agent = hark_container_of(op, struct signal_watch, op)->agent;
    if (hark_op_more(op)) {
        agent->signalled = agent->ending == ENDING_NOT || agent->signalled;
        shutdown_begin(agent, EXIT_DONE);
        return;
    }
    if (number != -ECANCELED)
        say("cannot follow signals: %s", why(number));
    signal_ended(agent);
}

void shutdown_watch(struct agent *agent)
{
    static const int numbers[AGENT_SIGNALS] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGALRM, SIGXCPU};
    for (size_t i = 0; i < AGENT_SIGNALS; i++) {
        struct sigaction now;
        agent->signals[i].agent = agent;
        /* What was ignored when it was started stays so: nohup, the background of a script. */
        if (numbers[i] != SIGTERM && sigaction(numbers[i], NULL, &now) == 0 &&
            now.sa_handler == SIG_IGN)
            continue;
        if (numbers[i] == SIGHUP)
            signal(SIGHUP, SIG_IGN); /* to which it is given back: no moment is left in which a
                                        second one ends the process */
        hark_signal_each(agent->loop, &agent->signals[i].op, numbers[i], signalled);
    }
}

/* --- steps --- */

static void sessions_finish(struct agent *agent)
{
    struct list *place = agent->sessions.next;
    while (place != &agent->sessions) {
        struct session *session = hark_container_of(place, struct session, place);
        place = place->next;
        session->kind->finish(session);
    }
}

static void sessions_close(struct agent *agent)
{
    struct list *place = agent->sessions.next;
    while (place != &agent->sessions) {
        struct session *session = hark_container_of(place, struct session, place);
        place = place->next;
        session_close(session);
    }
}

static void tail_closed(void *context)
{
    struct agent *agent = context;
    agent->tail = NULL;
    shutdown_advance(agent);
}

static void broker_closed(void *context)
{
    struct agent *agent = context;
    broker_destroy(agent->broker);
    agent->broker = NULL;
    shutdown_advance(agent);
}

static void log_is_closed(void *context, int result)
{
    struct agent *agent = context;
    reserve_done(agent);
    agent->log = NULL;
    if (result < 0) {
        say("the last events may not be on the disk: %s (look at %s)", why(result),
            agent->options->data);
        agent->exit_code = EXIT_REFUSED;
    }
    shutdown_advance(agent);
}

static void deadline_ended(struct deadline *deadline)
{
    (void)deadline;
}

/* Subscribers may be told: all that was accepted, on every thread, is answered. */
static bool accepted_is_done(struct agent *agent)
{
    if (agent->answering != 0)
        return false;
    if (!agent_is_owner(agent)) {
        crew_tell_idle(agent);
        return false; /* the owner says when */
    }
    return !agent->log_opening && !hark_op_active(&agent->ports_again) && agent->ports_open == 0 &&
           !agent->tail && crew_is_idle(agent);
}

static void tell_subscribers(struct agent *agent)
{
    agent->ending = ENDING_SUBSCRIBERS;
    if (agent->broker)
        broker_flush(agent->broker); /* the last events come before the farewell */
    if (agent_is_owner(agent))
        crew_farewell(agent);
    sessions_finish(agent);
}

static void end(struct agent *agent)
{
    agent->ending = ENDING_DONE;
    if (agent_is_owner(agent))
        deadline_end(&agent->shutdown, deadline_ended);
    else
        crew_tell_gone(agent);
}

/* Takes the next step. Gives: false: something has to finish first. */
static bool step(struct agent *agent)
{
    switch (agent->ending) {
    case ENDING_NOT:
    case ENDING_DONE:
        return false;
    case ENDING_ACCEPTED:
        if (!accepted_is_done(agent))
            return false;
        tell_subscribers(agent);
        return true;
    case ENDING_SUBSCRIBERS:
        if (!list_empty(&agent->sessions) || (agent_is_owner(agent) && !crew_is_gone(agent)))
            return false;
        agent->ending = ENDING_BROKER;
        if (agent->broker)
            broker_close(agent->broker, broker_closed, agent);
        return true;
    case ENDING_BROKER:
        if (agent->broker)
            return false;
        agent->ending = ENDING_LOG;
        if (agent->log)
            log_close(agent->log, log_is_closed, agent);
        return true;
    case ENDING_LOG:
        if (agent->log)
            return false;
        end(agent);
        return true;
    }
    return false;
}

static void step_turn(struct hark_op *op, int64_t result)
{
    struct agent *agent = hark_container_of(op, struct agent, step);
    (void)result;
    while (step(agent))
        ;
}

void shutdown_advance(struct agent *agent)
{
    if (agent->ending != ENDING_NOT && !hark_op_active(&agent->step))
        hark_defer(agent->loop, &agent->step, step_turn);
}

/* --- begin --- */

void shutdown_cut(struct agent *agent)
{
    sessions_close(agent);
}

static void deadline_passed(struct deadline *deadline)
{
    struct agent *agent = hark_container_of(deadline, struct agent, shutdown);
    if (agent->shutdown_late) {
        say("the end takes too long: leaving as it is (look at the disk of %s)",
            agent->options->data);
        agent->exit_code = EXIT_REFUSED;
        hark_group_stop(agent->crew->group);
        return;
    }
    agent->shutdown_late = true;
    sessions_close(agent);
    crew_cut(agent);
    deadline_set(deadline, DISK_NS);
}

void shutdown_begin(struct agent *agent, int exit_code)
{
    uint64_t timeout_ns = agent->options->shutdown_timeout_ns;
    if (agent->exit_code == EXIT_DONE)
        agent->exit_code = exit_code;
    if (agent->ending != ENDING_NOT)
        return;
    agent->ending = ENDING_ACCEPTED;
    for (size_t i = 0; i < AGENT_SIGNALS; i++)
        hark_cancel(&agent->signals[i].op);
    deadline_init(&agent->shutdown, agent->loop, deadline_passed);
    deadline_set(&agent->shutdown, timeout_ns != 0 ? timeout_ns : SHUTDOWN_NS_DEFAULT);
    ports_close(agent);
    if (agent->tail && !agent->tail_closing) {
        agent->tail_closing = true;
        tail_close(agent->tail, tail_closed, agent);
    }
    crew_finish(agent);
    sessions_finish(agent);
    shutdown_advance(agent);
}

void shutdown_follow(struct agent *agent, enum ending ending)
{
    if (ending == ENDING_SUBSCRIBERS) {
        tell_subscribers(agent);
    } else {
        agent->ending = ending;
        sessions_finish(agent);
    }
    shutdown_advance(agent);
}
