/* test_watch_overflow.c - hark/watch.h where inotify's queue is small, so that it overflows again
 * and again while the tree is looked at, and where watches are few. */
#include "hark/watch.h"
#include "harness/harness.h"

#include "hark/sim.h"
#include "hark/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REST_NS UINT64_C(10000000000)

enum { SEEDS = 60, STEPS = 300, NAMES = 4 + 16 + 64, DEPTH = 3 };

/* What was told, as a tree in which each name is one of four letters. */
struct follower {
    struct hark_watch watch;
    char names[NAMES]; /* 0, 'f' or 'd' */
    struct hark_op rest;
    int overflows, unwatched, amiss, error;
};

/* The number of a path: "a" to "d", then "a/a" to "d/d", ... Gives: -1: another name. */
static int number_of(const char *path)
{
    int number = 0, first = 0, count = 4;
    for (;; path += 2) {
        if (path[0] < 'a' || path[0] > 'd')
            return -1;
        number = number * 4 + (path[0] - 'a');
        if (path[1] == '\0')
            return first + number;
        first += count;
        count *= 4;
    }
}

static void path_of(int number, char *to)
{
    int depth = number < 4 ? 1 : number < 20 ? 2 : 3;
    number -= depth == 1 ? 0 : depth == 2 ? 4 : 20;
    for (int i = depth; i-- > 0; number /= 4) {
        to[2 * i] = (char)('a' + number % 4);
        to[2 * i + 1] = i == depth - 1 ? '\0' : '/';
    }
}

static bool is_below(const char *path, const char *top)
{
    size_t size = strlen(top);
    return strncmp(path, top, size) == 0 && (path[size] == '\0' || path[size] == '/');
}

static void forget(struct follower *follower, const char *path)
{
    char other[8];
    for (int i = 0; i < NAMES; i++) {
        path_of(i, other);
        if (is_below(other, path))
            follower->names[i] = 0;
    }
}

static void move(struct follower *follower, const char *from, const char *to)
{
    char old[NAMES], path[8], moved[32];
    memcpy(old, follower->names, sizeof old);
    forget(follower, to);
    forget(follower, from);
    for (int i = 0; i < NAMES; i++) {
        path_of(i, path);
        if (!old[i] || !is_below(path, from))
            continue;
        snprintf(moved, sizeof moved, "%s%s", to, path + strlen(from));
        if (strlen(moved) < 2 * DEPTH)
            follower->names[number_of(moved)] = old[i];
    }
}

/* Long after the last change, of which the watch hears by itself: a second is free in a world. */
static void rested(struct hark_op *op, int64_t result)
{
    (void)result;
    hark_watch_close(&hark_container_of(op, struct follower, rest)->watch);
}

static void told(struct hark_watch *watch, const struct hark_watch_event *event)
{
    struct follower *follower = hark_container_of(watch, struct follower, watch);
    follower->overflows += event->kind == HARK_WATCH_OVERFLOW;
    follower->unwatched += event->kind == HARK_WATCH_UNWATCHED;
    follower->amiss += event->kind == HARK_WATCH_UNWATCHED && event->error != -ENOSPC;
    if (event->kind == HARK_WATCH_CREATED && strcmp(event->path, "end") == 0) {
        hark_sleep(watch->loop, &follower->rest, REST_NS, rested);
    } else if (event->kind == HARK_WATCH_CREATED) {
        forget(follower, event->path);
        if (strlen(event->path) < 2 * DEPTH) /* what is renamed may stand deeper */
            follower->names[number_of(event->path)] = event->is_directory ? 'd' : 'f';
    } else if (event->kind == HARK_WATCH_REMOVED && *event->path) {
        forget(follower, event->path);
    } else if (event->kind == HARK_WATCH_RENAMED) {
        move(follower, event->from, event->path);
    }
}

static void closed(struct hark_watch *watch, int error)
{
    hark_container_of(watch, struct follower, watch)->error = error;
}

static const struct hark_watch_events events = {.told = told, .closed = closed};

