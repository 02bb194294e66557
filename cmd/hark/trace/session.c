/* session.c - the rounds of reading, and the signals.
 *
 * A signal that the terminal sends goes to its whole foreground group, so the program has it
 * already; one that was sent to this process alone is passed on. */
#include "trace/session.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/say.h"

static const double round_longest_ns = 100e6, round_first_ns = 10e6, round_shortest_ns = 2e6;
static const double fill_wanted = 0.2; /* of the fullest ring between two rounds */

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

static void handled(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGCHLD);
    for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
        sigaddset(set, passed_on[i]);
}

void trace_session_block(sigset_t *out_former)
{
    sigset_t set;
    handled(&set);
    sigprocmask(SIG_BLOCK, &set, out_former);
}

/* --- the end --- */

static void end(struct trace_session *session)
{
    session->over = true;
    hark_cancel(&session->tick);
    hark_cancel(&session->time_up);
    if (!session->program || session->program->ended)
        hark_cancel(&session->signals);
}

static void look_at_program(struct trace_session *session)
{
    if (!session->program)
        return;
    trace_program_look(session->program);
    if (session->program->ended)
        end(session);
}

static void time_up(struct hark_op *op, int64_t result)
{
    struct trace_session *session = hark_container_of(op, struct trace_session, time_up);
    if (session->over || result == -ECANCELED)
        return;
    if (session->round)
        session->round(session->context, true);
    trace_collection_round(session->collection);
    trace_rings_done(&session->collection->rings); /* how it ends is not what was asked for */
    session->stopped = true;
    if (session->program)
        trace_program_signal(session->program, SIGTERM);
    end(session);
}

/* --- rounds --- */

/* As long as leaves enough room for what comes meanwhile; growing slowly, as it may come all at
 * once. */
static uint64_t next_round_ns(struct trace_session *session)
{
    double fill = trace_collection_fill(session->collection);
    double factor = fill > fill_wanted / 2 ? fill_wanted / fill : 2;
    session->round_ns *= factor;
    double longest_ns = session->is_hurried ? round_first_ns : round_longest_ns;
    if (session->round_ns > longest_ns)
        session->round_ns = longest_ns;
    if (session->round_ns < round_shortest_ns)
        session->round_ns = round_shortest_ns;
    return (uint64_t)session->round_ns;
}

static void tick(struct hark_op *op, int64_t result)
{
    struct trace_session *session = hark_container_of(op, struct trace_session, tick);
    if (session->over || result == -ECANCELED)
        return; /* a cancel may find it due already */
    bool goes_on = !session->round || session->round(session->context, false);
    trace_collection_round(session->collection);
    if (goes_on)
        hark_sleep(session->loop, op, next_round_ns(session), tick);
    else
        end(session);
}

/* --- signals --- */

static void take_signal(struct trace_session *session, const struct signalfd_siginfo *signal)
{
    if (signal->ssi_signo == SIGCHLD)
        return look_at_program(session);
    if (!session->program)
        return end(session);
    if (signal->ssi_code != SI_KERNEL)
        trace_program_signal(session->program, (int)signal->ssi_signo);
}

static void signals_came(struct hark_op *op, int64_t result)
{
    struct trace_session *session = hark_container_of(op, struct trace_session, signals);
    struct signalfd_siginfo signal;
    if (result < 0)
        return;
    while (hark_op_more(op) && read(session->signal_fd, &signal, sizeof signal) == sizeof signal)
        take_signal(session, &signal);
}

/* --- the whole --- */

static int start(struct trace_session *session)
{
    sigset_t set;
    handled(&set);
    session->round_ns = round_first_ns;
    session->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (session->signal_fd < 0)
        return -errno;
    int error = hark_loop_create(NULL, &session->loop);
    if (error)
        return error;
    hark_poll_each(session->loop, &session->signals, session->signal_fd, HARK_POLL_READABLE,
                   signals_came);
    hark_sleep(session->loop, &session->tick, 0, tick);
    if (session->for_ns)
        hark_sleep(session->loop, &session->time_up, session->for_ns, time_up);
    look_at_program(session);
    return 0;
}

int trace_session_run(struct trace_session *session)
{
    int error = start(session);
    if (!error)
        error = hark_run(session->loop);
    if (session->loop) {
        hark_cancel_all(session->loop);
        hark_run(session->loop);
        hark_loop_destroy(session->loop);
    }
    if (session->signal_fd >= 0)
        close(session->signal_fd);
    if (!error && !session->stopped && session->round)
        session->round(session->context, true);
    int end_error = trace_collection_end(session->collection);
    return error ? error : end_error;
}
