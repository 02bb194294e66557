/* sleep.c - whether a loop rests: by its turns, and by what the kernel has counted for the
 * process's threads. */
#include "harness/harness.h"
#include "harness/sanitizer.h"
#include "harness/world.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FEW_TURNS = 12, TRIES = 100 };

static uint64_t turns_in_20_ms(struct hark_loop *loop)
{
    struct harness_op timer = {0};
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    uint64_t turns = metrics->turns;
    hark_sleep(loop, &timer.op, 20000000, harness_done);
    assert_result(harness_wait(loop, &timer), 0);
    return metrics->turns - turns;
}

void harness_assert_idle(struct hark_loop *loop)
{
    uint64_t turns = FEW_TURNS + 1;
    harness_settle(loop);
    for (int left = TRIES; left > 0 && turns > FEW_TURNS; left--)
        turns = turns_in_20_ms(loop);
    if (turns > FEW_TURNS)
        fail_msg("%llu turns were made in 20 ms in which nothing happened",
                 (unsigned long long)turns);
}

struct watch {
    struct hark_loop *loop;
    int loop_thread;
    unsigned seconds;
    uint64_t switches;
    uint64_t cpu_ns;
};

static uint64_t switches(int thread)
{
    return harness_thread_status(thread, "voluntary_ctxt_switches") +
           harness_thread_status(thread, "nonvoluntary_ctxt_switches");
}

/* The first field of schedstat: nanoseconds on a CPU. */
static uint64_t cpu_ns(int thread)
{
    char path[64];
    char line[128] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", thread);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    const char *read = fgets(line, sizeof line, file);
    fclose(file);
    return read ? strtoull(line, NULL, 10) : 0;
}

/* Of all threads but the one that watches: the kernel's own workers for the ring are among them.
 * ThreadSanitizer has a thread that wakes up ten times a second, and nothing tells it from others:
 * there the loop's counts alone. */
static void add_up(int loop_thread, uint64_t *out_switches, uint64_t *out_cpu_ns)
{
    int self = (int)syscall(SYS_gettid);
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    *out_switches = *out_cpu_ns = 0;
    for (struct dirent *entry; (entry = readdir(tasks));) {
        int thread = atoi(entry->d_name);
        if (thread == 0 || thread == self || (THREAD_SANITIZED && thread != loop_thread))
            continue;
        *out_switches += switches(thread);
        *out_cpu_ns += cpu_ns(thread);
    }
    closedir(tasks);
}

static bool is_asleep(int thread)
{
    char path[64];
    char line[512] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    const char *name_end = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    fclose(file);
    return name_end && name_end[2] == 'S';
}

void harness_await_sleep(int thread)
{
    if (harness_in_world())
        return (void)usleep(1000000); /* of virtual time, in which it goes to sleep */
    while (!is_asleep(thread))
        sched_yield();
}

static void *watch_it_sleep(void *context)
{
    struct watch *watch = context;
    uint64_t switches_before;
    uint64_t cpu_before;
    for (int quiet = 0; quiet < 3;) { /* until it has gone to sleep */
        uint64_t before = switches(watch->loop_thread);
        usleep(100000);
        quiet =
            is_asleep(watch->loop_thread) && switches(watch->loop_thread) == before ? quiet + 1 : 0;
    }
    add_up(watch->loop_thread, &switches_before, &cpu_before);
    sleep(watch->seconds);
    add_up(watch->loop_thread, &watch->switches, &watch->cpu_ns);
    watch->switches -= switches_before;
    watch->cpu_ns -= cpu_before;
    hark_stop(watch->loop);
    return NULL;
}

void harness_assert_sleeps(struct hark_loop *loop, unsigned seconds)
{
    if (harness_in_world())
        harness_skip("it counts how often the threads of the real machine run");
    struct watch watch = {
        .loop = loop, .loop_thread = (int)syscall(SYS_gettid), .seconds = seconds};
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    uint64_t turns = metrics->turns;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, watch_it_sleep, &watch), 0);
    assert_result(hark_run(loop), 1);
    pthread_join(thread, NULL);
    assert_int_equal(watch.switches, 0);
    assert_int_equal(watch.cpu_ns, 0);
    assert_true(metrics->turns - turns <= FEW_TURNS);
}
