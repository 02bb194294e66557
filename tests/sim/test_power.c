/* test_power.c - what a power loss leaves: a log whose every record was synced before it was
 * acknowledged loses none, whatever the seed; one that forgets a sync is found out. */
#define HARK_KERNEL_APART /* kernel_openat and its kin are the simulated kernel's here */
#include "kernel/kernel.h"

#include "hark.h"
#include "hark/sim.h"
#include "harness/harness.h"

#include <string.h>

static const uint64_t second_ns = UINT64_C(1000000000);

enum { RECORD_BYTES = 200, RECORDS = 40, LIVES = 3 };

/* What a program may forget. */
enum mistake { NOTHING, DATA_SYNC, NAME_SYNC };

struct log {
    enum mistake mistake;
    int acknowledged; /* records, as somebody outside of the machine knows it */
    int found;        /* by who looks after the power is on again */
};

static int open_synced(const char *directory)
{
    return kernel_openat(NULL, AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0);
}

static int sync_directory(const char *path)
{
    int fd = open_synced(path);
    int error = fd < 0 ? fd : kernel_fsync(NULL, fd);
    if (fd >= 0)
        kernel_close(NULL, fd);
    return error;
}

/* Reads all of it, though a call may give less. */
static bool read_record(int fd, char *record, int number)
{
    size_t done = 0;
    int64_t count = 1;
    while (count > 0 && done < RECORD_BYTES) {
        off_t offset = (off_t)number * RECORD_BYTES + (off_t)done;
        count = kernel_pread(NULL, fd, record + done, RECORD_BYTES - done, offset);
        done += count > 0 ? (size_t)count : 0;
    }
    return done == RECORD_BYTES && harness_filled(record, RECORD_BYTES, (uint64_t)number);
}

/* How many whole records there are from the beginning on. */
static int count_records(int fd)
{
    char record[RECORD_BYTES];
    int count = 0;
    while (read_record(fd, record, count))
        count++;
    return count;
}

static int open_log(const struct log *log)
{
    int error = kernel_mkdirat(NULL, AT_FDCWD, "/tmp/log", 0755);
    if (!error || error == -EEXIST)
        error = sync_directory("/tmp");
    if (error)
        return error;
    int fd = kernel_openat(NULL, AT_FDCWD, "/tmp/log/records", O_RDWR | O_CREAT, 0644);
    if (fd >= 0 && log->mistake != NAME_SYNC)
        error = sync_directory("/tmp/log");
    return error ? error : fd;
}

static int append(void *argument)
{
    struct log *log = argument;
    int fd = open_log(log);
    if (fd < 0)
        return 1;
    for (int next = count_records(fd); next < RECORDS; next++) {
        char record[RECORD_BYTES];
        harness_fill(record, sizeof record, (uint64_t)next);
        for (size_t done = 0; done < sizeof record;) { /* it may take fewer */
            off_t offset = (off_t)next * RECORD_BYTES + (off_t)done;
            int64_t count = kernel_pwrite(NULL, fd, record + done, sizeof record - done, offset);
            if (count <= 0)
                return 2;
            done += (size_t)count;
        }
        if (log->mistake != DATA_SYNC && kernel_fdatasync(NULL, fd))
            return 3;
        log->acknowledged = next + 1;
    }
    return 0;
}

static int look(void *argument)
{
    struct log *log = argument;
    int fd = kernel_openat(NULL, AT_FDCWD, "/tmp/log/records", O_RDONLY, 0);
    log->found = fd < 0 ? 0 : count_records(fd);
    return 0;
}

/* Appends, and loses its power at some moment, several times. Gives: whether no acknowledged record
 * was lost. */
static bool survives(uint64_t seed, enum mistake mistake)
{
    struct hark_sim *world;
    struct hark_sim_options options = {.seed = seed};
    struct log log = {.mistake = mistake};
    bool all_found = true;
    assert_int_equal(hark_sim_create(&options, &world), 0);
    struct hark_sim_machine *machine = hark_sim_add_machine(world);
    for (int life = 0; life < LIVES; life++) {
        hark_sim_start(machine, append, &log);
        assert_true(hark_sim_run_for(world, hark_sim_random(world, second_ns / 4)) >= 0);
        hark_sim_power_off(machine);
        assert_false(hark_sim_is_on(machine));
        hark_sim_power_on(machine);
        hark_sim_start(machine, look, &log);
        assert_int_equal(hark_sim_run(world), 0);
        all_found &= log.found >= log.acknowledged;
        log.acknowledged = log.found;
    }
    assert_int_equal(hark_sim_faults(world, HARK_SIM_FAULT_POWER), LIVES);
    hark_sim_destroy(world);
    return all_found;
}

TEST(what_was_synced_is_there_after_a_power_loss)
{
    for (uint64_t seed = 0; seed < 3000; seed++)
        if (!survives(seed, NOTHING))
            fail_msg("seed %llu: an acknowledged record is gone", (unsigned long long)seed);
}

