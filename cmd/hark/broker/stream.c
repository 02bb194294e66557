/* stream.c - the streams of a broker, and what each tells its readers and watchers.
 *
 * A stream in memory is made when somebody first asks for its name and stays while it has handles,
 * or something stands under its name. It hangs on the name in the table of its thread.
 *
 * What must hold: `generation` is that of the log's stream under this name, as far as the source
 * has told; recent events that are active hold every event of this generation after their floor;
 * events come from the source, in the order of the log's answers, and from nowhere else.
 *
 * Thread: the broker's.
 */
#include "broker/stream.h"

#include "base/check.h"
#include "broker/state.h"
#include "hark.h"
#include "wire/name.h"

#include <errno.h>
#include <stdlib.h>

enum { WHOLE_RECENTS = 64 };

/* --- which there are --- */

static struct broker_stream *stream_add(struct broker *broker, struct stream_entry *entry)
{
    struct broker_stream *stream = calloc(1, sizeof *stream);
    if (!stream) {
        streams_let_go(broker->streams, entry);
        return NULL;
    }
    stream->broker = broker;
    stream->entry = entry;
    entry->stream = stream;
    list_init(&stream->waiting);
    list_init(&stream->waiters);
    for (int i = 0; i < BROKER_ENCODINGS; i++)
        recent_init(&stream->recents[i], (enum broker_encoding)i, broker->options.ring_bytes);
    list_append(&broker->holding, &stream->place);
    broker->source->calls->look(stream);
    return stream;
}

static void stream_remove(struct broker_stream *stream)
{
    struct stream_entry *entry = stream->entry;
    list_remove(&stream->place);
    entry->stream = NULL;
    streams_let_go(stream->broker->streams, entry);
    free(stream);
}

void broker_streams_init(struct broker *broker, struct streams *streams)
{
    broker->streams = streams ? streams : &broker->own;
    list_init(&broker->holding);
}

void broker_streams_done(struct broker *broker)
{
    while (!list_empty(&broker->holding)) {
        struct broker_stream *stream =
            hark_container_of(broker->holding.next, struct broker_stream, place);
        check(stream->handles == 0); // NOLINT: the one before is not in the list any more
        stream_remove(stream);
    }
    streams_done(&broker->own);
}

/* --- handles --- */

int broker_stream_open(struct broker *broker, const char *name, size_t name_length,
                       struct broker_stream **out_stream)
{
    if (!name_valid(name, name_length))
        return -EINVAL;
    struct stream_entry *entry = streams_get(broker->streams, name, name_length);
    if (!entry)
        return -ENOMEM;
    struct broker_stream *stream = entry->stream ? entry->stream : stream_add(broker, entry);
    if (!stream)
        return -ENOMEM;
    *out_stream = broker_stream_hold(stream);
    return 0;
}

struct broker_stream *broker_stream_hold(struct broker_stream *stream)
{
    stream->handles++;
    return stream;
}

void broker_stream_close(struct broker_stream *stream)
{
    if (!stream)
        return;
    check(stream->handles > 0);
    if (--stream->handles == 0 && stream->generation == 0)
        stream_remove(stream);
}

const char *broker_stream_name(const struct broker_stream *stream)
{
    return stream->entry->name;
}

/* --- waiters --- */

void broker_wait(struct broker_waiter *waiter, struct broker_stream *stream, broker_woken *woken)
{
    waiter->stream = stream;
    waiter->woken = woken;
    list_append(&stream->waiters, &waiter->place);
    stream->waiter_count++;
    stream->broker->source->calls->readers_changed(stream);
}

void broker_wait_stop(struct broker_waiter *waiter)
{
    struct broker_stream *stream = waiter->stream;
    if (!stream)
        return;
    list_remove(&waiter->place);
    stream->waiter_count--;
    waiter->stream = NULL;
    stream->broker->source->calls->readers_changed(stream);
}

/* Each goes to the end of the list: whoever stops waiting inside of a call, or begins to, does no
 * harm. */
void broker_wake(struct broker_stream *stream)
{
    if (list_empty(&stream->waiters))
        return;
    broker_stream_hold(stream);
    for (uint32_t left = stream->waiter_count; left > 0 && !list_empty(&stream->waiters); left--) {
        struct broker_waiter *waiter =
            hark_container_of(stream->waiters.next, struct broker_waiter, place);
        list_remove(&waiter->place);
        list_append(&stream->waiters, &waiter->place);
        waiter->woken(waiter);
    }
    broker_stream_close(stream);
}

