/* serve.c - see the header. */
#include "serve.h"

#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 5200 };

/* --- a run of the command --- */

void serve_word(struct serve_run *run, const char *format, ...)
{
    scene_check(run->count < SERVE_WORDS, "%s", "too many words");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->words[run->count++], sizeof run->words[0], format, arguments);
    va_end(arguments);
}

static void path_of(const struct serve_run *run, const char *what, char *out_path, size_t room)
{
    snprintf(out_path, room, "/tmp/%s-%d", what, run->number);
}

static void write_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(fd, bytes, count);
        scene_check(written > 0, "a write ends with %s", strerror(errno));
        bytes += written;
        count -= (size_t)written;
    }
}

/* Opens it in the place of one of the three. */
static void open_as(const char *path, int fd)
{
    int opened = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    scene_check(opened >= 0, "%s: %s", path, strerror(errno));
    scene_check(dup2(opened, fd) == fd, "%s: %s", path, strerror(errno));
    close(opened);
}

static void read_whole(const char *path, char *out_text)
{
    size_t count = 0;
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    scene_check(fd >= 0, "%s: %s", path, strerror(errno));
    while ((got = read(fd, out_text + count, SERVE_OUTPUT_BYTES - 1 - count)) > 0)
        count += (size_t)got;
    scene_check(got == 0 && count < SERVE_OUTPUT_BYTES - 1, "%s: %s", path, strerror(errno));
    out_text[count] = 0;
    close(fd);
}

struct feed {
    struct serve_run *run;
    int fd;
};

/* On a thread of its own. */
static void *feed_slowly(void *argument)
{
    struct feed *feed = argument;
    const char *line = feed->run->input;
    while (*line) {
        size_t length = (size_t)(strchr(line, '\n') + 1 - line);
        write_all(feed->fd, line, length);
        line += length;
        usleep((useconds_t)hark_sim_random(feed->run->world, 40000));
    }
    close(feed->fd);
    return NULL;
}

static void begin_input(struct serve_run *run, struct feed *feed)
{
    char path[64];
    int ends[2];
    pthread_t thread;
    if (!run->slowly) {
        path_of(run, "in", path, sizeof path);
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        scene_check(fd >= 0, "%s: %s", path, strerror(errno));
        write_all(fd, run->input, strlen(run->input));
        close(fd);
        return open_as(path, STDIN_FILENO);
    }
    scene_check(pipe2(ends, O_CLOEXEC) == 0, "pipe2: %s", strerror(errno));
    scene_check(dup2(ends[0], STDIN_FILENO) == 0, "dup2: %s", strerror(errno));
    close(ends[0]);
    *feed = (struct feed){.run = run, .fd = ends[1]};
    int error = pthread_create(&thread, NULL, feed_slowly, feed);
    scene_check(error == 0, "pthread_create: %s", strerror(error));
}

static int run_command(void *argument)
{
    struct serve_run *run = argument;
    struct feed feed;
    char *words[SERVE_WORDS + 1];
    char path[64];
    for (int i = 0; i < run->count; i++)
        words[i] = run->words[i];
    words[run->count] = NULL;
    if (run->input)
        begin_input(run, &feed);
    if (run->output) {
        path_of(run, "out", path, sizeof path);
        open_as(path, STDOUT_FILENO);
        path_of(run, "errors", path, sizeof path);
        open_as(path, STDERR_FILENO);
    }
    int status = commands_run(run->count, words);
    if (run->output) {
        path_of(run, "out", path, sizeof path);
        read_whole(path, run->output);
        path_of(run, "errors", path, sizeof path);
        read_whole(path, run->errors);
        run->told = true;
    }
    return status;
}

void serve_start(struct serve_run *run, struct hark_sim_machine *machine)
{
    run->process = hark_sim_start(machine, run_command, run);
}

void serve_run_done(struct serve_run *run)
{
    free((void *)(uintptr_t)run->input);
    free(run->output);
    free(run->errors);
}

static void add_output(struct serve_run *run)
{
    run->output = malloc(SERVE_OUTPUT_BYTES);
    run->errors = malloc(SERVE_OUTPUT_BYTES);
    scene_check(run->output && run->errors, "%s", "no memory");
    *run->output = *run->errors = 0;
}

/* --- publishers --- */

/* The text of a line, which tells whose it is; longer ones are rarer.
 * Gives: its length, with the line end. */
