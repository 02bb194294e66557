/* harness.c - the runner of the tests: main, registration, and a child process per test and
 * backend.
 *
 * What must hold: a test's end is judged by its child's exit status alone, so an assert, a crash, a
 * leak and a time-out are all seen; a child leaves by exit, for the leak check runs there; the
 * parent makes no loop and stays as it was for every test. What tests use inside the child is in
 * fixture.c and recorder.c.
 */
#include "harness/harness.h"
#include "harness/child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A test on one backend: what cmocka sees as a test. */
struct run {
    const struct harness_test *test;
    enum hark_backend_kind backend;
    char name[160];
};

static const char *const backend_names[HARK_BACKEND_KINDS] = {"auto", "uring", "epoll", "poll",
                                                              "select"};
static const int caught_signals[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS};
enum { CAUGHT_SIGNALS = sizeof caught_signals / sizeof caught_signals[0] };

static struct harness_test *first_test;
static struct harness_test **last_test = &first_test;
static struct sigaction dispositions[CAUGHT_SIGNALS];
static const struct run *running;

void harness_register(struct harness_test *test)
{
    *last_test = test;
    last_test = &test->next;
}

enum hark_backend_kind harness_backend(void)
{
    return running ? running->backend : HARK_BACKEND_AUTO;
}

const char *harness_backend_name(void)
{
    return backend_names[harness_backend()];
}

const char *harness_name(void)
{
    return running ? running->name : "";
}

/* Whether a comma-separated list holds a word. */
static bool list_has(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}

static bool backend_wanted(enum hark_backend_kind kind)
{
    const char *list = getenv("HARK_TEST_BACKENDS");
    return !list || !*list || list_has(list, backend_names[kind]);
}

bool harness_backend_required(void)
{
    const char *list = getenv("HARK_TEST_BACKENDS");
    return harness_backend() != HARK_BACKEND_URING ||
           (list && list_has(list, harness_backend_name()));
}

static bool name_wanted(const char *name, int count, char **patterns)
{
    const char *only = getenv("HARK_TEST_ONLY");
    if (only && *only && !strstr(name, only))
        return false;
    bool any = false;
    for (int index = 1; index < count; index++) {
        if (strcmp(patterns[index], "--list") == 0)
            continue;
        any = true;
        if (strstr(name, patterns[index]))
            return true;
    }
    return !any;
}

/* cmocka catches the signals of crashes in the process that it runs in; a child gives them back to
 * whoever had them, which is the sanitizer's reporter where there is one. */
static void signals_remember(void)
{
    for (int index = 0; index < CAUGHT_SIGNALS; index++)
        sigaction(caught_signals[index], NULL, &dispositions[index]);
}

static void signals_restore(void)
{
    for (int index = 0; index < CAUGHT_SIGNALS; index++)
        sigaction(caught_signals[index], &dispositions[index], NULL);
}

static unsigned timeout_seconds(void)
{
    const char *wanted = getenv("HARK_TEST_TIMEOUT");
    if (wanted && atoi(wanted) > 0)
        return (unsigned)atoi(wanted);
    return HARNESS_TIMEOUT_SECONDS;
}

static _Noreturn void child(const struct run *run, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    setpgid(0, 0);
    signals_restore();
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    setenv("CMOCKA_TEST_ABORT", "1", 1); /* a failed assert prints at once and ends this process */
    alarm(timeout_seconds());
    running = run;
    harness_child_run(run->test);
    fflush(NULL);
    exit(0);
}

/* Waits for the child without its grandchildren, and says how it ended. Gives: NULL passed; ""
 * skipped; else the reason. */
