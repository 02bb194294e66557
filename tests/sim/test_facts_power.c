/* test_facts_power.c - modes, owners, times, attributes and hard links over a loss of power: what
 * was synced is there; what was not is there as far as some moment, and no further. */
#define HARK_KERNEL_APART /* kernel_openat and its kin are the simulated kernel's here */
#include "kernel/kernel.h"

#include "hark.h"
#include "hark/sim.h"
#include "harness/harness.h"

#include <string.h>
#include <sys/xattr.h>

enum { SEEDS = 600, STEPS = 6 };

static const char path[] = "/tmp/file";

struct life {
    bool syncs, loses; /* what it does, and whether the power goes */
    int found;         /* which step's facts are there; -1: those of none */
    int links;
};

/* --- what is done, a step after the other --- */

static int do_step(int fd, int number)
{
    const struct timespec times[2] = {{number, 0}, {number, 0}};
    char value = (char)number;
    int error = kernel_fchmodat(NULL, AT_FDCWD, path, (mode_t)number, 0);
    if (!error)
        error = kernel_fchownat(NULL, fd, "", (uid_t)number, (gid_t)number, AT_EMPTY_PATH);
    if (!error)
        error = kernel_setxattrat(NULL, fd, "", AT_EMPTY_PATH, "user.step", &value, 1);
    return error ? error : kernel_utimensat(NULL, AT_FDCWD, path, times, 0);
}

static int sync_directory(void)
{
    int fd = kernel_openat(NULL, AT_FDCWD, "/tmp", O_RDONLY | O_DIRECTORY, 0);
    int error = kernel_fsync(NULL, fd);
    kernel_close(NULL, fd);
    return error;
}

static int change(void *argument)
{
    const struct life *life = argument;
    int fd = kernel_openat(NULL, AT_FDCWD, path, O_RDWR | O_CREAT, 0);
    if (fd < 0 || do_step(fd, 1) || kernel_fsync(NULL, fd) || sync_directory())
        return 1;
    for (int number = 2; number <= STEPS; number++)
        if (do_step(fd, number))
            return 2;
    if (kernel_linkat(NULL, AT_FDCWD, path, AT_FDCWD, "/tmp/second", 0) ||
        kernel_linkat(NULL, fd, "", AT_FDCWD, "/tmp/third", AT_EMPTY_PATH))
        return 3;
    if (life->syncs && (kernel_fsync(NULL, fd) || sync_directory()))
        return 4;
    return kernel_close(NULL, fd);
}

/* --- what is there --- */

static int look(void *argument)
{
    struct life *life = argument;
    struct stat status;
    char value = 0;
    if (kernel_fstatat(NULL, AT_FDCWD, path, &status, 0) ||
        kernel_getxattrat(NULL, AT_FDCWD, path, 0, "user.step", &value, 1) != 1)
        return 1;
    /* A step has four changes: what came of the last may be cut off behind any. */
    int mode = (int)(status.st_mode & 07777), owner = (int)status.st_uid;
    int written = (int)status.st_mtim.tv_sec;
    bool whole = mode >= owner && owner >= value && value >= written && mode - written <= 1;
    life->found = whole ? written : -1;
    life->links = (int)status.st_nlink;
    int second = kernel_fstatat(NULL, AT_FDCWD, "/tmp/second", &status, 0);
    int third = kernel_fstatat(NULL, AT_FDCWD, "/tmp/third", &status, 0);
    return life->links == 1 + !second + !third ? 0 : 2;
}

static void live(uint64_t seed, struct life *life)
{
    struct hark_sim *world;
    struct hark_sim_options options = {.seed = seed, .faults_per_million = 1};
    assert_int_equal(hark_sim_create(&options, &world), 0);
    struct hark_sim_machine *machine = hark_sim_add_machine(world);
    struct hark_sim_process *process = hark_sim_start(machine, change, life);
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(process), 0);
    if (life->loses) {
        hark_sim_power_off(machine);
        hark_sim_power_on(machine);
    }
    process = hark_sim_start(machine, look, life);
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(process), 0);
    hark_sim_destroy(world);
}

TEST(what_was_synced_is_there_and_what_nobody_lost_too)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct life synced = {.syncs = true, .loses = true}, kept = {.syncs = false};
        live(seed, &synced);
        assert_int_equal(synced.found, STEPS);
        assert_int_equal(synced.links, 3);
        live(seed, &kept);
        assert_int_equal(kept.found, STEPS);
        assert_int_equal(kept.links, 3);
    }
}

/* --- files that are written through --- */

enum { MODE_BEFORE = 0600, MODE_AFTER = 0640 };

struct written {
    int how; /* O_SYNC or O_DSYNC */
    mode_t mode;
};

static int write_through(void *argument)
{
    const struct written *written = argument;
    int fd = kernel_openat(NULL, AT_FDCWD, path, O_RDWR | O_CREAT | written->how, MODE_BEFORE);
    if (fd < 0 || kernel_fsync(NULL, fd) || sync_directory())
        return 1;
    if (kernel_fchmodat(NULL, AT_FDCWD, path, MODE_AFTER, 0) || kernel_write(NULL, fd, "x", 1) != 1)
        return 2;
    return kernel_close(NULL, fd);
}

static int look_at_mode(void *argument)
{
    struct written *written = argument;
    struct stat status;
    if (kernel_fstatat(NULL, AT_FDCWD, path, &status, 0) || status.st_size != 1)
        return 1;
    written->mode = status.st_mode & 07777;
    return 0;
}