static size_t line_text(int publisher, int line, char *out_text)
{
    static const size_t lengths[] = {0, 3, 20, 20, 100, 300, 1000, 5000};
    uint64_t mixed = ((uint64_t)publisher << 32 | (uint64_t)line) * UINT64_C(0x9e3779b97f4a7c15);
    size_t padding = lengths[mixed >> 61];
    int length = sprintf(out_text, "run %d line %d ", publisher, line);
    for (size_t i = 0; i < padding; i++)
        out_text[length++] = (char)('a' + (mixed >> (i % 56) & 15));
    out_text[length++] = '\n';
    out_text[length] = 0;
    return (size_t)length;
}

struct serve_publisher *serve_next_publisher(struct serve_model *model, int stream)
{
    if (model->publishers_count == SERVE_RUNS)
        return NULL;
    int number = model->publishers_count++;
    struct serve_publisher *publisher = &model->publishers[number];
    struct serve_run *run = &publisher->run;
    publisher->stream = stream;
    publisher->count = 1 + (int)hark_sim_random(model->world, SERVE_LINES);
    char *input = malloc((size_t)publisher->count * LINE_BYTES);
    scene_check(input, "%s", "no memory");
    size_t length = 0;
    for (int i = 0; i < publisher->count; i++)
        length += line_text(number, i, input + length);
    run->world = model->world;
    run->input = input;
    run->slowly = hark_sim_random(model->world, 2) != 0;
    run->number = number;
    add_output(run);
    return publisher;
}

void serve_publish(struct serve_model *model, struct hark_sim_machine *machine, int stream)
{
    struct serve_publisher *publisher = serve_next_publisher(model, stream);
    if (!publisher)
        return;
    struct serve_run *run = &publisher->run;
    serve_word(run, "hark");
    serve_word(run, "pub");
    serve_word(run, "stream%d", stream);
    serve_word(run, "--server");
    serve_word(run, "10.0.0.1:12346");
    serve_word(run, "--id");
    serve_start(run, machine);
}

/* An id a line, of the lines in their order. */
static void take_ids(struct serve_publisher *publisher, int number)
{
    const char *at = publisher->run.output;
    int status = hark_sim_status(publisher->run.process);
    int count = 0;
    for (; *at; count++) {
        char *end;
        scene_check(count < publisher->count, "run %d: more ids than lines", number);
        publisher->lines[count].acknowledged = strtoull(at, &end, 10);
        scene_check(*end == '\n' && end > at, "run %d: answered '%.40s'", number, at);
        at = end + 1;
    }
    /* It may have been answered all of it before it knew that there was no more to come. */
    scene_check(status == 1 || (status == 0 && count == publisher->count),
                "run %d: ended with %d, %d of %d lines", number, status, count, publisher->count);
}

/* --- readers --- */

struct serve_reader *serve_next_reader(struct serve_model *model, int stream, bool from_start)
{
    if (model->readers_count == SERVE_READERS)
        return NULL;
    struct serve_reader *reader = &model->readers[model->readers_count++];
    reader->stream = stream;
    reader->from_start = from_start;
    reader->began_ns = hark_sim_now(model->world);
    reader->run.world = model->world;
    reader->run.number = SERVE_RUNS + model->readers_count;
    add_output(&reader->run);
    return reader;
}

struct serve_reader *serve_read(struct serve_model *model, struct hark_sim_machine *machine,
                                int stream, bool from_start)
{
    struct serve_reader *reader = serve_next_reader(model, stream, from_start);
    if (!reader)
        return NULL;
    struct serve_run *run = &reader->run;
    serve_word(run, "hark");
    serve_word(run, "sub");
    serve_word(run, "stream%d", stream);
    serve_word(run, "--server");
    serve_word(run, "10.0.0.1:12346");
    serve_word(run, "--id");
    if (from_start) {
        serve_word(run, "--after");
        serve_word(run, "start");
    }
    serve_start(run, machine);
    return reader;
}

static void take_gaps(struct serve_reader *reader)
{
    const char *at = reader->run.errors;
    while ((at = strstr(at, "the events after "))) {
        unsigned long long after, before;
        scene_check(sscanf(at, "the events after %llu and before %llu", &after, &before) == 2,
                    "%.60s", at);
        scene_check(reader->gaps_count < SERVE_EVENTS, "%s", "too many gaps");
        reader->gaps[reader->gaps_count++] = (struct serve_gap){after, before};
        at++;
    }
}

