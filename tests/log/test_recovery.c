/* test_recovery.c - opening what a crash, a disk or a person has left: every truncation, every
 * flipped byte, missing files. */
#include "log/batch.h"
#include "log/fixture.h"
#include "log/record.h"

FILES_IN_MEMORY

enum { EVENTS = 12 };

static uint64_t ids[EVENTS];
static char texts[EVENTS][32];

/* Appends EVENTS events to two streams in turn. */
static void fill(struct hark_loop *loop, struct log *log)
{
    for (int i = 0; i < EVENTS; i++) {
        snprintf(texts[i], sizeof texts[i], "event %d%.*s", i, i, "............");
        ids[i] = append_text(loop, log, i % 3 == 0 ? "third" : "others", texts[i]);
    }
}

/* A directory with that one segment, and no index. */
static void place(const char *path, const char *name, const unsigned char *bytes, size_t length)
{
    mkdir(path, 0700);
    remove_files(path, ".log");
    remove_files(path, ".idx");
    remove_files(path, "lock"); /* it may tell of a newer segment */
    store_file(inside(path, name), bytes, length);
}

/* Reads a stream, if it is there, and checks that every event is one of those appended, in order.
 * Gives: a bit for each. */
static unsigned present(struct hark_loop *loop, struct log *log, const char *name, bool *out_gap)
{
    unsigned bits = 0;
    if (!find(log, name))
        return 0;
    struct history history = read_from(loop, log, name, LOG_START);
    uint64_t before = 0;
    for (size_t i = 0; i < history.count; i++) {
        const struct seen *seen = &history.seen[i];
        if (seen->id == 0) {
            *out_gap = true;
            continue;
        }
        int number = 0;
        while (number < EVENTS && ids[number] != seen->id)
            number++;
        assert_true(number < EVENTS && seen->id > before);
        assert_text(seen, texts[number]);
        assert_int_equal(strcmp(name, "third") == 0, number % 3 == 0);
        before = seen->id;
        bits |= 1u << number;
    }
    history_free(&history);
    return bits;
}

static unsigned present_in_all(struct hark_loop *loop, struct log *log, bool *out_gap)
{
    return present(loop, log, "third", out_gap) | present(loop, log, "others", out_gap);
}

/* The bytes of the only segment, as a crash right after the last append would leave them. */
static unsigned char *one_segment(struct hark_loop *loop, char *name, size_t *out_length)
{
    const char *path = harness_path("source");
    char names[1][64];
    struct log *log = open_log(loop, path, NULL);
    fill(loop, log);
    assert_int_equal(list_files(path, ".log", names, 1), 1);
    unsigned char *bytes = load_file(inside(path, names[0]), out_length);
    close_log(loop, log);
    memcpy(name, names[0], sizeof names[0]);
    return bytes;
}

/* On one backend: what is tried is the log's, and there are many of them. */
TEST_TIMEOUT(every_truncation_opens_to_a_prefix, 120)
{
    struct hark_loop *loop = harness_loop_create(NULL);
    char name[64];
    size_t length;
    unsigned char *bytes = one_segment(loop, name, &length);
    const char *path = harness_path("cut");
    unsigned before = 0;
    for (size_t cut = 0; cut <= length; cut++) {
        place(path, name, bytes, cut);
        bool gap = false;
        struct log *log = open_log(loop, path, NULL);
        unsigned now = present_in_all(loop, log, &gap);
        assert_false(gap);
        assert_int_equal(now & (now + 1), 0); /* the first few, and no others */
        assert_true(now >= before);
        before = now;
        uint64_t next = append_text(loop, log, "after", "the crash");
        assert_true(next > ids[EVENTS - 1]);
        close_log(loop, log);
        char names[2][64]; /* the new segment's, and the old one's, unless nothing is left in it */
        int count = list_files(path, ".log", names, 2);
        assert_true(strtoull(names[count - 1], NULL, 10) >=
                    strtoull(name, NULL, 10) + SEGMENT_SPAN); /* so many may be given */

        log = open_log(loop, path, NULL);
        assert_int_equal(present_in_all(loop, log, &gap), now);
        assert_false(gap);
        assert_int_equal(find(log, "after")->last, next);
        close_log(loop, log);
    }
    assert_int_equal(before, (1u << EVENTS) - 1);
    free(bytes);
    harness_loop_destroy(loop);
}

