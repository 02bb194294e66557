/* test_notes.c - what is noted of a stream: it changes with an append, or not at all, and decisions
 * are made on what the appends before leave. That it survives whatever else happens is
 * test_model.c's. */
#include "fault/faults.h"
#include "log/fixture.h"

#include <endian.h>

enum { ROOM = 64 };

static struct log_note note_of(const struct log *log, const char *name, const char *key)
{
    struct log_note note = {0};
    const struct log_stream *stream = find(log, name);
    assert_non_null(stream);
    (void)log_stream_note(stream, key, strlen(key), &note);
    return note;
}

static void assert_noted(const struct log *log, const char *name, const char *key,
                         const char *value)
{
    struct log_note note = note_of(log, name, key);
    assert_int_equal(note.count, strlen(value));
    if (note.count > 0)
        assert_memory_equal(note.bytes, value, note.count);
}

static uint32_t put(unsigned char *to, const char *key, const char *value)
{
    return log_note_put(to, key, strlen(key), value, strlen(value));
}

static struct log *reopen(struct hark_loop *loop, struct log *log, const char *path)
{
    close_log(loop, log);
    return open_log(loop, path, NULL);
}

BACKEND_TEST(notes_come_with_their_event_and_are_there_after_a_start)
{
    unsigned char notes[ROOM];
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, NULL);
    uint32_t count = put(notes, "type", "text/plain");
    count += put(notes + count, "by", "a");
    struct log_append request = {
        .name = "s", .bytes = "one", .length = 3, .notes = notes, .notes_length = count};
    assert_true(try_change(loop, log, request) > 0);
    assert_noted(log, "s", "type", "text/plain");
    assert_noted(log, "s", "by", "a");
    assert_noted(log, "s", "ty", "");
    request.notes_length = put(notes, "by", "");
    assert_true(try_change(loop, log, request) > 0);
    for (int start = 0; start < 3; start++) {
        assert_noted(log, "s", "type", "text/plain");
        assert_noted(log, "s", "by", "");
        struct history history = read_from(loop, log, "s", LOG_START);
        assert_int_equal(history.events, 2);
        assert_text(&history.seen[0], "one");
        history_free(&history);
        if (start == 1)
            remove_files(path, ".idx");
        log = reopen(loop, log, path);
    }
    close_log(loop, log);
}

BACKEND_TEST(notes_without_an_event_make_a_stream_and_are_no_event)
{
    unsigned char notes[ROOM];
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, NULL);
    struct log_append request = {.kind = LOG_ONLY_NOTES, .name = "s", .notes = notes};
    assert_result(try_change(loop, log, request), -EINVAL);
    request.notes_length = put(notes, "k", "v");
    assert_true(try_change(loop, log, request) > 0);
    for (int start = 0; start < 2; start++) {
        assert_noted(log, "s", "k", "v");
        assert_int_equal(find(log, "s")->count, 0);
        assert_int_equal(find(log, "s")->last, 0);
        struct history history = read_from(loop, log, "s", LOG_START);
        assert_int_equal(history.count, 0);
        history_free(&history);
        log = reopen(loop, log, path);
    }
    assert_true(delete_stream(loop, log, "s") > 0);
    append_text(loop, log, "s", "another stream");
    assert_noted(log, "s", "k", "");
    close_log(loop, log);
}

BACKEND_TEST(notes_that_are_none_or_too_much_are_refused)
{
    static unsigned char notes[LOG_CHANGE_BYTES_MAX + 1], value[LOG_CHANGE_BYTES_MAX];
    struct log *log = open_log(loop, harness_path("data"), NULL);
    uint32_t count = put(notes, "key", "value");
    struct log_append request = {.name = "s", .notes = notes, .notes_length = count};
    for (uint32_t cut = 1; cut < count; cut++) {
        request.notes_length = cut;
        assert_result(try_change(loop, log, request), -EINVAL);
    }
    request.notes_length = sizeof notes;
    assert_result(try_change(loop, log, request), -EINVAL);
    request.notes_length = count;
    request.kind = LOG_CREATE;
    assert_result(try_change(loop, log, request), -EINVAL);
    assert_null(find(log, "s"));
    request.kind = LOG_EVENT;
    const size_t largest = LOG_CHANGE_BYTES_MAX - 4; /* with a key of one byte */
    for (size_t i = 0; i < LOG_NOTES_BYTES_MAX / LOG_CHANGE_BYTES_MAX; i++) {
        request.notes_length = log_note_put(notes, &"abcd"[i], 1, value, largest);
        assert_true(try_change(loop, log, request) > 0);
    }
    request.notes_length = put(notes, "z", "more");
    assert_result(try_change(loop, log, request), -E2BIG);
    assert_noted(log, "s", "z", "");
    assert_int_equal(note_of(log, "s", "a").count, largest);
    uint32_t removed = put(notes, "a", "");
    request.notes_length = removed + put(notes + removed, "z", "more");
    assert_true(try_change(loop, log, request) > 0);
    assert_noted(log, "s", "z", "more");
    close_log(loop, log);
}

