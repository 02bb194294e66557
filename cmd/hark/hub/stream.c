/* stream.c - the hub's table of streams, and publishing.
 *
 * A stream in memory is made when somebody first asks for its name and stays while it has handles
 * or, at home, exists on disk. What must hold: `life` is the number of the log's stream under this
 * name, as far as the log's answers have told; an active ring holds every event of this life after
 * its floor; events enter rings in the order of the log's answers and nowhere else.
 */
#include "base/check.h"
#include "hub/feed.h"
#include "hub/state.h"

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

struct hub_stream *hub_stream_known(const struct hub *hub, const char *name, size_t name_length)
{
    if (hub->table_size == 0)
        return NULL;
    uint64_t hash = hash_of(name, name_length);
    struct hub_stream *stream = hub->table[hash & (hub->table_size - 1)];
    while (stream && (stream->hash != hash || stream->name_length != name_length ||
                      memcmp(stream->name, name, name_length) != 0))
        stream = stream->chained;
    return stream;
}

/* Doubles the table once it holds as many as it has places. */
static int table_grow(struct hub *hub)
{
    if (hub->table_count < hub->table_size)
        return 0;
    size_t size = hub->table_size == 0 ? TABLE_FIRST : hub->table_size * 2;
    struct hub_stream **table = calloc(size, sizeof *table);
    if (!table)
        return hub->table_size == 0 ? -ENOMEM : 0;
    for (size_t i = 0; i < hub->table_size; i++) {
        struct hub_stream *stream = hub->table[i];
        while (stream) {
            struct hub_stream *next = stream->chained;
            stream->chained = table[stream->hash & (size - 1)];
            table[stream->hash & (size - 1)] = stream;
            stream = next;
        }
    }
    free(hub->table);
    hub->table = table;
    hub->table_size = size;
    return 0;
}

static struct hub_stream *stream_add(struct hub *hub, const char *name, size_t name_length)
{
    if (table_grow(hub) < 0)
        return NULL;
    struct hub_stream *stream = calloc(1, sizeof *stream + name_length + 1);
    if (!stream)
        return NULL;
    stream->hub = hub;
    stream->hash = hash_of(name, name_length);
    stream->name_length = (uint32_t)name_length;
    memcpy(stream->name, name, name_length);
    list_init(&stream->waiting);
    for (int i = 0; i < HUB_ENCODINGS; i++)
        hub_ring_init(&stream->rings[i], (enum hub_encoding)i, hub->options.ring_bytes);
    struct hub_stream **bucket = &hub->table[stream->hash & (hub->table_size - 1)];
    stream->chained = *bucket;
    *bucket = stream;
    hub->table_count++;
    return stream;
}

static void stream_remove(struct hub_stream *stream)
{
    struct hub *hub = stream->hub;
    struct hub_stream **link = &hub->table[stream->hash & (hub->table_size - 1)];
    while (*link != stream)
        link = &(*link)->chained;
    *link = stream->chained;
    hub->table_count--;
    free(stream);
}

int hub_stream_open(struct hub *hub, const char *name, size_t name_length,
                    struct hub_stream **out_stream)
{
    if (!name_valid(name, name_length))
        return -EINVAL;
    struct hub_stream *stream = hub_stream_known(hub, name, name_length);
    if (!stream)
        stream = stream_add(hub, name, name_length);
    if (!stream)
        return -ENOMEM;
    stream->handles++;
    *out_stream = stream;
    return 0;
}

void hub_stream_close(struct hub_stream *stream)
{
    if (!stream)
        return;
    check(stream->handles > 0);
    if (--stream->handles == 0 && (stream->hub->home || !hub_stream_log(stream)))
        stream_remove(stream);
}

const char *hub_stream_name(const struct hub_stream *stream)
{
    return stream->name;
}

const struct log_stream *hub_stream_log(const struct hub_stream *stream)
{
    return log_stream_find(stream->hub->log, stream->name, stream->name_length);
}

