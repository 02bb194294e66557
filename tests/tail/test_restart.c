/* test_restart.c - no line lost and none twice, whatever ended the last process. */
#include "tail/fixture.h"

#include "tail/position.h"

BACKEND_TEST(restart_goes_on_where_it_was)
{
    append_numbers("f", 0, 700);
    struct server server = server_open(loop, "f", NULL, 0);
    wait_for_count(&server, 700);
    server_close(&server);
    append_numbers("f", 700, 1400);
    server = server_open(loop, "f", NULL, 0);
    wait_for_count(&server, 1400);
    server_close(&server);
    append_numbers("f", 1400, 1401);
    server = server_open(loop, "f", NULL, 0);
    wait_for_count(&server, 1401);
    assert_numbers(&server, 1401);
    server_close(&server);
}

BACKEND_TEST(close_in_the_middle_of_much_loses_and_repeats_nothing)
{
    append_numbers("f", 0, 5000);
    for (int turns = 0;; turns += 3 + turns / 4) {
        struct server server = server_open(loop, "f", NULL, 0);
        harness_turns(loop, turns);
        const struct log_stream *stream = find(server.log, stream_name);
        bool all = stream && stream->count >= 5000;
        if (all)
            assert_numbers(&server, 5000);
        server_close(&server);
        if (all)
            return;
    }
}

BACKEND_TEST(file_renamed_while_stopped_is_found_and_finished)
{
    struct server server = follow(loop, "one\n");
    server_close(&server);
    append_file("f", "two\n");
    rename_file("f", "f.1");
    append_file("f", "three\n");
    EXPECT_AT_START(loop, "one", "two", "three");
}

/* The birth of a file that is made now. */
static int64_t birth_of_new_file(void)
{
    struct statx status;
    append_file("tick", "");
    assert_int_equal(statx(AT_FDCWD, harness_path("tick"), 0, STATX_BTIME, &status), 0);
    remove_file("tick");
    if (!(status.stx_mask & STATX_BTIME))
        harness_skip("the file system keeps no birth of files");
    return status.stx_btime.tv_sec * 1000000000 + status.stx_btime.tv_nsec;
}

/* Goes on until a new file is younger than all before: the kernel stamps files by its tick. */
static void pass_tick(void)
{
    int64_t before = birth_of_new_file();
    while (birth_of_new_file() == before)
        ;
}

/* At whatever turn after a start: what is written to the old file before the new one comes is
 * published before it. */
BACKEND_TEST(rotation_just_after_a_start_keeps_the_order)
{
    size_t count = 0;
    for (int turns = 0; turns < 24; turns++) {
        char old[24];
        append_numbers("f", count, count + 2);
        struct server server = server_open(loop, "f", NULL, 0);
        harness_turns(loop, turns);
        snprintf(old, sizeof old, "f.%d", turns);
        rename_file("f", old);
        append_numbers(old, count + 2, count + 4);
        append_numbers("f", count + 4, count + 6);
        count += 6;
        wait_for_count(&server, count);
        assert_numbers(&server, count);
        server_close(&server);
    }
}

BACKEND_TEST(files_rotated_one_after_the_other_while_stopped_are_all_read)
{
    append_file("f", "one\n");
    append_file("f.not", "another log\n");
    struct server server = server_open(loop, "f", NULL, 0);
    wait_for_count(&server, 1);
    server_close(&server);
    append_file("f", "two\n");
    rename_file("f", "f.1");
    pass_tick();
    append_file("f", "three\n");
    rename_file("f.1", "f.2");
    rename_file("f", "f.1");
    pass_tick();
    append_file("f", "four\n");
    rename_file("f.2", "f.3");
    rename_file("f.1", "f.2");
    rename_file("f", "f.1");
    append_file("f", "five\n");
    append_file("f.also-not", "another log\n");
    EXPECT_AT_START(loop, "one", "two", "three", "four", "five");
    /* Once is enough. */
    server = server_open(loop, "f", NULL, 0);
    append_file("f", "six\n");
    CLOSE_WITH(&server, "one", "two", "three", "four", "five", "six");
}