static int lost_among(uint64_t seeds, enum mistake mistake)
{
    int lost = 0;
    for (uint64_t seed = 0; seed < seeds; seed++)
        lost += !survives(seed, mistake);
    return lost;
}

TEST(a_log_that_forgets_to_sync_its_data_is_found_out)
{
    assert_true(lost_among(20, DATA_SYNC) > 0);
}

TEST(a_log_that_forgets_to_sync_its_directory_is_found_out)
{
    int lost = lost_among(200, NAME_SYNC);
    assert_true(lost > 0);
    assert_true(lost < 200); /* many file systems keep the name all the same */
}

/* --- replacing a file --- */

enum { VERSION_BYTES = 9000 };

struct versions {
    enum mistake mistake;
    int written; /* the newest whose writer was told that all is well */
    int found;   /* -1: none that is whole */
    bool torn;
};

static int write_version(int version, enum mistake mistake)
{
    static HARK_SIM_PROCESS_LOCAL char bytes[VERSION_BYTES];
    int fd = kernel_openat(NULL, AT_FDCWD, "/tmp/new", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0)
        return fd;
    harness_fill(bytes, sizeof bytes, (uint64_t)version);
    for (size_t done = 0; done < sizeof bytes;) {
        int64_t count = kernel_write(NULL, fd, bytes + done, sizeof bytes - done);
        if (count <= 0)
            return -EIO;
        done += (size_t)count;
    }
    int error = mistake == DATA_SYNC ? 0 : kernel_fsync(NULL, fd);
    kernel_close(NULL, fd);
    return error ? error
                 : kernel_renameat2(NULL, AT_FDCWD, "/tmp/new", AT_FDCWD, "/tmp/current", 0);
}

static int replace(void *argument)
{
    struct versions *versions = argument;
    for (int version = versions->written + 1; version < 30; version++) {
        if (write_version(version, versions->mistake))
            return 1;
        if (versions->mistake != NAME_SYNC && sync_directory("/tmp"))
            return 2;
        versions->written = version;
    }
    return 0;
}

static int look_at_version(void *argument)
{
    struct versions *versions = argument;
    static HARK_SIM_PROCESS_LOCAL char bytes[VERSION_BYTES + 1];
    int fd = kernel_openat(NULL, AT_FDCWD, "/tmp/current", O_RDONLY, 0);
    versions->found = 0;
    if (fd < 0)
        return 0; /* there has been none, maybe */
    int64_t total = 0, count;
    while ((count = kernel_pread(NULL, fd, bytes + total, sizeof bytes - (size_t)total, total)) > 0)
        total += count;
    versions->found = -1;
    for (int version = 1; version < 30 && total == VERSION_BYTES; version++)
        if (harness_filled(bytes, VERSION_BYTES, (uint64_t)version))
            versions->found = version;
    return 0;
}

static bool replaces_safely(uint64_t seed, enum mistake mistake)
{
    struct hark_sim *world;
    struct hark_sim_options options = {.seed = seed};
    struct versions versions = {.mistake = mistake};
    assert_int_equal(hark_sim_create(&options, &world), 0);
    struct hark_sim_machine *machine = hark_sim_add_machine(world);
    hark_sim_start(machine, replace, &versions);
    assert_true(hark_sim_run_for(world, hark_sim_random(world, second_ns / 2)) >= 0);
    hark_sim_power_off(machine);
    hark_sim_power_on(machine);
    hark_sim_start(machine, look_at_version, &versions);
    assert_int_equal(hark_sim_run(world), 0);
    hark_sim_destroy(world);
    return versions.found >= versions.written && versions.found <= versions.written + 1;
}

TEST(a_file_that_is_replaced_is_the_old_or_the_new_one)
{
    for (uint64_t seed = 0; seed < 1000; seed++)
        if (!replaces_safely(seed, NOTHING))
            fail_msg("seed %llu: neither", (unsigned long long)seed);
}

TEST(one_that_is_renamed_before_it_is_synced_is_found_out)
{
    int lost = 0;
    for (uint64_t seed = 0; seed < 100; seed++)
        lost += !replaces_safely(seed, DATA_SYNC);
    assert_true(lost > 0);
}

TEST(a_rename_that_is_not_synced_is_found_out)
{
    int lost = 0;
    for (uint64_t seed = 0; seed < 100; seed++)
        lost += !replaces_safely(seed, NAME_SYNC);
    assert_true(lost > 0);
}

/* --- power that fails by script --- */

TEST(power_fails_when_a_scene_says_so)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct hark_sim *world;
        struct hark_sim_options options = {.seed = seed, .faults_per_million = 1};
        struct log log = {.mistake = NOTHING};
        assert_int_equal(hark_sim_create(&options, &world), 0);
        struct hark_sim_machine *machine = hark_sim_add_machine(world);
        struct hark_sim_process *process = hark_sim_start(machine, append, &log);
        hark_sim_add_fault(
            world, &(struct hark_sim_fault){
                       .call = "fdatasync", .path = "log/records", .after = 2, .power_off = true});
        assert_int_equal(hark_sim_run(world), 0);
        assert_false(hark_sim_is_on(machine));
        assert_int_equal(hark_sim_status(process), 128 + SIGKILL);
        assert_true(log.acknowledged >= 2);
        hark_sim_power_on(machine);
        hark_sim_start(machine, look, &log);
        assert_int_equal(hark_sim_run(world), 0);
        assert_true(log.found >= log.acknowledged);
        hark_sim_destroy(world);
    }
}

