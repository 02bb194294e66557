/* test_signals.c - a signal that comes while a thread sleeps in a call: its handler runs then, and
 * the call goes on, or ends with -EINTR, as signal(7) has it. */
#include "hark/sim.h"
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const uint64_t second_ns = UINT64_C(1000000000);

enum what { READS, RECEIVES, RECEIVES_IN_TIME, ACCEPTS, POLLS, OPENS, SLEEPS, WAITS };

struct sleeper {
    enum what what;
    bool restarts;
    int ends[2];
    sem_t semaphore;
    int result, error;
    uint64_t began_ns, ended_ns;
};

/* A handler has no argument: of the process's own. */
static HARK_SIM_PROCESS_LOCAL struct sleeper *sleeping;
static HARK_SIM_PROCESS_LOCAL uint64_t handled_ns;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * second_ns + (uint64_t)now.tv_nsec;
}

/* Makes calls of its own. */
static void handle(int number)
{
    (void)number;
    handled_ns = now_ns();
    if (sleeping->restarts && write(sleeping->ends[1], "x", 1) != 1 && sleeping->what < ACCEPTS)
        sleeping->error = errno;
    if (sleeping->what == SLEEPS)
        usleep(3000000);
    if (sleeping->restarts && sleeping->what == WAITS)
        sem_post(&sleeping->semaphore);
}

static int sleep_in_call(struct sleeper *sleeper)
{
    struct timeval long_time = {.tv_sec = 100};
    struct pollfd watched = {.fd = sleeper->ends[0], .events = POLLPRI};
    char byte;
    switch (sleeper->what) {
    case READS:
        return (int)read(sleeper->ends[0], &byte, 1);
    case RECEIVES_IN_TIME:
        if (setsockopt(sleeper->ends[0], SOL_SOCKET, SO_RCVTIMEO, &long_time, sizeof long_time))
            return -2;
        return (int)recv(sleeper->ends[0], &byte, 1, 0);
    case RECEIVES:
        return (int)recv(sleeper->ends[0], &byte, 1, 0);
    case ACCEPTS:
        return accept(sleeper->ends[0], NULL, NULL);
    case POLLS:
        return poll(&watched, 1, -1);
    case OPENS:
        return open("/tmp/pipe", O_RDONLY);
    case SLEEPS:
        return (int)sleep(10);
    case WAITS:
        return sem_wait(&sleeper->semaphore);
    }
    return -2;
}

static int play(void *argument)
{
    struct sleeper *sleeper = argument;
    struct sigaction action = {.sa_handler = handle,
                               .sa_flags = sleeper->restarts ? SA_RESTART : 0};
    sleeping = sleeper;
    if (sigaction(SIGUSR1, &action, NULL) || sem_init(&sleeper->semaphore, 0, 0))
        return 1;
    if (sleeper->what == READS ? pipe(sleeper->ends)
                               : socketpair(AF_UNIX, SOCK_STREAM, 0, sleeper->ends))
        return 2;
    if (sleeper->what == ACCEPTS) {
        sleeper->ends[0] = socket(AF_INET, SOCK_STREAM, 0);
        if (listen(sleeper->ends[0], 1))
            return 3;
    }
    if (sleeper->what == OPENS && mkfifo("/tmp/pipe", 0600))
        return 4;
    int next = dup(0);
    close(next);
    sleeper->began_ns = now_ns();
    sleeper->result = sleep_in_call(sleeper);
    sleeper->error = sleeper->result == -1 ? errno : 0;
    sleeper->ended_ns = handled_ns;
    return sleeper->result == -1 && dup(0) != next ? 5 : 0; /* what it would have opened */
}

/* The signal comes after a second; the world then runs for ten more. */
static struct sleeper told(enum what what, bool restarts, uint64_t seed)
{
    struct hark_sim *world;
    struct hark_sim_options options = {.seed = seed};
    struct sleeper sleeper = {.what = what, .restarts = restarts, .result = -3};
    assert_int_equal(hark_sim_create(&options, &world), 0);
    struct hark_sim_process *process = hark_sim_start(hark_sim_add_machine(world), play, &sleeper);
    assert_int_equal(hark_sim_run_for(world, second_ns), 1);
    assert_int_equal(hark_sim_signal(process, SIGUSR1), 0);
    (void)hark_sim_run_for(world, 10 * second_ns);
    if (hark_sim_ended(process)) {
        assert_int_equal(hark_sim_status(process), 0);
        assert_true(sleeper.ended_ns < sleeper.began_ns + 2 * second_ns);
    }
    hark_sim_destroy(world);
    return sleeper;
}

enum { SEEDS = 20 };

TEST(a_call_goes_on_after_a_handler_that_restarts_it)
{
    static const enum what calls[] = {READS, RECEIVES, WAITS};
    static const int results[] = {1, 1, 0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
            struct sleeper sleeper = told(calls[i], true, seed);
            assert_int_equal(sleeper.result, results[i]); /* the handler has brought it */
        }
        assert_int_equal(told(ACCEPTS, true, seed).result, -3); /* it waits on */
        assert_int_equal(told(OPENS, true, seed).result, -3);
    }
}