/* --- lives --- */

static void ring_stop(struct hub_stream *stream, struct hub_ring *ring)
{
    stream->hub->statistics.ring_bytes -= ring->bytes;
    hub_ring_stop(ring);
}

/* Those that wait are looked at anew: their positions are of another life. */
void hub_stream_begin_life(struct hub_stream *stream, uint64_t life, uint64_t floor)
{
    stream->life = life;
    for (int i = 0; i < HUB_ENCODINGS; i++) {
        if (stream->rings[i].active)
            ring_stop(stream, &stream->rings[i]);
        if (life != 0 && stream->subscribers[i] != 0)
            hub_ring_start(&stream->rings[i], floor);
    }
    list_move(&stream->hub->ready, &stream->waiting);
    hub_fan_out(stream->hub);
}

void hub_stream_skip(struct hub_stream *stream, uint64_t newest)
{
    for (int i = 0; i < HUB_ENCODINGS; i++) {
        if (!stream->rings[i].active)
            continue;
        ring_stop(stream, &stream->rings[i]);
        hub_ring_start(&stream->rings[i], newest);
    }
    list_move(&stream->hub->ready, &stream->waiting);
    hub_fan_out(stream->hub);
}

uint64_t hub_stream_newest(const struct log_stream *log)
{
    return log->last > log->number ? log->last : log->number;
}

void hub_stream_refresh(struct hub_stream *stream)
{
    const struct log_stream *log = stream->hub->home ? NULL : hub_stream_log(stream);
    if (log && log->number != stream->life)
        hub_stream_begin_life(stream, log->number, hub_stream_newest(log));
}

/* The newest id of this life that may have gone by. */
static uint64_t newest_known(const struct hub_stream *stream)
{
    if (stream->hub->home)
        return stream->newest;
    const struct log_stream *log = hub_stream_log(stream);
    return log ? hub_stream_newest(log) : stream->life;
}

void hub_stream_join(struct hub_stream *stream, enum hub_encoding encoding)
{
    if (stream->subscribers[encoding]++ == 0 && stream->life != 0)
        hub_ring_start(&stream->rings[encoding], newest_known(stream));
    stream->hub->statistics.subscribers[encoding]++;
    if (stream->hub->home)
        hub_away_subscribers(stream);
}

void hub_stream_leave(struct hub_stream *stream, enum hub_encoding encoding)
{
    check(stream->subscribers[encoding] > 0);
    if (--stream->subscribers[encoding] == 0 && stream->rings[encoding].active)
        ring_stop(stream, &stream->rings[encoding]);
    stream->hub->statistics.subscribers[encoding]--;
    if (stream->hub->home)
        hub_away_subscribers(stream);
}

/* --- rates --- */

static void rate_advance(struct hub_stream *stream)
{
    uint64_t second = hark_now(stream->hub->loop) / 1000000000U;
    if (second - stream->rate_second >= HUB_RATE_SECONDS) {
        memset(stream->rate, 0, sizeof stream->rate);
        stream->rate_second = second;
    }
    while (stream->rate_second < second)
        stream->rate[++stream->rate_second % HUB_RATE_SECONDS] = 0;
}

double hub_stream_rate(struct hub_stream *stream)
{
    rate_advance(stream);
    uint64_t events = 0;
    for (uint64_t ago = 1; ago <= RATE_WINDOW; ago++)
        events += stream->rate[(stream->rate_second + HUB_RATE_SECONDS - ago) % HUB_RATE_SECONDS];
    return (double)events / RATE_WINDOW;
}

/* --- publishing --- */

