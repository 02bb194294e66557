/* test_clock.c - the wall clock of a machine drifts and is set; what waits goes by the other. */
#include "hark/sim.h"
#include "harness/harness.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <fcntl.h>

static const int64_t second_ns = INT64_C(1000000000);
static const int64_t hour_ns = INT64_C(3600) * 1000000000;

struct watcher {
    struct hark_loop *loop;
    struct hark_op tick;
    struct hark_sim_machine *steps; /* NULL: its clock is not set by the test */
    int ticks;
    int64_t passed_ns, wall_passed_ns; /* by either clock */
    int64_t steps_seen;                /* between two looks */
    int64_t wall_ns, now_ns;           /* at the last */
};

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;
    return clock_gettime(clock, &now) ? -1 : now.tv_sec * second_ns + now.tv_nsec;
}

static void ticked(struct hark_op *op, int64_t result)
{
    struct watcher *watcher = hark_container_of(op, struct watcher, tick);
    int64_t now_ns = read_clock(CLOCK_MONOTONIC), wall_ns = read_clock(CLOCK_REALTIME);
    if (result < 0)
        return;
    int64_t passed_ns = now_ns - watcher->now_ns, wall_passed_ns = wall_ns - watcher->wall_ns;
    int64_t apart_ns = wall_passed_ns - passed_ns;
    /* The calls themselves take some time, and may take up to 20 ms now and then. */
    if (apart_ns < -second_ns / 10 || apart_ns > second_ns / 10)
        watcher->steps_seen++;
    watcher->passed_ns += passed_ns;
    watcher->wall_passed_ns += wall_passed_ns;
    watcher->now_ns = now_ns;
    watcher->wall_ns = wall_ns;
    if (watcher->steps && watcher->ticks == 5)
        hark_sim_step_clock(watcher->steps, -hour_ns);
    if (++watcher->ticks == 60)
        hark_cancel(op);
}

static int watch_clocks(void *argument)
{
    struct watcher *watcher = argument;
    if (hark_loop_create(NULL, &watcher->loop) < 0)
        return 1;
    watcher->now_ns = read_clock(CLOCK_MONOTONIC);
    watcher->wall_ns = read_clock(CLOCK_REALTIME);
    hark_every(watcher->loop, &watcher->tick, (uint64_t)(60 * second_ns), ticked);
    int result = hark_run(watcher->loop);
    return result ? result : hark_loop_destroy(watcher->loop);
}

static struct watcher watch_in_world(uint64_t seed, uint32_t faults, bool steps)
{
    struct hark_sim_options options = {
        .seed = seed,
        .faults_per_million = faults,
        .faults_off = ~(UINT32_C(1) << HARK_SIM_FAULT_CLOCK),
    };
    struct hark_sim *world;
    assert_int_equal(hark_sim_create(&options, &world), 0);
    struct hark_sim_machine *machine = hark_sim_add_machine(world);
    struct watcher watcher = {.steps = steps ? machine : NULL};
    struct hark_sim_process *process = hark_sim_start(machine, watch_clocks, &watcher);
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(process), 0);
    assert_int_equal(watcher.ticks, 60);
    hark_sim_destroy(world);
    return watcher;
}

TEST(a_wall_clock_goes_a_little_wrong_and_timers_do_not)
{
    int fast = 0, slow = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct watcher watcher = watch_in_world(seed, 0, false);
        int64_t apart_ns = watcher.wall_passed_ns - watcher.passed_ns;
        assert_true(watcher.passed_ns >= hour_ns);
        assert_true(watcher.passed_ns < hour_ns + second_ns);
        assert_true(apart_ns > -2 * second_ns && apart_ns < 2 * second_ns); /* 500 of a million */
        assert_int_equal(watcher.steps_seen, 0);
        fast += apart_ns > second_ns / 10;
        slow += apart_ns < -second_ns / 10;
    }
    assert_true(fast > 0);
    assert_true(slow > 0);
}

TEST(a_wall_clock_that_is_set_moves_no_timer)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct watcher watcher = watch_in_world(seed, 0, true);
        assert_true(watcher.passed_ns < hour_ns + second_ns);
        assert_true(watcher.wall_passed_ns < 2 * second_ns);
        assert_int_equal(watcher.steps_seen, 1);
    }
}

TEST(wall_clocks_are_set_by_chance_where_errors_happen)
{
    int64_t steps = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct watcher watcher = watch_in_world(seed, 1000000, false);
        assert_true(watcher.passed_ns < hour_ns + second_ns);
        steps += watcher.steps_seen;
    }
    assert_true(steps > 0);
}

/* Gives: by how many nanoseconds the file is older than one that was there before it. */
static int write_twice(void *argument)
{
    struct hark_sim_machine *machine = argument;
    struct stat before, after;
    int fd = open("/tmp/file", O_WRONLY | O_CREAT, 0600);
    if (fd < 0 || write(fd, "a", 1) != 1 || fstat(fd, &before) < 0)
        return 1;
    hark_sim_step_clock(machine, -hour_ns);
    if (write(fd, "b", 1) != 1 || fstat(fd, &after) < 0)
        return 2;
    close(fd);
    int64_t seconds = before.st_mtim.tv_sec - after.st_mtim.tv_sec;
    return seconds >= 3598 && seconds <= 3600 ? 0 : 3;
}

TEST(files_have_the_times_of_the_wall_clock)
{
    struct hark_sim *world;
    assert_int_equal(hark_sim_create(NULL, &world), 0);
    struct hark_sim_machine *machine = hark_sim_add_machine(world);
    struct hark_sim_process *process = hark_sim_start(machine, write_twice, machine);
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(process), 0);
    hark_sim_destroy(world);
}