BACKEND_TEST(two_files_that_are_open_are_both_found_again)
{
    struct server server = follow(loop, "one\n");
    rename_file("f", "f.1");
    append_file("f", "two\n");
    wait_for_count(&server, 2);
    server_close(&server);
    append_file("f.1", "late\n");
    append_file("f", "three\n");
    EXPECT_AT_START(loop, "one", "two", "late", "three");
}

/* --- the record in the log alone: what stands beside it is not synced, and may be gone --- */

static void close_and_lose_slots(struct server *server)
{
    wait_for_state(server, "following");
    server_close(server);
    remove_files(harness_path("data"), ".position");
}

BACKEND_TEST(event_of_another_behind_the_last_lines_is_not_counted_as_one_of_them)
{
    struct server server = follow(loop, "one\n");
    append_text(loop, server.log, stream_name, "another's");
    close_and_lose_slots(&server);
    append_file("f", "two\nthree\n");
    server = server_open(loop, "f", NULL, 0);
    wait_until_read(&server, 3);
    ASSERT_LINES(&server, "one", "another's", "two", "three");
    server_close(&server);
}

BACKEND_TEST(lines_of_the_newer_of_two_files_are_counted_as_its_own)
{
    struct server server = follow(loop, "one\n");
    rename_file("f", "f.1");
    append_file("f", "two\n");
    wait_for_count(&server, 2);
    close_and_lose_slots(&server);
    append_file("f.1", "late\n");
    append_file("f", "three\n");
    EXPECT_AT_START(loop, "one", "two", "late", "three");
}

BACKEND_TEST(file_that_was_let_go_is_done_with_for_good)
{
    append_file("f", "one\nno end");
    struct server server = server_open(loop, "f", NULL, soon_ns);
    wait_for_count(&server, 1);
    rename_file("f", "f.1");
    wait_for_count(&server, 2);
    wait_for_state(&server, "waiting for the file");
    server_close(&server);
    remove_files(harness_path("data"), ".position");
    append_file("f.1", "more\nlater\n");
    append_file("f", "two\n");
    server = server_open(loop, "f", NULL, soon_ns);
    wait_until_read(&server, 3);
    ASSERT_LINES(&server, "one", "no end", "two");
    server_close(&server);
}

/* --- what stands beside it --- */

/* The slots, as they are there; from the only file of its kind. */
static char *load_slots(char *name, size_t *out_count)
{
    char names[2][64];
    assert_int_equal(list_files(harness_path("data"), ".position", names, 2), 1);
    memcpy(name, names[0], sizeof names[0]);
    return (char *)load_file(inside(harness_path("data"), name), out_count);
}

BACKEND_TEST(slots_are_written_in_turns)
{
    struct server server = server_open(loop, "f", NULL, 0);
    uint64_t ids[POSITION_SLOTS];
    char name[64];
    size_t count;
    for (size_t i = 0; i < 3; i++) {
        append_numbers("f", i, i + 1);
        wait_until_read(&server, i + 1);
    }
    server_close(&server);
    char *slots = load_slots(name, &count);
    assert_true(count > POSITION_SLOT_BYTES);
    for (size_t i = 0; i < POSITION_SLOTS; i++) {
        struct position position;
        const char *slot = slots + i * POSITION_SLOT_BYTES;
        assert_int_equal(
            position_slot_read(slot, count - i * POSITION_SLOT_BYTES, &ids[i], &position), 0);
    }
    assert_int_not_equal(ids[0], ids[1]);
    free(slots);
}

/* --- records of other versions, and of other files --- */

/* The last record of the only tail. Takes: name: room for its stream's. */
static struct position load_record(struct server *server, char *name)
{
    struct position position = {0};
    const struct log_stream *stream = log_stream_above(server->log, 0);
    while (stream && stream->entry->name[0] != '.')
        stream = log_stream_next(server->log, stream);
    assert_non_null(stream);
    snprintf(name, 64, "%.63s", stream->entry->name);
    struct history history = read_from(server->loop, server->log, name, LOG_START);
    const struct seen *last = &history.seen[history.count - 1];
    assert_int_equal(position_read((const char *)last->bytes, last->length, &position), 0);
    history_free(&history);
    return position;
}