/* Who was shown what is lost since stands above all ids that there are: he is told so, and shown
 * everything. */
static bool begins_anew(const struct serve_model *model, const struct serve_reader *reader,
                        uint64_t last, uint64_t id)
{
    for (int i = 0; i < reader->gaps_count; i++)
        if (reader->gaps[i].after >= last && reader->gaps[i].before == id)
            return model->forgets;
    return false;
}

/* Of each line: that somebody published it, as it is, in this stream. */
static void take_events(struct serve_model *model, struct serve_reader *reader)
{
    char expected[6000];
    const char *at = reader->run.output;
    uint64_t last = 0;
    while (*at) {
        char *text;
        struct serve_shown shown = {.id = strtoull(at, &text, 10)};
        const char *end = strchr(at, '\n');
        scene_check(end && *text == '\t', "reader %d: '%.60s'", reader->run.number, at);
        text++;
        scene_check(sscanf(text, "run %d line %d ", &shown.publisher, &shown.line) == 2 &&
                        shown.publisher >= 0 && shown.publisher < model->publishers_count &&
                        shown.line >= 0 && shown.line < model->publishers[shown.publisher].count &&
                        model->publishers[shown.publisher].stream == reader->stream,
                    "reader %d: nobody published '%.60s'", reader->run.number, text);
        size_t length = line_text(shown.publisher, shown.line, expected);
        scene_check(length == (size_t)(end + 1 - text) && memcmp(text, expected, length) == 0,
                    "reader %d: not as it was published: '%.60s'", reader->run.number, text);
        scene_check(shown.id > last || begins_anew(model, reader, last, shown.id),
                    "reader %d: %llu after %llu", reader->run.number, (unsigned long long)shown.id,
                    (unsigned long long)last);
        scene_check(reader->count < SERVE_EVENTS, "reader %d: too many", reader->run.number);
        reader->shown[reader->count++] = shown;
        last = shown.id;
        at = end + 1;
    }
}

/* --- what must hold --- */

struct serve_model *serve_model_create(struct hark_sim *world)
{
    struct serve_model *model = calloc(1, sizeof *model);
    scene_check(model, "%s", "no memory");
    model->world = world;
    return model;
}

void serve_model_destroy(struct serve_model *model)
{
    for (int i = 0; i < model->publishers_count; i++)
        serve_run_done(&model->publishers[i].run);
    for (int i = 0; i < model->readers_count; i++)
        serve_run_done(&model->readers[i].run);
    free(model);
}

static int compare_ids(const void *left, const void *right)
{
    uint64_t one = *(const uint64_t *)left, other = *(const uint64_t *)right;
    return (one > other) - (one < other);
}

/* An event has one id, whoever was told of it. */
static void join_ids(struct serve_model *model)
{
    for (int i = 0; i < model->publishers_count; i++)
        for (int j = 0; j < model->publishers[i].count; j++)
            model->publishers[i].lines[j].stored = model->publishers[i].lines[j].acknowledged;
    for (int i = 0; i < model->readers_count; i++)
        for (int j = 0; j < model->readers[i].count; j++) {
            const struct serve_shown *shown = &model->readers[i].shown[j];
            uint64_t *stored = &model->publishers[shown->publisher].lines[shown->line].stored;
            scene_check(*stored == 0 || *stored == shown->id,
                        "run %d line %d: reader %d is shown it as %llu, it was %llu before",
                        shown->publisher, shown->line, model->readers[i].run.number,
                        (unsigned long long)shown->id, (unsigned long long)*stored);
            *stored = shown->id;
        }
}

/* No id is given twice, and those of one publisher grow. */
static void check_ids(const struct serve_model *model)
{
    uint64_t *ids = calloc(SERVE_EVENTS, sizeof *ids);
    size_t count = 0;
    scene_check(ids, "%s", "no memory");
    for (int i = 0; i < model->publishers_count; i++) {
        uint64_t last = 0;
        for (int j = 0; j < model->publishers[i].count; j++) {
            uint64_t id = model->publishers[i].lines[j].stored;
            if (id == 0)
                continue;
            scene_check(id > last, "run %d line %d: %llu after %llu", i, j, (unsigned long long)id,
                        (unsigned long long)last);
            last = ids[count++] = id;
        }
    }
    qsort(ids, count, sizeof *ids, compare_ids);
    for (size_t i = 1; i < count; i++)
        scene_check(ids[i] != ids[i - 1], "%llu was given twice", (unsigned long long)ids[i]);
    free(ids);
}

