/* numbered.c - see the header. */
#include "log/numbered.h"

const struct log_options small_segments = {.segment_bytes = SMALL_SEGMENT_BYTES};

void append_numbered(struct hark_loop *loop, struct log *log, const char *name, int from, int count,
                     size_t bytes, uint64_t *ids)
{
    unsigned char *event = malloc(bytes);
    assert_non_null(event);
    for (int i = from; i < from + count; i++) {
        harness_fill(event, bytes, (uint64_t)i);
        uint64_t id = append_bytes(loop, log, name, event, bytes);
        if (ids)
            ids[i] = id;
    }
    free(event);
}

void assert_numbered(const struct history *history, int from, int count, size_t bytes,
                     const uint64_t *ids)
{
    int seen = 0;
    for (size_t i = 0; i < history->count; i++) {
        if (history->seen[i].id == 0)
            continue;
        assert_int_equal(history->seen[i].id, ids[from + seen]);
        assert_int_equal(history->seen[i].length, bytes);
        assert_true(harness_filled(history->seen[i].bytes, bytes, (uint64_t)(from + seen)));
        seen++;
    }
    assert_int_equal(seen, count);
}