/* Appends one by which all of the only file is published. */
static void store_record(struct server *server, const char *name, struct position *position)
{
    char text[POSITION_TEXT_BYTES];
    struct stat status;
    assert_int_equal(stat(harness_path("f"), &status), 0);
    assert_int_equal(position->count, 1);
    position->lines = 0;
    position->source = -1;
    position->places[0].offset = (uint64_t)status.st_size;
    position->places[0].last_count = 0; /* as older versions do not know of it */
    append_bytes(server->loop, server->log, name, text, position_write(position, text));
}

/* Two lines: the first is longer than the beginning by which a file is known. */
static void append_two_lines(void)
{
    char text[601];
    memset(text, 'x', 600);
    memcpy(text + 599, "\n", 2);
    append_file("f", text);
    append_file("f", "the second\n");
}

BACKEND_TEST(file_cut_behind_its_beginning_is_known_by_its_length)
{
    char name[64];
    append_two_lines();
    struct server server = server_open(loop, "f", NULL, 0);
    wait_for_count(&server, 2);
    struct position position = load_record(&server, name);
    store_record(&server, name, &position);
    close_and_lose_slots(&server);
    server = server_open(loop, "f", NULL, 0);
    wait_for_state(&server, "following");
    assert_int_equal(find(server.log, stream_name)->count, 2);
    assert_int_equal(truncate(harness_path("f"), 600), 0);
    wait_for_count(&server, 3);
    server_close(&server);
}

BACKEND_TEST(file_of_the_same_number_that_was_born_at_another_time_is_another)
{
    char name[64];
    append_two_lines();
    struct server server = server_open(loop, "f", NULL, 0);
    wait_for_count(&server, 2);
    struct position position = load_record(&server, name);
    if (position.places[0].born_ns == 0)
        harness_skip("the file system keeps no birth of files");
    position.places[0].born_ns--;
    store_record(&server, name, &position);
    close_and_lose_slots(&server);
    server = server_open(loop, "f", NULL, 0);
    wait_for_count(&server, 4);
    server_close(&server);
}

/* The process ended before the copy was looked for: what is lost is told by the next one. */
BACKEND_TEST(cut_whose_copy_was_not_found_before_the_end_is_told_of_at_the_start)
{
    char name[64];
    struct server server = follow(loop, "one\n");
    struct position position = load_record(&server, name);
    position.cuts[position.cut_count++] =
        (struct position_place){.inode = 1, .offset = 8, .first_count = 8, .first_hash = 1};
    store_record(&server, name, &position);
    close_and_lose_slots(&server);
    server = server_open(loop, "f", NULL, 0);
    wait_until_read(&server, 1);
    assert_true(reported("there is no copy of what was cut"));
    ASSERT_LINES(&server, "one");
    server_close(&server);
}

BACKEND_TEST(file_replaced_while_stopped_is_read_from_its_beginning)
{
    struct server server = follow(loop, "one\ntwo\n");
    server_close(&server);
    /* The same length and maybe the same inode: only the bytes tell. */
    remove_file("f");
    append_file("f", "333\n444\n");
    EXPECT_AT_START(loop, "one", "two", "333", "444");
}

BACKEND_TEST(file_cut_while_stopped_is_read_from_its_beginning)
{
    struct server server = follow(loop, "one\ntwo\n");
    server_close(&server);
    cut_file("f");
    append_file("f", "3\n");
    EXPECT_AT_START(loop, "one", "two", "3");
}

BACKEND_TEST(half_line_is_completed_after_a_restart)
{
    struct server server = follow(loop, "one\ntw");
    server_close(&server);
    append_file("f", "o\n");
    EXPECT_AT_START(loop, "one", "two");
}

