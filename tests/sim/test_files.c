/* test_files.c - files of a world on loops and between processes: what is written is read on all
 * backends; locks; faults as a scene asks for them, and by chance; limits. */
#define HARK_KERNEL_APART /* kernel_openat and its kin are the simulated kernel's here */
#include "kernel/kernel.h"

#include "hark/sim.h"
#include "harness/harness.h"

#include <string.h>

static const char *const backends[] = {"uring", "epoll", "poll", "select"};

/* --- a world with one process --- */

static struct hark_sim *world;
static struct hark_sim_machine *machine;

static void make_world(struct hark_sim_options options)
{
    assert_int_equal(hark_sim_create(&options, &world), 0);
    machine = hark_sim_add_machine(world);
}

/* Runs it to its end. Gives: its status. */
static int run(int (*main)(void *argument), void *argument)
{
    struct hark_sim_process *process = hark_sim_start(machine, main, argument);
    assert_int_equal(hark_sim_run(world), 0);
    return hark_sim_status(process);
}

/* --- on loops --- */

enum { PARTS = 20, PART_BYTES = 3000 };

/* Opens, writes in parts, syncs, reads back, all by ops. */
struct copyist {
    struct hark_loop *loop;
    struct hark_op op;
    int fd;
    int64_t at;
    char bytes[PART_BYTES];
    bool reads_back, right;
};

static void go_on(struct copyist *copyist);

static void moved(struct hark_op *op, int64_t count)
{
    struct copyist *copyist = hark_container_of(op, struct copyist, op);
    char expected[PART_BYTES];
    if (count <= 0)
        return; /* it is not right */
    if (copyist->reads_back) {
        size_t in_part = (size_t)(copyist->at % PART_BYTES);
        harness_fill(expected, sizeof expected, (uint64_t)(copyist->at / PART_BYTES));
        if (memcmp(copyist->bytes, expected + in_part, (size_t)count) != 0)
            return;
    }
    copyist->at += count; /* it may have been fewer */
    go_on(copyist);
}

static void synced(struct hark_op *op, int64_t result)
{
    struct copyist *copyist = hark_container_of(op, struct copyist, op);
    if (result)
        return;
    copyist->reads_back = true;
    copyist->at = 0;
    go_on(copyist);
}

static void go_on(struct copyist *copyist)
{
    size_t in_part = (size_t)(copyist->at % PART_BYTES), count = PART_BYTES - in_part;
    if (copyist->at == (int64_t)PARTS * PART_BYTES) {
        copyist->right = copyist->reads_back;
        if (!copyist->reads_back)
            hark_fdatasync(copyist->loop, &copyist->op, copyist->fd, synced);
    } else if (copyist->reads_back) {
        hark_read(copyist->loop, &copyist->op, copyist->fd, copyist->bytes, count, copyist->at,
                  moved);
    } else {
        harness_fill(copyist->bytes, PART_BYTES, (uint64_t)(copyist->at / PART_BYTES));
        hark_write(copyist->loop, &copyist->op, copyist->fd, copyist->bytes + in_part, count,
                   copyist->at, moved);
    }
}

static void opened(struct hark_op *op, int64_t fd)
{
    struct copyist *copyist = hark_container_of(op, struct copyist, op);
    copyist->fd = (int)fd;
    if (fd >= 0)
        go_on(copyist);
}

static int copy(void *argument)
{
    struct copyist *copyist = argument;
    if (hark_loop_create(NULL, &copyist->loop) < 0)
        return 1;
    hark_openat(copyist->loop, &copyist->op, AT_FDCWD, "/tmp/file", O_RDWR | O_CREAT, 0644, opened);
    int result = hark_run(copyist->loop);
    return result ? result : hark_loop_destroy(copyist->loop);
}

