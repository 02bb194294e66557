/* test_facts_power.c - modes, owners, times, attributes and hard links over a loss of power: what
 * was synced is there; what was not is there as far as some moment, and no further. */
#define HARK_KERNEL_APART /* kernel_openat and its kin are the simulated kernel's here */
#include "kernel/kernel.h"

#include "hark.h"
#include "hark/sim.h"
#include "harness/harness.h"

#include <string.h>

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