/* Encodes an event for those who read along, and gives them their turn. */
static void spread(struct hub_stream *stream, uint64_t id, const void *bytes, size_t count)
{
    struct hub *hub = stream->hub;
    for (int i = 0; i < HUB_ENCODINGS; i++) {
        struct hub_ring *ring = &stream->rings[i];
        if (!ring->active || id <= ring->top)
            continue; /* not above the top: it began after this event was acknowledged */
        size_t before = ring->bytes;
        bool crowded =
            hub->statistics.ring_bytes * hub->sharing / RINGS_WHOLE >= hub->options.ring_bytes;
        ring->bytes_max = crowded ? HUB_CHUNK_BYTES : hub->options.ring_bytes;
        if (hub_ring_append(ring, id, bytes, count) != 0)
            hub->statistics.encoded++;
        hub->statistics.ring_bytes += ring->bytes - before;
    }
    if (!list_empty(&stream->waiting)) {
        list_move(&hub->ready, &stream->waiting);
        hub_fan_out(hub);
    }
}

void hub_stream_take(struct hub_stream *stream, uint64_t life, uint64_t id, const void *bytes,
                     size_t count)
{
    if (life != stream->life)
        hub_stream_begin_life(stream, life, life);
    spread(stream, id, bytes, count);
    for (struct hub_interest *interest = stream->interests, *next; interest; interest = next) {
        next = interest->next;
        feed_event(interest, life, id, bytes, count);
    }
}

void hub_trouble_look(struct hub *hub)
{
    int error = log_trouble(hub->log);
    hub->troubled = error != 0;
    if (hub->options.trouble)
        atomic_store_explicit(hub->options.trouble, error, memory_order_relaxed);
}

void hub_stream_appended(struct hub *hub, struct hub_stream *stream,
                         const struct log_append *append, int64_t result)
{
    if (result < 0 || hub->troubled)
        hub_trouble_look(hub);
    if (result < 0) {
        hub->statistics.failed++;
        return;
    }
    hub->statistics.published++;
    hub->statistics.published_bytes += append->length;
    if (!stream)
        return;
    hub_stream_take(stream, append->stream->number, append->id, append->bytes, append->length);
    stream->published++;
    rate_advance(stream);
    stream->rate[stream->rate_second % HUB_RATE_SECONDS]++;
}

void hub_stream_deleted(struct hub_stream *stream, int64_t result)
{
    if (result <= 0 || !stream)
        return;
    hub_stream_begin_life(stream, 0, 0);
    stream->published = 0;
    for (struct hub_interest *interest = stream->interests; interest; interest = interest->next)
        feed_state(interest);
}

static void appended(struct log_append *append, int64_t result)
{
    struct hub_publish *publish = hark_container_of(append, struct hub_publish, append);
    hub_stream_appended(publish->stream->hub, publish->stream, append, result);
    publish->done(publish, result);
}

static void deleted(struct log_append *append, int64_t result)
{
    struct hub_publish *publish = hark_container_of(append, struct hub_publish, append);
    hub_stream_deleted(publish->stream, result);
    publish->done(publish, result);
}

/* The five fields that an append is told. */
static void prepare(struct hub_stream *stream, struct hub_publish *publish, const void *bytes,
                    size_t count, hub_published *done)
{
    check(count <= LOG_EVENT_BYTES_MAX);
    publish->stream = stream;
    publish->done = done;
    publish->append.name = stream->name;
    publish->append.name_length = stream->name_length;
    publish->append.bytes = bytes;
    publish->append.length = (uint32_t)count;
}

void hub_publish(struct hub_stream *stream, struct hub_publish *publish, const void *bytes,
                 size_t count, hub_published *done)
{
    prepare(stream, publish, bytes, count, done);
    if (stream->hub->home) {
        hub_away_publish(publish, false);
        return;
    }
    publish->append.done = appended;
    log_append(stream->hub->log, &publish->append);
}

void hub_delete(struct hub_stream *stream, struct hub_publish *publish, hub_published *done)
{
    prepare(stream, publish, NULL, 0, done);
    if (stream->hub->home) {
        hub_away_publish(publish, true);
        return;
    }
    publish->append.done = deleted;
    log_delete(stream->hub->log, &publish->append);
}
