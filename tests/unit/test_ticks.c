/* test_ticks.c - the recorder's time from the CPU's counter, on a machine whose clock and counter
 * go as the test says. */
#include "fault/faults.h"
#include "trace/recorder.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { US = 1000, MS = 1000000, READINGS = 200000 };

static const uint64_t second_ns = 1000000000;

/* --- the machine --- */

/* A number that grows by so many of a million for each nanosecond. */
struct pace {
    uint64_t value, part, by, of;
};

static struct {
    struct pace clock, counter;
    uint64_t chance;
    uint64_t clock_costs_ns;
    uint64_t clock_read, counter_read;
    const char *source; /* as /sys tells it; NULL: it tells nothing */
} machine;

static void go_on(struct pace *pace, uint64_t ns)
{
    pace->part += ns * pace->by;
    pace->value += pace->part / pace->of;
    pace->part %= pace->of;
}

static void pass(uint64_t ns)
{
    go_on(&machine.clock, ns);
    go_on(&machine.counter, ns);
}

static uint64_t below(uint64_t limit)
{
    machine.chance ^= machine.chance << 13;
    machine.chance ^= machine.chance >> 7;
    machine.chance ^= machine.chance << 17;
    return machine.chance % limit;
}

uint64_t kernel_clock_gettime(clockid_t clock)
{
    (void)clock;
    machine.clock_read++;
    pass(machine.clock_costs_ns / 2);
    uint64_t now_ns = machine.clock.value;
    pass(machine.clock_costs_ns / 2);
    return now_ns;
}

uint64_t kernel_ticks(void)
{
    machine.counter_read++;
    pass(5);
    return machine.counter.value;
}

const char *kernel_ticks_source(void)
{
    return "tsc";
}

int kernel_openat(uint64_t *calls, int directory, const char *path, int flags, mode_t mode)
{
    (void)calls, (void)mode;
    assert_string_equal(path, "/sys/devices/system/clocksource/clocksource0/current_clocksource");
    if (!machine.source)
        return -ENOENT;
    const char *name = harness_path("source");
    int fd = openat(directory, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, machine.source, strlen(machine.source)), strlen(machine.source));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(flags, O_RDONLY | O_CLOEXEC);
    return fd;
}

/* --- the recorder's part of it --- */

static uint64_t calls, loop_ns;

static struct recorder on_a_machine(uint64_t counts, uint64_t in_ns, const char *source)
{
    struct recorder recorder = {.calls = &calls, .loop_ns = &loop_ns};
    memset(&machine, 0, sizeof machine);
    machine.clock = (struct pace){.value = 1000 * second_ns, .by = 1000000, .of = 1000000};
    machine.counter = (struct pace){.value = 123456789, .by = counts, .of = in_ns};
    machine.chance = 88172645463325252;
    machine.clock_costs_ns = 24;
    machine.source = source;
    ticks_init(&recorder.ticks);
    return recorder;
}

/* A reading lies between two of the clock, but for what is allowed. */
static void read_once(struct recorder *recorder, uint64_t behind_ns, uint64_t ahead_ns)
{
    uint64_t before_ns = machine.clock.value, former_ns = recorder->now_ns;
    uint64_t now_ns = recorder_clock(recorder);
    assert_true(now_ns >= former_ns);
    assert_true(now_ns + behind_ns > before_ns);
    assert_true(now_ns <= machine.clock.value + ahead_ns);
}

static void read_often(struct recorder *recorder, uint64_t behind_ns, uint64_t ahead_ns)
{
    for (int i = 0; i < READINGS; i++) {
        read_once(recorder, behind_ns, ahead_ns);
        pass(below(300));
    }
}

/* How many of the next readings are of the clock. */
static uint64_t clocks_of_readings(struct recorder *recorder)
{
    uint64_t before = machine.clock_read;
    read_often(recorder, TICKS_BEHIND_NS, 0);
    return machine.clock_read - before;
}

static const struct {
    uint64_t counts, in_ns;
} counters[] = {{24, 1000}, {1, 1}, {2595987, 1000000}, {57, 10}};

TEST(times_are_the_clocks_and_almost_none_is_read_from_it)
{
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        struct recorder recorder = on_a_machine(counters[i].counts, counters[i].in_ns, "tsc\n");
        read_often(&recorder, TICKS_BEHIND_NS, 0);
        assert_true(clocks_of_readings(&recorder) < READINGS / 100);
        assert_true(recorder.ticks.trusted);
    }
}

/* What the two readings of a pair leave open is 17 ns here, and all that is left is the rate. */
TEST(a_time_130_us_after_a_pair_is_as_good_as_one_at_once)
{
    struct recorder recorder = on_a_machine(2595987, 1000000, "tsc\n");
    read_often(&recorder, TICKS_BEHIND_NS, 0);
    for (int i = 0; i < 1000; i++) {
        uint64_t clocks = machine.clock_read;
        while (machine.clock_read == clocks) {
            read_once(&recorder, TICKS_BEHIND_NS, 0);
            pass(US);
        }
        pass(140 * US);
        read_once(&recorder, 1, 0); /* a pair */
        pass(130 * US);
        clocks = machine.clock_read;
        read_once(&recorder, 30, 0);
        assert_int_equal(machine.clock_read, clocks);
    }
}

