/* test_faults.c - a disk that is full, a file that may grow no more, no descriptors left, writes
 * and syncs that fail.
 *
 * The kernel refuses by resource limits and by a file system of its own of a quarter of a megabyte:
 * that is done for real. Of a disk that breaks the tests are for the other backends than io_uring,
 * whose work is no call. */
#include "fault/faults.h"
#include "log/disk.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

enum { KEPT_MAX = 4096, BYTES = 1000 };

/* The events that were acknowledged, in order. */
static uint64_t kept[KEPT_MAX];
static int kept_count;

static int64_t append_one(struct hark_loop *loop, struct log *log)
{
    unsigned char bytes[BYTES];
    harness_fill(bytes, sizeof bytes, (uint64_t)kept_count);
    int64_t id = try_append(loop, log, "s", bytes, sizeof bytes);
    if (id > 0) {
        assert_true(kept_count < KEPT_MAX);
        assert_true(kept_count == 0 || (uint64_t)id > kept[kept_count - 1]);
        kept[kept_count++] = (uint64_t)id;
    }
    return id;
}

/* All that was acknowledged is there, and nothing else. */
static void check_kept(struct hark_loop *loop, struct log *log)
{
    struct history history = {0};
    if (kept_count > 0 || find(log, "s"))
        history = read_from(loop, log, "s", LOG_START);
    assert_int_equal(history.gaps, 0);
    assert_int_equal(history.count, kept_count);
    for (int i = 0; i < kept_count; i++) {
        assert_int_equal(history.seen[i].id, kept[i]);
        assert_true(harness_filled(history.seen[i].bytes, BYTES, (uint64_t)i));
    }
    history_free(&history);
}

/* What a crash right now would leave, without its indexes or with them. */
static void check_copy(struct hark_loop *loop, const char *path, bool indexes)
{
    char copy[4096], command[9000];
    snprintf(copy, sizeof copy, "%s", harness_path("copy"));
    snprintf(command, sizeof command, "rm -rf '%s' && cp -r '%s' '%s'", copy, path, copy);
    assert_int_equal(system(command), 0);
    if (!indexes)
        remove_files(copy, ".idx");
    struct log *log = open_log(loop, copy, NULL);
    check_kept(loop, log);
    close_log(loop, log);
}

/* --- limits --- */

BACKEND_TEST(append_past_the_limit_of_a_file_fails_with_efbig_and_goes_on_in_another)
{
    const char *path = harness_path("data");
    struct rlimit limit = {20000, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    struct log *log = open_log(loop, path, NULL);
    append_one(loop, log);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int failed = 0;
    for (int i = 0; i < 50; i++) {
        int64_t id = append_one(loop, log);
        if (id < 0) {
            assert_result(id, -EFBIG);
            failed++;
        }
    }
    assert_in_range(failed, 1, 5);
    check_kept(loop, log);
    limit.rlim_cur = RLIM_INFINITY;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_true(append_one(loop, log) > 0);
    check_copy(loop, path, true);
    close_log(loop, log);
    log = open_log(loop, path, NULL);
    check_kept(loop, log);
    close_log(loop, log);
}

BACKEND_TEST(append_without_a_descriptor_left_fails_and_succeeds_when_there_is_one)
{
    const char *path = harness_path("data");
    struct log_options options = {.segment_bytes = 4096};
    struct rlimit limit, none;
    struct log *log = open_log(loop, path, &options);
    for (int i = 0; i < 3; i++)
        append_one(loop, log); /* the next one needs a new segment */
    harness_run(loop);
    int lowest = dup(0);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = (rlim_t)lowest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int64_t id = 1;
    for (int i = 0; i < 5 && id > 0; i++)
        id = append_one(loop, log);
    assert_result(id, -EMFILE);
    assert_true(reported("cannot make a segment"));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(append_one(loop, log) > 0);
    assert_true(reported("taken again"));
    check_kept(loop, log);
    close_log(loop, log);
    log = open_log(loop, path, &options);
    check_kept(loop, log);
    close_log(loop, log);
}

/* --- a full disk --- */

/* A file system of its own for this process. Gives: its path. */
static const char *small_disk(void)
{
    const char *path = harness_path("disk");
    int user = (int)geteuid();
    if (unshare(user == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0)
        harness_skip("no mount namespace: %s", strerror(errno));
    assert_int_equal(mkdir(path, 0700), 0);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", path, "tmpfs", 0, "size=256k,mode=0700") != 0)
        harness_skip("no file system can be mounted: %s", strerror(errno));
    return path;
}

static int fill_disk(const char *path)
{
    static char zeros[4096];
    int fd = open(inside(path, "ballast"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, zeros, sizeof zeros) > 0)
        ;
    close(fd);
    return 0;
}

static void full_disk(struct hark_loop *loop, const struct log_options *options)
{
    char disk[4096], path[4200];
    snprintf(disk, sizeof disk, "%s", small_disk());
    snprintf(path, sizeof path, "%s/data", disk);
    struct log *log = open_log(loop, path, options);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 10; i++)
            assert_true(append_one(loop, log) > 0);
        fill_disk(disk);
        int failed = 0;
        for (int i = 0; i < 40; i++) {
            int64_t id = append_one(loop, log);
            if (id < 0) {
                assert_result(id, -ENOSPC);
                failed++;
            }
        }
        assert_true(failed >= 30);
        check_kept(loop, log);
        assert_int_equal(unlink(inside(disk, "ballast")), 0);
        assert_true(append_one(loop, log) > 0);
        check_kept(loop, log);
        if (round == 1) {
            close_log(loop, log);
            log = open_log(loop, path, options);
            check_kept(loop, log);
        }
    }
    check_copy(loop, path, true);
    close_log(loop, log);
    log = open_log(loop, path, options);
    check_kept(loop, log);
    close_log(loop, log);
    assert_true(reported("cannot"));
    assert_true(reported("taken again"));
    assert_int_equal(umount(disk), 0);
}

