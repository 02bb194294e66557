/* stream.c - the broker's table of streams, and publishing.
 *
 * A stream in memory is made when somebody first asks for its name and stays while it has handles
 * or, at the owner, exists on disk. What must hold: `generation` is the number of the log's stream
 * under this name, as far as the log's answers have told; an active ring holds every event of this
 * generation after its floor; events enter rings in the order of the log's answers and nowhere
 * else.
 */
#include "base/check.h"
#include "broker/relay.h"
#include "broker/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/name.h"

enum { TABLE_FIRST = 64, RATE_WINDOW = 5, RINGS_WHOLE = 64 };

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
    if (broker->table_size == 0)
        return NULL;
    uint64_t hash = hash_of(name, name_length);
    struct broker_stream *stream = broker->table[hash & (broker->table_size - 1)];
    while (stream && (stream->hash != hash || stream->name_length != name_length ||
                      memcmp(stream->name, name, name_length) != 0))
        stream = stream->chained;
    return stream;
}

/* Doubles the table once it holds as many as it has places. */
static int table_grow(struct broker *broker)
{
    if (broker->table_count < broker->table_size)
        return 0;
    size_t size = broker->table_size == 0 ? TABLE_FIRST : broker->table_size * 2;
    struct broker_stream **table = calloc(size, sizeof *table);
    if (!table)
        return broker->table_size == 0 ? -ENOMEM : 0;
    for (size_t i = 0; i < broker->table_size; i++) {
        struct broker_stream *stream = broker->table[i];
        while (stream) {
            struct broker_stream *next = stream->chained;
            stream->chained = table[stream->hash & (size - 1)];
            table[stream->hash & (size - 1)] = stream;
            stream = next;
        }
    }
    free(broker->table);
    broker->table = table;
    broker->table_size = size;
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
    struct broker_stream **bucket = &broker->table[stream->hash & (broker->table_size - 1)];
    stream->chained = *bucket;
    *bucket = stream;
    broker->table_count++;
    return stream;
}

static void stream_remove(struct broker_stream *stream)
{
    struct broker *broker = stream->broker;
    struct broker_stream **link = &broker->table[stream->hash & (broker->table_size - 1)];
    while (*link != stream)
        link = &(*link)->chained;
    *link = stream->chained;
    broker->table_count--;
    free(stream);
}

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
    stream->handles++;
    *out_stream = stream;
    return 0;
}

void broker_stream_close(struct broker_stream *stream)
{
    if (!stream)
        return;
    check(stream->handles > 0);
    if (--stream->handles == 0 && (stream->broker->owner || !broker_stream_log(stream)))
        stream_remove(stream);
}

const char *broker_stream_name(const struct broker_stream *stream)
{
    return stream->name;
}

const struct log_stream *broker_stream_log(const struct broker_stream *stream)
{
    return log_stream_find(stream->broker->log, stream->name, stream->name_length);
}

/* --- generations --- */

static void recent_end(struct broker_stream *stream, struct recent *recent)
{
    stream->broker->statistics.ring_bytes -= recent->bytes;
    recent_stop(recent);
}

/* Those that wait are looked at anew: their positions are of another generation. */
void broker_stream_begin_generation(struct broker_stream *stream, uint64_t generation,
                                    uint64_t floor)
{
    stream->generation = generation;
    for (int i = 0; i < BROKER_ENCODINGS; i++) {
        if (stream->recents[i].active)
            recent_end(stream, &stream->recents[i]);
        if (generation != 0 && stream->subscribers[i] != 0)
            recent_start(&stream->recents[i], floor);
    }
    list_move(&stream->broker->ready, &stream->waiting);
    broker_turns(stream->broker);
}

void broker_stream_skip(struct broker_stream *stream, uint64_t newest)
{
    for (int i = 0; i < BROKER_ENCODINGS; i++) {
        if (!stream->recents[i].active)
            continue;
        recent_end(stream, &stream->recents[i]);
        recent_start(&stream->recents[i], newest);
    }
    list_move(&stream->broker->ready, &stream->waiting);
    broker_turns(stream->broker);
}

uint64_t broker_stream_newest(const struct log_stream *log)
{
    return log->last > log->generation ? log->last : log->generation;
}

void broker_stream_refresh(struct broker_stream *stream)
{
    const struct log_stream *log = stream->broker->owner ? NULL : broker_stream_log(stream);
    if (log && log->generation != stream->generation)
        broker_stream_begin_generation(stream, log->generation, broker_stream_newest(log));
}

/* The newest id of this generation that may have gone by. */
static uint64_t newest_known(const struct broker_stream *stream)
{
    if (stream->broker->owner)
        return stream->newest;
    const struct log_stream *log = broker_stream_log(stream);
    return log ? broker_stream_newest(log) : stream->generation;
}

void broker_stream_join(struct broker_stream *stream, enum broker_encoding encoding)
{
    if (stream->subscribers[encoding]++ == 0 && stream->generation != 0)
        recent_start(&stream->recents[encoding], newest_known(stream));
    stream->broker->statistics.subscribers[encoding]++;
    if (stream->broker->owner)
        remote_subscribers(stream);
}

