/* main.c - plays scenes from many seeds, on all CPUs (make sim).
 *
 * Each worker is a process that plays every so manieth seed, and tells how far it is in memory that
 * all share. Where one fails it has said why; its seed is told with the command that plays it
 * again. */
#include "scene.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS_MAX = 256, LINES_TOLD = 60 };

struct worker {
    uint64_t seed; /* that is being played */
    uint64_t seeds;
    uint64_t simulated_ns;
    uint64_t calls;
    pid_t pid;
};

struct run {
    const char *only;
    uint64_t first, seeds;
    unsigned workers;
    bool prints_hash;
};

static struct scene *scenes;
static struct hark_sim *playing;
static const struct scene *scene_played;
static uint64_t seed_played;
static const char *program;

void scene_enrol(struct scene *scene)
{
    struct scene **at = &scenes;
    while (*at && strcmp((*at)->name, scene->name) < 0)
        at = &(*at)->next;
    scene->next = *at;
    *at = scene;
}

/* --- one seed --- */

static void tell_end(void)
{
    char line[200];
    int length =
        snprintf(line, sizeof line, "to play it again: %s --scene %s --first %llu --seeds 1\n",
                 program, scene_played->name, (unsigned long long)seed_played);
    hark_sim_tell(playing, STDERR_FILENO, LINES_TOLD);
    (void)!write(STDERR_FILENO, line, (size_t)length);
}

void scene_failed(const char *file, int line, const char *condition, const char *format, ...)
{
    char text[500];
    int length = snprintf(text, sizeof text, "%s:%d: %s: ", file, line, condition);
    va_list arguments;
    va_start(arguments, format);
    length += vsnprintf(text + length, sizeof text - (size_t)length, format, arguments);
    va_end(arguments);
    fprintf(stderr, "scene %s, seed %llu: %s\n", scene_played->name,
            (unsigned long long)seed_played, text);
    tell_end();
    abort();
}

/* Once: what it returns to then ends the process. */
static void crashed(int number)
{
    (void)number;
    tell_end();
}

uint64_t scene_seed(void)
{
    return seed_played;
}

void scene_run(struct hark_sim *world)
{
    int result = hark_sim_run(world);
    scene_check(result == 0, "the world ends with %s", hark_error_name(result));
}

static uint64_t play(const struct scene *scene, uint64_t seed, struct worker *worker)
{
    struct hark_sim_options options = {
        .seed = seed, .faults_per_million = scene->faults_per_million, .quiet = true};
    if (hark_sim_create(&options, &playing) < 0)
        abort();
    scene_played = scene;
    seed_played = worker->seed = seed;
    scene->play(playing);
    uint64_t hash = hark_sim_hash(playing);
    worker->simulated_ns += hark_sim_now(playing);
    worker->calls += hark_sim_calls(playing);
    worker->seeds++;
    hark_sim_destroy(playing);
    return hash;
}

/* --- all of them --- */

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static _Noreturn void work(const struct run *run, const struct scene *scene, struct worker *workers,
                           unsigned number)
{
    struct sigaction action = {.sa_handler = crashed, .sa_flags = (int)SA_RESETHAND};
    (void)sigaction(SIGSEGV, &action, NULL);
    for (uint64_t i = number; i < run->seeds; i += run->workers) {
        uint64_t hash = play(scene, run->first + i, &workers[number]);
        if (run->prints_hash)
            printf("%s %llu %016llx\n", scene->name, (unsigned long long)(run->first + i),
                   (unsigned long long)hash);
    }
    fflush(stdout);
    _exit(0);
}

static void tell_progress(const struct scene *scene, const struct run *run,
                          const struct worker *workers, double began, bool is_last)
{
    uint64_t seeds = 0, simulated_ns = 0, calls = 0;
    for (unsigned i = 0; i < run->workers; i++) {
        seeds += workers[i].seeds;
        simulated_ns += workers[i].simulated_ns;
        calls += workers[i].calls;
    }
    double took = seconds_now() - began;
    fprintf(stderr,
            "%s%s: %llu of %llu seeds, %.0f a second, %.1f simulated hours, %.1f million calls%s",
            is_last ? "" : "\r", scene->name, (unsigned long long)seeds,
            (unsigned long long)run->seeds, (double)seeds / (took > 0 ? took : 1),
            (double)simulated_ns / 3.6e12, (double)calls / 1e6, is_last ? "\n" : "   ");
}

