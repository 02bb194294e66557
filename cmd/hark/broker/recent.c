/* recent.c - chunks of encoded events, found by id.
 *
 * What must hold: bytes below `filled` never change, for sends are reading them; ids grow from
 * entry to entry and from chunk to chunk; `floor` is at or above the id of the last event that
 * left.
 *
 * Which readers are told, and when, is left to stream.c and reader.c.
 *
 * Thread: the broker's.
 */
#include "broker/recent.h"

#include "base/check.h"

#include <stdlib.h>

/* Where an event ends in its chunk. */
struct entry {
    uint64_t id;
    uint64_t end;
};

enum { FIRST_CHUNK_BYTES = 4096 };

static struct entry *entry_at(const struct recent_chunk *chunk, uint32_t index)
{
    const struct entry *end = (const struct entry *)(const void *)(chunk->bytes + chunk->capacity);
    return (struct entry *)(uintptr_t)(end - 1 - index);
}

static size_t room_of(const struct recent_chunk *chunk)
{
    return chunk->capacity - chunk->filled - chunk->count * sizeof(struct entry);
}

void recent_init(struct recent *recent, enum broker_encoding encoding, size_t bytes_max)
{
    *recent = (struct recent){.encoding = encoding, .bytes_max = bytes_max};
}

void recent_start(struct recent *recent, uint64_t id)
{
    check(!recent->active);
    recent->active = true;
    recent->floor = id;
    recent->top = id;
}

/* Drops the oldest chunk. */
static void drop_first(struct recent *recent)
{
    struct recent_chunk *chunk = recent->first;
    recent->first = chunk->next;
    if (!recent->first)
        recent->last = NULL;
    recent->bytes -= chunk->capacity;
    recent->floor = entry_at(chunk, chunk->count - 1)->id;
    chunk->next = NULL;
    chunk->kept = false;
    recent_chunk_release(chunk);
}

void recent_stop(struct recent *recent)
{
    while (recent->first)
        drop_first(recent);
    recent->active = false;
}

/* Adds a chunk that holds at least `size` bytes of one event. Gives NULL if memory is
 * lacking. */
static struct recent_chunk *chunk_add(struct recent *recent, size_t size)
{
    size_t capacity = !recent->last ? FIRST_CHUNK_BYTES : (size_t)recent->last->capacity * 2;
    if (capacity > RECENT_CHUNK_BYTES)
        capacity = RECENT_CHUNK_BYTES;
    size_t needed =
        (size + sizeof(struct entry) + sizeof(struct entry) - 1) & ~(sizeof(struct entry) - 1);
    if (capacity < needed)
        capacity = needed;
    struct recent_chunk *chunk = malloc(sizeof *chunk + capacity);
    if (!chunk)
        return NULL;
    *chunk = (struct recent_chunk){.references = 1, .capacity = (uint32_t)capacity, .kept = true};
    if (recent->last)
        recent->last->next = chunk;
    else
        recent->first = chunk;
    recent->last = chunk;
    recent->bytes += capacity;
    return chunk;
}

size_t recent_append(struct recent *recent, uint64_t id, const void *bytes, size_t count)
{
    check(recent->active && id > recent->top);
    size_t size = broker_encoded_size(recent->encoding, id, bytes, count);
    recent->top = id;
    struct recent_chunk *chunk = recent->last;
    if (!chunk || room_of(chunk) < size + sizeof(struct entry))
        chunk = chunk_add(recent, size);
    if (!chunk) {
        while (recent->first)
            drop_first(recent);
        recent->floor = id;
        return 0;
    }
    broker_encode(recent->encoding, chunk->bytes + chunk->filled, id, bytes, count);
    chunk->filled += (uint32_t)size;
    *entry_at(chunk, chunk->count) = (struct entry){.id = id, .end = chunk->filled};
    chunk->count++;
    while (recent->bytes > recent->bytes_max && recent->first != recent->last)
        drop_first(recent);
    return size;
}

/* The index of the first entry after an id; the chunk's count if there is none. */
static uint32_t entry_after(const struct recent_chunk *chunk, uint64_t after)
{
    uint32_t low = 0;
    uint32_t high = chunk->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (entry_at(chunk, middle)->id > after)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

bool recent_find(const struct recent *recent, uint64_t after, const struct recent_chunk *hint,
                 struct recent_range *out_range)
{
    check(after >= recent->floor);
    if (after >= recent->top)
        return false;
    struct recent_chunk *chunk = recent->first;
    if (hint && hint->kept)
        chunk = (struct recent_chunk *)(uintptr_t)hint;
    else if (recent->last && entry_at(recent->last, 0)->id <= after)
        chunk = recent->last;
    while (chunk && entry_at(chunk, chunk->count - 1)->id <= after)
        chunk = chunk->next;
    if (!chunk)
        return false;
    uint32_t index = entry_after(chunk, after);
    uint64_t begin = index == 0 ? 0 : entry_at(chunk, index - 1)->end;
    *out_range = (struct recent_range){
        .chunk = chunk,
        .bytes = chunk->bytes + begin,
        .count = chunk->filled - begin,
        .first_id = entry_at(chunk, index)->id,
        .last_id = entry_at(chunk, chunk->count - 1)->id,
        .events = chunk->count - index,
    };
    return true;
}

void recent_chunk_hold(struct recent_chunk *chunk)
{
    chunk->references++;
}

void recent_chunk_release(struct recent_chunk *chunk)
{
    if (chunk && --chunk->references == 0)
        free(chunk);
}