BACKEND_TEST(append_on_a_full_disk_fails_with_enospc_and_succeeds_when_there_is_space)
{
    full_disk(loop, NULL);
}

BACKEND_TEST(a_segment_that_a_full_disk_refuses_is_made_when_there_is_space)
{
    struct log_options options = {.segment_bytes = 4096};
    full_disk(loop, &options);
}

/* What was refused had blocks of the index to itself; those that take its place have theirs where
 * they are. */
BACKEND_TEST(events_after_a_large_commit_that_a_full_disk_refused_are_found)
{
    enum { LARGE = 60000, EVENTS = 200 };
    static unsigned char large[LARGE];
    char disk[4096], path[4200];
    struct append appends[3];
    snprintf(disk, sizeof disk, "%s", small_disk());
    snprintf(path, sizeof path, "%s/data", disk);
    struct log *log = open_log(loop, path, NULL);
    append_text(loop, log, "rare", "first");
    fill_disk(disk);
    for (int i = 0; i < 3; i++)
        append_start(log, &appends[i], "s", large, LARGE);
    harness_run_until(loop, &appends[2].ended);
    for (int i = 0; i < 3; i++)
        assert_result(appends[i].result, -ENOSPC);
    assert_int_equal(unlink(inside(disk, "ballast")), 0);
    for (int i = 0; i < EVENTS; i++) {
        assert_true(append_one(loop, log) > 0);
        if (i % 50 == 0)
            append_text(loop, log, "rare", "another");
    }
    for (int round = 0; round < 2;
         round++) { /* of the segment that grows, and of the one that has ended, with its index */
        assert_int_equal(find(log, "rare")->count, 5);
        struct history history = read_from(loop, log, "rare", LOG_START);
        assert_int_equal(history.events, 5);
        history_free(&history);
        check_kept(loop, log);
        for (int i = 0; i < EVENTS; i += 10) {
            history = read_from(loop, log, "s", kept[i]);
            assert_int_equal(history.events, EVENTS - i - 1);
            assert_int_equal(history.gaps, 0);
            history_free(&history);
        }
        close_log(loop, log);
        reports.count = 0;
        log = open_log(loop, path, NULL);
        assert_int_equal(reports.count, 0);
    }
    close_log(loop, log);
    assert_int_equal(umount(disk), 0);
}

