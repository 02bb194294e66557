/* test_gaps.c - segments that are missing, damaged or cut short: what is lost is told as a gap of
 * just that, and all else is read. */
#include "log/left.h"
#include "log/record.h"

FILES_IN_MEMORY

static void damage_index_of(const char *path, const char *segment)
{
    char name[64];
    size_t length;
    snprintf(name, sizeof name, "%.20s.idx", segment);
    unsigned char *bytes = load_file(inside(path, name), &length);
    bytes[length / 2] ^= 1;
    store_file(inside(path, name), bytes, length);
    free(bytes);
}

/* Takes: damaged: the index that a segment leaves behind when it goes cannot be used, either. */
static void lose_each(struct hark_loop *loop, bool damaged)
{
    char names[64][64];
    fill_many(loop, harness_path("data"));
    int count = list_files(harness_path("data"), ".log", names, 64);
    assert_in_range(count, 4, 64);
    for (int gone = 0; gone < count - 1; gone++) {
        char path[4096], command[9000];
        snprintf(path, sizeof path, "%s", harness_path("copy"));
        snprintf(command, sizeof command, "rm -rf '%s' && cp -r '%s' '%s'", path,
                 harness_path("data"), path);
        assert_int_equal(system(command), 0);
        assert_int_equal(unlink(inside(path, names[gone])), 0);
        if (damaged)
            damage_index_of(path, names[gone]);
        reports.count = 0;
        for (int restart = 0; restart < 2; restart++) {
            struct log *log = open_log(loop, path, NULL);
            int events = check_many(loop, log, 1);
            assert_in_range(events, 1, MANY - 1);
            check_many(loop, log, many_ids[MANY / 2]);
            assert_true(reported("missing"));
            assert_null(find(log, "gone"));
            assert_int_equal(find(log, "late")->count, 1);
            assert_true(append_text(loop, log, "new", "1") > many_ids[MANY - 1]);
            close_log(loop, log);
        }
    }
}

BACKEND_TEST(a_missing_segment_is_a_gap_wherever_it_was)
{
    lose_each(loop, false);
}

BACKEND_TEST(a_missing_segment_whose_index_is_damaged_is_a_gap_wherever_it_was)
{
    lose_each(loop, true);
}

BACKEND_TEST(damage_in_the_middle_of_an_ended_segment_is_a_gap_and_the_rest_is_read)
{
    char names[64][64];
    const char *path = harness_path("data");
    fill_many(loop, path);
    int count = list_files(path, ".log", names, 64);
    int fd = open(inside(path, names[count / 2]), O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "damage", 6, MANY_SEGMENT_BYTES / 2), 6);
    close(fd);
    for (int with_index = 1; with_index >= 0; with_index--) {
        struct log *log = open_log(loop, path, NULL);
        assert_int_equal(check_many(loop, log, 1), MANY - 1);
        assert_true(log_statistics(log)->damaged > 0);
        assert_true(reported("gap"));
        close_log(loop, log);
        remove_files(path, ".idx");
        memset(&reports, 0, sizeof reports);
    }
}

BACKEND_TEST(gap_at_the_end_of_a_segment_that_was_damaged_goes_to_its_last_id)
{
    const char *path = harness_path("data");
    char names[2][64];
    struct log *log = open_log(loop, path, NULL);
    uint64_t good = append_text(loop, log, "s", "good");
    append_text(loop, log, "s", "damaged");
    uint64_t last = append_text(loop, log, "other", "damaged");
    close_log(loop, log);
    log = open_log(loop, path, NULL);
    assert_int_equal(list_files(path, ".log", names, 2), 1);
    size_t length;
    unsigned char *bytes = load_file(inside(path, names[0]), &length), *at = bytes;
    while ((at = memmem(at, (size_t)(bytes + length - at), "damaged", 7)))
        *at = 'D';
    store_file(inside(path, names[0]), bytes, length);
    free(bytes);
    struct history history = read_from(loop, log, "s", LOG_START);
    assert_int_equal(history.count, 2);
    assert_text(&history.seen[0], "good");
    assert_int_equal(history.seen[1].gap.after, good);
    assert_int_equal(history.seen[1].gap.first, last + 1);
    history_free(&history);
    close_log(loop, log);
}

/* Reads a stream: all is there but that one event, and the gap that is told is that event. */
static void assert_only_lost(struct hark_loop *loop, struct log *log, const char *name,
                             const uint64_t *all, int count, int lost)
{
    struct history history = read_from(loop, log, name, find(log, name)->generation);
    int next = 0;
    assert_int_equal(history.count, count);
    for (int i = 0; i < count; i++, next++) {
        const struct seen *seen = &history.seen[i];
        assert_int_equal(seen->id, i == lost ? 0 : all[i]);
        if (i == lost)
            assert_int_equal(seen->gap.first, all[i] + 1);
    }
    history_free(&history);
}

BACKEND_TEST(a_damaged_event_is_a_gap_of_just_that_one_wherever_in_a_block_it_stands)
{
    enum { COUNT = 24, BYTES = 8000 };
    static unsigned char bytes[BYTES];
    uint64_t all[COUNT];
    char names[1][64];
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, NULL);
    memset(bytes, 'x', sizeof bytes);
    for (int i = 0; i < COUNT; i++)
        all[i] = append_bytes(loop, log, "s", bytes, sizeof bytes);
    for (int sealed = 0; sealed < 2; sealed++) { /* while it is written, and with its index */
        list_files(path, ".log", names, 1);
        int fd = open(inside(path, names[0]), O_WRONLY | O_CLOEXEC);
        for (int lost = 0; lost < COUNT; lost++) {
            off_t at = SEGMENT_HEADER_BYTES + (off_t)record_size(1) +
                       lost * (off_t)record_size(BYTES) + 4000;
            assert_int_equal(pwrite(fd, "X", 1, at), 1);
            assert_only_lost(loop, log, "s", all, COUNT, lost);
            assert_int_equal(pwrite(fd, "x", 1, at), 1);
        }
        close(fd);
        close_log(loop, log);
        log = open_log(loop, path, NULL);
    }
    close_log(loop, log);
}

