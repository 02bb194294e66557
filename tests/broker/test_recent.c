/* test_recent.c - the ring of encoded events: what is found after an id, what leaves, what a send
 * keeps. */
#include "harness/harness.h"

#include "broker/recent.h"

#include <stdlib.h>
#include <string.h>

/* All that the ring gives after an id, walked range by range. */
static char *walk(const struct recent *ring, uint64_t after, size_t *out_count, uint64_t *out_last,
                  uint64_t *out_events)
{
    struct recent_range range;
    struct recent_chunk *hint = NULL;
    char *all = NULL;
    *out_count = 0;
    *out_events = 0;
    *out_last = after;
    while (recent_find(ring, *out_last, hint, &range)) {
        assert_true(range.count > 0 && range.events > 0);
        assert_true(range.first_id > *out_last);
        all = realloc(all, *out_count + range.count);
        memcpy(all + *out_count, range.bytes, range.count);
        *out_count += range.count;
        *out_events += range.events;
        *out_last = range.last_id;
        hint = range.chunk;
    }
    return all;
}

static void append_number(struct recent *ring, uint64_t id)
{
    char event[32];
    int count = snprintf(event, sizeof event, "event %llu", (unsigned long long)id);
    assert_true(recent_append(ring, id, event, (size_t)count) > 0);
}

TEST(ring_find_after_any_id_gives_all_that_follow)
{
    struct recent ring;
    char *expected = malloc(1 << 20);
    size_t ends[3000];
    size_t total = 0;
    recent_init(&ring, BROKER_LINES, 1 << 30);
    recent_start(&ring, 10);
    for (uint64_t i = 0; i < 3000; i++) { /* ids with holes, over many chunks */
        char event[32];
        int count = snprintf(event, sizeof event, "event %llu", (unsigned long long)(11 + 3 * i));
        append_number(&ring, 11 + 3 * i);
        total += broker_encode(BROKER_LINES, expected + total, 11 + 3 * i, event, (size_t)count);
        ends[i] = total;
    }
    for (uint64_t after = 10; after < 11 + 3 * 3000; after += 7) {
        uint64_t last, events;
        size_t count;
        uint64_t first = after < 11 ? 0 : (after - 11) / 3 + 1; /* the first index above `after` */
        char *all = walk(&ring, after, &count, &last, &events);
        size_t begin = first == 0 ? 0 : ends[first - 1];
        assert_int_equal(events, 3000 - first);
        assert_int_equal(count, total - begin);
        assert_memory_equal(all ? all : "", expected + begin, count);
        assert_int_equal(last, first < 3000 ? 11 + 3 * 2999 : after);
        free(all);
    }
    recent_stop(&ring);
    assert_int_equal(ring.bytes, 0);
    free(expected);
}

TEST(ring_over_its_limit_drops_the_oldest_and_moves_its_floor)
{
    struct recent ring;
    recent_init(&ring, BROKER_SSE, 256 * 1024);
    recent_start(&ring, 0);
    for (uint64_t id = 1; id <= 100000; id++) {
        append_number(&ring, id);
        assert_true(ring.bytes <= 256 * 1024 + RECENT_CHUNK_BYTES);
    }
    assert_true(ring.floor > 0);
    assert_int_equal(ring.top, 100000);
    uint64_t last, events;
    size_t count;
    free(walk(&ring, ring.floor, &count, &last, &events));
    assert_int_equal(last, 100000);
    assert_int_equal(events, 100000 - ring.floor);
    recent_stop(&ring);
}

TEST(ring_chunk_that_is_being_sent_outlives_the_ring)
{
    struct recent ring;
    struct recent_range range;
    recent_init(&ring, BROKER_LINES, 16 * 1024);
    recent_start(&ring, 0);
    append_number(&ring, 1);
    assert_true(recent_find(&ring, 0, NULL, &range));
    recent_chunk_hold(range.chunk);
    char copy[64];
    assert_true(range.count < sizeof copy);
    memcpy(copy, range.bytes, range.count);
    for (uint64_t id = 2; id < 20000; id++)
        append_number(&ring, id);
    assert_false(range.chunk->kept);
    assert_memory_equal(copy, range.bytes, range.count);
    /* A hint that left the ring is passed over. */
    struct recent_range later;
    assert_true(recent_find(&ring, ring.floor, range.chunk, &later));
    assert_true(later.first_id == ring.floor + 1);
    recent_stop(&ring);
    assert_memory_equal(copy, range.bytes, range.count);
    recent_chunk_release(range.chunk);
}

TEST(ring_event_longer_than_a_chunk_has_one_of_its_own)
{
    struct recent ring;
    struct recent_range range;
    size_t count = 1024 * 1024;
    char *event = malloc(count);
    memset(event, '\n', count); /* the worst case of SSE: each byte is a line */
    recent_init(&ring, BROKER_SSE, 64 * 1024);
    recent_start(&ring, 5);
    append_number(&ring, 6);
    size_t size = recent_append(&ring, 7, event, count);
    assert_int_equal(size, broker_encoded_size(BROKER_SSE, 7, event, count));
    assert_int_equal(
        ring.floor,
        6); /* over the limit as it is, the newest stays: those who read along need no disk */
    assert_true(recent_find(&ring, 6, NULL, &range));
    assert_int_equal(range.count, size);
    append_number(&ring, 8);
    assert_int_equal(ring.floor, 7); /* 64 KiB do not hold it besides another */
    assert_true(recent_find(&ring, 7, NULL, &range));
    assert_int_equal(range.first_id, 8);
    recent_stop(&ring);
    free(event);
}

TEST(ring_at_its_top_finds_nothing)
{
    struct recent ring;
    struct recent_range range;
    recent_init(&ring, BROKER_LINES, 64 * 1024);
    recent_start(&ring, 5);
    assert_false(recent_find(&ring, 5, NULL, &range));
    append_number(&ring, 9);
    assert_true(recent_find(&ring, 5, NULL, &range));
    assert_false(recent_find(&ring, 9, range.chunk, &range));
    assert_false(
        recent_find(&ring, 12, NULL, &range)); /* read from the disk ahead of the answers */
    recent_stop(&ring);
}