/* --- generations --- */

static void recent_end(struct broker_stream *stream, struct recent *recent)
{
    stream->broker->statistics.ring_bytes -= recent->bytes;
    recent_stop(recent);
}

/* Those that wait are looked at anew: their positions are of another generation. */
void broker_stream_begin(struct broker_stream *stream, uint64_t generation, uint64_t floor)
{
    stream->generation = generation;
    for (int i = 0; i < BROKER_ENCODINGS; i++) {
        if (stream->recents[i].active)
            recent_end(stream, &stream->recents[i]);
        if (generation != 0 && stream->readers[i] != 0)
            recent_start(&stream->recents[i], floor);
    }
    broker_turns_add_all(&stream->broker->turns, &stream->waiting);
    broker_wake(stream);
}

void broker_stream_skip(struct broker_stream *stream, uint64_t newest)
{
    for (int i = 0; i < BROKER_ENCODINGS; i++) {
        if (!stream->recents[i].active)
            continue;
        recent_end(stream, &stream->recents[i]);
        recent_start(&stream->recents[i], newest);
    }
    broker_turns_add_all(&stream->broker->turns, &stream->waiting);
    broker_wake(stream);
}

/* --- readers --- */

void broker_stream_join(struct broker_stream *stream, enum broker_encoding encoding)
{
    struct broker *broker = stream->broker;
    if (stream->readers[encoding]++ == 0 && stream->generation != 0)
        recent_start(&stream->recents[encoding], broker->source->calls->newest(stream));
    broker->statistics.readers[encoding]++;
    broker->source->calls->readers_changed(stream);
}

void broker_stream_leave(struct broker_stream *stream, enum broker_encoding encoding)
{
    struct broker *broker = stream->broker;
    check(stream->readers[encoding] > 0);
    if (--stream->readers[encoding] == 0 && stream->recents[encoding].active)
        recent_end(stream, &stream->recents[encoding]);
    broker->statistics.readers[encoding]--;
    broker->source->calls->readers_changed(stream);
}

uint32_t broker_stream_readers(const struct broker_stream *stream)
{
    uint32_t count = stream->waiter_count;
    for (int i = 0; i < BROKER_ENCODINGS; i++)
        count += stream->readers[i];
    for (const struct broker_watcher *at = stream->watchers; at; at = at->next)
        count += at->calls->readers(at);
    return count;
}

/* --- events --- */

/* Encodes an event for whoever reads along. */
static void encode(struct broker_stream *stream, uint64_t id, const void *bytes, size_t count)
{
    struct broker *broker = stream->broker;
    struct broker_statistics *statistics = &broker->statistics;
    const struct broker_options *options = &broker->options;
    for (int i = 0; i < BROKER_ENCODINGS; i++) {
        struct recent *recent = &stream->recents[i];
        if (!recent->active || id <= recent->top)
            continue; /* not above the top: it began after this event was acknowledged */
        size_t before = recent->bytes;
        bool crowded =
            statistics->ring_bytes * options->brokers / WHOLE_RECENTS >= options->ring_bytes;
        recent->bytes_max = crowded ? RECENT_CHUNK_BYTES : options->ring_bytes;
        if (recent_append(recent, id, bytes, count) != 0)
            statistics->encoded++;
        statistics->ring_bytes += recent->bytes - before;
    }
}

void broker_stream_take(struct broker_stream *stream, uint64_t generation, uint64_t id,
                        const void *bytes, size_t count)
{
    if (generation != stream->generation)
        broker_stream_begin(stream, generation, generation);
    encode(stream, id, bytes, count);
    broker_turns_add_all(&stream->broker->turns, &stream->waiting);
    broker_wake(stream);
}

/* --- watchers --- */

void broker_stream_watch(struct broker_stream *stream, struct broker_watcher *watcher)
{
    watcher->next = stream->watchers;
    stream->watchers = watcher;
}

void broker_stream_unwatch(struct broker_stream *stream, struct broker_watcher *watcher)
{
    struct broker_watcher **link = &stream->watchers;
    while (*link != watcher)
        link = &(*link)->next;
    *link = watcher->next;
}
