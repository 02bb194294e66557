/* test_damage.c - what a disk may do to a log's files, in many ways, each from a seed: bits that
 * flip, ends that go missing, ranges of zeros or noise, files that are deleted, emptied, or change
 * places. Whatever it was: each event that was acknowledged is delivered, or a reader is told of a
 * gap where it was, or, where its stream is not known any more, a person is told; and no id is
 * given twice.
 *
 * HARK_TEST_SEED=N runs one seed alone; HARK_TEST_RUNS=N that many.
 */
#include "log/fixture.h"

#include "inspect/inspect.h"
#include "log/record.h"

FILES_IN_MEMORY

enum { FILES_MAX = 32, EVENTS_MAX = 400, STREAMS = 3, SEGMENT_BYTES = 4096 };

/* --- what was acknowledged --- */

static const char *const names[STREAMS] = {"a", "b", "c"};

static struct {
    uint64_t id;
    int stream;
    char text[400];
} events[EVENTS_MAX];

static int event_count, delivered; /* delivered: by the last start */
static uint64_t damaged_places;    /* what that start and its readers counted */
static uint64_t newest_id;

/* --- an image of a directory --- */

static struct {
    char name[64];
    unsigned char *bytes;
    size_t length;
} files[FILES_MAX];

static int file_count;

static void take_image(const char *path)
{
    char list[FILES_MAX][64];
    file_count = 0;
    int count = list_files(path, "", list, FILES_MAX);
    assert_in_range(count, 1, FILES_MAX);
    for (int i = 0; i < count; i++) {
        if (list[i][0] == '.')
            continue;
        memcpy(files[file_count].name, list[i], sizeof list[i]);
        files[file_count].bytes = load_file(inside(path, list[i]), &files[file_count].length);
        file_count++;
    }
}

static void place_image(const char *path)
{
    mkdir(path, 0700);
    remove_files(path, ".log");
    remove_files(path, ".idx");
    remove_files(path, "lock");
    remove_files(path, "table");
    for (int i = 0; i < file_count; i++)
        store_file(inside(path, files[i].name), files[i].bytes, files[i].length);
}

static void free_image(void)
{
    for (int i = 0; i < file_count; i++)
        free(files[i].bytes);
    file_count = 0;
}

static bool is_segment(int file)
{
    return strstr(files[file].name, ".log");
}

static int newest_segment(void)
{
    int newest = -1;
    for (int i = 0; i < file_count; i++)
        newest = is_segment(i) ? i : newest;
    assert_true(newest >= 0);
    return newest;
}

/* --- making it --- */

/* Some appends in one turn: one commit, unless a segment ends in it. */
static void append_some(struct hark_loop *loop, struct log *log, int count, int longest)
{
    static struct append appends[64];
    int from = event_count;
    for (int i = 0; i < count; i++) {
        int number = event_count++, length = 20 + (number * 37) % longest;
        events[number].stream = number % 5 == 0 ? 0 : number % 7 == 0 ? 2 : 1;
        snprintf(events[number].text, sizeof events[number].text, "%03d%.*s", number, length,
                 "the quick brown fox jumps over the lazy dog, and over the next one, and over all "
                 "others that lie there in the sun,"
                 "the quick brown fox jumps over the lazy dog, and over the next one, and over all "
                 "others that lie there in the sun");
        append_start(log, &appends[i], names[events[number].stream], events[number].text,
                     strlen(events[number].text));
    }
    harness_run_until(loop, &appends[count - 1].ended);
    for (int i = 0; i < count; i++) {
        assert_true(appends[i].result > 0);
        events[from + i].id = newest_id = (uint64_t)appends[i].result;
    }
}

/* A directory with some segments, as it is after an end in order, or as a crash leaves it. */
static void make_image(struct hark_loop *loop, bool ended)
{
    const struct log_options options = {.segment_bytes = SEGMENT_BYTES,
                                        .table_bytes = 3 * SEGMENT_BYTES / 2};
    const char *path = harness_path(ended ? "ended" : "crashed");
    struct log *log = open_log(loop, path, &options);
    event_count = 0;
    for (int i = 0; i < 12; i++)
        append_some(loop, log, i % 3 == 0 ? 9 : 2, 200);
    assert_true(append_text(loop, log, "gone", "this one is deleted") > 0);
    assert_true(delete_stream(loop, log, "gone") > 0);
    for (int i = 0; i < 12; i++)
        append_some(loop, log, i % 4 == 0 ? 7 : 1, 200);
    append_some(loop, log, 5, 60);
    harness_settle(loop);
    if (!ended)
        take_image(path);
    close_log(loop, log);
    if (ended)
        take_image(path);
    assert_in_range(event_count, 50, EVENTS_MAX);
}