/* What the next start reserves is all that a segment may give. */
TEST(a_segment_gives_no_id_past_its_span)
{
    static struct log log;
    struct log_segment active = {.first = 1000};
    struct log_append request = {.name = "s", .name_length = 1};
    log.active = &active;
    log.options.segment_bytes = 1 << 20;
    log.next = active.first + 1;
    assert_false(batch_must_roll(&log, &request, NULL));
    for (log.next = active.first + SEGMENT_SPAN - 9; log.next < active.first + SEGMENT_SPAN + 9;
         log.next++)
        if (log.next + 1 >= active.first + SEGMENT_SPAN) /* one for the stream, one for the event */
            assert_true(batch_must_roll(&log, &request, NULL));
}

/* One flipped byte in a segment that was ended in order, or that was not, costs at most one record,
 * and is told. */
static void flip_each_byte(bool ended)
{
    struct hark_loop *loop = harness_loop_create(NULL);
    char name[64];
    size_t length, index_length = 0;
    unsigned char *bytes = one_segment(loop, name, &length), *index = NULL;
    char index_name[64];
    if (ended) {
        char names[1][64];
        list_files(harness_path("source"), ".idx", names, 1);
        memcpy(index_name, names[0], sizeof index_name);
        index = load_file(inside(harness_path("source"), index_name), &index_length);
    }
    const char *path = harness_path("flipped");
    for (size_t i = 0; i < length; i++) {
        bytes[i] ^= (unsigned char)(1u << (i % 8));
        place(path, name, bytes, length);
        bytes[i] ^= (unsigned char)(1u << (i % 8));
        if (ended)
            store_file(inside(path, index_name), index, index_length);
        memset(&reports, 0, sizeof reports);
        bool gap = false;
        struct log *log = open_log(loop, path, NULL);
        unsigned now = present_in_all(loop, log, &gap), all = (1u << EVENTS) - 1;
        unsigned lost = all & ~now;
        /* A record of creation names a stream: without it, and without an index, its events cannot
         * be reached. */
        bool nameless = !find(log, "third") || !find(log, "others");
        assert_true(nameless || (lost & (lost - 1)) == 0);
        if (lost != 0 || nameless)
            assert_true(reports.count > 0 || gap);
        if (ended) {
            assert_false(nameless);
            assert_true((lost != 0) == gap || gap);
        }
        assert_true(append_text(loop, log, "after", "the damage") > ids[EVENTS - 1]);
        close_log(loop, log);
    }
    free(bytes);
    free(index);
    harness_loop_destroy(loop);
}

TEST_TIMEOUT(every_flipped_byte_of_an_ended_segment_costs_one_event_and_tells_a_gap, 120)
{
    flip_each_byte(true);
}

TEST_TIMEOUT(every_flipped_byte_of_a_crashed_segment_costs_one_event_and_is_told, 120)
{
    flip_each_byte(false);
}

TEST_TIMEOUT(every_flipped_byte_of_an_index_costs_nothing, 120)
{
    struct hark_loop *loop = harness_loop_create(NULL);
    char name[64], names[1][64];
    size_t length, index_length;
    unsigned char *bytes = one_segment(loop, name, &length);
    list_files(harness_path("source"), ".idx", names, 1);
    unsigned char *index = load_file(inside(harness_path("source"), names[0]), &index_length);
    const char *path = harness_path("flipped");
    for (size_t i = 0; i < index_length; i++) {
        index[i] ^= (unsigned char)(1u << (i % 8));
        place(path, name, bytes, length);
        store_file(inside(path, names[0]), index, index_length);
        index[i] ^= (unsigned char)(1u << (i % 8));
        memset(&reports, 0, sizeof reports);
        bool gap = false;
        struct log *log = open_log(loop, path, NULL);
        assert_int_equal(present_in_all(loop, log, &gap), (1u << EVENTS) - 1);
        assert_false(gap);
        assert_true(reported("made anew"));
        assert_true(append_text(loop, log, "after", "the damage") > ids[EVENTS - 1]);
        close_log(loop, log);
    }
    free(bytes);
    free(index);
    harness_loop_destroy(loop);
}