static uint64_t copy_in_world(uint64_t seed, const char *backend)
{
    struct copyist copyist = {.at = 0};
    make_world((struct hark_sim_options){.seed = seed});
    struct hark_sim_process *process = hark_sim_start(machine, copy, &copyist);
    hark_sim_setenv(process, "HARK_BACKEND", backend);
    if (hark_sim_run(world) || hark_sim_status(process) || !copyist.right)
        fail_msg("seed %llu on %s: status %d at %lld", (unsigned long long)seed, backend,
                 hark_sim_status(process), (long long)copyist.at);
    uint64_t hash = hark_sim_hash(world);
    hark_sim_destroy(world);
    return hash;
}

TEST(what_a_loop_writes_it_reads_and_each_seed_does_it_the_same_way_again)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        const char *backend = backends[seed % 4];
        assert_int_equal(copy_in_world(seed, backend), copy_in_world(seed, backend));
    }
}

TEST(power_that_fails_and_kills_at_any_moment_leave_nothing_behind)
{
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct copyist copyist = {.at = 0};
        make_world((struct hark_sim_options){.seed = seed});
        struct hark_sim_process *process = hark_sim_start(machine, copy, &copyist);
        hark_sim_setenv(process, "HARK_BACKEND", backends[seed % 4]);
        assert_true(hark_sim_run_for(world, hark_sim_random(world, 30000000)) >= 0);
        if (seed & 4) {
            hark_sim_kill(process);
        } else {
            hark_sim_power_off(machine);
            hark_sim_power_on(machine);
        }
        assert_int_equal(hark_sim_run(world), 0);
        copyist = (struct copyist){.at = 0};
        assert_int_equal(run(copy, &copyist), 0); /* what is there does not hinder it */
        assert_true(copyist.right);
        hark_sim_destroy(world); /* sanitized builds tell of what was left */
    }
}

/* --- locks between processes --- */

struct locked {
    int holders, most, turns;
};

static int take_turns(void *argument)
{
    struct locked *locked = argument;
    int fd = kernel_openat(NULL, AT_FDCWD, "/tmp/lock", O_RDWR | O_CREAT, 0644);
    for (int i = 0; i < 5; i++) {
        if (kernel_flock(NULL, fd, LOCK_EX))
            return 1;
        locked->holders++;
        locked->most = locked->holders > locked->most ? locked->holders : locked->most;
        kernel_sched_yield();
        locked->holders--;
        locked->turns++;
        if (kernel_flock(NULL, fd, LOCK_UN))
            return 2;
    }
    return kernel_flock(NULL, fd, LOCK_SH); /* kept to the end of the process */
}

TEST(an_exclusive_lock_has_one_holder)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct locked locked = {0};
        make_world((struct hark_sim_options){.seed = seed, .faults_per_million = 1});
        for (int i = 0; i < 4; i++)
            hark_sim_start(machine, take_turns, &locked);
        int result = hark_sim_run(world);
        if (result || locked.most != 1 || locked.turns != 20)
            fail_msg("seed %llu: %d, %d at once, %d turns", (unsigned long long)seed, result,
                     locked.most, locked.turns);
        hark_sim_destroy(world);
    }
}

/* --- faults that a scene asks for --- */

static int open_file(int flags)
{
    return kernel_openat(NULL, AT_FDCWD, "/tmp/file", flags, 0644);
}

static int write_four_times(void *argument)
{
    int64_t *results = argument;
    int fd = open_file(O_RDWR | O_CREAT),
        other = kernel_openat(NULL, AT_FDCWD, "/tmp/other", O_RDWR | O_CREAT, 0644);
    for (int i = 0; i < 4; i++) {
        if (kernel_write(NULL, other, "more", 4) != 4)
            return 1;
        results[i] = kernel_pwrite(NULL, fd, "bytes", 5, 0);
    }
    return 0;
}

TEST(the_third_write_to_a_file_finds_no_space)
{
    int64_t results[4];
    make_world((struct hark_sim_options){.faults_per_million = 1});
    hark_sim_add_fault(world, &(struct hark_sim_fault){
                                  .call = "write", .path = "file", .after = 2, .error = -ENOSPC});
    assert_int_equal(run(write_four_times, results), 0);
    assert_int_equal(results[0], 5);
    assert_int_equal(results[1], 5);
    assert_int_equal(results[2], -ENOSPC);
    assert_int_equal(results[3], 5);
    assert_int_equal(hark_sim_faults(world, HARK_SIM_FAULT_ERROR), 1);
    hark_sim_destroy(world);
}