/* --- at a change of the disk in turn --- */

enum { CHANGES = 7 };

struct changes {
    int done;
};

/* Seven changes, and calls that are none among them. */
static int change(void *argument)
{
    struct changes *changes = argument;
    char byte = 'x';
    changes->done += mkdir("/tmp/log", 0700) == 0;
    int fd = open("/tmp/log/records", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    changes->done += fd >= 0;
    changes->done += write(fd, &byte, 1) == 1;
    (void)!pread(fd, &byte, 1, 0);
    changes->done += fdatasync(fd) == 0;
    changes->done += ftruncate(fd, 100) == 0;
    changes->done += rename("/tmp/log/records", "/tmp/log/other") == 0;
    (void)close(fd);
    changes->done += unlink("/tmp/log/other") == 0;
    return 0;
}

static struct changes changes_until(uint32_t after, bool power, uint64_t seed)
{
    struct hark_sim *world;
    struct hark_sim_options options = {.seed = seed, .faults_per_million = 1};
    struct changes changes = {0}, others = {0};
    assert_int_equal(hark_sim_create(&options, &world), 0);
    struct hark_sim_machine *other = hark_sim_add_machine(world);
    struct hark_sim_machine *machine = hark_sim_add_machine(world);
    hark_sim_start(other, change, &others);
    struct hark_sim_process *process = hark_sim_start(machine, change, &changes);
    hark_sim_add_fault(world, &(struct hark_sim_fault){.call = "change",
                                                       .machine = machine,
                                                       .after = after,
                                                       .power_off = power,
                                                       .kill = !power,
                                                       .within_ns = 1});
    assert_int_equal(hark_sim_run(world), 0);
    assert_int_equal(others.done, CHANGES);
    assert_int_equal(hark_sim_status(process), after < CHANGES ? 128 + SIGKILL : 0);
    assert_int_equal(hark_sim_is_on(machine), !power || after >= CHANGES);
    hark_sim_destroy(world);
    return changes;
}

TEST(at_each_change_in_turn_what_came_before_is_done_and_it_is_not)
{
    for (uint32_t after = 0; after <= CHANGES; after++)
        for (uint64_t seed = 0; seed < 10; seed++) {
            assert_int_equal(changes_until(after, true, seed).done, after);
            assert_int_equal(changes_until(after, false, seed).done, after);
        }
}

/* --- connections --- */

struct talk {
    struct hark_loop *loop;
    struct hark_listener listener;
    struct hark_op connect, receive;
    struct hark_address address;
    int fd;
    char byte;
};

static void nothing(struct hark_op *op, int64_t result)
{
    (void)op, (void)result;
}

static void accepted(struct hark_listener *listener, int fd)
{
    struct talk *talk = hark_container_of(listener, struct talk, listener);
    hark_recv(listener->loop, &talk->receive, fd, &talk->byte, 1, 0, nothing);
}

static const struct hark_listener_events talk_events = {.accepted = accepted};

static int receive_for_ever(void *argument)
{
    struct talk *talk = argument;
    *talk = (struct talk){.fd = -1};
    if (hark_address_parse("127.0.0.1:7000", &talk->address) < 0 ||
        hark_loop_create(NULL, &talk->loop) < 0 ||
        hark_listener_open(talk->loop, &talk->listener, &talk->address, 0, 0, &talk_events) < 0)
        return 1;
    talk->fd = hark_os_socket(talk->loop, AF_INET, SOCK_STREAM, 0);
    hark_connect(talk->loop, &talk->connect, talk->fd, &talk->address.name.any,
                 talk->address.length, nothing);
    return hark_run(talk->loop);
}

/* io_uring's requests outlive their process, but not the power: the connection that one waited for
 * is gone, and nothing is done to it later (AddressSanitizer would tell). */
TEST(what_a_ring_waits_for_goes_with_the_power)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct hark_sim *world;
        struct hark_sim_options options = {.seed = seed};
        struct talk talk;
        assert_int_equal(hark_sim_create(&options, &world), 0);
        struct hark_sim_machine *machine = hark_sim_add_machine(world);
        for (int life = 0; life < LIVES; life++) {
            struct hark_sim_process *process = hark_sim_start(machine, receive_for_ever, &talk);
            assert_int_equal(hark_sim_setenv(process, "HARK_BACKEND", "uring"), 0);
            assert_int_equal(hark_sim_run_for(world, second_ns / 10), 1);
            assert_int_equal(talk.listener.accepted_count, 1);
            hark_sim_power_off(machine);
            hark_sim_power_on(machine);
        }
        assert_int_equal(hark_sim_run(world), 0);
        hark_sim_destroy(world);
    }
}
