/* test_table.c - the file that holds all streams: what it saves a start to read, what a start does
 * without it, and what became of streams while it was written. */
#include "log/left.h"

#include "log/checkpoint.h"
#include "log/table_file.h"

FILES_IN_MEMORY

static void copy_directory(const char *from, const char *to)
{
    char command[16384];
    snprintf(command, sizeof command, "rm -rf '%s' && cp -r '%s' '%s'", to, from, to);
    assert_int_equal(system(command), 0);
}

/* The directory as a crash leaves it now. */
static const char *crash_copy(const char *path)
{
    static char copy[4096];
    snprintf(copy, sizeof copy, "%.4000s-crash", path);
    copy_directory(path, copy);
    return copy;
}

/* Writes over all indexes. */
static void spoil_indexes(const char *path)
{
    char names[64][64];
    int count = list_files(path, ".idx", names, 64);
    assert_in_range(count, 1, 64);
    for (int i = 0; i < count; i++)
        store_file(inside(path, names[i]), "no index", 8);
}

BACKEND_TEST(a_start_with_the_table_opens_no_index_of_what_was_ended_before)
{
    const char *path = harness_path("data");
    fill_many(loop, path);
    spoil_indexes(path);
    memset(&reports, 0, sizeof reports);
    struct log *log = open_log(loop, path, NULL);
    assert_int_equal(reports.count, 0);
    assert_int_equal(find(log, "s")->count, MANY);
    assert_null(find(log, "gone"));
    assert_int_equal(check_many(loop, log, LOG_START), MANY);
    assert_true(reported("cannot be used"));
    close_log(loop, log);
    memset(&reports, 0, sizeof reports);
    log = open_log(loop, path, NULL); /* that is not forgotten */
    assert_true(reported("made anew"));
    close_log(loop, log);
    memset(&reports, 0, sizeof reports);
    log = open_log(loop, path, NULL);
    assert_int_equal(check_many(loop, log, LOG_START), MANY);
    assert_int_equal(reports.count, 0);
    close_log(loop, log);
}

/* Every length, every byte: the log is there from its beginning, so nothing is lost. */
BACKEND_TEST(a_table_that_is_not_whole_costs_nothing_but_time)
{
    const char *path = harness_path("data");
    size_t length;
    fill_many(loop, path);
    unsigned char *bytes = load_file(inside(path, TABLE_NAME), &length);
    for (size_t at = 0; at < 2 * length; at++) {
        const bool cut = at < length;
        const size_t place = cut ? at : at - length;
        bytes[place] ^= cut ? 0 : (unsigned char)(1u << (at % 8));
        store_file(inside(path, TABLE_NAME), bytes, cut ? place : length);
        bytes[place] ^= cut ? 0 : (unsigned char)(1u << (at % 8));
        memset(&reports, 0, sizeof reports);
        struct log *log = open_log(loop, path, NULL);
        assert_true(reported("the table of streams"));
        assert_int_equal(log_statistics(log)->damaged, 0);
        assert_null(find(log, "gone"));
        assert_int_equal(check_many(loop, log, LOG_START), MANY);
        close_log(loop, log); /* which writes another */
        memset(&reports, 0, sizeof reports);
        log = open_log(loop, path, NULL);
        assert_int_equal(reports.count, 0);
        close_log(loop, log);
    }
    store_file(inside(path, TABLE_NAME), bytes, length);
    int fd = open(inside(path, TABLE_NAME), O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "more", 4), 4);
    close(fd);
    struct log *log = open_log(loop, path, NULL);
    assert_true(reported("the table of streams"));
    assert_int_equal(check_many(loop, log, LOG_START), MANY);
    close_log(loop, log);
    free(bytes);
}

BACKEND_TEST(a_table_of_a_newer_version_is_refused)
{
    const char *path = harness_path("data");
    unsigned char bytes[TABLE_HEADER_BYTES];
    struct table_header header = {.version = TABLE_VERSION + 1};
    struct log *log = NULL;
    fill_many(loop, path);
    table_header_encode(bytes, &header);
    store_file(inside(path, TABLE_NAME), bytes, sizeof bytes);
    assert_result(try_open(loop, path, NULL, &log), -EPROTO);
}

/* The stream's creation is gone with the first segments, and the table is damaged, or gone. */
BACKEND_TEST(without_the_table_names_that_retention_took_are_told_as_lost)
{
    static const unsigned char event[1000];
    const struct log_options options = {.segment_bytes = 4096, .retain_bytes = 8192};
    const char *path = harness_path("data");
    size_t length;
    struct log *log = open_log(loop, path, &options);
    for (int i = 0; i < 60; i++)
        append_bytes(loop, log, "s", event, sizeof event);
    harness_run(loop);
    assert_true(log_statistics(log)->removed > 3);
    close_log(loop, log);
    unsigned char *bytes = load_file(inside(path, TABLE_NAME), &length);
    for (int kind = 0; kind < 3; kind++) { /* its end is damaged; its only part; it is gone */
        const char *copy = harness_path("copy");
        copy_directory(path, copy);
        bytes[kind == 0 ? length - 1 : TABLE_HEADER_BYTES + TABLE_PART_HEADER_BYTES + 4] ^= 1;
        if (kind == 2)
            assert_int_equal(unlink(inside(copy, TABLE_NAME)), 0);
        else
            store_file(inside(copy, TABLE_NAME), bytes, length);
        memset(&reports, 0, sizeof reports);
        log = open_log(loop, copy, NULL);
        assert_true(reported("the whole log is read"));
        assert_int_equal(!find(log, "s"), kind > 0);
        assert_true(kind == 0 ? find(log, "s")->count > 3 : log_statistics(log)->damaged > 0);
        assert_int_equal(reported("streams may be missing"), kind > 0 || true);
        close_log(loop, log);
    }
    free(bytes);
}