TEST(after_a_pause_the_first_time_is_exact)
{
    struct recorder recorder = on_a_machine(26, 10, "tsc\n");
    read_often(&recorder, TICKS_BEHIND_NS, 0);
    for (uint64_t ns = MS; ns < 100 * second_ns; ns *= 3) {
        pass(ns);
        read_once(&recorder, 1, 0);
        read_once(&recorder, TICKS_BEHIND_NS, 0);
    }
    assert_true(clocks_of_readings(&recorder) < READINGS / 100);
    assert_true(recorder.ticks.trusted);
}

TEST(what_the_clock_itself_told_is_not_after_what_is_told_then)
{
    struct recorder recorder = on_a_machine(26, 10, "tsc\n");
    for (int i = 0; i < READINGS; i++) {
        uint64_t exact_ns = recorder_exact(&recorder);
        assert_true(recorder_clock(&recorder) >= exact_ns);
        pass(below(300));
    }
    assert_true(machine.counter_read > READINGS / 2);
}

/* --- what goes wrong --- */

TEST(without_the_counter_as_its_source_the_clock_is_read)
{
    static const char *const sources[] = {"kvm-clock\n", "tsc2\n", "ts", "tsc", "", NULL};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        struct recorder recorder = on_a_machine(26, 10, sources[i]);
        read_often(&recorder, 1, 0);
        assert_int_equal(machine.clock_read, READINGS);
        assert_int_equal(machine.counter_read, 0);
    }
}

TEST(a_clock_that_is_slow_to_read_is_read_alone)
{
    struct recorder recorder = on_a_machine(26, 10, "tsc\n");
    machine.clock_costs_ns = 600;
    read_often(&recorder, 1, 0);
    assert_true(machine.counter_read < 100);
    assert_true(machine.clock_read < READINGS + 100);
}

/* The clock is slewed by the kernel, now faster, now slower. */
TEST(a_clock_that_is_slewed_is_followed)
{
    struct recorder recorder = on_a_machine(2595987, 1000000, "tsc\n");
    for (int i = 0; i < 40; i++) {
        machine.clock.by = i % 2 ? 1000500 : 999500;
        for (int reading = 0; reading < READINGS / 10; reading++) {
            read_once(&recorder, TICKS_BEHIND_NS, 131);
            pass(below(300));
        }
    }
    assert_true(clocks_of_readings(&recorder) < READINGS / 100);
    assert_true(recorder.ticks.trusted);
}

/* Times may be wrong by 128 us, for not much longer than that; then the clock is read. */
static void assert_noticed(struct recorder *recorder)
{
    uint64_t from_ns = machine.clock.value;
    while (recorder->ticks.trusted) {
        read_once(recorder, 128 * US, 128 * US);
        assert_true(machine.clock.value - from_ns < 300 * US);
        pass(below(300));
    }
    uint64_t counted = machine.counter_read;
    pass(128 * US); /* none is less than the one before */
    read_often(recorder, 1, 0);
    assert_int_equal(machine.counter_read, counted);
}

TEST(a_counter_that_goes_at_another_rate_is_noticed_within_a_span)
{
    static const uint64_t rates[] = {13, 20, 25, 27, 30, 50};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        struct recorder recorder = on_a_machine(26, 10, "tsc\n");
        read_often(&recorder, TICKS_BEHIND_NS, 0);
        machine.counter.by = rates[i];
        assert_noticed(&recorder);
    }
}

TEST(a_counter_that_jumps_is_noticed)
{
    static const int64_t jumps[] = {-5000000000, -100000, -10000, 10000, 100000, 50000000000};
    for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        struct recorder recorder = on_a_machine(26, 10, "tsc\n");
        read_often(&recorder, TICKS_BEHIND_NS, 0);
        machine.counter.value += (uint64_t)jumps[i];
        assert_noticed(&recorder);
    }
}

/* The counter goes on meanwhile, or begins anew; the clock stands. */
TEST(a_machine_that_slept_is_told_the_time)
{
    for (int begins_anew = 0; begins_anew < 2; begins_anew++) {
        struct recorder recorder = on_a_machine(26, 10, "tsc\n");
        read_often(&recorder, TICKS_BEHIND_NS, 0);
        pass(2 * second_ns);
        machine.counter.value = begins_anew ? 1000 : machine.counter.value + 3600 * second_ns;
        read_once(&recorder, 1, 0);
        read_often(&recorder, TICKS_BEHIND_NS, 0);
        assert_true(clocks_of_readings(&recorder) < READINGS / 100);
    }
}
