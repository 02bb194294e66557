/* main.c - plays scenes from many seeds, on all CPUs (make sim).
 *
 * Each worker is a process that plays every so manieth seed, and tells how far it is in memory that
 * all share. Where one fails it has said why; its seed is told with the command that plays it
 * again. */
#include "harness/coverage.h"
#include "shrink.h"
#include "table.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS_MAX = 256, SCENES_MAX = 64 };

struct run {
    const char *only;
    uint64_t first, seeds;
    unsigned workers;
    struct without without;
    bool prints_hash, shrinks;
    bool plays_kept; /* the seeds of the scene's own, first */
};

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
    const uint64_t kept = run->plays_kept ? scene->kept_count : 0;
    for (uint64_t i = number; i < kept + run->seeds; i += run->workers) {
        uint64_t seed = i < kept ? scene->kept[i] : run->first + i - kept;
        uint64_t hash = play(scene, seed, run->without, &workers[number]);
        if (run->prints_hash)
            printf("%s %llu %016llx\n", scene->name, (unsigned long long)seed,
                   (unsigned long long)hash);
    }
    fflush(stdout);
    coverage_keep();
    _exit(0);
}

static struct worker sum_of(const struct run *run, const struct worker *workers)
{
    struct worker sum = {0};
    for (unsigned i = 0; i < run->workers; i++) {
        sum.seeds += workers[i].seeds;
        sum.simulated_ns += workers[i].simulated_ns;
        sum.calls += workers[i].calls;
        for (int kind = 0; kind <= HARK_SIM_FAULT_KINDS; kind++)
            sum.faults[kind] += workers[i].faults[kind];
    }
    return sum;
}

static void tell_faults(const uint64_t *faults)
{
    for (int kind = 0; kind < HARK_SIM_FAULT_KINDS; kind++)
        if (faults[kind])
            fprintf(stderr, "%s%llu %s", ", ", (unsigned long long)faults[kind],
                    shrink_kinds[kind]);
}

/* On a terminal each look writes over the last, which was as long or shorter. */
static void tell_progress(const struct scene *scene, const struct run *run,
                          const struct worker *workers, double began, bool is_last)
{
    struct worker sum = sum_of(run, workers);
    double took = seconds_now() - began;
    fprintf(stderr,
            "%s%s: %llu of %llu seeds, %.0f a second, %.1f simulated hours, %.1f million calls",
            isatty(STDERR_FILENO) ? "\r" : "", scene->name, (unsigned long long)sum.seeds,
            (unsigned long long)(run->seeds + (run->plays_kept ? scene->kept_count : 0)),
            (double)sum.seeds / (took > 0 ? took : 1), (double)sum.simulated_ns / 3.6e12,
            (double)sum.calls / 1e6);
    tell_faults(sum.faults);
    fputs(is_last ? "\n" : "", stderr);
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

static struct played play_scene(const struct run *run, const struct scene *scene)
{
    struct worker *workers = play_workers(WORKERS_MAX);
    double began = seconds_now();
    fflush(NULL);
    for (unsigned i = 0; i < run->workers; i++) {
        pid_t pid = fork();
        if (pid == 0)
            work(run, scene, workers, i);
        if (pid < 0) {
            perror("fork");
            abort();
        }
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
    struct played played = {.scene = scene,
                            .sum = sum_of(run, workers),
                            .seconds = seconds_now() - began,
                            .holds = holds};
    munmap(workers, WORKERS_MAX * sizeof *workers);
    return played;
}

static void print_usage(void)
{
    printf("usage: %s [[--scene] NAME] [--seeds COUNT] [--first SEED] [--jobs COUNT] [--hash]\n"
           "       [--shrink] [--trace DIR] [--faults-off MASK] [--faults-max COUNT] [--steps-max "
           "COUNT]\n"
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
           "  --shrink        leave out steps, kinds of faults, and the last of the others, while "
           "the\n"
           "                  first seed still fails, and play what is left of it\n"
           "  --trace DIR     play the first seed alone, and keep what became of its requests\n"
           "                  there, for hark trace --read DIR; the run is the same as without\n"
           "  --faults-off, --faults-max, --steps-max\n"
           "                  what it has found\n"
           "\n"
           "scenes:\n",
           play_program);
    for (const struct scene *scene = scenes; scene; scene = scene->next)
        printf("  %-12s  %s\n", scene->name, scene->about);
}

static uint64_t number_in(const char *text)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 0);
    if (errno || *end || end == text) {
        fprintf(stderr, "%s: %s is no number\n", play_program, text);
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
                                          {"shrink", no_argument, NULL, 'r'},
                                          {"trace", required_argument, NULL, 't'},
                                          {"faults-off", required_argument, NULL, 'o'},
                                          {"faults-max", required_argument, NULL, 'm'},
                                          {"steps-max", required_argument, NULL, 'x'},
                                          {"help", no_argument, NULL, 'H'},
                                          {NULL, 0, NULL, 0}};
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    struct run run = {
        .first = 1, .seeds = 1000, .plays_kept = true, .workers = cpus > 0 ? (unsigned)cpus : 1};
    const char *wanted = getenv("HARK_SCENE_SEEDS"); /* scripts/mutate */
    if (wanted)
        run.seeds = number_in(wanted);
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
            run.plays_kept = false;
            break;
        case 'j':
            run.workers = (unsigned)number_in(optarg);
            break;
        case 'r':
            run.shrinks = true;
            break;
        case 't':
            run.without.trace = optarg;
            break;
        case 'o':
            run.without.faults_off = (uint32_t)number_in(optarg);
            break;
        case 'm':
            run.without.faults_max = number_in(optarg);
            break;
        case 'x':
            run.without.steps_max = number_in(optarg);
            break;
        case 'h':
            run.prints_hash = true;
            break;
        case 'H':
            print_usage();
            exit(0);
        default: /* it is told which */
            exit(2);
        }
    }
    if (optind < count)
        run.only = arguments[optind];
    if (run.without.trace) {
        run.seeds = 1;
        run.plays_kept = false;
    }
    run.without.aloud = run.seeds == 1;
    if (run.workers > WORKERS_MAX)
        run.workers = WORKERS_MAX;
    if (run.workers == 0 || run.workers > run.seeds)
        run.workers = run.seeds ? (unsigned)run.seeds : 1;
    return run;
}

int main(int count, char **arguments)
{
    play_program = arguments[0];
    /* Memory is not to go to the system and come back with each seed. */
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* the most that it takes */
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 1 << 24);
    struct run run = options(count, arguments);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    static struct played played[SCENES_MAX];
    size_t scenes_played = 0;
    unsigned passed = 0, failed = 0;
    for (const struct scene *scene = scenes; scene; scene = scene->next) {
        if (run.only && strcmp(run.only, scene->name) != 0)
            continue;
        struct played last = {.scene = scene};
        if (run.shrinks)
            last.holds = shrink(scene, run.first);
        else
            last = play_scene(&run, scene);
        bool holds = last.holds;
        if (scenes_played < SCENES_MAX)
            played[scenes_played++] = last;
        printf("[ %8s ] scene %s\n", holds ? "      OK" : " FAILED ", scene->name);
        fflush(stdout);
        passed += holds;
        failed += !holds;
    }
    if (scenes_played > 1 && !run.shrinks)
        table_tell(played, scenes_played);
    if (passed + failed == 0)
        fprintf(stderr, "%s: there is no scene %s; --help lists them\n", play_program, run.only);
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
