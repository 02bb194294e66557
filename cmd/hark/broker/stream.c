/* stream.c - the broker's table of streams, and what each tells its readers and watchers.
 *
 * A stream in memory is made when somebody first asks for its name and stays while it has handles,
 * or something stands under its name.
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
#include <string.h>

enum { TABLE_FIRST = 64, WHOLE_RECENTS = 64 };

/* --- the table --- */

static uint64_t hash_of(const char *name, size_t count)
{
    uint64_t hash = 14695981039346656037ULL; /* FNV-1a */
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ (unsigned char)name[i]) * 1099511628211ULL;
    return hash ^ hash >> 32;
}

struct broker_stream *broker_stream_known(const struct broker *broker, const char *name,
                                          size_t name_length)
{
    if (broker->streams_size == 0)
        return NULL;
    uint64_t hash = hash_of(name, name_length);
    struct broker_stream *stream = broker->streams[hash & (broker->streams_size - 1)];
    while (stream && (stream->hash != hash || stream->name_length != name_length ||
                      memcmp(stream->name, name, name_length) != 0))
        stream = stream->chained;
    return stream;
}

/* Doubles the table once it holds as many as it has places. */
static int table_grow(struct broker *broker)
{
    if (broker->streams_count < broker->streams_size)
        return 0;
    size_t size = broker->streams_size == 0 ? TABLE_FIRST : broker->streams_size * 2;
    struct broker_stream **table = calloc(size, sizeof *table);
    if (!table)
        return broker->streams_size == 0 ? -ENOMEM : 0;
    for (size_t i = 0; i < broker->streams_size; i++) {
        struct broker_stream *stream = broker->streams[i];
        while (stream) {
            struct broker_stream *next = stream->chained;
            stream->chained = table[stream->hash & (size - 1)];
            table[stream->hash & (size - 1)] = stream;
            stream = next;
        }
    }
    free(broker->streams);
    broker->streams = table;
    broker->streams_size = size;
    return 0;
}

static struct broker_stream *stream_add(struct broker *broker, const char *name, size_t name_length)
{
    if (table_grow(broker) < 0)
        return NULL;
    struct broker_stream *stream = calloc(1, sizeof *stream + name_length + 1);
    if (!stream)
        return NULL;
    stream->broker = broker;
    stream->hash = hash_of(name, name_length);
    stream->name_length = (uint32_t)name_length;
    memcpy(stream->name, name, name_length);
    list_init(&stream->waiting);
    for (int i = 0; i < BROKER_ENCODINGS; i++)
        recent_init(&stream->recents[i], (enum broker_encoding)i, broker->options.ring_bytes);
    struct broker_stream **bucket = &broker->streams[stream->hash & (broker->streams_size - 1)];
    stream->chained = *bucket;
    *bucket = stream;
    broker->streams_count++;
    broker->source->calls->look(stream);
    return stream;
}

static void stream_remove(struct broker_stream *stream)
{
    struct broker *broker = stream->broker;
    struct broker_stream **link = &broker->streams[stream->hash & (broker->streams_size - 1)];
    while (*link != stream)
        link = &(*link)->chained;
    *link = stream->chained;
    broker->streams_count--;
    free(stream);
}

void broker_stream_free_all(struct broker *broker)
{
    for (size_t i = 0; i < broker->streams_size; i++) {
        while (broker->streams[i]) {
            struct broker_stream *stream = broker->streams[i];
            check(stream->handles == 0);
            broker->streams[i] = stream->chained;
            free(stream);
        }
    }
    free(broker->streams);
}

/* --- handles --- */

int broker_stream_open(struct broker *broker, const char *name, size_t name_length,
                       struct broker_stream **out_stream)
{
    if (!name_valid(name, name_length))
        return -EINVAL;
    struct broker_stream *stream = broker_stream_known(broker, name, name_length);
    if (!stream)
        stream = stream_add(broker, name, name_length);
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
    return stream->name;
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
    uint32_t count = 0;
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