/* The last of a block of the stream's, behind which blocks of others stand. */
BACKEND_TEST(a_damaged_event_before_blocks_of_others_is_a_gap_of_just_that_one)
{
    enum { COUNT = 18, BYTES = 8000, BLOCK = 9 }; /* so many events of that size fill a block */
    static unsigned char bytes[BYTES];
    uint64_t all[COUNT];
    char names[1][64];
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, NULL);
    memset(bytes, 'x', sizeof bytes);
    for (int i = 0; i < COUNT + 3 * BLOCK; i++) {
        bool other = i >= BLOCK && i < 4 * BLOCK;
        uint64_t id = append_bytes(loop, log, other ? "other" : "s", bytes, sizeof bytes);
        if (!other)
            all[i < BLOCK ? i : i - 3 * BLOCK] = id;
    }
    list_files(path, ".log", names, 1);
    int fd = open(inside(path, names[0]), O_WRONLY | O_CLOEXEC);
    for (int lost = 0; lost < BLOCK; lost++) {
        off_t at =
            SEGMENT_HEADER_BYTES + (off_t)record_size(1) + lost * (off_t)record_size(BYTES) + 4000;
        assert_int_equal(pwrite(fd, "X", 1, at), 1);
        assert_only_lost(loop, log, "s", all, COUNT, lost);
        assert_int_equal(pwrite(fd, "x", 1, at), 1);
    }
    close(fd);
    close_log(loop, log);
}

/* Shorter than its index says, while it is in use, and at the next start. */
BACKEND_TEST(a_segment_that_has_lost_its_last_event_is_a_gap_that_ends)
{
    const char *path = harness_path("data");
    char names[1][64];
    struct log *log = open_log(loop, path, NULL);
    fill_few(loop, log);
    close_log(loop, log);
    for (int open_before = 1; open_before >= 0; open_before--) {
        if (open_before)
            log = open_log(loop, path, NULL);
        size_t length;
        list_files(path, ".log", names, 1);
        unsigned char *bytes = load_file(inside(path, names[0]), &length);
        assert_int_equal(truncate(inside(path, names[0]), (off_t)length - 8), 0);
        if (!open_before)
            log = open_log(loop, path, NULL);
        struct history history = read_from(loop, log, "others", 1);
        const struct seen *last = &history.seen[history.count - 1];
        assert_int_equal(last->id, 0);
        assert_int_equal(last->gap.after, few_ids[FEW - 2]);
        assert_int_equal(last->gap.first, few_ids[FEW - 1] + 1);
        history_free(&history);
        history = read_from(loop, log, "third",
                            find(log, "third")->generation); /* which had nothing there */
        assert_int_equal(history.gaps, 0);
        history_free(&history);
        assert_int_equal(log_statistics(log)->damaged, 1);
        close_log(loop, log);
        store_file(inside(path, names[0]), bytes, length);
        free(bytes);
    }
    assert_true(reported("1 events are lost"));
}

/* The newest segment's file is gone: its index, or the lock file, keeps its ids from being given
 * again. */
BACKEND_TEST(a_newest_segment_that_is_gone_or_empty_is_told_and_its_ids_are_not_given_again)
{
    char names[64][64], index[64], name[16];
    for (int kind = 0; kind < 6; kind++) {
        snprintf(name, sizeof name, "data-%d", kind);
        const char *path = harness_path(name);
        memset(&reports, 0, sizeof reports);
        fill_many(loop, path);
        int count = list_files(path, ".log", names, 64);
        snprintf(index, sizeof index, "%.20s.idx", names[count - 1]);
        if (kind % 2 == 1)
            assert_int_equal(unlink(inside(path, index)), 0);
        if (kind < 2)
            assert_int_equal(unlink(inside(path, names[count - 1])), 0);
        else
            assert_int_equal(truncate(inside(path, names[count - 1]), kind < 4 ? 0 : 70), 0);
        for (int restart = 0; restart < 3; restart++) {
            struct log *log = open_log(loop, path, NULL);
            assert_in_range(check_many(loop, log, 1), MANY / 2, MANY - 1);
            if (restart == 0) {
                assert_true(reported(names[count - 1]));
                assert_int_equal(log_statistics(log)->damaged, 1);
            }
            if (restart != 1)
                assert_true(append_text(loop, log, "new", "1") > many_ids[MANY - 1] + 1);
            close_log(loop, log);
        }
    }
}

BACKEND_TEST(a_segment_cut_short_by_others_is_a_gap_to_its_end)
{
    char names[64][64];
    const char *path = harness_path("data");
    fill_many(loop, path);
    int count = list_files(path, ".log", names, 64);
    assert_int_equal(truncate(inside(path, names[count / 2]), MANY_SEGMENT_BYTES / 2), 0);
    for (int restart = 0; restart < 3; restart++) {
        struct log *log = open_log(loop, path, NULL);
        int events = check_many(loop, log, 1);
        assert_in_range(events, MANY / 2, MANY - 5);
        close_log(loop, log);
    }
    assert_true(reported("has lost its last"));
}