TEST(a_write_is_short_and_the_next_one_fails)
{
    int64_t results[4];
    make_world((struct hark_sim_options){.faults_per_million = 1});
    hark_sim_add_fault(world,
                       &(struct hark_sim_fault){
                           .call = "pwrite", .path = "/tmp/file", .short_to = 2, .error = -EDQUOT});
    assert_int_equal(run(write_four_times, results), 0);
    assert_int_equal(results[0], 2);
    assert_int_equal(results[1], -EDQUOT);
    assert_int_equal(results[2], 5);
    assert_int_equal(hark_sim_faults(world, HARK_SIM_FAULT_SHORT), 1);
    hark_sim_destroy(world);
}

static int open_three_times(void *argument)
{
    int *results = argument;
    for (int i = 0; i < 3; i++)
        results[i] = open_file(O_RDWR | O_CREAT);
    return 0;
}

TEST(a_fault_may_be_of_one_process_and_for_ever)
{
    int results[2][3];
    make_world((struct hark_sim_options){.faults_per_million = 1});
    struct hark_sim_process *first = hark_sim_start(machine, open_three_times, results[0]);
    hark_sim_start(machine, open_three_times, results[1]);
    hark_sim_add_fault(world, &(struct hark_sim_fault){.call = "openat",
                                                       .path = "tmp/file",
                                                       .process = first,
                                                       .after = 1,
                                                       .times = UINT32_MAX,
                                                       .error = -EMFILE});
    assert_int_equal(hark_sim_run(world), 0);
    assert_true(results[0][0] >= 0);
    assert_int_equal(results[0][1], -EMFILE);
    assert_int_equal(results[0][2], -EMFILE);
    for (int i = 0; i < 3; i++)
        assert_true(results[1][i] >= 0);
    hark_sim_destroy(world);
}

/* --- a sync that fails --- */

struct syncs {
    int first, second, other, later;
};

static int sync_file(void *argument)
{
    struct syncs *syncs = argument;
    int fd = open_file(O_RDWR | O_CREAT), other = open_file(O_RDONLY);
    if (kernel_write(NULL, fd, "bytes", 5) != 5)
        return 1;
    syncs->first = kernel_fsync(NULL, fd);
    syncs->second = kernel_fsync(NULL, fd);
    syncs->other = kernel_fsync(NULL, other);
    syncs->later = kernel_fsync(NULL, open_file(O_RDONLY));
    return 0;
}

static int read_file(void *argument)
{
    char *bytes = argument;
    int64_t count = kernel_pread(NULL, open_file(O_RDONLY), bytes, 5, 0);
    return count < 0 ? 1 : 0;
}

TEST(a_sync_that_fails_says_so_once_to_each_and_then_lies)
{
    int lost = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct syncs syncs;
        char bytes[6] = "";
        make_world((struct hark_sim_options){.seed = seed, .faults_per_million = 1});
        hark_sim_add_fault(world, &(struct hark_sim_fault){.call = "sync", .error = -EIO});
        assert_int_equal(run(sync_file, &syncs), 0);
        assert_int_equal(syncs.first, -EIO);
        assert_int_equal(syncs.second, 0);
        assert_int_equal(syncs.other, -EIO);
        assert_int_equal(syncs.later, 0);
        hark_sim_power_off(machine);
        hark_sim_power_on(machine);
        lost += run(read_file, bytes) || memcmp(bytes, "bytes", 5) != 0;
        hark_sim_destroy(world);
    }
    assert_true(lost > 0); /* though a sync said that all is well */
    assert_true(lost < 100);
}

/* --- limits --- */