/* Rubbish after the last record: zeros, as of a file that was lengthened before its content came;
 * noise; and a record of this very segment from another place. */
BACKEND_TEST(rubbish_after_the_last_record_is_cut_off)
{
    char name[64];
    size_t length;
    unsigned char *bytes = one_segment(loop, name, &length);
    const char *path = harness_path("rubbish");
    for (int kind = 0; kind < 3; kind++) {
        size_t more = kind == 2 ? length - SEGMENT_HEADER_BYTES : 5000;
        unsigned char *longer = calloc(1, length + more);
        memcpy(longer, bytes, length);
        if (kind == 1)
            harness_fill(longer + length, more, 3);
        if (kind == 2)
            memcpy(longer + length, bytes + SEGMENT_HEADER_BYTES, more);
        place(path, name, longer, length + more);
        free(longer);
        memset(&reports, 0, sizeof reports);
        bool gap = false;
        struct log *log = open_log(loop, path, NULL);
        assert_true(reported("cut off"));
        assert_int_equal(present_in_all(loop, log, &gap), (1u << EVENTS) - 1);
        assert_false(gap);
        struct stat status;
        assert_int_equal(stat(inside(path, name), &status), 0);
        assert_int_equal(status.st_size, length);
        close_log(loop, log);
    }
    free(bytes);
}

/* --- several segments --- */

enum { SEGMENT_BYTES = 4096, MANY = 120 };

static uint64_t many_ids[MANY];

static void fill_many(struct hark_loop *loop, const char *path)
{
    static const struct log_options options = {.segment_bytes = SEGMENT_BYTES};
    struct log *log = open_log(loop, path, &options);
    for (int i = 0; i < MANY; i++) {
        char text[128];
        snprintf(text, sizeof text, "number %0100d", i);
        many_ids[i] = append_text(loop, log, "s", text);
        if (i == MANY / 4)
            append_text(loop, log, "gone", "1");
        if (i == MANY / 2)
            assert_true(delete_stream(loop, log, "gone") > 0);
    }
    append_text(loop, log, "late", "1");
    close_log(loop, log);
}

/* Checks that what is read and the gaps between make up all that was appended. Gives: the events
 * that are there. */
static int check_many(struct hark_loop *loop, struct log *log, uint64_t after)
{
    struct history history = read_from(loop, log, "s", after);
    int next = 0, events = 0;
    uint64_t gap_until = 0;
    while (next < MANY && many_ids[next] <= after)
        next++;
    for (size_t i = 0; i < history.count; i++) {
        if (history.seen[i].id == 0) {
            gap_until = history.seen[i].gap.first;
            continue;
        }
        while (next < MANY && many_ids[next] < history.seen[i].id) {
            assert_true(many_ids[next] < gap_until); /* what is missing was told */
            next++;
        }
        assert_true(next < MANY && many_ids[next] == history.seen[i].id);
        next++;
        events++;
    }
    while (next < MANY) {
        assert_true(many_ids[next] < gap_until);
        next++;
    }
    history_free(&history);
    return events;
}

BACKEND_TEST(a_missing_segment_is_a_gap_wherever_it_was)
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
        for (int restart = 0; restart < 2; restart++) {
            struct log *log = open_log(loop, path, NULL);
            int events = check_many(loop, log, 1);
            assert_in_range(events, 1, MANY - 1);
            check_many(loop, log, many_ids[MANY / 2]);
            assert_null(find(log, "gone"));
            assert_int_equal(find(log, "late")->count, 1);
            assert_true(append_text(loop, log, "new", "1") > many_ids[MANY - 1]);
            close_log(loop, log);
        }
    }
}

