/* world.c - see the header. What libhark-sim brings is asked for weakly: most programs have none of
 * it. */
#include "harness/world.h"
#include "harness/child.h"
#include "harness/sanitizer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#pragma weak hark_sim_create
#pragma weak hark_sim_destroy
#pragma weak hark_sim_add_machine
#pragma weak hark_sim_start
#pragma weak hark_sim_run
#pragma weak hark_sim_setenv
#pragma weak hark_sim_status
#pragma weak hark_sim_tell
#pragma weak hark_sim_trace

/* Unless a number is asked for: how many seeds, and the real time after which there are enough. */
enum { SEEDS = ADDRESS_SANITIZED ? 2 : 10, ENOUGH_NS = 100000000 };
enum { BOTH = 2 }; /* of HARK_TEST_FAULTS: without and with */

static bool in_world;
static struct hark_sim *world;
static unsigned long long seed;
static bool with_faults;
static const char *test_played;

bool harness_in_world(void)
{
    return in_world;
}

static unsigned long long number_of(const char *variable, unsigned long long otherwise)
{
    const char *text = getenv(variable);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void tell_command(void)
{
    char line[400];
    int length =
        snprintf(line, sizeof line,
                 "again: HARK_TEST_SEED=%llu HARK_TEST_SEEDS=1 HARK_TEST_FAULTS=%d %s '%s'\n", seed,
                 with_faults, program_invocation_name, test_played);
    (void)!write(STDERR_FILENO, line, (size_t)length);
}

/* An assert that has failed aborts; the alarm is the harness's, for a test that does not end. */
static void tell_seed(int number)
{
    in_world = false;
    if (world)
        hark_sim_tell(world, STDERR_FILENO, 40);
    tell_command();
    if (number == SIGABRT)
        abort();
    if (number == SIGALRM)
        raise(number);
}

/* Once: what the handler returns to, or aborts, then ends the process. In a process of a world
 * signal(2) would be the simulated one's: so before. */
static void tell_seed_at(int number)
{
    struct sigaction action = {.sa_handler = tell_seed, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
    assert_int_equal(sigaction(number, &action, NULL), 0);
}

struct scene {
    const struct harness_test *test;
    void (*body)(const struct harness_test *test);
};

/* As main does on the real machine. */
static void raise_limit(void)
{
    struct rlimit descriptors;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &descriptors), 0);
    descriptors.rlim_cur = descriptors.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &descriptors), 0);
}

static int play(void *argument)
{
    const struct scene *scene = argument;
    raise_limit();
    scene->body(scene->test);
    return 0;
}

/* What the tests and their harness ask for. */
static void pass_environment(struct hark_sim_process *process)
{
    static const char begins[] = "HARK_TEST_";
    for (char **at = environ; *at; at++) {
        char name[64];
        const char *equals = strchr(*at, '=');
        if (strncmp(*at, begins, sizeof begins - 1) != 0 || !equals)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(equals - *at), *at);
        assert_int_equal(hark_sim_setenv(process, name, equals + 1), 0);
    }
}

static void run_one(struct scene *scene)
{
    struct hark_sim_options options = {.seed = seed,
                                       .faults_per_million = with_faults ? 0 : 1,
                                       .faults_off = scene->test->not_in_its_worlds,
                                       .stack_bytes = 1 << 20,
                                       .calls_max = 20000000};
    assert_int_equal(hark_sim_create(&options, &world), 0);
    const char *recordings = getenv("HARK_TEST_TRACE"); /* for hark trace --read */
    if (recordings)
        assert_int_equal(hark_sim_trace(world, recordings), 0);
    struct hark_sim_process *process = hark_sim_start(hark_sim_add_machine(world), play, scene);
    pass_environment(process);
    in_world = true;
    int result = hark_sim_run(world);
    in_world = false;
    if (hark_sim_status(process) == HARNESS_SKIPPED) {
        fflush(NULL);
        _exit(HARNESS_SKIPPED);
    }
    if (result || hark_sim_status(process) != 0)
        fail_msg("in the world the test ends with %s, status %d",
                 result ? hark_error_name(result) : "its end", hark_sim_status(process));
    hark_sim_destroy(world);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* In a process of its own: what the test keeps in static variables begins anew with each seed. */
static void run_apart(struct scene *scene)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        run_one(scene);
        fflush(NULL);
        exit(0);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    bool is_told =
        WIFSIGNALED(status) && (WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGSEGV);
    if (!is_told && status != 0 && WEXITSTATUS(status) != HARNESS_SKIPPED)
        tell_command();
    if (WIFSIGNALED(status)) {
        signal(WTERMSIG(status), SIG_DFL);
        raise(WTERMSIG(status));
    }
    if (WEXITSTATUS(status) != 0)
        _exit(WEXITSTATUS(status));
}

void harness_world_run(const struct harness_test *test,
                       void (*body)(const struct harness_test *test))
{
    struct scene scene = {.test = test, .body = body};
    unsigned long long first = number_of("HARK_TEST_SEED", 1);
    unsigned long long asked = number_of("HARK_TEST_SEEDS", 0);
    unsigned long long faults = number_of("HARK_TEST_FAULTS", 0);
    unsigned long long last = first + (asked ? asked : SEEDS) - 1;
    uint64_t begun_ns = now_ns();
    test_played = harness_name();
    tell_seed_at(SIGABRT);
    tell_seed_at(SIGSEGV);
    tell_seed_at(SIGALRM);
    for (seed = first; seed <= last; seed++) {
        for (int way = 0; way < BOTH; way++) {
            with_faults = way == 1;
            if (faults == (unsigned long long)way && asked == 1)
                run_one(&scene); /* for a debugger */
            else if (faults == BOTH || faults == (unsigned long long)way)
                run_apart(&scene);
        }
        if (!asked && now_ns() > begun_ns + ENOUGH_NS)
            return;
    }
}