static bool was_shown(const struct serve_reader *reader, uint64_t id)
{
    for (int i = 0; i < reader->count; i++)
        if (reader->shown[i].id == id)
            return true;
    return false;
}

static bool in_gap(const struct serve_reader *reader, uint64_t id)
{
    for (int i = 0; i < reader->gaps_count; i++)
        if (reader->gaps[i].after < id && id < reader->gaps[i].before)
            return true;
    return false;
}

static bool is_deleted(const struct serve_model *model, int stream)
{
    for (int i = 0; i < model->deletions_count; i++)
        if (model->deletions[i].stream == stream)
            return true;
    return false;
}

/* What was acknowledged before a deletion began is not shown to who comes after its answer. */
static void check_deletions(const struct serve_model *model, const struct serve_reader *reader)
{
    for (int i = 0; i < reader->count; i++) {
        const struct serve_shown *shown = &reader->shown[i];
        const struct serve_publisher *publisher = &model->publishers[shown->publisher];
        for (int j = 0; j < model->deletions_count; j++) {
            const struct serve_deletion *deletion = &model->deletions[j];
            bool ended = deletion->ended_ns && deletion->ended_ns <= reader->began_ns;
            bool was_there = deletion->behind[shown->publisher] &&
                             publisher->lines[shown->line].acknowledged &&
                             publisher->stream == deletion->stream;
            scene_check(!ended || !was_there || model->forgets,
                        "reader %d is shown %llu, which was deleted", reader->run.number,
                        (unsigned long long)shown->id);
        }
    }
}

/* A reader was shown all that is behind its beginning, or was told that it is gone. Where the
 * oldest are dropped the beginning is with those that were left. */
static void check_reader(const struct serve_model *model, const struct serve_reader *reader)
{
    bool drops = model->drops || is_deleted(model, reader->stream);
    bool from_first = reader->from_start && !drops;
    if (reader->count == 0 && !from_first)
        return;
    /* Whom the server has refused, as it may while its disk fails, is shown no more. */
    bool refused = !reader->by_http && hark_sim_status(reader->run.process) != 0;
    uint64_t last = !refused             ? UINT64_MAX
                    : reader->count == 0 ? 0
                                         : reader->shown[reader->count - 1].id;
    uint64_t first = from_first ? 1 : reader->shown[0].id;
    for (int i = 0; i < model->publishers_count; i++) {
        const struct serve_publisher *publisher = &model->publishers[i];
        for (int j = 0; j < publisher->count && publisher->stream == reader->stream; j++) {
            uint64_t id = publisher->lines[j].stored;
            if (id < first || id > last || was_shown(reader, id))
                continue;
            bool may_lack = drops || (model->errs && !reader->is_last);
            scene_check(model->forgets || (may_lack && in_gap(reader, id)),
                        "reader %d is not shown %llu, run %d line %d (%s)", reader->run.number,
                        (unsigned long long)id, i, j,
                        publisher->lines[j].acknowledged ? "acknowledged" : "shown to others");
        }
    }
    for (int i = 0; i < reader->gaps_count; i++)
        scene_check(drops || model->tears || model->errs, "reader %d is told of a gap after %llu",
                    reader->run.number, (unsigned long long)reader->gaps[i].after);
}

void serve_model_check(struct serve_model *model)
{
    for (int i = 0; i < model->publishers_count; i++)
        take_ids(&model->publishers[i], i);
    for (int i = 0; i < model->readers_count; i++) {
        struct serve_reader *reader = &model->readers[i];
        int status = hark_sim_status(reader->run.process);
        bool ended = reader->by_http ? status == 128 + SIGINT : status == 0;
        scene_check(ended || (status == 1 && model->errs && !reader->is_last),
                    "reader %d ends with %d: %.200s", reader->run.number, status,
                    reader->run.errors);
        take_gaps(reader);
        take_events(model, reader);
    }
    join_ids(model);
    check_ids(model);
    for (int i = 0; i < model->readers_count; i++) {
        check_reader(model, &model->readers[i]);
        check_deletions(model, &model->readers[i]);
    }
}
