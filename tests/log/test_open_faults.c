/* test_open_faults.c - a log is opened while the disk fails: each call that a start makes fails
 * once, and each moves a few bytes only.
 *
 * A start then gives the error, or a log with all that it should have; and the next start, without
 * a fault, finds the same as if there had been none. What io_uring does is no call: the tests are
 * for the other backends. */
#include "fault/faults.h"
#include "log/disk.h"

FILES_IN_MEMORY

enum { EVENTS = 24, BYTES = 300, FILES_MAX = 32, SHORT = 30 };

static const struct log_options options = {.segment_bytes = 4096, .open_segments_max = 2};

/* --- what a start finds --- */

static void copy_log(const char *from, const char *to)
{
    char names[FILES_MAX][64];
    assert_int_equal(mkdir(to, 0700), 0);
    int count = list_files(from, "", names, FILES_MAX);
    assert_in_range(count, 1, FILES_MAX);
    for (int i = 0; i < count; i++) {
        size_t length;
        if (names[i][0] == '.')
            continue;
        unsigned char *bytes = load_file(inside(from, names[i]), &length);
        store_file(inside(to, names[i]), bytes, length);
        free(bytes);
    }
}

static void remove_log(const char *path)
{
    remove_files(path, ".log");
    remove_files(path, ".idx");
    remove_files(path, ".new");
    remove_files(path, "lock");
    remove_files(path, "table");
    assert_int_equal(rmdir(path), 0);
}

/* The path of a file of the log, by its place among those that end so; from the end: negative. */
static const char *file_of(const char *path, const char *suffix, int place)
{
    char names[FILES_MAX][64];
    int count = list_files(path, suffix, names, FILES_MAX);
    assert_in_range(count, 2, FILES_MAX);
    return inside(path, names[place < 0 ? count + place : place]);
}

static void change_file(const char *path, int64_t grow, size_t damage_at)
{
    char kept[8192];
    size_t length;
    snprintf(kept, sizeof kept, "%s", path);
    unsigned char *bytes = load_file(kept, &length);
    unsigned char *larger = calloc(1, length + (grow > 0 ? (size_t)grow : 0));
    assert_non_null(larger);
    memcpy(larger, bytes, length);
    for (int64_t i = 0; i < grow; i++)
        larger[length + (size_t)i] = (unsigned char)(i * 7 + 1);
    if (damage_at)
        larger[damage_at] ^= 0x55;
    store_file(kept, larger, (size_t)((int64_t)length + grow));
    free(bytes);
    free(larger);
}

static void in_order(const char *path)
{
    (void)path;
}

static void without_indexes(const char *path)
{
    remove_files(path, ".idx");
}

static void with_a_torn_end(const char *path)
{
    remove_files(path, ".idx");
    change_file(file_of(path, ".log", -1), 100, 0);
}

static void with_a_damaged_header(const char *path)
{
    change_file(file_of(path, ".log", 1), 0, 9);
}

static void with_a_damaged_index(const char *path)
{
    change_file(file_of(path, ".idx", 1), 0, 80);
}

static void with_a_segment_cut_short(const char *path)
{
    change_file(file_of(path, ".log", 0), -700, 0);
}

static void without_a_segment(const char *path)
{
    assert_int_equal(unlink(file_of(path, ".log", 1)), 0);
}

/* Nothing but the lock file tells of it. */
static void without_the_newest_segment(const char *path)
{
    assert_int_equal(unlink(file_of(path, ".log", -1)), 0);
    assert_int_equal(unlink(file_of(path, ".idx", -1)), 0);
}

static void with_an_unfinished_file(const char *path)
{
    store_file(inside(path, "00000000000000000077.new"), "x", 1);
}

