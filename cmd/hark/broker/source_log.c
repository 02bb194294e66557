/* source_log.c - a broker's events are in the log on this thread: calls of the broker become calls
 * of the log, and answers of the log become events of streams.
 *
 * Where a server has one thread, all its publishes come through here. Those of other threads are
 * brought by threads/owner.c, which tells of the log's answers by the same functions.
 *
 * Thread: the log's.
 */
#include "broker/source_log.h"

#include "broker/publish.h"
#include "broker/reader.h"
#include "broker/state.h"
#include "broker/stream.h"
#include "durable/facts.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct source_log {
    struct broker_source source;
    struct log *log;
    bool troubled;                    /* events were refused, last time */
    struct broker_observer *observer; /* NULL: nobody is told */
};

static struct source_log *source_of(const struct broker *broker)
{
    return hark_container_of(broker->source, struct source_log, source);
}

struct log *source_log_of(const struct broker *broker)
{
    return source_of(broker)->log;
}

const struct log_stream *source_log_stream(const struct broker_stream *stream)
{
    return log_stream_of(stream->entry);
}

/* --- streams --- */

uint64_t source_log_newest(const struct log_stream *log)
{
    return log->last > log->generation ? log->last : log->generation;
}

static uint64_t newest(const struct broker_stream *stream)
{
    const struct log_stream *log = source_log_stream(stream);
    return log ? source_log_newest(log) : stream->generation;
}

static void look(struct broker_stream *stream)
{
    const struct log_stream *log = source_log_stream(stream);
    if (log && log->generation != stream->generation)
        broker_stream_begin(stream, log->generation, source_log_newest(log));
}

static int follow(struct broker_stream *stream, struct broker_follow *follow)
{
    (void)stream;
    (void)follow;
    return 1; /* whatever the log answers comes by here */
}

static void readers_changed(struct broker_stream *stream)
{
    (void)stream; /* nobody else has to know */
}

/* --- publishing --- */

void source_log_trouble(struct broker *broker)
{
    struct source_log *source = source_of(broker);
    int error = log_trouble(source->log);
    source->troubled = error != 0;
    if (broker->options.trouble)
        atomic_store_explicit(broker->options.trouble, error, memory_order_relaxed);
}

/* What is noted of it is another now. */
static void change(struct broker_stream *stream)
{
    look(stream);
    broker_wake(stream);
    broker_stream_tell_changed(stream);
}

static void appended(struct broker *broker, struct broker_stream *stream,
                     const struct log_append *append, int64_t result)
{
    if (result == -ECANCELED && append->decide)
        return; /* nothing was to be changed */
    if (result < 0 || source_of(broker)->troubled)
        source_log_trouble(broker);
    if (result < 0) {
        broker->statistics.failed++;
        return;
    }
    if (append->kind == LOG_ONLY_NOTES) {
        if (stream)
            change(stream);
        return;
    }
    broker->statistics.published++;
    broker->statistics.published_bytes += append->length;
    if (!stream)
        return;
    uint64_t generation = append->stream->generation;
    broker_stream_take(stream, generation, append->id, append->bytes, append->length);
    broker_stream_tell_event(stream, generation, append->id, append->bytes, append->length);
    stream->published++;
    rate_add(&stream->rate, hark_now(broker->loop));
}

static void deleted(struct broker_stream *stream)
{
    broker_stream_begin(stream, 0, 0);
    stream->published = 0;
    broker_stream_tell_changed(stream);
}

/* The last fork of a stream is gone. If the stream was deleted, it goes now. */
static void drop_released(struct broker *broker, const struct log_stream *source)
{
    if (source->entry && durable_facts_of(source).deleted)
        broker_expire(broker, source->entry->name, source->generation);
}

void source_log_append(struct broker *broker, const struct broker_stream *stream,
                       struct log_append *append)
{
    append->entry = stream ? stream->entry : NULL;
    log_append(source_log_of(broker), append);
}

void source_log_answered(struct broker *broker, struct broker_stream *stream,
                         const struct log_append *append, int64_t result)
{
    if (append->kind != LOG_DELETE)
        appended(broker, stream, append, result);
    else if (result > 0 && stream)
        deleted(stream);
    if (result > 0 && append->released)
        drop_released(broker, append->released);
    struct broker_observer *observer = source_of(broker)->observer;
    if (observer && result > 0)
        observer->changed(observer, append);
}

void source_log_observe(struct broker *broker, struct broker_observer *observer)
{
    source_of(broker)->observer = observer;
}

static void answered(struct log_append *append, int64_t result)
{
    struct broker_publish *publish = hark_container_of(append, struct broker_publish, append);
    source_log_answered(publish->stream->broker, publish->stream, append, result);
    publish->done(publish, result);
}

static void append_publish(struct broker_publish *publish)
{
    publish->append.done = answered;
    source_log_append(publish->stream->broker, publish->stream, &publish->append);
}

/* --- reading --- */

static void read_done(struct log_cursor *cursor, int64_t result)
{
    broker_disk_ended(hark_container_of(cursor, struct broker_disk_read, cursor), result);
}

static void read_disk(struct broker_disk_read *read)
{
    log_read(source_log_of(read->mark->stream->broker), &read->cursor, read->buffer, read->capacity,
             read_done);
}

static void read_cancel(struct broker_disk_read *read)
{
    log_cursor_cancel(&read->cursor);
}

/* --- its beginning and end --- */

static void leave(struct broker_source *source)
{
    (void)source; /* the log is not told of brokers */
}

static void destroy(struct broker_source *source)
{
    free(hark_container_of(source, struct source_log, source));
}

int source_log_create(struct log *log, struct broker_source **out_source)
{
    static const struct broker_source_calls calls = {
        .append = append_publish,
        .read = read_disk,
        .read_cancel = read_cancel,
        .follow = follow,
        .readers_changed = readers_changed,
        .look = look,
        .newest = newest,
        .leave = leave,
        .destroy = destroy,
    };
    struct source_log *source = malloc(sizeof *source);
    if (!source)
        return -ENOMEM;
    *source =
        (struct source_log){.source = {.calls = &calls, .streams = log_streams(log)}, .log = log};
    *out_source = &source->source;
    return 0;
}