BACKEND_TEST(damage_in_the_middle_of_an_ended_segment_is_a_gap_and_the_rest_is_read)
{
    char names[64][64];
    const char *path = harness_path("data");
    fill_many(loop, path);
    int count = list_files(path, ".log", names, 64);
    int fd = open(inside(path, names[count / 2]), O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "damage", 6, SEGMENT_BYTES / 2), 6);
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

BACKEND_TEST_TIMEOUT(a_damaged_event_is_a_gap_of_just_that_one_wherever_in_a_block_it_stands, 60)
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
BACKEND_TEST_TIMEOUT(a_damaged_event_before_blocks_of_others_is_a_gap_of_just_that_one, 60)
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
BACKEND_TEST_TIMEOUT(a_segment_that_has_lost_its_last_event_is_a_gap_that_ends, 60)
{
    const char *path = harness_path("data");
    char names[1][64];
    struct log *log = open_log(loop, path, NULL);
    fill(loop, log);
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
        assert_int_equal(last->gap.after, ids[EVENTS - 2]);
        assert_int_equal(last->gap.first, ids[EVENTS - 1] + 1);
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
    assert_int_equal(truncate(inside(path, names[count / 2]), SEGMENT_BYTES / 2), 0);
    for (int restart = 0; restart < 3; restart++) {
        struct log *log = open_log(loop, path, NULL);
        int events = check_many(loop, log, 1);
        assert_in_range(events, MANY / 2, MANY - 5);
        close_log(loop, log);
    }
    assert_true(reported("has lost its last"));
}

BACKEND_TEST(a_segment_of_a_newer_version_is_left_alone)
{
    char names[64][64];
    const char *path = harness_path("data");
    fill_many(loop, path);
    assert_true(list_files(path, ".log", names, 64) > 0);
    unsigned char header[SEGMENT_HEADER_BYTES];
    struct log_segment_header decoded;
    int fd = open(inside(path, names[0]), O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, header, sizeof header, 0), sizeof header);
    assert_true(segment_header_decode(header, &decoded));
    decoded.version++;
    segment_header_encode(header, &decoded);
    assert_int_equal(pwrite(fd, header, sizeof header, 0), sizeof header);
    close(fd);
    int before = count_files(path, "");
    struct log *log = NULL;
    assert_result(try_open(loop, path, NULL, &log), -EPROTO);
    assert_int_equal(count_files(path, ""), before);
}

BACKEND_TEST(files_of_others_and_leftovers_do_not_disturb)
{
    const char *path = harness_path("data");
    fill_many(loop, path);
    int before = count_files(path, "");
    store_file(inside(path, "notes.txt"), "mine", 4);
    store_file(inside(path, "00000000000000000000.log"), "zero is no sequence", 19);
    store_file(inside(path, "123.log"), "too short a name", 16);
    store_file(inside(path, "18446744073709551000.log"), "more than any sequence", 22);
    store_file(inside(path, "00000000000000000007.idx"), "an index of nothing", 19);
    store_file(inside(path, "00000000000000000007.new"), "an unfinished index", 19);
    struct log *log = open_log(loop, path, NULL);
    assert_int_equal(check_many(loop, log, LOG_START), MANY);
    close_log(loop, log);
    assert_int_equal(count_files(path, ""), before + 4); /* the first four stay */
    log = open_log(loop, path, NULL);
    assert_in_range(append_text(loop, log, "new", "1"), many_ids[MANY - 1] + 1,
                    many_ids[MANY - 1] + 16);
    close_log(loop, log);
}