static void (*const shapes[])(const char *path) = {
    in_order,
    without_indexes,
    with_a_torn_end,
    with_a_damaged_header,
    with_a_damaged_index,
    with_a_segment_cut_short,
    without_a_segment,
    without_the_newest_segment,
    with_an_unfinished_file,
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void make_log(struct hark_loop *loop, const char *path)
{
    unsigned char bytes[BYTES];
    struct log *log = open_log(loop, path, &options);
    for (int i = 0; i < EVENTS; i++) {
        harness_fill(bytes, sizeof bytes, (uint64_t)i);
        append_bytes(loop, log, i % 5 == 4 ? "other" : "s", bytes, sizeof bytes);
    }
    close_log(loop, log);
    assert_in_range(count_files(path, ".log"), 3, FILES_MAX);
}

/* --- what it gives --- */

static bool is_same(const struct seen *seen, const struct seen *other)
{
    return seen->id == other->id && seen->gap.first == other->gap.first &&
           seen->gap.after == other->gap.after && seen->length == other->length &&
           (seen->length == 0 || memcmp(seen->bytes, other->bytes, seen->length) == 0);
}

static void compare(struct hark_loop *loop, struct log *log, const struct history *wanted)
{
    struct history history = read_from(loop, log, "s", LOG_START);
    assert_int_equal(history.count, wanted->count);
    for (size_t i = 0; i < history.count; i++)
        assert_true(is_same(&history.seen[i], &wanted->seen[i]));
    history_free(&history);
}

/* Gives: whether the fault was met. */
static bool open_once(struct hark_loop *loop, const char *path, const struct fault *fault,
                      const struct history *wanted)
{
    struct log *log = NULL;
    int number = fault_begin(fault);
    int result = try_open(loop, path, &options, &log);
    fault_end(number);
    if (result != 0)
        assert_result(result, fault->error);
    if (log) {
        compare(loop, log, wanted);
        (void)try_close(loop, log);
    }
    log = open_log(loop, path, &options);
    compare(loop, log, wanted);
    close_log(loop, log);
    return fault_met(number) > 0;
}

/* What is in the cache is read at once, else: by the calls that the faults are of. */
static void read_by_threads(void)
{
    FAULT(.calls = "kernel_preadv2", .error = -EAGAIN, .times = FAULT_FOR_EVER);
}

static struct history history_of(struct hark_loop *loop, const char *base, int shape)
{
    char path[4096];
    snprintf(path, sizeof path, "%s-whole", base);
    copy_log(base, path);
    shapes[shape](path);
    struct log *log = open_log(loop, path, &options);
    struct history history = read_from(loop, log, "s", LOG_START);
    close_log(loop, log);
    remove_log(path);
    return history;
}

static void fail_each(struct hark_loop *loop, int error)
{
    static const char calls[] =
        "kernel_openat kernel_statx kernel_pread kernel_pwrite kernel_fsync "
        "kernel_fdatasync kernel_ftruncate kernel_getdents64 "
        "kernel_renameat2 kernel_unlinkat kernel_mkdirat kernel_flock";
    char base[4096], path[4200];
    not_on_uring();
    snprintf(base, sizeof base, "%s", harness_path("data"));
    make_log(loop, base);
    read_by_threads();
    for (int shape = 0; shape < SHAPES; shape++) {
        struct history wanted = history_of(loop, base, shape);
        bool met = true;
        for (uint64_t after = 0; met; after++) {
            assert_true(after < 200);
            snprintf(path, sizeof path, "%s-%d-%u", base, shape, (unsigned)after);
            copy_log(base, path);
            shapes[shape](path);
            const struct fault fault = {.calls = calls, .error = error, .after = after};
            met = open_once(loop, path, &fault, &wanted);
            assert_true(met || after > 10);
            remove_log(path);
        }
        history_free(&wanted);
    }
}

BACKEND_TEST(each_call_of_a_start_fails_once_and_the_next_start_finds_all)
{
    fail_each(loop, -EIO);
}

BACKEND_TEST(each_call_of_a_start_lacks_a_descriptor_once_and_the_next_start_finds_all)
{
    fail_each(loop, -EMFILE);
}

BACKEND_TEST(a_start_whose_reads_and_writes_move_a_few_bytes_finds_all)
{
    char base[4096], path[4200];
    not_on_uring();
    snprintf(base, sizeof base, "%s", harness_path("data"));
    make_log(loop, base);
    read_by_threads();
    for (int shape = 0; shape < SHAPES; shape++) {
        struct history wanted = history_of(loop, base, shape);
        const struct fault fault = {
            .calls = "kernel_pread kernel_pwrite", .at_most = SHORT, .times = FAULT_FOR_EVER};
        snprintf(path, sizeof path, "%s-%d", base, shape);
        copy_log(base, path);
        shapes[shape](path);
        assert_true(open_once(loop, path, &fault, &wanted));
        remove_log(path);
        history_free(&wanted);
    }
}

/* Whoever has made it, a server that was killed right after, say, may not have done so. */
BACKEND_TEST(directory_that_was_there_is_synced_where_it_stands)
{
    const char *path = harness_path("data");
    not_on_uring();
    assert_int_equal(mkdir(path, 0700), 0);
    int fault = FAULT(.calls = "kernel_fsync", .error = -EIO);
    struct log *log = open_log(loop, path, NULL);
    assert_int_equal(fault_met(fault), 1);
    fault_end(fault);
    assert_true(reported("the directory above"));
    close_log(loop, log);
}