void broker_stream_leave(struct broker_stream *stream, enum broker_encoding encoding)
{
    check(stream->subscribers[encoding] > 0);
    if (--stream->subscribers[encoding] == 0 && stream->recents[encoding].active)
        recent_end(stream, &stream->recents[encoding]);
    stream->broker->statistics.subscribers[encoding]--;
    if (stream->broker->owner)
        remote_subscribers(stream);
}

/* --- rates --- */

static void rate_advance(struct broker_stream *stream)
{
    uint64_t second = hark_now(stream->broker->loop) / 1000000000U;
    if (second - stream->rate_second >= BROKER_RATE_SECONDS) {
        memset(stream->rate, 0, sizeof stream->rate);
        stream->rate_second = second;
    }
    while (stream->rate_second < second)
        stream->rate[++stream->rate_second % BROKER_RATE_SECONDS] = 0;
}

double broker_stream_rate(struct broker_stream *stream)
{
    rate_advance(stream);
    uint64_t events = 0;
    for (uint64_t ago = 1; ago <= RATE_WINDOW; ago++)
        events +=
            stream->rate[(stream->rate_second + BROKER_RATE_SECONDS - ago) % BROKER_RATE_SECONDS];
    return (double)events / RATE_WINDOW;
}

/* --- publishing --- */

/* Encodes an event for those who read along, and gives them their turn. */
static void spread(struct broker_stream *stream, uint64_t id, const void *bytes, size_t count)
{
    struct broker *broker = stream->broker;
    for (int i = 0; i < BROKER_ENCODINGS; i++) {
        struct recent *recent = &stream->recents[i];
        if (!recent->active || id <= recent->top)
            continue; /* not above the top: it began after this event was acknowledged */
        size_t before = recent->bytes;
        bool crowded = broker->statistics.ring_bytes * broker->sharing / RINGS_WHOLE >=
                       broker->options.ring_bytes;
        recent->bytes_max = crowded ? RECENT_CHUNK_BYTES : broker->options.ring_bytes;
        if (recent_append(recent, id, bytes, count) != 0)
            broker->statistics.encoded++;
        broker->statistics.ring_bytes += recent->bytes - before;
    }
    if (!list_empty(&stream->waiting)) {
        list_move(&broker->ready, &stream->waiting);
        broker_turns(broker);
    }
}

void broker_stream_take(struct broker_stream *stream, uint64_t generation, uint64_t id,
                        const void *bytes, size_t count)
{
    if (generation != stream->generation)
        broker_stream_begin_generation(stream, generation, generation);
    spread(stream, id, bytes, count);
    for (struct broker_watch *watch = stream->watches, *next; watch; watch = next) {
        next = watch->next;
        relay_event(watch, generation, id, bytes, count);
    }
}

void broker_trouble_look(struct broker *broker)
{
    int error = log_trouble(broker->log);
    broker->troubled = error != 0;
    if (broker->options.trouble)
        atomic_store_explicit(broker->options.trouble, error, memory_order_relaxed);
}

void broker_stream_appended(struct broker *broker, struct broker_stream *stream,
                            const struct log_append *append, int64_t result)
{
    if (result < 0 || broker->troubled)
        broker_trouble_look(broker);
    if (result < 0) {
        broker->statistics.failed++;
        return;
    }
    broker->statistics.published++;
    broker->statistics.published_bytes += append->length;
    if (!stream)
        return;
    broker_stream_take(stream, append->stream->generation, append->id, append->bytes,
                       append->length);
    stream->published++;
    rate_advance(stream);
    stream->rate[stream->rate_second % BROKER_RATE_SECONDS]++;
}

void broker_stream_deleted(struct broker_stream *stream, int64_t result)
{
    if (result <= 0 || !stream)
        return;
    broker_stream_begin_generation(stream, 0, 0);
    stream->published = 0;
    for (struct broker_watch *watch = stream->watches; watch; watch = watch->next)
        relay_state(watch);
}

static void appended(struct log_append *append, int64_t result)
{
    struct broker_publish *publish = hark_container_of(append, struct broker_publish, append);
    broker_stream_appended(publish->stream->broker, publish->stream, append, result);
    publish->done(publish, result);
}

static void deleted(struct log_append *append, int64_t result)
{
    struct broker_publish *publish = hark_container_of(append, struct broker_publish, append);
    broker_stream_deleted(publish->stream, result);
    publish->done(publish, result);
}

/* The five fields that an append is told. */
static void prepare(struct broker_stream *stream, struct broker_publish *publish, const void *bytes,
                    size_t count, broker_published *done)
{
    check(count <= LOG_EVENT_BYTES_MAX);
    publish->stream = stream;
    publish->done = done;
    publish->append.name = stream->name;
    publish->append.name_length = stream->name_length;
    publish->append.bytes = bytes;
    publish->append.length = (uint32_t)count;
}

void broker_publish(struct broker_stream *stream, struct broker_publish *publish, const void *bytes,
                    size_t count, broker_published *done)
{
    prepare(stream, publish, bytes, count, done);
    if (stream->broker->owner) {
        remote_publish(publish, false);
        return;
    }
    publish->append.done = appended;
    log_append(stream->broker->log, &publish->append);
}

void broker_delete(struct broker_stream *stream, struct broker_publish *publish,
                   broker_published *done)
{
    prepare(stream, publish, NULL, 0, done);
    if (stream->broker->owner) {
        remote_publish(publish, true);
        return;
    }
    publish->append.done = deleted;
    log_delete(stream->broker->log, &publish->append);
}
