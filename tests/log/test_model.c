/* test_model.c - long random sequences of everything that can be asked of a log, held against a
 * simple model in memory.
 *
 * A failing run prints its seed; HARK_TEST_SEED repeats it alone. HARK_TEST_RUNS: how many seeds,
 * from 1 on.
 */
#include "log/fixture.h"

FILES_IN_MEMORY

enum { STREAMS = 6, EVENTS_MAX = 20000, STEPS = 300, LENGTH_MAX = 9000, KEYS = 4, VALUE_MAX = 80 };

struct event {
    uint64_t id;
    uint32_t length;
    uint64_t seed;
};

struct stream {
    bool exists;
    char name[32];
    uint64_t generation;
    struct event events[EVENTS_MAX];
    int count;
    uint32_t noted[KEYS]; /* bytes of the value under each key; 0: none */
    uint64_t note_seeds[KEYS];
};

/* What an append changes of the notes. */
struct change {
    uint32_t bytes;
    unsigned char notes[KEYS * (VALUE_MAX + 8)];
    bool changes[KEYS];
    uint32_t noted[KEYS];
    uint64_t seeds[KEYS];
};

static struct stream streams[STREAMS];
static unsigned long long state, seed;
static uint64_t highest;
static bool retains; /* the log that is open removes old segments */

static unsigned roll(unsigned sides)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(state >> 33) % sides;
}

static void check(bool condition, const char *text, int line)
{
    if (condition)
        return;
    fail_msg("line %d: %s: run again with HARK_TEST_SEED=%llu", line, text, seed);
}

#define CHECK(condition) check((condition), #condition, __LINE__)

static struct log_options random_options(void)
{
    static const uint64_t segment_bytes[] = {4096, 10000, 70000, 300000};
    struct log_options options = {.sync = (enum log_sync)roll(3), .sync_interval_ns = 1000};
    options.segment_bytes = segment_bytes[roll(4)];
    options.retain_bytes = roll(2) == 0 ? 0 : options.segment_bytes * (1 + roll(6));
    options.open_segments_max = 1 + roll(4);
    options.table_bytes = 1 + roll(100000);
    retains = options.retain_bytes != 0;
    return options;
}

static uint32_t random_length(void)
{
    switch (roll(5)) {
    case 0:
        return 0;
    case 1:
        return roll(LENGTH_MAX);
    default:
        return roll(200);
    }
}

static void add_change(struct change *change, unsigned key)
{
    unsigned char value[VALUE_MAX];
    char name[2] = {(char)('a' + key), 0};
    change->changes[key] = true;
    change->noted[key] = roll(4) == 0 ? 0 : 1 + roll(VALUE_MAX);
    change->seeds[key] = state;
    harness_fill(value, change->noted[key], state);
    change->bytes +=
        log_note_put(change->notes + change->bytes, name, 1, value, change->noted[key]);
}

static void random_change(struct change *change)
{
    *change = (struct change){0};
    if (roll(3) > 0)
        return;
    for (unsigned key = 0; key < KEYS; key++)
        if (roll(2) == 0)
            add_change(change, key);
}

static void apply_change(struct stream *stream, const struct change *change)
{
    for (unsigned key = 0; key < KEYS; key++)
        if (change->changes[key]) {
            stream->noted[key] = change->noted[key];
            stream->note_seeds[key] = change->seeds[key];
        }
}

static void check_notes(const struct stream *stream, const struct log_stream *facts)
{
    for (unsigned key = 0; key < KEYS; key++) {
        char name[2] = {(char)('a' + key), 0};
        struct log_note note = {0};
        CHECK(log_stream_note(facts, name, 1, &note) == (stream->noted[key] > 0));
        CHECK(note.count == stream->noted[key]);
        CHECK(harness_filled(note.bytes, note.count, stream->note_seeds[key]));
    }
}

static void stream_begins(struct log *log, struct stream *stream)
{
    stream->exists = true;
    stream->generation = find(log, stream->name)->generation;
    stream->count = 0;
    memset(stream->noted, 0, sizeof stream->noted);
}

/* Some appends in one turn. */
static void do_append(struct hark_loop *loop, struct log *log)
{
    static struct append appends[40];
    static struct change changes[40];
    static unsigned char bytes[40][LENGTH_MAX];
    static int target[40];
    int count = 1 + (int)roll(40);
    for (int i = 0; i < count; i++) {
        struct stream *stream = &streams[target[i] = (int)roll(STREAMS)];
        uint32_t length = random_length();
        harness_fill(bytes[i], length, highest + (uint64_t)i);
        random_change(&changes[i]);
        struct log_append request = {.name = stream->name,
                                     .bytes = bytes[i],
                                     .length = length,
                                     .notes = changes[i].notes,
                                     .notes_length = changes[i].bytes};
        if (changes[i].bytes > 0 && roll(3) == 0)
            request.kind = LOG_ONLY_NOTES;
        change_start(log, &appends[i], request);
    }
    harness_run_until(loop, &appends[count - 1].ended);
    uint64_t base = highest;
    for (int i = 0; i < count; i++) {
        struct stream *stream = &streams[target[i]];
        CHECK(appends[i].ended && appends[i].result > (int64_t)highest);
        highest = (uint64_t)appends[i].result;
        if (!stream->exists)
            stream_begins(log, stream);
        apply_change(stream, &changes[i]);
        if (appends[i].request.kind == LOG_ONLY_NOTES)
            continue;
        CHECK(stream->count < EVENTS_MAX &&
              appends[i].request.stream->generation == stream->generation);
        stream->events[stream->count++] =
            (struct event){highest, appends[i].request.length, base + (uint64_t)i};
    }
}