/* Whatever stands under a segment's name and is no file: a pipe would hold up who opens it. */
BACKEND_TEST(pipes_and_directories_with_names_of_segments_do_not_disturb)
{
    const char *path = harness_path("data");
    fill_many(loop, path);
    assert_int_equal(mkfifo(inside(path, "00000000000000000007.log"), 0600), 0);
    assert_int_equal(mkdir(inside(path, "00000000000000099999.log"), 0700), 0);
    assert_int_equal(mkfifo(inside(path, "00000000000000000001.new"), 0600), 0);
    struct log *log = open_log(loop, path, NULL);
    assert_int_equal(check_many(loop, log, LOG_START), MANY);
    close_log(loop, log);
    assert_int_equal(access(inside(path, "00000000000000000007.log"), F_OK), 0);
}

BACKEND_TEST(an_index_that_cannot_be_opened_is_made_anew)
{
    const char *path = harness_path("data");
    char names[1][64];
    fill_many(loop, path);
    list_files(path, ".idx", names, 1);
    const char *index = inside(path, names[0]);
    assert_int_equal(unlink(index), 0);
    assert_int_equal(symlink("nowhere", index), 0);
    struct log *log = open_log(loop, path, NULL);
    assert_true(reported(names[0]));
    assert_int_equal(check_many(loop, log, LOG_START), MANY);
    close_log(loop, log);
}

BACKEND_TEST(a_segment_that_cannot_be_opened_is_named)
{
    const char *path = harness_path("data");
    fill_many(loop, path);
    assert_int_equal(symlink("nowhere", inside(path, "00000000000000000007.log")), 0);
    struct log *log = NULL;
    assert_result(try_open(loop, path, NULL, &log), -ELOOP);
    assert_true(reported("cannot open segment 00000000000000000007.log: it is a symbolic link"));
}

/* A crash while a segment is made leaves an empty or half-written file, whose number was never
 * given to an event. */
BACKEND_TEST(a_segment_whose_making_crashed_is_removed)
{
    const char *path = harness_path("data");
    char next[64];
    fill_many(loop, path);
    int before = count_files(path, ".log");
    for (size_t length = 0; length < 80; length += 13) {
        unsigned char bytes[80] = {0};
        struct log_segment_header header = {
            .version = SEGMENT_VERSION, .declared = 9, .first = 99999, .declared_end = 900};
        if (length > 40)
            segment_header_encode(bytes, &header);
        snprintf(next, sizeof next, "%020d.log", 99999);
        store_file(inside(path, next), bytes, length);
        struct log *log = open_log(loop, path, NULL);
        assert_int_equal(count_files(path, ".log"), before);
        assert_int_equal(check_many(loop, log, LOG_START), MANY);
        close_log(loop, log);
    }
}

BACKEND_TEST(ids_are_not_given_again_after_a_crash_that_lost_the_tail)
{
    const char *path = harness_path("data");
    struct log_options never = {.sync = LOG_SYNC_NEVER};
    char names[2][64];
    size_t length;
    struct log *log = open_log(loop, path, &never);
    fill(loop, log);
    list_files(path, ".log", names, 2);
    unsigned char *bytes = load_file(inside(path, names[0]), &length);
    close_log(loop, log);
    place(path, names[0], bytes,
          SEGMENT_HEADER_BYTES); /* the power went: of what was not synced nothing is left */
    free(bytes);
    log = open_log(loop, path, &never);
    assert_null(find(log, "third"));
    assert_true(append_text(loop, log, "third", "again") > ids[EVENTS - 1]);
    struct history history = read_from(loop, log, "third", ids[0]);
    assert_int_equal(history.gaps, 1);
    history_free(&history);
    close_log(loop, log);
}

/* The lock file alone knows that there was one. */
BACKEND_TEST(ids_of_the_only_segment_are_not_given_again_when_it_is_gone)
{
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, NULL);
    fill(loop, log);
    close_log(loop, log);
    remove_files(path, ".log");
    remove_files(path, ".idx");
    log = open_log(loop, path, NULL);
    assert_true(append_text(loop, log, "third", "again") > ids[EVENTS - 1]);
    close_log(loop, log);
}

