/* shutdown.c - the end of the server, in order.
 *
 * At SIGTERM, and at what else a person or a supervisor may send to end it, it stops accepting
 * connections and reading files and requests; what it has accepted is published and answered; then
 * subscribers are told; then the broker and the log are closed, and nothing is left in flight, so
 * that hark_run returns.
 *
 * If there are several threads the owner leads: subscribers are told when all threads have answered
 * what they had accepted, and the owner closes its broker and the log when all others have ended.
 * What must hold: a worker's loop ends when the owner has heard that it is gone, and the owner
 * sends it nothing from then on.
 *
 * The first signal gives all of them back to what they did before: a second one ends the process at
 * once, whatever it is doing; but not SIGHUP, which a terminal that goes may send twice. When the
 * deadline passes, connections are closed as they are; when the disk does not answer for as long
 * again, the loop is left.
 */
#include "server/shutdown.h"
#include "server/certificates.h"
#include "server/permissions.h"

#include <errno.h>
#include <signal.h>

#include "base/say.h"
#include "log/log.h"
#include "subscriptions/subscriptions.h"
#include "tail/tail.h"
#include "threads/owner.h"

static const uint64_t SHUTDOWN_NS_DEFAULT = 5000000000U;
static const uint64_t DISK_NS =
    5000000000U; /* what the disk is given beyond it, once nobody else is waited for */

/* --- signals --- */

/* All signals are given back: now a second one does what is said. */
static void signal_ended(const struct shutdown *shutdown)
{
    for (size_t i = 0; i < SHUTDOWN_SIGNALS; i++)
        if (hark_op_active(&shutdown->signals[i].op))
            return;
    if (shutdown->signalled && !shutdown->workers->options->quiet)
        say_at(SAY_NOTE,
               "ending: what was accepted is finished first (a second signal ends at once)");
}

static void signalled(struct hark_op *op, int64_t number)
{
    struct shutdown *shutdown = hark_container_of(op, struct shutdown_signal, op)->shutdown;
    if (hark_op_more(op)) {
        shutdown->signalled = !shutdown->begun || shutdown->signalled;
        shutdown_begin(shutdown, EXIT_DONE);
        return;
    }
    if (number != -ECANCELED)
        say("cannot follow signals: %s", why(number));
    signal_ended(shutdown);
}