BACKEND_TEST(deleted_stream_is_not_filled_with_old_lines)
{
    struct server server = follow(loop, "one\ntwo\n");
    wait_for_state(&server, "following");
    assert_true(delete_stream(loop, server.log, stream_name) > 0);
    server_close(&server);
    server = server_open(loop, "f", NULL, 0);
    append_file("f", "three\n");
    CLOSE_WITH(&server, "three");
}

BACKEND_TEST(record_that_retention_removed_is_not_needed)
{
    const struct log_options options = {.segment_bytes = 4096, .retain_bytes = 8192};
    append_file("f", "one\ntwo\n");
    struct server server = server_open(loop, "f", &options, 0);
    wait_until_read(&server, 2);
    char text[512];
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 64; i++)
        append_bytes(loop, server.log, "other", text, sizeof text);
    server_close(&server);
    server = server_open(loop, "f", &options, 0);
    append_file("f", "three\n");
    wait_for_count(&server, 1);
    struct history history = read_from(loop, server.log, stream_name, LOG_START);
    assert_text(&history.seen[history.count - 1], "three");
    assert_int_equal(history.events, 1);
    history_free(&history);
    server_close(&server);
}

/* --- what a crash leaves: every beginning of the log --- */

enum { CRASH_LINES = 40 };

/* Lines long enough that the cuts fall between and inside of them. */
static void write_crash_lines(void)
{
    for (int i = 0; i < CRASH_LINES; i++) {
        char line[64];
        snprintf(line, sizeof line, "line %d %.*s\n", i, i % 20, "....................");
        append_file("f", line);
    }
}

static void assert_crash_lines(struct server *server, size_t cut)
{
    struct history history = read_from(server->loop, server->log, stream_name, LOG_START);
    if (history.events != CRASH_LINES)
        fail_msg("cut at %zu: %zu lines instead of %d", cut, history.events, CRASH_LINES);
    for (int i = 0; i < CRASH_LINES; i++) {
        char line[64];
        snprintf(line, sizeof line, "line %d %.*s", i, i % 20, "....................");
        assert_text(&history.seen[i], line);
    }
    history_free(&history);
}

/* Cuts the only segment at a length, as if the machine had stopped there, starts again, and expects
 * each line once. */
static void start_from_cut(struct hark_loop *loop, const unsigned char *bytes, size_t cut,
                           bool with_slots)
{
    char names[8][64];
    remove_files(harness_path("data"), ".log");
    remove_files(harness_path("data"), ".idx");
    remove_files(harness_path("data"), "lock");  /* it knows of the segments of the starts before */
    remove_files(harness_path("data"), "table"); /* it would not have been there */
    if (!with_slots)
        remove_files(harness_path("data"), ".position");
    snprintf(names[0], sizeof names[0], "data/%020d.log", 1);
    store_file(harness_path(names[0]), bytes, cut);
    struct server server = server_open(loop, "f", NULL, soon_ns);
    wait_until_read(&server, CRASH_LINES);
    assert_crash_lines(&server, cut);
    server_close(&server);
}

static void crash_at_every_cut(struct hark_loop *loop, bool with_slots, size_t step)
{
    char names[8][64];
    size_t length;
    /* A log that is whole up to the tail's start, then the tail's batches. Another publisher's
     * events stand between. */
    struct server server = server_open(loop, "f", NULL, soon_ns);
    write_crash_lines();
    wait_until_read(&server, CRASH_LINES);
    server_close(&server);
    assert_int_equal(list_files(harness_path("data"), ".log", names, 8), 1);
    unsigned char *bytes = load_file(inside(harness_path("data"), names[0]), &length);
    for (size_t cut = 128; cut <= length; cut += step)
        start_from_cut(loop, bytes, cut, with_slots);
    free(bytes);
}

BACKEND_TEST(log_cut_anywhere_gives_each_line_once)
{
    crash_at_every_cut(loop, false, 97);
}

BACKEND_TEST(log_cut_anywhere_beside_a_newer_slot_gives_each_line_once)
{
    crash_at_every_cut(loop, true, 211);
}