static int follow(void *argument)
{
    struct follower *follower = argument;
    const struct hark_watch_options options = {.flags = HARK_WATCH_RECURSIVE,
                                               .kinds = HARK_WATCH_CREATED | HARK_WATCH_REMOVED |
                                                        HARK_WATCH_RENAMED};
    struct hark_loop *loop;
    if (mkdir("/tmp/t", 0700) || hark_loop_create(NULL, &loop) < 0 ||
        hark_watch_open(loop, &follower->watch, "/tmp/t", &options, &events) < 0)
        return 1;
    int result = hark_run(loop);
    return result ? result : hark_loop_destroy(loop);
}

struct changer {
    struct hark_sim *world;
    int steps;
    char names[NAMES]; /* what there is in the end */
};

static void any_path(struct changer *changer, char *to)
{
    char path[8];
    path_of((int)hark_sim_random(changer->world, NAMES), path);
    snprintf(to, 32, "/tmp/t/%s", path);
}

static int change(void *argument)
{
    struct changer *changer = argument;
    char one[32], other[32];
    for (int i = 0; i < changer->steps; i++) {
        struct timespec pause = {.tv_nsec = (long)hark_sim_random(changer->world, 200000)};
        any_path(changer, one);
        any_path(changer, other);
        uint64_t what = hark_sim_random(changer->world, 8);
        if (what < 3)
            (void)mkdir(one, 0700);
        else if (what < 5)
            (void)close(open(one, O_WRONLY | O_CREAT, 0600));
        else if (what < 6)
            (void)unlink(one);
        else if (what < 7)
            (void)rmdir(one);
        else
            (void)rename(one, other);
        if (i % 20 == 0)
            nanosleep(&pause, NULL);
    }
    for (int i = 0; i < NAMES; i++) {
        struct stat status;
        char path[8];
        path_of(i, path);
        snprintf(one, sizeof one, "/tmp/t/%s", path);
        if (stat(one, &status) == 0)
            changer->names[i] = S_ISDIR(status.st_mode) ? 'd' : 'f';
    }
    return mkdir("/tmp/t/end", 0700);
}

static void play(const struct hark_sim_options *options, struct follower *follower, int steps)
{
    static const char *const backends[] = {"uring", "epoll", "poll", "select"};
    struct changer changer = {.steps = steps};
    assert_int_equal(hark_sim_create(options, &changer.world), 0);
    struct hark_sim_machine *machine = hark_sim_add_machine(changer.world);
    struct hark_sim_process *process = hark_sim_start(machine, follow, follower);
    hark_sim_setenv(process, "HARK_BACKEND", backends[options->seed % 4]);
    assert_int_equal(hark_sim_run_for(changer.world, 1000000000), 1);
    hark_sim_start(machine, change, &changer);
    if (hark_sim_run(changer.world) || hark_sim_status(process) || follower->error)
        fail_msg("seed %llu: it ends with %d, status %d", (unsigned long long)options->seed,
                 follower->error, hark_sim_status(process));
    if (follower->unwatched == 0 &&
        memcmp(follower->names, changer.names, sizeof changer.names) != 0)
        fail_msg("seed %llu: other names than there are", (unsigned long long)options->seed);
    hark_sim_destroy(changer.world);
}

TEST(watch_whose_queue_overflows_again_and_again_has_the_names_in_the_end)
{
    int overflows = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct hark_sim_options options = {
            .seed = seed, .faults_per_million = 1, .inotify_events_max = 1};
        struct follower follower = {.overflows = 0};
        play(&options, &follower, STEPS);
        assert_int_equal(follower.unwatched, 0);
        overflows += follower.overflows;
    }
    if (overflows < SEEDS / 2)
        fail_msg("only %d overflows", overflows);
}

TEST(watch_with_too_few_watches_says_which_directories_lack_one)
{
    int unwatched = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct hark_sim_options options = {
            .seed = seed, .faults_per_million = 1, .inotify_watches_max = 3};
        struct follower follower = {.overflows = 0};
        play(&options, &follower, STEPS);
        assert_int_equal(follower.amiss, 0);
        unwatched += follower.unwatched;
    }
    assert_true(unwatched > SEEDS);
}
