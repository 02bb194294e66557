/* posix_process.c - see posix.h: time, signals, identities, limits, and the end of a process. */
#include "sim/posix/posix.h"
#include "sim/world/signals.h"

/* --- time --- */

static int read_clock(clockid_t clock, struct timespec *out_time)
{
    uint64_t now_ns = kernel_clock_gettime(clock);
    *out_time = (struct timespec){(time_t)(now_ns / 1000000000u), (long)(now_ns % 1000000000u)};
    return 0;
}

/* What is left is told as it was when the signal came: its handler may take long. */
static int sleep_for(const struct timespec *duration, struct timespec *out_left)
{
    uint64_t until_ns = call_deadline(duration), left_ns;
    do {
        int result = signals_have_come() ? -EINTR : schedule_sleep(until_ns);
        if (result == -ETIME)
            return 0;
        left_ns = until_ns > world->now_ns ? until_ns - world->now_ns : 0;
    } while (!signals_interrupt());
    if (out_left)
        *out_left =
            (struct timespec){(time_t)(left_ns / 1000000000u), (long)(left_ns % 1000000000u)};
    return -EINTR;
}

static int sleep_for_ns(uint64_t ns)
{
    struct timespec duration = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    return (int)CALL(NULL, "nanosleep", -1, sleep_for(&duration, NULL));
}

POSIX(int, clock_gettime, (clockid_t clock, struct timespec *out_time), (clock, out_time),
      read_clock(clock, out_time))
POSIX(int, nanosleep, (const struct timespec *duration, struct timespec *out_left),
      (duration, out_left), CALL(NULL, "nanosleep", -1, sleep_for(duration, out_left)))
POSIX(int, usleep, (useconds_t us), (us), sleep_for_ns((uint64_t)us * 1000))

unsigned __real_sleep(unsigned seconds);
HARK_API unsigned __wrap_sleep(unsigned seconds);
unsigned __wrap_sleep(unsigned seconds)
{
    if (!posix_in_world())
        return __real_sleep(seconds);
    struct timespec duration = {(time_t)seconds, 0}, left = {0, 0};
    int error = (int)CALL(NULL, "nanosleep", -1, sleep_for(&duration, &left));
    return error == -EINTR ? (unsigned)left.tv_sec : 0;
}

/* --- alarms --- */

static void alarm_rings(struct event *event)
{
    signals_send(hark_container_of(event, struct process, alarm), NULL, SIGALRM);
}

/* Gives: how long the former one had to go. */
static uint64_t set_alarm(uint64_t ns)
{
    struct event *alarm = &process_current()->alarm;
    uint64_t left_ns = alarm->place ? alarm->at_ns - world->now_ns : 0;
    alarm->happen = alarm_rings;
    events_remove(&world->events, alarm);
    if (ns > 0)
        events_set(&world->events, alarm, world->now_ns + ns);
    return left_ns;
}

unsigned __real_alarm(unsigned seconds);
HARK_API unsigned __wrap_alarm(unsigned seconds);
unsigned __wrap_alarm(unsigned seconds)
{
    return posix_in_world() ? (unsigned)(set_alarm(seconds * UINT64_C(1000000000)) / 1000000000u)
                            : __real_alarm(seconds);
}

useconds_t __real_ualarm(useconds_t us, useconds_t interval_us);
HARK_API useconds_t __wrap_ualarm(useconds_t us, useconds_t interval_us);
useconds_t __wrap_ualarm(useconds_t us, useconds_t interval_us)
{
    return posix_in_world() ? (useconds_t)(set_alarm(us * UINT64_C(1000)) / 1000)
                            : __real_ualarm(us, interval_us);
}

/* --- identities and limits --- */

POSIX(pid_t, getpid, (void), (), kernel_getpid())
POSIX(pid_t, gettid, (void), (), kernel_gettid())
POSIX(int, getrlimit64, (int resource, struct rlimit64 *out_limit), (resource, out_limit),
      kernel_getrlimit(NULL, resource, (struct rlimit *)out_limit))
POSIX(int, setrlimit64, (int resource, const struct rlimit64 *limit), (resource, limit),
      kernel_setrlimit(NULL, resource, (const struct rlimit *)limit))

/* --- signals --- */

static int send_to(pid_t id, int number)
{
    struct process *process = world->processes;
    while (process &&
           (process->id != id || process->machine != process_current()->machine || process->ended))
        process = process->next;
    if (!process)
        return -ESRCH;
    if (number < 0 || number >= NSIG)
        return -EINVAL;
    if (number > 0)
        signals_send(process, NULL, number);
    return 0;
}

POSIX(int, kill, (pid_t id, int number), (id, number), CALL(NULL, "kill", -1, send_to(id, number)))
POSIX(int, raise, (int number), (number),
      CALL(NULL, "tgkill", -1, kernel_thread_signal(kernel_gettid(), number)))
POSIX(int, sigaction, (int number, const struct sigaction *action, struct sigaction *out_former),
      (number, action, out_former), kernel_sigaction(number, action, out_former))
POSIX(int, sigprocmask, (int how, const sigset_t *signals, sigset_t *out_former),
      (how, signals, out_former), kernel_sigmask(NULL, how, signals, out_former))

static int pending(sigset_t *out_signals)
{
    sigorset(out_signals, &world->thread->pending, &process_current()->pending);
    return 0;
}

POSIX(int, sigpending, (sigset_t * out_signals), (out_signals), pending(out_signals))

typedef void handler(int number);
handler *__real_signal(int number, handler *handles);
HARK_API handler *__wrap_signal(int number, handler *handles);
handler *__wrap_signal(int number, handler *handles)
{
    if (!posix_in_world())
        return __real_signal(number, handles);
    struct sigaction action = {.sa_handler = handles, .sa_flags = SA_RESTART};
    struct sigaction former;
    return posix_told(kernel_sigaction(number, &action, &former)) < 0 ? SIG_ERR : former.sa_handler;
}

/* --- the end --- */

_Noreturn void __real_exit(int status);
HARK_API _Noreturn void __wrap_exit(int status);
_Noreturn void __wrap_exit(int status)
{
    if (posix_in_world())
        process_end(process_current(), status & 0xff);
    __real_exit(status);
}

_Noreturn void __real__exit(int status);
HARK_API _Noreturn void __wrap__exit(int status);
_Noreturn void __wrap__exit(int status)
{
    if (posix_in_world())
        process_end(process_current(), status & 0xff);
    __real__exit(status);
}