static mode_t mode_after(uint64_t seed, int how)
{
    struct hark_sim *world;
    struct hark_sim_options options = {.seed = seed, .faults_per_million = 1};
    struct written written = {.how = how};
    assert_int_equal(hark_sim_create(&options, &world), 0);
    struct hark_sim_machine *machine = hark_sim_add_machine(world);
    struct hark_sim_process *process = hark_sim_start(machine, write_through, &written);
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(process), 0);
    hark_sim_power_off(machine);
    hark_sim_power_on(machine);
    process = hark_sim_start(machine, look_at_mode, &written);
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(process), 0);
    hark_sim_destroy(world);
    return written.mode;
}

TEST(what_is_written_with_o_sync_brings_the_mode_and_with_o_dsync_need_not)
{
    int lost = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        assert_int_equal(mode_after(seed, O_SYNC), MODE_AFTER);
        mode_t mode = mode_after(seed, O_DSYNC);
        assert_true(mode == MODE_BEFORE || mode == MODE_AFTER);
        lost += mode == MODE_BEFORE;
    }
    assert_true(lost > 0 && lost < SEEDS);
}

/* --- what a disk can keep --- */

static int keep_far_times(void *argument)
{
    static const struct {
        int64_t set, kept;
        long nanoseconds;
    } times[] = {{INT64_MAX, INT64_MAX / 1000000000, 0},
                 {INT64_MAX / 1000000000 - 1, INT64_MAX / 1000000000 - 1, 7},
                 {INT64_MIN, INT32_MIN, 0},
                 {INT32_MIN, INT32_MIN, 0},
                 {INT32_MIN + 1, INT32_MIN + 1, 7},
                 {-1, -1, 7}};
    (void)argument;
    int fd = kernel_openat(NULL, AT_FDCWD, path, O_RDWR | O_CREAT, 0600);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        const struct timespec both[2] = {{times[i].set, 7}, {times[i].set, 7}};
        struct stat status;
        if (kernel_utimensat(NULL, fd, "", both, AT_EMPTY_PATH) || kernel_fstat(NULL, fd, &status))
            return 1;
        if (status.st_mtim.tv_sec != times[i].kept || status.st_atim.tv_sec != times[i].kept ||
            status.st_mtim.tv_nsec != times[i].nanoseconds)
            return 2 + (int)i;
    }
    return kernel_close(NULL, fd);
}

/* As many names as no call lists. */
static int list_too_many(void *argument)
{
    enum { MANY = 300 };
    static char all[XATTR_LIST_MAX + 1];
    char name[XATTR_NAME_MAX + 1];
    (void)argument;
    int fd = kernel_openat(NULL, AT_FDCWD, path, O_RDWR | O_CREAT, 0600);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "user.%03d%0247d", i, 0);
        if (kernel_setxattrat(NULL, fd, "", AT_EMPTY_PATH, name, "", 0))
            return 1;
    }
    int64_t bytes = MANY * (XATTR_NAME_MAX + 1);
    if (kernel_listxattrat(NULL, fd, "", AT_EMPTY_PATH, NULL, 0) != bytes ||
        kernel_listxattrat(NULL, fd, "", AT_EMPTY_PATH, all, 1000) != -ERANGE ||
        kernel_listxattrat(NULL, fd, "", AT_EMPTY_PATH, all, XATTR_LIST_MAX) != -E2BIG ||
        kernel_listxattrat(NULL, fd, "", AT_EMPTY_PATH, all, sizeof all) != -E2BIG)
        return 2;
    return kernel_close(NULL, fd);
}

/* As Linux 6.11 has it. */
static int ask_without_path(void *argument)
{
    struct stat status;
    struct statx wide;
    (void)argument;
    int fd = kernel_openat(NULL, AT_FDCWD, path, O_RDWR | O_CREAT, 0600);
    if (kernel_fstatat(NULL, fd, NULL, &status, AT_EMPTY_PATH) || !S_ISREG(status.st_mode) ||
        kernel_statx(NULL, fd, NULL, AT_EMPTY_PATH, STATX_TYPE, &wide) || !S_ISREG(wide.stx_mode))
        return 1;
    return kernel_fstatat(NULL, fd, NULL, &status, 0) == -EFAULT ? kernel_close(NULL, fd) : 2;
}

static void assert_well(int (*program)(void *argument))
{
    struct hark_sim *world;
    struct hark_sim_options options = {.faults_per_million = 1};
    assert_int_equal(hark_sim_create(&options, &world), 0);
    struct hark_sim_process *process = hark_sim_start(hark_sim_add_machine(world), program, NULL);
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(hark_sim_status(process), 0);
    hark_sim_destroy(world);
}

TEST(times_that_are_too_far_away_are_kept_as_near_as_can_be)
{
    assert_well(keep_far_times);
}

TEST(stat_of_a_descriptor_needs_no_path_at_all)
{
    assert_well(ask_without_path);
}

TEST(more_names_of_attributes_than_any_list_takes_give_e2big)
{
    assert_well(list_too_many);
}

TEST(what_was_not_synced_is_there_up_to_some_moment)
{
    int found[STEPS + 1] = {0}, links[4] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct life life = {.loses = true};
        live(seed, &life);
        assert_true(life.found >= 1 && life.found <= STEPS && life.links >= 1 && life.links <= 3);
        found[life.found]++;
        links[life.links]++;
    }
    for (int i = 1; i <= STEPS; i++)
        assert_true(found[i] > 0);
    assert_true(links[1] > 0 && links[2] > 0 && links[3] > 0);
}