/* --- looking at what became of it --- */

/* Reads a stream from before its first event. Marks each of its events that came, or lies in a gap
 * that was told. */
static void look_at(struct hark_loop *loop, struct log *log, int stream, bool *known)
{
    if (!find(log, names[stream]))
        return;
    struct history history = read_from(loop, log, names[stream], 1);
    uint64_t before = 1;
    for (size_t i = 0; i < history.count; i++) {
        const struct seen *seen = &history.seen[i];
        for (int number = 0; number < event_count; number++) {
            if (events[number].stream != stream)
                continue;
            if (seen->id == 0 && events[number].id > seen->gap.after &&
                events[number].id < seen->gap.first)
                known[number] = true;
            if (seen->id == events[number].id) {
                assert_text(seen, events[number].text);
                known[number] = true;
                delivered++;
            }
        }
        assert_true(seen->id == 0 ? seen->gap.first > before : seen->id > before);
        before = seen->id == 0 ? seen->gap.first - 1 : seen->id;
    }
    history_free(&history);
}

static bool all_streams(const struct log *log)
{
    for (int i = 0; i < STREAMS; i++)
        if (!find(log, names[i]))
            return false;
    return true;
}

/* Opens the directory. Takes: may_cut: what was done to it looks like a write that was never
 * finished: that is told to persons. Gives: whether something was cut off. */
static bool check(struct hark_loop *loop, const char *path, bool may_cut, const char *what)
{
    bool known[EVENTS_MAX] = {false};
    memset(&reports, 0, sizeof reports);
    delivered = 0;
    struct log *log = open_log(loop, path, NULL);
    for (int i = 0; i < STREAMS; i++)
        look_at(loop, log, i, known);
    const struct log_statistics *statistics = log_statistics(log);
    bool cut = statistics->cut_bytes > 0;
    assert_int_equal(cut, reported("cut off"));
    bool told = (!all_streams(log) && statistics->damaged > 0 && reports.count > 0) || may_cut;
    for (int number = 0; number < event_count; number++)
        if (!known[number] && !told)
            fail_msg("%s: event %d (id %d of '%s') is lost without a word", what, number,
                     (int)events[number].id, names[events[number].stream]);
    damaged_places = statistics->damaged;
    uint64_t next = append_text(loop, log, "new", "1");
    if (next <= newest_id)
        fail_msg("%s: id %d is given again", what, (int)next);
    newest_id = next;
    close_log(loop, log);
    return cut;
}

/* Twice: after the first start there is another segment, and nothing that it told may be
 * forgotten. */
static void check_twice(struct hark_loop *loop, const char *path, bool may_cut, const char *what)
{
    uint64_t before = newest_id;
    bool cut = check(loop, path, may_cut, what);
    check(loop, path, may_cut && cut, what);
    newest_id = before;
}

/* What `hark log check` says of the directory: its exit code. It leaves everything as it is. */
static int check_by_command(const char *path)
{
    char own[4096], check_word[] = "check", log_word[] = "log",
                    *arguments[] = {log_word, check_word, own, NULL};
    snprintf(own, sizeof own, "%s", path);
    int files_before = count_files(path, ""), kept = dup(STDOUT_FILENO),
        nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    fflush(stdout);
    dup2(nowhere, STDOUT_FILENO);
    int code = inspect_run(3, arguments);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    close(nowhere);
    assert_int_equal(count_files(path, ""), files_before);
    return code;
}

/* --- every byte --- */

/* One bit of a byte of every so many, in each file. A bit in something whole is never taken for an
 * unfinished write. */
static void flip_bytes(bool ended, size_t step)
{
    struct hark_loop *loop = harness_loop_create(NULL);
    const char *path = harness_path("data");
    make_image(loop, ended);
    for (int file = 0; file < file_count; file++) {
        for (size_t at = 0; at < files[file].length; at += file == newest_segment() ? 1 : step) {
            char what[128];
            unsigned char bit = (unsigned char)(1u << (at * 5 + at / 8) % 8);
            snprintf(what, sizeof what, "bit %u of byte %zu of %.63s", bit, at, files[file].name);
            files[file].bytes[at] ^= bit;
            place_image(path);
            files[file].bytes[at] ^= bit;
            check_twice(loop, path, false, what);
            if (file == newest_segment() &&
                delivered < event_count - 1) /* of a group commit, too, the rest is kept */
                fail_msg("%s: %d of %d events are left", what, delivered, event_count);
        }
    }
    free_image();
    harness_loop_destroy(loop);
}