/* It is whole, and of this very segment, but from before its last events: what somebody has brought
 * back from a copy. */
BACKEND_TEST(an_index_that_is_older_than_its_segment_is_made_anew)
{
    const char *path = harness_path("data");
    char names[2][64], old[64];
    size_t length, segment_length;
    struct log *log = open_log(loop, path, NULL);
    append_text(loop, log, "s", "1");
    assert_int_equal(list_files(path, ".log", names, 2), 1);
    unsigned char *segment = load_file(inside(path, names[0]), &segment_length);
    append_text(loop, log, "s", "2");
    close_log(loop, log);
    log = open_log(loop, path, NULL);
    append_text(loop, log, "s", "3"); /* its segment says where the one before has ended */
    close_log(loop, log);

    const char *copy = harness_path("copy");
    place(copy, names[0], segment, segment_length);
    free(segment);
    close_log(loop, open_log(loop, copy, NULL));
    snprintf(old, sizeof old, "%.20s.idx", names[0]);
    unsigned char *index = load_file(inside(copy, old), &length);
    store_file(inside(path, old), index, length);
    free(index);

    log = open_log(loop, path, NULL);
    assert_true(reported(old));
    struct history history = read_from(loop, log, "s", LOG_START);
    assert_int_equal(history.events, 3);
    assert_int_equal(history.gaps, 0);
    history_free(&history);
    close_log(loop, log);
}

/* Neither the deletion is there, nor what the next segment says of the streams that it knows. */
BACKEND_TEST(a_name_whose_deletion_was_lost_is_of_the_newer_stream_alone)
{
    const char *path = harness_path("data");
    char names[4][64];
    for (int life = 0; life < 3; life++) { /* a segment each */
        struct log *log = open_log(loop, path, NULL);
        if (life == 0)
            append_text(loop, log, "kept", "1");
        if (life == 1)
            assert_true(delete_stream(loop, log, "s") > 0);
        append_text(loop, log, life == 1 ? "other" : "s", life == 0 ? "old" : "new");
        close_log(loop, log);
    }
    assert_int_equal(list_files(path, ".log", names, 4), 3);
    assert_int_equal(unlink(inside(path, names[1])), 0);
    remove_files(path, ".idx");
    size_t length;
    unsigned char *bytes = load_file(inside(path, names[2]), &length);
    bytes[SEGMENT_HEADER_BYTES + 8] ^= 1; /* of the first declaration */
    store_file(inside(path, names[2]), bytes, length);
    free(bytes);
    struct log *log = open_log(loop, path, NULL);
    struct history history = read_from(loop, log, "s", LOG_START);
    assert_int_equal(history.events, 1);
    assert_text(&history.seen[history.count - 1], "new");
    history_free(&history);
    int named = 0;
    for (const struct log_stream *stream = log_stream_above(log, 0); stream;
         stream = log_stream_next(log, stream))
        named += strcmp(stream->name, "s") == 0;
    assert_int_equal(named, 1);
    close_log(loop, log);
}

BACKEND_TEST(a_lock_that_is_a_link_is_refused_and_its_target_left_alone)
{
    const char *path = harness_path("data");
    struct log *log = NULL;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(symlink("../made", inside(path, "lock")), 0);
    assert_result(try_open(loop, path, NULL, &log), -ELOOP);
    assert_true(reported("lock is a symbolic link"));
    assert_int_not_equal(access(harness_path("made"), F_OK), 0);
}

BACKEND_TEST(a_directory_that_others_may_write_to_is_warned_of)
{
    const char *path = harness_path("data");
    for (int open_to_all = 1; open_to_all >= 0; open_to_all--) {
        memset(&reports, 0, sizeof reports);
        mkdir(path, 0700);
        assert_int_equal(chmod(path, open_to_all ? 0777 : 0755), 0);
        struct log *log = open_log(loop, path, NULL);
        assert_int_equal(reported("others may write"), open_to_all);
        close_log(loop, log);
    }
}
