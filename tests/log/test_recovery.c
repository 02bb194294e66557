/* test_recovery.c - opening what a crash or a person has left: files of others, indexes, locks, and
 * ids that must not be given again. */
#include "log/left.h"
#include "log/record.h"

FILES_IN_MEMORY

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
    assert_int_equal(check_many(loop, log, LOG_START), MANY);
    assert_true(reported(names[0]));
    close_log(loop, log);
    memset(&reports, 0, sizeof reports);
    log = open_log(loop, path, NULL); /* the table says that it is to be made */
    assert_true(reported("made anew"));
    close_log(loop, log);
    memset(&reports, 0, sizeof reports);
    log = open_log(loop, path, NULL);
    assert_int_equal(check_many(loop, log, LOG_START), MANY);
    assert_int_equal(reports.count, 0);
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
    fill_few(loop, log);
    list_files(path, ".log", names, 2);
    unsigned char *bytes = load_file(inside(path, names[0]), &length);
    close_log(loop, log);
    place(path, names[0], bytes,
          SEGMENT_HEADER_BYTES); /* the power went: of what was not synced nothing is left */
    free(bytes);
    log = open_log(loop, path, &never);
    assert_null(find(log, "third"));
    assert_true(append_text(loop, log, "third", "again") > few_ids[FEW - 1]);
    struct history history = read_from(loop, log, "third", few_ids[0]);
    assert_int_equal(history.gaps, 1);
    history_free(&history);
    close_log(loop, log);
}

/* The lock file alone knows that there was one. */
BACKEND_TEST(ids_of_the_only_segment_are_not_given_again_when_it_is_gone)
{
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, NULL);
    fill_few(loop, log);
    close_log(loop, log);
    remove_files(path, ".log");
    remove_files(path, ".idx");
    log = open_log(loop, path, NULL);
    assert_true(append_text(loop, log, "third", "again") > few_ids[FEW - 1]);
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

    for (int with_table = 1; with_table >= 0; with_table--) { /* it is told when it is used */
        memset(&reports, 0, sizeof reports);
        if (!with_table)
            remove_files(path, "table");
        log = open_log(loop, path, NULL);
        struct history history = read_from(loop, log, "s", LOG_START);
        assert_true(reported(old));
        assert_int_equal(history.events, 3);
        assert_int_equal(history.gaps, 0);
        history_free(&history);
        close_log(loop, log);
        store_file(inside(path, old), index, length);
    }
    free(index);
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
        named += strcmp(stream->entry->name, "s") == 0;
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
