/* dump.c - a stream's line comes before those of its events: with its name, the id of its creation,
 * how many events it has, and what the Durable Streams protocol knows of it. Text is "text"; what
 * is no UTF-8 is "base64". What is not kept any more has a line, too.
 *
 * What must hold: each line is JSON by itself; nothing but lines goes to standard output. */
#include "inspect/dump.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "base/base64.h"
#include "base/say.h"
#include "durable/facts.h"
#include "inspect/reading.h"

struct dump {
    const char *name; /* NULL: all */
    bool found;
    int error;        /* nothing more can be printed */
    uint64_t damaged; /* what was told */
};

/* --- lines --- */

/* Takes: line: is let go; NULL: there was no memory for it. */
static void print(struct dump *dump, json_t *line)
{
    if (dump->error == 0 && !line)
        dump->error = -ENOMEM;
    if (dump->error == 0 && json_dumpf(line, stdout, JSON_COMPACT) != 0)
        dump->error = ferror(stdout) ? -EIO : -ENOMEM;
    if (dump->error == 0 && putchar('\n') == EOF)
        dump->error = -EIO;
    json_decref(line);
}

/* Adds a value, and gives up on the line where that cannot be. */
static void put(json_t **line, const char *key, json_t *value)
{
    if (*line && json_object_set_new(*line, key, value) == 0)
        return;
    json_decref(*line);
    *line = NULL;
}

static json_t *begin_line(const struct log_stream *stream)
{
    json_t *line = json_object();
    put(&line, "stream", json_string(stream->entry->name));
    return line;
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value); /* ids are below 2^53 */
}

/* RFC 3339, to the nanosecond, in UTC. */
static json_t *moment(uint64_t time_ns)
{
    const uint64_t second_ns = 1000000000;
    const time_t second = (time_t)(time_ns / second_ns);
    struct tm parts;
    char text[64], day[32];
    if (!gmtime_r(&second, &parts))
        return number(time_ns);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, sizeof text, "%s.%09" PRIu64 "Z", day, time_ns % second_ns);
    return json_string(text);
}

static json_t *base64(const void *bytes, size_t count)
{
    char *text = malloc(base64_size(count) + 1);
    json_t *value = !text ? NULL : json_stringn(text, base64_encode(text, bytes, count));
    free(text);
    return value;
}

/* --- streams --- */

/* What an append to it would meet. */
static void put_facts(json_t **line, const struct log_stream *stream)
{
    const struct durable_facts facts = durable_facts_of(stream);
    if (strcmp(facts.type, DURABLE_TYPE_DEFAULT) != 0)
        put(line, "type", json_string(facts.type));
    if (facts.closed)
        put(line, "closed", json_true());
    if (facts.deleted)
        put(line, "deleted", json_true());
    if (*facts.ttl)
        put(line, "ttl", json_string(facts.ttl));
    if (*facts.expires)
        put(line, "expires", json_string(facts.expires));
    const struct log_stream *base = log_stream_base(stream);
    if (base && base->entry)
        put(line, "fork_of", json_string(base->entry->name));
}

static bool take_stream(void *context, const struct log_stream *stream)
{
    struct dump *dump = context;
    const bool is_own = stream->entry->name[0] == '.';
    if (dump->name ? strcmp(dump->name, stream->entry->name) != 0 : is_own)
        return false;
    dump->found = true;
    json_t *line = begin_line(stream);
    put(&line, "created", number(stream->generation));
    put(&line, "events", number(stream->count));
    put_facts(&line, stream);
    print(dump, line);
    return true;
}

static void take_event(void *context, const struct log_stream *stream,
                       const struct log_event *event)
{
    json_t *line = begin_line(stream);
    json_t *text = json_stringn(event->bytes, event->length);
    put(&line, "id", number(event->id));
    put(&line, "time", moment(event->time_ns));
    put(&line, text ? "text" : "base64", text ? text : base64(event->bytes, event->length));
    print(context, line);
}

static void take_loss(struct dump *dump, const struct log_stream *stream, uint64_t after,
                      uint64_t first)
{
    json_t *line = begin_line(stream);
    put(&line, "lost_after", number(after));
    if (first != 0)
        put(&line, "lost_before", number(first));
    print(dump, line);
    dump->damaged++;
}

static void take_gap(void *context, const struct log_stream *stream, const struct log_gap *gap)
{
    take_loss(context, stream, gap->after, gap->first);
}

static void take_unreadable(void *context, const struct log_stream *stream, uint64_t after,
                            int error)
{
    say("in stream %s, what follows id %" PRIu64 " cannot be read: %s", stream->entry->name, after,
        why(error));
    take_loss(context, stream, after, 0);
}

static void take_report(void *context, enum log_severity severity, const char *text)
{
    struct dump *dump = context;
    dump->damaged += severity == LOG_ERROR;
    if (severity == LOG_ERROR)
        say("%s", text);
}

static void take_end(void *context, const struct log_statistics *statistics)
{
    struct dump *dump = context;
    dump->damaged += statistics->damaged;
}

static bool has_failed(void *context)
{
    const struct dump *dump = context;
    return dump->error != 0;
}

int dump_directory(const char *path, const char *name)
{
    struct dump dump = {.name = name};
    const struct reading_receiver receiver = {
        .context = &dump,
        .report = take_report,
        .stream = take_stream,
        .event = take_event,
        .gap = take_gap,
        .unreadable = take_unreadable,
        .end = take_end,
        .enough = has_failed,
    };
    int error = reading_run(path, &receiver);
    if (error != 0) {
        reading_say("dump", path, error);
        return EXIT_UNREADABLE;
    }
    if (dump.error == -ENOMEM) {
        say("cannot dump %s: %s", path, why(dump.error));
        return EXIT_UNREADABLE;
    }
    if (name && !dump.found) {
        say("%s has no stream %s (try: hark log check %s)", path, name, path);
        return EXIT_REFUSED;
    }
    return dump.error == 0 && dump.damaged == 0 ? EXIT_DONE : EXIT_REFUSED;
}