BACKEND_TEST(open_and_close_on_a_full_disk_lose_nothing)
{
    char disk[4096], path[4200];
    snprintf(disk, sizeof disk, "%s", small_disk());
    snprintf(path, sizeof path, "%s/data", disk);
    struct log *log = open_log(loop, path, NULL);
    for (int i = 0; i < 10; i++)
        append_one(loop, log);
    fill_disk(disk);
    close_log(loop, log); /* its index finds no space */
    assert_true(reported("cannot write index"));
    for (int i = 0; i < 2; i++) {
        log = open_log(loop, path, NULL);
        check_kept(loop, log);
        assert_result(append_one(loop, log), -ENOSPC);
        close_log(loop, log);
    }
    assert_int_equal(unlink(inside(disk, "ballast")), 0);
    log = open_log(loop, path, NULL);
    assert_true(append_one(loop, log) > 0);
    check_kept(loop, log);
    close_log(loop, log);
    assert_int_equal(umount(disk), 0);
}

/* --- calls that fail --- */

BACKEND_TEST(a_failed_sync_fails_its_batch_and_is_final_for_its_segment)
{
    const char *path = harness_path("data");
    struct append appends[4];
    not_on_uring();
    struct log *log = open_log(loop, path, NULL);
    for (int i = 0; i < 5; i++)
        assert_true(append_one(loop, log) > 0);
    fail_calls("kernel_fdatasync", descriptor_of(path, ".log"));
    for (int i = 0; i < 4; i++)
        append_start(log, &appends[i], i == 3 ? "new" : "s", "not kept", 8);
    harness_run_until(loop, &appends[3].ended);
    for (int i = 0; i < 4; i++)
        assert_result(appends[i].result, -EIO);
    assert_null(find(log, "new"));
    check_kept(loop, log);
    assert_int_equal(log_statistics(log)->sync_errors, 1);
    assert_true(reported("cannot sync"));

    /* The file system works again, for another file: the old one is not asked any more. */
    for (int i = 0; i < 5; i++)
        assert_true(append_one(loop, log) > 0);
    assert_int_equal(count_files(path, ".log"), 2);
    check_kept(loop, log);
    check_copy(loop, path, true);
    check_copy(loop, path, false); /* what the next segment's header says has to do */
    close_log(loop, log);
    log = open_log(loop, path, NULL);
    check_kept(loop, log);
    assert_null(find(log, "new"));
    close_log(loop, log);
}

BACKEND_TEST(who_is_refused_for_reasons_of_his_own_is_told_those_where_the_batch_fails)
{
    const char *path = harness_path("data");
    struct append appends[3];
    not_on_uring();
    struct log *log = open_log(loop, path, NULL);
    assert_true(append_one(loop, log) > 0);
    fail_calls("kernel_fdatasync", descriptor_of(path, ".log"));
    append_start(log, &appends[0], "s", "not kept", 8);
    append_start(log, &appends[1], "", "not kept", 8);
    append_start(log, &appends[2], "s", "not kept", 8);
    harness_run_until(loop, &appends[2].ended);
    assert_result(appends[0].result, -EIO);
    assert_result(appends[1].result, -EINVAL);
    assert_result(appends[2].result, -EIO);
    close_log(loop, log);
}

/* Else the second would be told of a stream that never came into being. */
BACKEND_TEST(who_depends_on_a_stream_that_is_being_made_is_decided_after_it)
{
    const char *path = harness_path("data");
    const struct log_append create = {.kind = LOG_CREATE, .name = "new"};
    struct append appends[2];
    not_on_uring();
    struct log *log = open_log(loop, path, NULL);
    assert_true(append_one(loop, log) > 0);
    fail_calls("kernel_fdatasync", descriptor_of(path, ".log"));
    change_start(log, &appends[0], create);
    change_start(log, &appends[1], create);
    harness_run_until(loop, &appends[1].ended);
    assert_result(appends[0].result, -EIO);
    assert_true(appends[1].result > 0);
    assert_int_equal(find(log, "new")->generation, appends[1].result);
    close_log(loop, log);
}