static int fill_disk(void *argument)
{
    static HARK_SIM_PROCESS_LOCAL char bytes[4096];
    int64_t *total = argument, count;
    int fd = open_file(O_RDWR | O_CREAT);
    while ((count = kernel_write(NULL, fd, bytes, sizeof bytes)) > 0)
        *total += count;
    if (count != -ENOSPC || kernel_ftruncate(NULL, fd, 4096))
        return 1;
    return kernel_pwrite(NULL, fd, bytes, sizeof bytes, 4096) == sizeof bytes ? 0 : 2;
}

TEST(a_full_disk_has_no_space_until_something_goes)
{
    int64_t total = 0;
    make_world((struct hark_sim_options){.faults_per_million = 1, .disk_bytes = 20 * 4096});
    assert_int_equal(run(fill_disk, &total), 0);
    assert_int_equal(total, 20 * 4096);
    hark_sim_destroy(world);
}

static int open_many(void *argument)
{
    struct rlimit limit = {8, 8};
    int *results = argument, fd = open_file(O_RDWR | O_CREAT);
    while ((results[0] = open_file(O_RDWR)) >= 0)
        ;
    if (kernel_setrlimit(NULL, RLIMIT_NOFILE, &limit))
        return 1;
    kernel_close(NULL, fd);
    kernel_close(NULL, fd + 1);
    int made = kernel_openat(NULL, AT_FDCWD, "/tmp/a", O_RDWR | O_CREAT, 0644);
    if (made != fd)
        return 2;
    while (kernel_openat(NULL, AT_FDCWD, "/tmp/a", O_RDWR, 0644) >= 0)
        ;
    results[1] = kernel_openat(NULL, AT_FDCWD, "/tmp/b", O_RDWR | O_CREAT, 0644);
    return kernel_faccessat(NULL, AT_FDCWD, "/tmp/b", F_OK) == -ENOENT ? 0 : 3;
}

TEST(descriptors_run_out_for_a_machine_and_for_a_process)
{
    int results[2] = {0, 0};
    make_world((struct hark_sim_options){.faults_per_million = 1, .files_max = 20});
    assert_int_equal(run(open_many, results), 0);
    assert_int_equal(results[0], -ENFILE);
    assert_int_equal(results[1], -EMFILE);
    hark_sim_destroy(world);
}

static int allocate(void *argument)
{
    void **memory = argument;
    for (int i = 0; i < 3; i++)
        memory[i] = malloc(10);
    for (int i = 0; i < 3; i++)
        free(memory[i]);
    return 0;
}

TEST(memory_lacks_when_a_scene_says_so)
{
    void *memory[3];
    make_world((struct hark_sim_options){.faults_per_million = 1});
    hark_sim_add_fault(world,
                       &(struct hark_sim_fault){.call = "malloc", .after = 1, .error = -ENOMEM});
    assert_int_equal(run(allocate, memory), 0);
    assert_true(memory[0] && !memory[1] && memory[2]);
    assert_int_equal(hark_sim_faults(world, HARK_SIM_FAULT_MEMORY), 1);
    hark_sim_destroy(world);
}

/* --- by chance --- */

static int use_files(void *argument)
{
    char bytes[2000], back[2000];
    int *damaged = argument;
    memset(bytes, 'a', sizeof bytes);
    for (int i = 0; i < 300; i++) {
        int fd = open_file(O_RDWR | O_CREAT);
        for (int turn = 0; fd >= 0 && turn < 5; turn++) {
            (void)kernel_pwrite(NULL, fd, bytes, sizeof bytes, (off_t)turn * 3000);
            (void)kernel_fdatasync(NULL, fd);
            int64_t count = kernel_pread(NULL, fd, back, sizeof back, (off_t)turn * 3000);
            for (int64_t at = 0; at < count; at++)
                *damaged += back[at] != 'a' && back[at] != 0;
        }
        if (fd >= 0)
            kernel_close(NULL, fd);
        void *volatile memory = malloc(10); /* not left out by the compiler */
        free(memory);
    }
    return 0;
}