BACKEND_TEST(notes_of_several_appends_in_one_commit_add_up)
{
    static const char *const keys[] = {"a", "b", "a"};
    unsigned char notes[3][ROOM];
    struct append appends[3];
    struct log *log = open_log(loop, harness_path("data"), NULL);
    for (int i = 0; i < 3; i++) {
        uint32_t count = put(notes[i], keys[i], (const char *[]){"one", "two", "three"}[i]);
        change_start(log, &appends[i],
                     (struct log_append){.name = "s", .notes = notes[i], .notes_length = count});
    }
    harness_run_until(loop, &appends[2].ended);
    assert_int_equal(log_statistics(log)->commits, 1);
    assert_noted(log, "s", "a", "three");
    assert_noted(log, "s", "b", "two");
    close_log(loop, log);
}

/* --- decisions --- */

/* A step that is taken only after the one before. */
struct step {
    struct append append;
    unsigned char notes[ROOM];
    unsigned char number;
    int asked;
};

static int decide(struct log_append *request, const struct log_stream *stream)
{
    struct step *step = hark_container_of(request, struct step, append.request);
    struct log_note note = {0};
    step->asked++;
    if (stream)
        (void)log_stream_note_next(stream, "step", 4, &note);
    unsigned char last = note.count == 0 ? 0 : *(const unsigned char *)note.bytes;
    if (step->number != last + 1)
        return step->number <= last ? -EALREADY : -ERANGE;
    request->notes = step->notes;
    request->notes_length = log_note_put(step->notes, "step", 4, &step->number, 1);
    return 0;
}

static void step_start(struct log *log, struct step *step, unsigned char number)
{
    *step = (struct step){.number = number};
    change_start(
        log, &step->append,
        (struct log_append){.name = "s", .bytes = &step->number, .length = 1, .decide = decide});
}

BACKEND_TEST(decisions_are_made_in_order_on_what_those_before_leave)
{
    static const unsigned char numbers[] = {2, 1, 2, 2, 3, 5, 4, 5};
    static const int64_t answers[] = {-ERANGE, 0, 0, -EALREADY, 0, -ERANGE, 0, 0};
    struct step steps[sizeof numbers];
    struct log *log = open_log(loop, harness_path("data"), NULL);
    for (size_t i = 0; i < sizeof numbers; i++)
        step_start(log, &steps[i], numbers[i]);
    harness_run_until(loop, &steps[sizeof numbers - 1].append.ended);
    for (size_t i = 0; i < sizeof numbers; i++) {
        if (answers[i] == 0)
            assert_true(steps[i].append.result > 0);
        else
            assert_result(steps[i].append.result, answers[i]);
    }
    assert_noted(log, "s", "step", "\5");
    assert_int_equal(find(log, "s")->count, 5);
    close_log(loop, log);
}

/* What a refusal rests on may fail yet: it waits for that, and is decided anew. */
static void check_failure(struct hark_loop *loop, const char *call, int64_t answer)
{
    struct step first, again, other;
    const char *path = harness_path("data");
    if (harness_backend() == HARK_BACKEND_URING)
        harness_skip("what io_uring does is no call");
    struct log *log = open_log(loop, path, NULL);
    append_text(loop, log, "s", "zero");
    int fault = FAULT(.calls = call, .error = answer == -EIO ? -EIO : -ENOSPC);
    step_start(log, &first, 1);
    step_start(log, &other, 2);
    step_start(log, &again, 1);
    harness_run_until(loop, &again.append.ended);
    fault_end(fault);
    assert_result(first.append.result, answer);
    assert_result(other.append.result, answer); /* in one commit with the first */
    assert_true(again.asked >= 2);
    assert_true(again.append.result > 0);
    assert_noted(log, "s", "step", "\1");
    log = reopen(loop, log, path);
    assert_noted(log, "s", "step", "\1");
    assert_int_equal(find(log, "s")->count, 2);
    close_log(loop, log);
}

BACKEND_TEST(notes_of_a_write_that_fails_are_as_before)
{
    check_failure(loop, "kernel_pwritev2 kernel_pwritev kernel_pwrite kernel_writev", -ENOSPC);
}

BACKEND_TEST(notes_of_a_sync_that_fails_are_as_before)
{
    check_failure(loop, "kernel_fdatasync", -EIO);
}