/* Waits for a worker's end, for a second at most. Gives its place; -1: none has ended. */
static int await_worker(const struct worker *workers, unsigned count, int *out_status)
{
    struct timespec second = {1, 0};
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    pid_t pid = waitpid(-1, out_status, WNOHANG);
    if (pid <= 0) {
        (void)sigtimedwait(&child, NULL, &second);
        pid = waitpid(-1, out_status, WNOHANG);
    }
    for (unsigned i = 0; pid > 0 && i < count; i++)
        if (workers[i].pid == pid)
            return (int)i;
    return -1;
}

/* Gives whether all seeds hold. */
static bool play_scene(const struct run *run, const struct scene *scene)
{
    struct worker *workers = mmap(NULL, WORKERS_MAX * sizeof *workers, PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (workers == MAP_FAILED)
        abort();
    double began = seconds_now();
    fflush(NULL);
    for (unsigned i = 0; i < run->workers; i++) {
        pid_t pid = fork();
        if (pid == 0)
            work(run, scene, workers, i);
        workers[i].pid = pid; /* the parent's: the child's is 0 */
    }
    bool holds = true;
    for (unsigned left = run->workers; left > 0;) {
        int status;
        int ended = await_worker(workers, run->workers, &status);
        if (isatty(STDERR_FILENO))
            tell_progress(scene, run, workers, began, false);
        if (ended < 0)
            continue;
        left--;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            continue;
        holds = false;
        fprintf(stderr, "%s: seed %llu fails\n", scene->name,
                (unsigned long long)workers[ended].seed);
    }
    tell_progress(scene, run, workers, began, true);
    munmap(workers, WORKERS_MAX * sizeof *workers);
    return holds;
}

static void print_usage(void)
{
    printf("usage: %s [--scene NAME] [--seeds COUNT] [--first SEED] [--jobs COUNT] [--hash]\n"
           "\n"
           "Plays scenes in simulated worlds, each from many seeds. What fails is told with its "
           "seed,\n"
           "the last system calls before it, and the command that plays it again.\n"
           "\n"
           "  --scene NAME    one of those below alone\n"
           "  --seeds COUNT   how many seeds (1000)\n"
           "  --first SEED    the first of them (1)\n"
           "  --jobs COUNT    how many at a time (the CPUs)\n"
           "  --hash          print a number for each seed that stands for its whole run\n"
           "\n"
           "scenes:\n",
           program);
    for (const struct scene *scene = scenes; scene; scene = scene->next)
        printf("  %-12s  %s\n", scene->name, scene->about);
}

static uint64_t number_in(const char *text)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 0);
    if (errno || *end || end == text) {
        fprintf(stderr, "%s: %s is no number\n", program, text);
        exit(2);
    }
    return value;
}

static struct run options(int count, char **arguments)
{
    static const struct option known[] = {{"scene", required_argument, NULL, 's'},
                                          {"seeds", required_argument, NULL, 'n'},
                                          {"first", required_argument, NULL, 'f'},
                                          {"jobs", required_argument, NULL, 'j'},
                                          {"hash", no_argument, NULL, 'h'},
                                          {"help", no_argument, NULL, '?'},
                                          {NULL, 0, NULL, 0}};
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    struct run run = {.first = 1, .seeds = 1000, .workers = cpus > 0 ? (unsigned)cpus : 1};
    int option;
    while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
        switch (option) {
        case 's':
            run.only = optarg;
            break;
        case 'n':
            run.seeds = number_in(optarg);
            break;
        case 'f':
            run.first = number_in(optarg);
            break;
        case 'j':
            run.workers = (unsigned)number_in(optarg);
            break;
        case 'h':
            run.prints_hash = true;
            break;
        default:
            print_usage();
            exit(optopt ? 2 : 0);
        }
    }
    if (run.workers > WORKERS_MAX)
        run.workers = WORKERS_MAX;
    if (run.workers == 0 || run.workers > run.seeds)
        run.workers = run.seeds ? (unsigned)run.seeds : 1;
    return run;
}

int main(int count, char **arguments)
{
    program = arguments[0];
    struct run run = options(count, arguments);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    unsigned passed = 0, failed = 0;
    for (const struct scene *scene = scenes; scene; scene = scene->next) {
        if (run.only && strcmp(run.only, scene->name) != 0)
            continue;
        bool holds = play_scene(&run, scene);
        printf("[ %8s ] scene %s\n", holds ? "      OK" : " FAILED ", scene->name);
        fflush(stdout);
        passed += holds;
        failed += !holds;
    }
    if (passed + failed == 0)
        fprintf(stderr, "%s: there is no scene %s; --help lists them\n", program, run.only);
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