static const char *verdict(const struct run *run, pid_t pid)
{
    static char text[400];
    int status = 0;
    siginfo_t end;
    /* Its number stays its own until all that goes by it is done. */
    while (waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        ;
    kill(-pid, SIGKILL);
    harness_directory_remove(pid);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return NULL;
    if (WIFEXITED(status) && WEXITSTATUS(status) == HARNESS_SKIPPED)
        return "";
    if (WIFEXITED(status))
        snprintf(text, sizeof text, "%s: exit code %d%s", run->name, WEXITSTATUS(status),
                 WEXITSTATUS(status) == 99 || WEXITSTATUS(status) == 23
                     ? " (a sanitizer has reported)"
                     : "");
    else if (WTERMSIG(status) == SIGALRM)
        snprintf(text, sizeof text, "%s: not finished after %u seconds", run->name,
                 timeout_seconds());
    else if (WTERMSIG(status) == SIGABRT)
        snprintf(text, sizeof text, "%s: failed", run->name);
    else
        snprintf(text, sizeof text, "%s: ended by signal %s", run->name,
                 strsignal(WTERMSIG(status)));
    return text;
}

/* The body of every test of cmocka's. */
static void run_in_child(void **state)
{
    const struct run *run = *state;
    const char *fork_wanted = getenv("HARK_TEST_FORK");
    if (fork_wanted && strcmp(fork_wanted, "0") == 0) {
        running = run;
        harness_child_run(run->test);
        running = NULL;
        harness_directory_remove(getpid());
        return;
    }
    fflush(NULL);
    pid_t parent = getpid();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(run, parent);
    setpgid(pid, pid);
    const char *reason = verdict(run, pid);
    if (reason && !*reason)
        skip();
    if (reason)
        fail_msg("%s", reason);
}

/* Adds a run where it is wanted. */
static void add_run(struct run *runs, size_t *count, const struct harness_test *test,
                    enum hark_backend_kind backend, int argc, char **argv)
{
    struct run *run = &runs[*count];
    if (backend == HARK_BACKEND_AUTO)
        snprintf(run->name, sizeof run->name, "%s", test->name);
    else
        snprintf(run->name, sizeof run->name, "%s (%s)", test->name, backend_names[backend]);
    run->test = test;
    run->backend = backend;
    if (name_wanted(run->name, argc, argv))
        ++*count;
}

static void check_backend_list(void)
{
    const char *list = getenv("HARK_TEST_BACKENDS");
    if (!list || !*list)
        return;
    for (int kind = HARK_BACKEND_URING; kind < HARK_BACKEND_KINDS; kind++)
        if (list_has(list, backend_names[kind]))
            return;
    fprintf(stderr, "HARK_TEST_BACKENDS=%s names no backend: uring, epoll, poll, select\n", list);
    exit(2);
}

static bool asked(const char *option, int argc, char **argv)
{
    for (int index = 1; index < argc; index++)
        if (strcmp(argv[index], option) == 0)
            return true;
    return false;
}

static int run_all(const char *group, struct run *runs, size_t count)
{
    struct CMUnitTest *tests = calloc(count, sizeof *tests);
    if (!tests)
        return 1;
    for (size_t index = 0; index < count; index++)
        tests[index] = (struct CMUnitTest){
            .name = runs[index].name, .test_func = run_in_child, .initial_state = &runs[index]};
    int failed = _cmocka_run_group_tests(group, tests, count, NULL, NULL);
    free(tests);
    return failed ? 1 : 0;
}

/* Whoever runs the tests under nohup, or in the background of a script, has these ignored; some
 * tests send them. Before the tests' own constructors, which may look at them. */
__attribute__((constructor(101))) static void signals_are_not_ignored(void)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGQUIT};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], SIG_DFL);
}

int main(int argc, char **argv)
{
    struct rlimit descriptors;
    if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
        descriptors.rlim_cur = descriptors.rlim_max;
        setrlimit(RLIMIT_NOFILE, &descriptors);
    }
    unsetenv("HARK_BACKEND");
    check_backend_list();
    signals_remember();
    size_t tests = 0;
    for (const struct harness_test *test = first_test; test; test = test->next)
        tests++;
    struct run *runs = calloc(tests * HARK_BACKEND_KINDS + 1, sizeof *runs);
    if (!runs)
        return 1;
    size_t count = 0;
    for (const struct harness_test *test = first_test; test; test = test->next) {
        if (test->plain)
            add_run(runs, &count, test, HARK_BACKEND_AUTO, argc, argv);
        for (int kind = HARK_BACKEND_URING; test->on_backend && kind < HARK_BACKEND_KINDS; kind++)
            if (backend_wanted((enum hark_backend_kind)kind))
                add_run(runs, &count, test, (enum hark_backend_kind)kind, argc, argv);
    }
    int outcome = HARNESS_SKIPPED; /* nothing is wanted from this program */
    if (asked("--list", argc, argv)) {
        for (size_t index = 0; index < count; index++)
            printf("%s\n", runs[index].name);
        outcome = 0;
    } else if (count > 0) {
        const char *slash = strrchr(argv[0], '/');
        outcome = run_all(slash ? slash + 1 : argv[0], runs, count);
    }
    free(runs);
    return outcome;
}