BACKEND_TEST(a_failed_write_fails_its_batch_and_another_segment_goes_on)
{
    const char *path = harness_path("data");
    not_on_uring();
    struct log *log = open_log(loop, path, NULL);
    for (int i = 0; i < 5; i++)
        assert_true(append_one(loop, log) > 0);
    fail_write(descriptor_of(path, ".log"));
    assert_result(append_one(loop, log), -EIO);
    check_kept(loop, log);
    for (int i = 0; i < 5; i++)
        assert_true(append_one(loop, log) > 0);
    check_kept(loop, log);
    check_copy(loop, path, true);
    close_log(loop, log);
    log = open_log(loop, path, NULL);
    check_kept(loop, log);
    close_log(loop, log);
}

BACKEND_TEST(a_sync_that_fails_later_is_told_and_what_was_answered_stays)
{
    const char *path = harness_path("data");
    struct log_options options = {.sync = LOG_SYNC_INTERVAL, .sync_interval_ns = 1000000};
    not_on_uring();
    struct log *log = open_log(loop, path, &options);
    assert_true(append_one(loop, log) > 0);
    harness_run(loop);
    fail_calls("kernel_fdatasync", descriptor_of(path, ".log"));
    assert_true(append_one(loop, log) > 0);
    harness_run(loop);
    assert_true(reported("may not be on the disk"));
    assert_true(append_one(loop, log) > 0);
    assert_int_equal(count_files(path, ".log"), 2);
    check_kept(loop, log);
    close_log(loop, log);
}

BACKEND_TEST(a_directory_that_cannot_be_synced_makes_no_segment)
{
    const char *path = harness_path("data");
    not_on_uring();
    struct log *log = open_log(loop, path, NULL);
    char names[4][64];
    assert_int_equal(list_files(path, "lock", names, 4), 1);
    int directory = -1;
    for (int fd = 0; fd < 256 && directory < 0; fd++) {
        struct stat is, want;
        if (fstat(fd, &is) == 0 && stat(path, &want) == 0 && is.st_ino == want.st_ino &&
            is.st_dev == want.st_dev)
            directory = fd;
    }
    assert_true(directory >= 0);
    fail_calls("kernel_fsync", directory);
    assert_result(append_one(loop, log), -EREMOTEIO); /* nothing can have been kept */
    assert_result(append_one(loop, log), -EREMOTEIO);
    assert_int_equal(log_trouble(log), -EREMOTEIO);
    assert_true(reported("cannot make a segment"));
    assert_int_equal(count_files(path, ".log"), 0);
    close_log(loop, log);
}

BACKEND_TEST(a_segment_that_cannot_be_read_gives_its_error_and_can_be_read_later)
{
    static unsigned char buffer[LOG_READ_BYTES_MIN];
    struct log_options options = {.segment_bytes = 4096, .open_segments_max = 1};
    struct rlimit limit, none;
    struct reading reading = {0};
    struct log *log = open_log(loop, harness_path("data"), &options);
    for (int i = 0; i < 20; i++)
        append_one(loop, log);
    harness_run(loop);
    /* The one that stays open is not the first: which was sealed last is left to the kernel. */
    log_cursor_init(&reading.cursor, find(log, "s"), kept[10]);
    assert_true(read_once(loop, log, &reading, buffer, sizeof buffer) > 0);
    harness_run(loop);
    int lowest = dup(0);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    log_cursor_init(&reading.cursor, find(log, "s"), LOG_START);
    assert_result(read_once(loop, log, &reading, buffer, sizeof buffer), -EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    check_kept(loop, log);
    close_log(loop, log);
}

/* --- a lock that cannot be had --- */

/* Whatever refuses it: nothing is kept open, and the next open finds all. */
BACKEND_TEST(open_without_its_lock_fails_and_leaves_the_log_alone)
{
    static const struct {
        int refused, given;
    } errors[] = {{-EWOULDBLOCK, -EBUSY}, {-ENOLCK, -ENOLCK}, {-EOPNOTSUPP, -EOPNOTSUPP}};
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, NULL);
    append_one(loop, log);
    close_log(loop, log);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        /* Each stays until the end, as a thread of the pool may be looking at it still. */
        int fault = FAULT(.calls = "kernel_flock", .error = errors[i].refused);
        assert_result(try_open(loop, path, NULL, &log), errors[i].given);
        assert_int_equal(fault_met(fault), 1);
    }
    log = open_log(loop, path, NULL);
    append_one(loop, log);
    check_kept(loop, log);
    close_log(loop, log);
}