TEST(a_call_ends_with_eintr_where_its_handler_does_not_restart_it)
{
    static const enum what calls[] = {READS, RECEIVES, RECEIVES_IN_TIME, ACCEPTS, POLLS,
                                      OPENS, WAITS};
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
            struct sleeper sleeper = told(calls[i], false, seed);
            assert_int_equal(sleeper.result, -1);
            assert_int_equal(sleeper.error, EINTR);
        }
}

TEST(what_no_flag_restarts_ends_after_any_handler)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct sleeper sleeper = told(RECEIVES_IN_TIME, true, seed);
        assert_int_equal(sleeper.result, -1);
        assert_int_equal(sleeper.error, EINTR);
        assert_int_equal(told(POLLS, true, seed).error, EINTR);
        assert_in_range(told(SLEEPS, true, seed).result, 8, 9);
    }
}

/* --- a signal that comes as the call begins --- */

/* Which is between the program's last look and its sleep. */
static int read_as_it_comes(void *argument)
{
    struct sleeper *sleeper = argument;
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    char byte;
    sleeping = sleeper;
    if (sigaction(SIGALRM, &action, NULL) || pipe(sleeper->ends))
        return 1;
    (void)ualarm(1, 0);
    return read(sleeper->ends[0], &byte, 1) == 1 ? 0 : 2;
}

TEST(a_signal_that_comes_as_a_call_begins_is_not_slept_over)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct hark_sim *world;
        struct hark_sim_options options = {.seed = seed};
        struct sleeper sleeper = {.what = READS, .restarts = true};
        assert_int_equal(hark_sim_create(&options, &world), 0);
        struct hark_sim_process *process =
            hark_sim_start(hark_sim_add_machine(world), read_as_it_comes, &sleeper);
        assert_int_equal(hark_sim_run(world), 0);
        assert_int_equal(hark_sim_status(process), 0);
        hark_sim_destroy(world);
    }
}

/* --- a handler that does not return --- */

static HARK_SIM_PROCESS_LOCAL sigjmp_buf way_out;

static void leave(int number)
{
    (void)number;
    siglongjmp(way_out, 1);
}

/* The other end sees that this one is closed: the call that was left does not hold it. */
static int leave_calls(void *argument)
{
    struct sigaction action = {.sa_handler = leave, .sa_flags = SA_NODEFER};
    int ends[2];
    char byte;
    (void)argument;
    signal(SIGPIPE, SIG_IGN);
    if (sigaction(SIGALRM, &action, NULL) || pipe(ends))
        return 1;
    for (volatile int i = 0; i < 3; i++) {
        if (sigsetjmp(way_out, 0) == 0) {
            alarm(1);
            return read(ends[0], &byte, 1) < 0 ? 2 : 3;
        }
    }
    close(ends[0]);
    return write(ends[1], "x", 1) == -1 && errno == EPIPE ? 0 : 4;
}

TEST(a_handler_may_leave_the_call_that_it_interrupts)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct hark_sim *world;
        struct hark_sim_options options = {.seed = seed};
        assert_int_equal(hark_sim_create(&options, &world), 0);
        struct hark_sim_process *process =
            hark_sim_start(hark_sim_add_machine(world), leave_calls, NULL);
        assert_int_equal(hark_sim_run(world), 0);
        assert_int_equal(hark_sim_status(process), 0);
        hark_sim_destroy(world);
    }
}

/* --- a signal that another thread handles --- */

static HARK_SIM_PROCESS_LOCAL pthread_t sleeping_thread;
static HARK_SIM_PROCESS_LOCAL int handled_there, handled_elsewhere;

static void count(int number)
{
    (void)number;
    ++*(pthread_self() == sleeping_thread ? &handled_there : &handled_elsewhere);
}

/* Gives: how often a call was interrupted by nothing. */
static void *sleep_until_told(void *argument)
{
    struct sleeper *sleeper = argument;
    struct timespec time = {.tv_nsec = 100000000};
    sleeping_thread = pthread_self();
    while (handled_elsewhere < 20) {
        int before = handled_there;
        int result = sleeper->what == SLEEPS ? nanosleep(&time, NULL) : poll(NULL, 0, 100);
        sleeper->error += result < 0 && handled_there == before;
    }
    return NULL;
}

static int signal_itself(void *argument)
{
    struct sigaction action = {.sa_handler = count};
    pthread_t other;
    if (sigaction(SIGUSR1, &action, NULL) ||
        pthread_create(&other, NULL, sleep_until_told, argument))
        return 1;
    while (handled_elsewhere < 20)
        if (kill(getpid(), SIGUSR1) || usleep(1000))
            return 2;
    return pthread_join(other, NULL);
}

/* A thread that is woken for a signal may find that another has handled it: it sleeps on. */
TEST(a_call_is_interrupted_by_handlers_of_its_own_thread_alone)
{
    static const enum what calls[] = {SLEEPS, POLLS};
    for (uint64_t seed = 0; seed < 2 * SEEDS; seed++) {
        struct hark_sim *world;
        struct hark_sim_options options = {.seed = seed};
        struct sleeper sleeper = {.what = calls[seed % 2]};
        assert_int_equal(hark_sim_create(&options, &world), 0);
        struct hark_sim_process *process =
            hark_sim_start(hark_sim_add_machine(world), signal_itself, &sleeper);
        assert_int_equal(hark_sim_run(world), 0);
        assert_int_equal(hark_sim_status(process), 0);
        assert_int_equal(sleeper.error, 0);
        hark_sim_destroy(world);
    }
}