static void do_create(struct hark_loop *loop, struct log *log)
{
    struct stream *stream = &streams[roll(STREAMS)];
    struct log_append request = {.kind = LOG_CREATE, .name = stream->name};
    int64_t result = try_change(loop, log, request);
    CHECK(stream->exists ? result == -EEXIST : result > (int64_t)highest);
    if (result < 0)
        return;
    highest = (uint64_t)result;
    stream_begins(log, stream);
    CHECK(stream->generation == highest);
}

static void do_delete(struct hark_loop *loop, struct log *log)
{
    struct stream *stream = &streams[roll(STREAMS)];
    int64_t result = delete_stream(loop, log, stream->name);
    CHECK(stream->exists ? result > (int64_t)highest : result == -ENOENT);
    if (result > 0)
        highest = (uint64_t)result;
    stream->exists = false;
}

/* How many of the oldest events retention has taken: the model cannot know, but what is left has to
 * be a suffix. */
static int kept_from(const struct stream *stream, const struct log_stream *facts)
{
    int from = stream->count - (int)facts->count;
    uint64_t bytes = 0;
    CHECK(from >= 0);
    for (int i = from; i < stream->count; i++)
        bytes += stream->events[i].length;
    CHECK(facts->bytes == bytes);
    CHECK(facts->last == (stream->count == 0 ? 0 : stream->events[stream->count - 1].id));
    CHECK(facts->first == (facts->count == 0 ? 0 : stream->events[from].id));
    CHECK(facts->lost == (from == 0 ? 0 : stream->events[from - 1].id));
    return from;
}

static void check_from(struct hark_loop *loop, struct log *log, const struct stream *stream,
                       int from, int start)
{
    uint64_t after = start == 0 ? stream->generation : stream->events[start - 1].id;
    struct history history = read_from(loop, log, stream->name, after);
    int next = start < from ? from : start;
    CHECK(history.gaps == (start < from ? 1u : 0u));
    if (start < from)
        CHECK(history.seen[0].gap.after == after &&
              history.seen[0].gap.first == stream->events[from - 1].id + 1);
    CHECK((int)history.events == stream->count - next);
    for (size_t i = history.gaps; i < history.count; i++, next++) {
        const struct event *event = &stream->events[next];
        CHECK(history.seen[i].id == event->id && history.seen[i].length == event->length);
        CHECK(harness_filled(history.seen[i].bytes, event->length, event->seed));
    }
    history_free(&history);
}

static void do_check(struct hark_loop *loop, struct log *log)
{
    const struct stream *stream = &streams[roll(STREAMS)];
    if (retains)
        harness_run(loop); /* a segment may be about to go */
    const struct log_stream *facts = find(log, stream->name);
    CHECK(!facts == !stream->exists);
    if (!facts)
        return;
    CHECK(facts->generation == stream->generation);
    check_notes(stream, facts);
    int from = kept_from(stream, facts);
    check_from(loop, log, stream, from, (int)roll((unsigned)stream->count + 1));
    check_from(loop, log, stream, from, from);
}

static struct log *do_restart(struct hark_loop *loop, struct log *log, const char *path)
{
    struct log_options options = random_options();
    close_log(loop, log);
    if (roll(4) == 0)
        remove_files(path, ".idx");
    return open_log(loop, path, &options);
}

/* The directory as a crash between two turns leaves it, with seals half done. While it is copied
 * the kernel goes on with what was asked before: an unfinished index may vanish; but with removals
 * going on the copy would be of no single moment. */
static struct log *do_crash(struct hark_loop *loop, struct log *log, const char *path)
{
    char command[16384];
    if (retains)
        return log;
    snprintf(command, sizeof command, "cp -r '%s' '%s.copy' 2>/dev/null", path, path);
    (void)!system(command);
    close_log(loop, log);
    snprintf(command, sizeof command, "rm -r '%s' && mv '%s.copy' '%s'", path, path, path);
    CHECK(system(command) == 0);
    struct log_options options = random_options();
    return open_log(loop, path, &options);
}

static void run_model(struct hark_loop *loop, const char *path)
{
    struct log_options options = random_options();
    memset(streams, 0, sizeof streams);
    highest = 0;
    for (int i = 0; i < STREAMS; i++)
        snprintf(streams[i].name, sizeof streams[i].name, "stream-%d", i);
    struct log *log = open_log(loop, path, &options);
    for (int step = 0; step < STEPS; step++) {
        unsigned dice = roll(100);
        if (dice < 50)
            do_append(loop, log);
        else if (dice < 53)
            do_delete(loop, log);
        else if (dice < 56)
            do_create(loop, log);
        else if (dice < 80)
            do_check(loop, log);
        else if (dice < 83)
            log = do_restart(loop, log, path);
        else if (dice < 86)
            log = do_crash(loop, log, path);
        else
            harness_settle(loop);
    }
    close_log(loop, log);
    CHECK(count_files(path, ".idx") == count_files(path, ".log"));
    CHECK(count_files(path, ".new") == 0);
}

BACKEND_TEST(random_sequences_do_what_the_model_does)
{
    const char *chosen = getenv("HARK_TEST_SEED"), *more = getenv("HARK_TEST_RUNS");
    int runs = chosen ? 1 : more ? atoi(more) : 4;
    for (int run = 0; run < runs; run++) {
        char name[32];
        seed = state = chosen ? strtoull(chosen, NULL, 10) : (unsigned long long)run + 1;
        snprintf(name, sizeof name, "data-%d", run);
        run_model(loop, harness_path(name));
    }
}