/* What takes the room of the notes may fail yet. */
BACKEND_TEST(notes_that_find_no_room_wait_for_what_takes_it)
{
    enum { HALF = LOG_NOTES_BYTES_MAX / 2 - 100 };
    static unsigned char notes[3][LOG_CHANGE_BYTES_MAX], value[HALF];
    struct append appends[3];
    if (harness_backend() == HARK_BACKEND_URING)
        harness_skip("what io_uring does is no call");
    struct log *log = open_log(loop, harness_path("data"), NULL);
    append_text(loop, log, "s", "zero");
    int fault = FAULT(.calls = "kernel_fdatasync", .error = -EIO);
    for (int i = 0; i < 3; i++) {
        uint32_t count = log_note_put(notes[i], &"abc"[i], 1, value, HALF);
        change_start(log, &appends[i],
                     (struct log_append){.name = "s", .notes = notes[i], .notes_length = count});
    }
    harness_run_until(loop, &appends[2].ended);
    fault_end(fault);
    assert_result(appends[0].result, -EIO);
    assert_result(appends[1].result, -EIO);
    assert_true(appends[2].result > 0);
    assert_int_equal(note_of(log, "s", "a").count, 0);
    assert_int_equal(note_of(log, "s", "c").count, HALF);
    close_log(loop, log);
}

/* --- streams that lean on others --- */

static void make_leaning(struct log *log, struct append *append, unsigned char *notes,
                         const char *name, const char *on)
{
    uint64_t base = htole64(find(log, on)->generation);
    uint32_t count = log_note_put(notes, LOG_NOTE_BASE, strlen(LOG_NOTE_BASE), &base, sizeof base);
    change_start(log, append,
                 (struct log_append){
                     .kind = LOG_ONLY_NOTES, .name = name, .notes = notes, .notes_length = count});
}

static void lean(struct hark_loop *loop, struct log *log, const char *name, const char *on)
{
    struct append append;
    unsigned char notes[ROOM];
    make_leaning(log, &append, notes, name, on);
    harness_run_until(loop, &append.ended);
    assert_true(append.result > 0);
    assert_ptr_equal(log_stream_base(find(log, name)), find(log, on));
}

BACKEND_TEST(stream_that_others_lean_on_is_not_deleted)
{
    const char *path = harness_path("data");
    struct log *log = open_log(loop, path, NULL);
    append_text(loop, log, "a", "one");
    lean(loop, log, "b", "a");
    lean(loop, log, "c", "b");
    lean(loop, log, "d", "a");
    for (int start = 0; start < 3; start++) {
        assert_int_equal(log_stream_leaners(find(log, "a")), 2);
        assert_int_equal(log_stream_leaners(find(log, "b")), 1);
        assert_int_equal(log_stream_leaners(find(log, "c")), 0);
        assert_ptr_equal(log_stream_base(find(log, "c")), find(log, "b"));
        assert_result(delete_stream(loop, log, "a"), -EBUSY);
        assert_result(delete_stream(loop, log, "b"), -EBUSY);
        append_text(loop, log, "c", "more"); /* a note of the same keys changes nothing */
        if (start == 1)
            remove_files(path, ".idx");
        log = reopen(loop, log, path);
    }
    assert_true(delete_stream(loop, log, "c") > 0);
    assert_true(delete_stream(loop, log, "b") > 0);
    assert_result(delete_stream(loop, log, "a"), -EBUSY);
    assert_true(delete_stream(loop, log, "d") > 0);
    assert_true(delete_stream(loop, log, "a") > 0);
    close_log(loop, log);
}

BACKEND_TEST(deletion_tells_what_nobody_leans_on_any_more)
{
    struct log *log = open_log(loop, harness_path("data"), NULL);
    struct append gone;
    append_text(loop, log, "a", "one");
    lean(loop, log, "b", "a");
    lean(loop, log, "c", "a");
    change_start(log, &gone, (struct log_append){.kind = LOG_DELETE, .name = "b"});
    harness_run_until(loop, &gone.ended);
    assert_null(gone.request.released);
    change_start(log, &gone, (struct log_append){.kind = LOG_DELETE, .name = "c"});
    harness_run_until(loop, &gone.ended);
    assert_ptr_equal(gone.request.released, find(log, "a"));
    close_log(loop, log);
}

/* What leans is not there yet when the deletion's turn comes. */
BACKEND_TEST(deletion_waits_for_who_comes_to_lean_in_the_same_commit)
{
    struct log *log = open_log(loop, harness_path("data"), NULL);
    struct append leaning, gone;
    unsigned char notes[ROOM];
    append_text(loop, log, "a", "one");
    make_leaning(log, &leaning, notes, "b", "a");
    change_start(log, &gone, (struct log_append){.kind = LOG_DELETE, .name = "a"});
    harness_run_until(loop, &gone.ended);
    assert_true(leaning.result > 0);
    assert_result(gone.result, -EBUSY);
    close_log(loop, log);
}
