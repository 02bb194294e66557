/* test_each_byte.c - one segment, of which every truncation and every flipped byte is opened. */
#include "log/batch.h"
#include "log/left.h"
#include "log/record.h"

FILES_IN_MEMORY

/* An index may know of a later note than can be read. */
static void assert_note(const struct log_stream *stream, int at_least)
{
    struct log_note note = {0};
    int value = -1;
    if (log_stream_note(stream, "number", 6, &note)) {
        assert_int_equal(note.count, sizeof value);
        memcpy(&value, note.bytes, sizeof value);
        assert_int_equal(value % 2, 0);
    }
    assert_in_range(value + 1, at_least + 1, FEW);
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
    int noted = -1; /* by the last of the events that bring a note */
    for (size_t i = 0; i < history.count; i++) {
        const struct seen *seen = &history.seen[i];
        if (seen->id == 0) {
            *out_gap = true;
            continue;
        }
        int number = 0;
        while (number < FEW && few_ids[number] != seen->id)
            number++;
        assert_true(number < FEW && seen->id > before);
        assert_text(seen, few_texts[number]);
        assert_int_equal(strcmp(name, "third") == 0, number % 3 == 0);
        before = seen->id;
        bits |= 1u << number;
        noted = number % 2 == 0 ? number : noted;
    }
    history_free(&history);
    assert_note(find(log, name), noted);
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
    fill_few(loop, log);
    assert_int_equal(list_files(path, ".log", names, 1), 1);
    unsigned char *bytes = load_file(inside(path, names[0]), out_length);
    close_log(loop, log);
    memcpy(name, names[0], sizeof names[0]);
    return bytes;
}

/* On one backend: what is tried is the log's, and there are many of them. */
TEST(every_truncation_opens_to_a_prefix)
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
        assert_true(next > few_ids[FEW - 1]);
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
    assert_int_equal(before, (1u << FEW) - 1);
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
        unsigned now = present_in_all(loop, log, &gap), all = (1u << FEW) - 1;
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
        assert_true(append_text(loop, log, "after", "the damage") > few_ids[FEW - 1]);
        close_log(loop, log);
    }
    free(bytes);
    free(index);
    harness_loop_destroy(loop);
}

TEST(every_flipped_byte_of_an_ended_segment_costs_one_event_and_tells_a_gap)
{
    flip_each_byte(true);
}

TEST(every_flipped_byte_of_a_crashed_segment_costs_one_event_and_is_told)
{
    flip_each_byte(false);
}

TEST(every_flipped_byte_of_an_index_costs_nothing)
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
        assert_int_equal(present_in_all(loop, log, &gap), (1u << FEW) - 1);
        assert_false(gap);
        assert_true(reported("made anew"));
        assert_true(append_text(loop, log, "after", "the damage") > few_ids[FEW - 1]);
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
        assert_int_equal(present_in_all(loop, log, &gap), (1u << FEW) - 1);
        assert_false(gap);
        struct stat status;
        assert_int_equal(stat(inside(path, name), &status), 0);
        assert_int_equal(status.st_size, length);
        close_log(loop, log);
    }
    free(bytes);
}