void shutdown_watch(struct shutdown *shutdown)
{
    static const int numbers[SHUTDOWN_SIGNALS] = {SIGTERM, SIGINT,  SIGHUP,
                                                  SIGQUIT, SIGALRM, SIGXCPU};
    struct hark_loop *loop = workers_owner(shutdown->workers)->loop;
    for (size_t i = 0; i < SHUTDOWN_SIGNALS; i++) {
        struct sigaction now;
        shutdown->signals[i].shutdown = shutdown;
        if (numbers[i] == SIGHUP &&
            (shutdown->workers->options->tls.certificate || shutdown->workers->options->tokens))
            continue; /* it means another thing: certificates_watch, permissions_watch */
        /* What was ignored when it was started stays so: nohup, the background of a script. */
        if (numbers[i] != SIGTERM && hark_os_sigaction(numbers[i], NULL, &now) == 0 &&
            now.sa_handler == SIG_IGN)
            continue;
        if (numbers[i] == SIGHUP) /* it is given back to that: no moment is left in which a second
                                     one ends the process */
            hark_os_sigaction(SIGHUP, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
        hark_signal_each(loop, &shutdown->signals[i].op, numbers[i], signalled);
    }
}

/* --- the others --- */

static struct server_worker *worker_of(struct ending *ending)
{
    return hark_container_of(ending, struct server_worker, ending);
}

/* On the owner's thread: one has answered what it had accepted. */
static void is_finished(struct mail *mail)
{
    struct server_worker *own = hark_container_of(mail, struct server_worker, farewell.finish);
    pending_end(&workers_owner(own->workers)->accepted);
}

static void other_finished(struct ending *ending)
{
    struct server_worker *own = worker_of(ending);
    workers_send_owner(own, &own->farewell.finish, is_finished);
}

static void finish(struct mail *mail)
{
    struct server_worker *own = hark_container_of(mail, struct server_worker, farewell.finish);
    ending_finish(&own->ending, &own->worker, other_finished);
}

static void released(struct mail *mail)
{
    hark_cancel(&hark_container_of(mail, struct server_worker, farewell.leave)->hold);
}

/* On the owner's thread: nothing of one is left. */
static void is_gone(struct mail *mail)
{
    struct server_worker *own = hark_container_of(mail, struct server_worker, farewell.leave);
    struct worker *owner = workers_owner(own->workers);
    own->farewell.gone = true;
    mail_send(owner->loop, &own->worker.mailbox, mail, released);
    pending_end(&owner->connected);
}

static void other_left(struct ending *ending)
{
    struct server_worker *own = worker_of(ending);
    workers_send_owner(own, &own->farewell.leave, is_gone);
}

static void leave(struct mail *mail)
{
    struct server_worker *own = hark_container_of(mail, struct server_worker, farewell.leave);
    ending_leave(&own->ending, other_left);
}

static void cut(struct mail *mail)
{
    struct server_worker *own = hark_container_of(mail, struct server_worker, farewell.cut);
    ending_cut(&own->worker);
}

/* --- the owner --- */

static void tail_closed(void *context)
{
    struct shutdown *shutdown = context;
    shutdown->tail = NULL;
    pending_end(&workers_owner(shutdown->workers)->accepted);
}

static void subscriptions_closed(void *context)
{
    struct shutdown *shutdown = context;
    pending_end(&workers_owner(shutdown->workers)->accepted);
}

static void deadline_ended(struct deadline *deadline)
{
    (void)deadline;
}

static void log_is_closed(void *context, int result)
{
    struct shutdown *shutdown = context;
    shutdown->log = NULL;
    reserve_done(shutdown->reserve);
    if (result < 0) {
        say("the last events may not be on the disk: %s (look at %s)", why(result),
            shutdown->workers->options->data);
        shutdown->exit_code = EXIT_REFUSED;
    }
    deadline_end(&shutdown->deadline, deadline_ended);
}

static struct shutdown *shutdown_of(struct ending *ending)
{
    return worker_of(ending)->workers->shutdown;
}

static void owner_left(struct ending *ending)
{
    struct shutdown *shutdown = shutdown_of(ending);
    owner_destroy(shutdown->workers->owner);
    shutdown->workers->owner = NULL;
    notify_close(shutdown->notify);
    if (shutdown->log)
        log_close(shutdown->log, log_is_closed, shutdown);
    else
        deadline_end(&shutdown->deadline, deadline_ended);
}

/* All that was accepted, on every thread, is answered. */
static void all_finished(struct ending *ending)
{
    struct workers *workers = shutdown_of(ending)->workers;
    owner_flush(workers->owner); /* the last events come before the farewell */
    workers_send(workers, offsetof(struct server_worker, farewell.leave), leave);
    ending_leave(ending, owner_left);
}

static void deadline_passed(struct deadline *deadline)
{
    struct shutdown *shutdown = hark_container_of(deadline, struct shutdown, deadline);
    struct workers *workers = shutdown->workers;
    if (shutdown->late) {
        say("the end takes too long: leaving as it is (look at the disk of %s)",
            workers->options->data);
        shutdown->exit_code = EXIT_REFUSED;
        hark_group_stop(workers->group);
        return;
    }
    shutdown->late = true;
    ending_cut(workers_owner(workers));
    workers_send(workers, offsetof(struct server_worker, farewell.cut), cut);
    deadline_set(deadline, DISK_NS);
}

void shutdown_begin(struct shutdown *shutdown, int exit_code)
{
    struct workers *workers = shutdown->workers;
    struct worker *owner = workers_owner(workers);
    uint64_t timeout_ns = workers->options->shutdown_timeout_ns;
    if (shutdown->exit_code == EXIT_DONE)
        shutdown->exit_code = exit_code;
    if (shutdown->begun)
        return;
    shutdown->begun = true;
    notify_tell(shutdown->notify, "STOPPING=1");
    for (size_t i = 0; i < SHUTDOWN_SIGNALS; i++)
        hark_cancel(&shutdown->signals[i].op);
    deadline_init(&shutdown->deadline, owner->loop, deadline_passed);
    deadline_set(&shutdown->deadline, timeout_ns != 0 ? timeout_ns : SHUTDOWN_NS_DEFAULT);
    for (uint32_t i = 1; i < workers->count; i++) {
        pending_begin(&owner->accepted);
        pending_begin(&owner->connected);
    }
    certificates_close(shutdown->certificates);
    permissions_close(shutdown->permissions);
    listeners_close(shutdown->listeners);
    if (shutdown->tail)
        tail_close(shutdown->tail, tail_closed, shutdown);
    if (shutdown->subscriptions)
        subscriptions_close(shutdown->subscriptions, subscriptions_closed, shutdown);
    workers_send(workers, offsetof(struct server_worker, farewell.finish), finish);
    ending_finish(&workers->all[0].ending, owner, all_finished);
}