TEST(faults_come_by_chance_where_they_were_asked_for)
{
    uint64_t sums[HARK_SIM_FAULT_KINDS] = {0};
    int damaged = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        make_world((struct hark_sim_options){.seed = seed, .faults_per_million = 400000000});
        assert_int_equal(run(use_files, &damaged), 0);
        for (int kind = 0; kind < HARK_SIM_FAULT_KINDS; kind++)
            sums[kind] += hark_sim_faults(world, (enum hark_sim_fault_kind)kind);
        hark_sim_destroy(world);
    }
    assert_true(sums[HARK_SIM_FAULT_ERROR] > 0);
    assert_true(sums[HARK_SIM_FAULT_SHORT] > 0);
    assert_true(sums[HARK_SIM_FAULT_SYNC] > 0);
    assert_true(sums[HARK_SIM_FAULT_BITS] > 0);
    assert_true(sums[HARK_SIM_FAULT_MEMORY] > 0);
    assert_true(damaged > 0);
}

TEST(nobody_who_asked_for_none_meets_an_error)
{
    int damaged = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        make_world((struct hark_sim_options){.seed = seed});
        assert_int_equal(run(use_files, &damaged), 0);
        assert_int_equal(hark_sim_faults(world, HARK_SIM_FAULT_ERROR), 0);
        assert_int_equal(hark_sim_faults(world, HARK_SIM_FAULT_SYNC), 0);
        assert_int_equal(hark_sim_faults(world, HARK_SIM_FAULT_BITS), 0);
        assert_int_equal(hark_sim_faults(world, HARK_SIM_FAULT_MEMORY), 0);
        hark_sim_destroy(world);
    }
    assert_int_equal(damaged, 0);
}

/* --- without a name --- */

static int use_nameless(void *argument)
{
    struct stat status;
    char bytes[5] = "";
    (void)argument;
    if (open("/tmp", O_TMPFILE | O_RDONLY, 0600) >= 0 || errno != EINVAL ||
        open("/tmp/none", O_TMPFILE | O_RDWR, 0600) >= 0 || errno != ENOENT ||
        open("/dev/null", O_TMPFILE | O_RDWR, 0600) >= 0 || errno != ENOTDIR)
        return 1;
    int fd = open("/tmp", O_TMPFILE | O_RDWR, 0666);
    if (fd < 0 || write(fd, "text", 4) != 4 || pread(fd, bytes, 4, 0) != 4 ||
        strcmp(bytes, "text") != 0 || fstat(fd, &status) < 0)
        return 2;
    if (status.st_nlink != 0 || status.st_mode != (S_IFREG | 0644) || status.st_size != 4)
        return 3;
    return fsync(fd) || close(fd) || rmdir("/tmp"); /* it is empty */
}

TEST(file_without_a_name_stands_in_no_directory)
{
    make_world((struct hark_sim_options){.faults_per_million = 1});
    assert_int_equal(run(use_nameless, NULL), 0);
    hark_sim_destroy(world);
}

/* --- its times --- */

/* Whoever looks for files that came since a time reads the coarse clock. */
static int make_files_by_the_clock(void *argument)
{
    struct timespec before, after;
    struct stat status;
    (void)argument;
    for (int i = 0; i < 50; i++) {
        clock_gettime(CLOCK_REALTIME_COARSE, &before);
        int fd = open("/tmp/file", O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fd < 0 || fstat(fd, &status) < 0)
            return 1;
        clock_gettime(CLOCK_REALTIME_COARSE, &after);
        const int64_t second_ns = 1000000000;
        int64_t written_ns = status.st_mtim.tv_sec * second_ns + status.st_mtim.tv_nsec;
        if (written_ns < before.tv_sec * second_ns + before.tv_nsec ||
            written_ns > after.tv_sec * second_ns + after.tv_nsec)
            return 2;
        if (close(fd) || unlink("/tmp/file") || usleep(777))
            return 3;
    }
    return 0;
}

TEST(file_is_no_older_than_the_coarse_clock_that_was_read_before)
{
    make_world((struct hark_sim_options){.faults_per_million = 1});
    assert_int_equal(run(make_files_by_the_clock, NULL), 0);
    hark_sim_destroy(world);
}
