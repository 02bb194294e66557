/* ring.c - chunks of encoded events, found by id.
 *
 * What must hold: bytes below `filled` never change, for sends are reading them; ids grow from
 * entry to entry and from chunk to chunk; `floor` is at or above the id of the last event that
 * left.
 *
 * Which subscribers are told, and when, is left to subscriber.c.
 */
#include "hub/ring.h"
#include "base/check.h"

#include <stdlib.h>

/* Where an event ends in its chunk. */
struct entry {
    uint64_t id;
    uint64_t end;
};

enum { FIRST_CHUNK_BYTES = 4096 };

static struct entry *entry_at(const struct hub_chunk *chunk, uint32_t index)
{
    const struct entry *end = (const struct entry *)(const void *)(chunk->bytes + chunk->capacity);
    return (struct entry *)(uintptr_t)(end - 1 - index);
}

static size_t room_of(const struct hub_chunk *chunk)
{
    return chunk->capacity - chunk->filled - chunk->count * sizeof(struct entry);
}

void hub_ring_init(struct hub_ring *ring, enum hub_encoding encoding, size_t bytes_max)
{
    *ring = (struct hub_ring){.encoding = encoding, .bytes_max = bytes_max};
}

void hub_ring_start(struct hub_ring *ring, uint64_t id)
{
    check(!ring->active);
    ring->active = true;
    ring->floor = id;
    ring->top = id;
}

/* Drops the oldest chunk. */
static void drop_first(struct hub_ring *ring)
{
    struct hub_chunk *chunk = ring->first;
    ring->first = chunk->next;
    if (!ring->first)
        ring->last = NULL;
    ring->bytes -= chunk->capacity;
    ring->floor = entry_at(chunk, chunk->count - 1)->id;
    chunk->next = NULL;
    chunk->kept = false;
    hub_chunk_release(chunk);
}

void hub_ring_stop(struct hub_ring *ring)
{
    while (ring->first)
        drop_first(ring);
    ring->active = false;
}

/* Adds a chunk that holds at least `size` bytes of one event. Gives NULL where memory is
 * lacking. */
static struct hub_chunk *chunk_add(struct hub_ring *ring, size_t size)
{
    size_t capacity = !ring->last ? FIRST_CHUNK_BYTES : (size_t)ring->last->capacity * 2;
    if (capacity > HUB_CHUNK_BYTES)
        capacity = HUB_CHUNK_BYTES;
    size_t needed =
        (size + sizeof(struct entry) + sizeof(struct entry) - 1) & ~(sizeof(struct entry) - 1);
    if (capacity < needed)
        capacity = needed;
    struct hub_chunk *chunk = malloc(sizeof *chunk + capacity);
    if (!chunk)
        return NULL;
    *chunk = (struct hub_chunk){.references = 1, .capacity = (uint32_t)capacity, .kept = true};
    if (ring->last)
        ring->last->next = chunk;
    else
        ring->first = chunk;
    ring->last = chunk;
    ring->bytes += capacity;
    return chunk;
}

size_t hub_ring_append(struct hub_ring *ring, uint64_t id, const void *bytes, size_t count)
{
    check(ring->active && id > ring->top);
    size_t size = hub_encoded_size(ring->encoding, id, bytes, count);
    ring->top = id;
    struct hub_chunk *chunk = ring->last;
    if (!chunk || room_of(chunk) < size + sizeof(struct entry))
        chunk = chunk_add(ring, size);
    if (!chunk) {
        while (ring->first)
            drop_first(ring);
        ring->floor = id;
        return 0;
    }
    hub_encode(ring->encoding, chunk->bytes + chunk->filled, id, bytes, count);
    chunk->filled += (uint32_t)size;
    *entry_at(chunk, chunk->count) = (struct entry){.id = id, .end = chunk->filled};
    chunk->count++;
    while (ring->bytes > ring->bytes_max && ring->first != ring->last)
        drop_first(ring);
    return size;
}

/* The index of the first entry after an id; the chunk's count where there is none. */
static uint32_t entry_after(const struct hub_chunk *chunk, uint64_t after)
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

bool hub_ring_find(const struct hub_ring *ring, uint64_t after, const struct hub_chunk *hint,
                   struct hub_range *out_range)
{
    check(after >= ring->floor);
    if (after >= ring->top)
        return false;
    struct hub_chunk *chunk = ring->first;
    if (hint && hint->kept)
        chunk = (struct hub_chunk *)(uintptr_t)hint;
    else if (ring->last && entry_at(ring->last, 0)->id <= after)
        chunk = ring->last;
    while (chunk && entry_at(chunk, chunk->count - 1)->id <= after)
        chunk = chunk->next;
    if (!chunk)
        return false;
    uint32_t index = entry_after(chunk, after);
    uint64_t begin = index == 0 ? 0 : entry_at(chunk, index - 1)->end;
    *out_range = (struct hub_range){
        .chunk = chunk,
        .bytes = chunk->bytes + begin,
        .count = chunk->filled - begin,
        .first_id = entry_at(chunk, index)->id,
        .last_id = entry_at(chunk, chunk->count - 1)->id,
        .events = chunk->count - index,
    };
    return true;
}

void hub_chunk_hold(struct hub_chunk *chunk)
{
    chunk->references++;
}

void hub_chunk_release(struct hub_chunk *chunk)
{
    if (chunk && --chunk->references == 0)
        free(chunk);
}
