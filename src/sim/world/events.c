/* events.c - see the header. */
#include "sim/world/events.h"
#include "sim/world/memory.h"

static bool is_before(const struct event *one, const struct event *other)
{
    return one->at_ns != other->at_ns ? one->at_ns < other->at_ns : one->order < other->order;
}

static void put(struct events *events, size_t place, struct event *event)
{
    events->heap[place - 1] = event;
    event->place = place;
}

static void rise(struct events *events, struct event *event)
{
    size_t place = event->place;
    while (place > 1 && is_before(event, events->heap[place / 2 - 1])) {
        put(events, place, events->heap[place / 2 - 1]);
        place /= 2;
    }
    put(events, place, event);
}

static void sink(struct events *events, struct event *event)
{
    size_t place = event->place;
    for (;;) {
        size_t child = place * 2;
        if (child > events->count)
            break;
        if (child < events->count && is_before(events->heap[child], events->heap[child - 1]))
            child++;
        if (!is_before(events->heap[child - 1], event))
            break;
        put(events, place, events->heap[child - 1]);
        place = child;
    }
    put(events, place, event);
}

void events_set(struct events *events, struct event *event, uint64_t at_ns)
{
    events_remove(events, event);
    if (events->count == events->room) {
        events->room = events->room ? events->room * 2 : 64;
        events->heap = memory_own_resize(events->heap, events->room * sizeof *events->heap);
    }
    event->at_ns = at_ns;
    event->order = events->order++;
    put(events, ++events->count, event);
    rise(events, event);
}

void events_remove(struct events *events, struct event *event)
{
    if (!event->place)
        return;
    struct event *last = events->heap[--events->count];
    if (last != event) {
        put(events, event->place, last);
        rise(events, last);
        sink(events, last);
    }
    event->place = 0;
}

uint64_t events_next(const struct events *events)
{
    return events->count ? events->heap[0]->at_ns : UINT64_MAX;
}

struct event *events_take(struct events *events)
{
    struct event *event = events->heap[0];
    events_remove(events, event);
    return event;
}

static struct event *find(const struct events *events, const void *owner)
{
    for (size_t i = 0; i < events->count; i++)
        if (events->heap[i]->owner == owner)
            return events->heap[i];
    return NULL;
}

void events_drop(struct events *events, const void *owner)
{
    struct event *event;
    while ((event = find(events, owner))) {
        events_remove(events, event);
        if (event->drop)
            event->drop(event);
    }
}

void events_done(struct events *events)
{
    while (events->count > 0) {
        struct event *event = events_take(events);
        if (event->drop)
            event->drop(event);
    }
    memory_own_free(events->heap);
}
