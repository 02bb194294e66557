/* play.c - see the header; and what scenes call. */
#include "play.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LINES_TOLD = 60 };

struct scene *scenes;
const char *play_program;
static struct hark_sim *playing;
static const struct scene *scene_played;
static uint64_t seed_played;
static struct without without_played;
static struct worker *worker_played;
static bool has_told; /* how it ended */

void scene_enrol(struct scene *scene)
{
    struct scene **at = &scenes;
    while (*at && strcmp((*at)->name, scene->name) < 0)
        at = &(*at)->next;
    scene->next = *at;
    *at = scene;
}

/* --- one seed --- */

static void count(struct worker *worker)
{
    for (int kind = 0; kind <= HARK_SIM_FAULT_KINDS; kind++)
        worker->faults[kind] += hark_sim_faults(playing, (enum hark_sim_fault_kind)kind);
    worker->simulated_ns += hark_sim_now(playing);
    worker->calls += hark_sim_calls(playing);
}

static void tell_end(void)
{
    has_told = true;
    char line[440], without[120] = "";
    const bool is_shrunk =
        without_played.faults_off || without_played.faults_max || without_played.steps_max;
    if (is_shrunk)
        snprintf(without, sizeof without, " --faults-off %#x --faults-max %llu --steps-max %llu",
                 without_played.faults_off, (unsigned long long)without_played.faults_max,
                 (unsigned long long)without_played.steps_max);
    int length = snprintf(line, sizeof line,
                          "to play it again: %s --scene %s --first %llu --seeds 1 --jobs 1%s%s\n"
                          "to see its requests: the same with --trace DIR, then hark trace --read "
                          "DIR\n",
                          play_program, scene_played->name, (unsigned long long)seed_played,
                          without, is_shrunk ? "" : " (--shrink: with as few steps and faults)");
    count(worker_played);
    hark_sim_tell(playing, STDERR_FILENO, LINES_TOLD);
    (void)!write(STDERR_FILENO, line, (size_t)length);
}

void scene_failed(const char *file, int line, const char *condition, const char *format, ...)
{
    char text[500];
    int length = snprintf(text, sizeof text, "%s:%d: %s: ", file, line, condition);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, sizeof text - (size_t)length, format, arguments);
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
    if (!has_told)
        tell_end();
}

uint64_t scene_steps(uint64_t wanted)
{
    const uint64_t most = without_played.steps_max;
    worker_played->steps = wanted;
    return most && most < wanted ? most : wanted;
}

uint64_t scene_seed(void)
{
    return seed_played;
}

bool scene_errs(void)
{
    return scene_played->faults_per_million > 1;
}

/* What manual pages name for what passes. */
bool scene_may_try_again(int64_t result)
{
    static const int passing[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS, ENOSPC, EACCES,
                                  EPERM,  EPROTO, EAGAIN, EIO,     EINTR,  ECONNABORTED};
    for (size_t i = 0; scene_errs() && i < sizeof passing / sizeof *passing; i++)
        if (result == -passing[i])
            return true;
    return false;
}

struct hark_loop *scene_make_loop(const struct hark_options *options)
{
    struct hark_loop *loop = NULL;
    int result;
    do
        result = hark_loop_create(options, &loop);
    while (result < 0 && scene_may_try_again(result));
    scene_check(result == 0, "a loop: %s", hark_error_name(result));
    return loop;
}

void scene_run(struct hark_sim *world)
{
    int result = hark_sim_run(world);
    if (result)
        hark_sim_tell_threads(world, STDERR_FILENO);
    scene_check(result == 0, "the world ends with %s", hark_error_name(result));
}

void scene_left_nothing(const struct hark_sim_process *process)
{
    struct hark_sim_leftovers left;
    hark_sim_left(process, &left);
    scene_check(hark_sim_status(process) == 0, "a process ends with %d", hark_sim_status(process));
    scene_check(left.descriptors + left.allocations + left.threads + left.mappings == 0,
                "a process has left %zu descriptors, %zu allocations, %zu threads, %zu mappings",
                left.descriptors, left.allocations, left.threads, left.mappings);
}

uint64_t play(const struct scene *scene, uint64_t seed, struct without without,
              struct worker *worker)
{
    struct hark_sim_options options = {.seed = seed,
                                       .faults_per_million = scene->faults_per_million,
                                       .faults_off = scene->faults_off | without.faults_off,
                                       .faults_max = without.faults_max,
                                       .quiet = !without.aloud};
    if (hark_sim_create(&options, &playing) < 0)
        abort();
    struct sigaction action = {.sa_handler = crashed, .sa_flags = (int)SA_RESETHAND};
    (void)sigaction(SIGSEGV, &action, NULL);
    (void)sigaction(SIGABRT, &action, NULL);
    int error = without.trace ? hark_sim_trace(playing, without.trace) : 0;
    if (error) {
        fprintf(stderr, "%s: cannot record in %s: %s; name another directory\n", play_program,
                without.trace, hark_error_text(error));
        exit(2);
    }
    scene_played = scene;
    without_played = without;
    worker_played = worker;
    seed_played = worker->seed = seed;
    scene->play(playing);
    uint64_t hash = hark_sim_hash(playing);
    count(worker);
    worker->seeds++;
    hark_sim_destroy(playing);
    return hash;
}

struct worker *play_workers(size_t count)
{
    struct worker *workers = mmap(NULL, count * sizeof *workers, PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (workers == MAP_FAILED)
        abort();
    return workers;
}
