/* recorded.c - see the header. */
#include "conform/recorded.h"

#include <errno.h>

struct events take_all(const struct hark_trace_ring *ring)
{
    struct events all = {.event = calloc(EVENTS_MAX, sizeof *all.event)};
    uint64_t position = 0, lost;
    size_t count;
    assert_non_null(all.event);
    while ((count = hark_trace_read(ring, all.event + all.count, EVENTS_MAX - all.count, &position,
                                    &lost)) > 0) {
        all.count += count;
        all.lost += lost;
    }
    return all;
}

const struct hark_trace_ring *ring_behind(const struct hark_trace_ring *ring)
{
    return (const void *)((const char *)ring + ring->next);
}

const struct hark_trace_event *find(const struct events *all, enum hark_trace_what what,
                                    uint64_t op)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->event[i].what == what && all->event[i].op == op)
            return &all->event[i];
    return NULL;
}

const struct hark_trace_event *find_delegate(const struct events *all, uint64_t op)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct hark_trace_event *event = &all->event[i];
        if (event->op == op &&
            (event->what == HARK_TRACE_DELEGATE || event->flags & HARK_TRACE_TRIED))
            return event;
    }
    return NULL;
}

const struct hark_trace_event *find_return(const struct events *all, uint64_t op)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct hark_trace_event *event = &all->event[i];
        bool waits = event->flags & HARK_TRACE_TRIED && event->value == -EAGAIN;
        if (event->op == op &&
            ((event->what == HARK_TRACE_RETURN && !waits) || event->flags & HARK_TRACE_RETURNED))
            return event;
    }
    return NULL;
}

void begin(struct hark_loop *loop, uint32_t events)
{
    assert_result(hark_trace_start(
                      loop, &(struct hark_trace_options){.events = events ? events : EVENTS_MAX}),
                  0);
}