TEST(a_flipped_bit_after_an_end_in_order_is_never_silent)
{
    flip_bytes(true, 47);
}

TEST(a_flipped_bit_after_a_crash_is_never_silent)
{
    flip_bytes(false, 47);
}

/* --- everything else, by seed --- */

static unsigned long long seed, state;

static unsigned roll(unsigned bound)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % bound;
}

static int any_segment(void)
{
    int file;
    do
        file = (int)roll((unsigned)file_count);
    while (!is_segment(file));
    return file;
}

/* Changes the files on the disk. Gives: whether an unfinished write may look like that. */
static bool damage(const char *path, char *what, size_t room)
{
    static unsigned char bytes[8192];
    int file = any_segment(), other = any_segment();
    size_t length = files[file].length, at = roll((unsigned)length), count = 1 + roll(600);
    count = count < length - at ? count : length - at;
    const char *name = files[file].name, *index = NULL;
    for (int i = 0; i < file_count; i++)
        if (strncmp(files[i].name, name, 20) == 0 && i != file)
            index = files[i].name;
    int fd = open(inside(path, name), O_RDWR | O_CLOEXEC), kind = (int)roll(9);
    bool newest = file == newest_segment();
    memset(bytes, 0, sizeof bytes);
    snprintf(what, room, "seed %llu: %d to %.63s at %zu, %zu bytes", seed, kind, name, at, count);
    switch (kind) {
    case 0:
        assert_int_equal(ftruncate(fd, (off_t)at), 0);
        break;
    case 1:
        assert_int_equal(pwrite(fd, bytes, count, (off_t)at), (ssize_t)count);
        break;
    case 2:
        harness_fill(bytes, count, seed);
        assert_int_equal(pwrite(fd, bytes, count, (off_t)at), (ssize_t)count);
        break;
    case 3:
        assert_int_equal(unlink(inside(path, name)), 0);
        break;
    case 4: /* and its index, where it has one */
        assert_int_equal(unlink(inside(path, name)), 0);
        if (index)
            assert_int_equal(unlink(inside(path, index)), 0);
        break;
    case 5:
        store_file(inside(path, name), files[other].bytes, files[other].length);
        store_file(inside(path, files[other].name), files[file].bytes, files[file].length);
        break;
    case 6:
        assert_int_equal(ftruncate(fd, 0), 0);
        break;
    case 7: /* something unreadable, and no index */
        if (index)
            assert_int_equal(unlink(inside(path, index)), 0);
        assert_int_equal(pwrite(fd, "damage", 6, (off_t)at), 6);
        break;
    default: /* an index that is another one's */
        if (index)
            store_file(inside(path, index), files[other].bytes, files[other].length);
        break;
    }
    close(fd);
    return newest && !index && kind != 3 && kind != 4;
}

static void damage_by_seed(bool ended)
{
    const char *chosen = getenv("HARK_TEST_SEED"), *more = getenv("HARK_TEST_RUNS");
    int runs = chosen ? 1 : more ? atoi(more) : 120;
    struct hark_loop *loop = harness_loop_create(NULL);
    const char *path = harness_path("data");
    make_image(loop, ended);
    uint64_t newest_before = newest_id;
    place_image(path);
    assert_int_equal(check_by_command(path), 0);
    for (int run = 1; run <= runs; run++) {
        char what[256];
        seed = chosen ? strtoull(chosen, NULL, 10) : (unsigned long long)run;
        state = seed * 7919;
        place_image(path);
        bool may_cut = damage(path, what, sizeof what);
        int code = check_by_command(path);
        bool cut = check(loop, path, may_cut, what);
        bool seen = damaged_places > 0 || (delivered < event_count && !cut);
        if (code > 1 ||
            (seen && code == 0)) /* it may see more: what only another start would need */
            fail_msg("%s: the command gives %d, the start counts %d, %d of %d events are left",
                     what, code, (int)damaged_places, delivered, event_count);
        check(loop, path, may_cut && cut, what);
        newest_id = newest_before;
    }
    free_image();
    harness_loop_destroy(loop);
}

TEST(damage_after_an_end_in_order_is_never_silent)
{
    damage_by_seed(true);
}

TEST(damage_after_a_crash_is_never_silent)
{
    damage_by_seed(false);
}