/* --- streams that change while it is written --- */

enum { STREAMS = 20000, CHANGES = 4000 };

static void stream_name(char *to, unsigned number)
{
    snprintf(to, 32, "stream/%06u", number);
}

static struct append appends[STREAMS];
static char stream_names[STREAMS][32];

static void make_streams(struct hark_loop *loop, struct log *log)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        stream_name(stream_names[i], i);
        append_start(log, &appends[i], stream_names[i], "first", 5);
    }
    harness_run_until(loop, &appends[STREAMS - 1].ended);
}

/* In each turn of the walk some are deleted, made anew, written to. */
static void change_one(struct log *log, unsigned *random, struct append *append)
{
    *random = *random * 1103515245u + 12345u;
    const unsigned which = (*random >> 8) % STREAMS, how = (*random >> 4) % 4;
    if (how == 0)
        change_start(log, append,
                     (struct log_append){.kind = LOG_DELETE, .name = stream_names[which]});
    else
        append_start(log, append, stream_names[which], "second", 6);
}

struct fact {
    uint64_t generation, count, first, last, bytes;
};

static struct fact fact_of(const struct log *log, unsigned number)
{
    const struct log_stream *stream = find(log, stream_names[number]);
    return !stream ? (struct fact){0}
                   : (struct fact){stream->generation, stream->count, stream->first, stream->last,
                                   stream->bytes};
}

BACKEND_TEST(streams_that_change_while_the_table_is_written_are_as_they_were_when_it_is_read)
{
    static struct fact facts[STREAMS];
    static struct append changes[CHANGES];
    const struct log_options options = {.segment_bytes = 256 * 1024, .table_bytes = 1};
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, &options);
    unsigned random = 7, count = 0;
    make_streams(loop, log);
    while (count < CHANGES) {
        for (int i = 0; i < 10; i++)
            change_one(log, &random, &changes[count++]);
        checkpoint_begin(log); /* one after the other */
        harness_turns(loop, 3);
        if (count % 500 != 0)
            continue;
        harness_run_until(loop, &changes[count - 1].ended);
        const char *copy = crash_copy(path); /* in the middle of another */
        for (unsigned i = 0; i < STREAMS; i++)
            facts[i] = fact_of(log, i);
        struct log *other = open_log(loop, copy, NULL);
        assert_true(count_files(copy, TABLE_NAME) > 0);
        assert_int_equal(log_statistics(other)->damaged, 0);
        assert_int_equal(log_statistics(other)->streams, log_statistics(log)->streams);
        for (unsigned i = 0; i < STREAMS; i++) {
            const struct fact now = fact_of(other, i);
            assert_memory_equal(&now, &facts[i], sizeof now);
        }
        close_log(loop, other);
    }
    close_log(loop, log);
    assert_int_equal(count_files(path, ".new"), 0);
}

/* --- a directory of an older version --- */

/* Its segments declare all streams. It was killed: the last has no index. */
BACKEND_TEST(a_directory_of_the_version_before_is_read_and_gone_on_with)
{
    const char *source = getenv("HARK_SOURCE"), *path = harness_path("data");
    char from[4096], text[256];
    if (!source)
        harness_skip("HARK_SOURCE is not set");
    snprintf(from, sizeof from, "%.3000s/tests/log/version2", source);
    copy_directory(from, path);
    for (int start = 0; start < 4; start++) {
        if (start == 2) /* by what they declare alone */
            remove_files(path, TABLE_NAME);
        if (start == 3)
            remove_files(path, ".idx");
        struct log *log = open_log(loop, path, NULL);
        assert_int_equal(log_statistics(log)->damaged, 0);
        assert_null(find(log, "gone"));
        assert_non_null(find(log, "noted"));
        struct log_note note;
        uint32_t at = 0;
        assert_true(log_stream_note_each(find(log, "noted"), &at, &note, &note));
        struct history history = read_from(loop, log, "s", LOG_START);
        assert_int_equal(history.events, 60 + start);
        snprintf(text, sizeof text,
                 "event 60 of the stream s, which is written by an older "
                 "version of the server");
        assert_text(&history.seen[59], text);
        history_free(&history);
        append_text(loop, log, "s", "a newer version");
        close_log(loop, log);
    }
}
