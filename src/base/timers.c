/* timers.c - the heap of timers. See timers.h for its shape.
 *
 * What must hold: for each op that is in, with number n = op->timer - 1: ops[n] == op and
 * entries[places[n]].number == n; an entry is never before its parent. */
#include "base/timers.h"
#include "base/check.h"

#include <errno.h>

enum { FIRST_ROOM = 64 };

static uint32_t parent_of(uint32_t place)
{
    return (place - TIMERS_ROOT - 1) / 4 + TIMERS_ROOT;
}

static uint32_t first_child_of(uint32_t place)
{
    return 4 * (place - TIMERS_ROOT) + TIMERS_ROOT + 1;
}

static inline bool is_before(const struct timer_entry *a, const struct timer_entry *b)
{
    if (unlikely(a->at_ns == b->at_ns))
        return (int32_t)(a->order - b->order) < 0;
    return a->at_ns < b->at_ns;
}

static inline void put(struct timers *timers, uint32_t place, struct timer_entry entry)
{
    timers->entries[place] = entry;
    timers->places[entry.number] = place;
}

static void rise(struct timers *timers, uint32_t place, struct timer_entry entry)
{
    while (place > TIMERS_ROOT) {
        uint32_t parent = parent_of(place);
        if (!is_before(&entry, &timers->entries[parent]))
            break;
        put(timers, place, timers->entries[parent]);
        place = parent;
    }
    put(timers, place, entry);
}

/* An entry comes near the root: its op will be called soon, and has not been touched since it was
 * started. */
static inline void fetch_soon_due(const struct timers *timers, uint32_t place,
                                  struct timer_entry entry)
{
    if (place <= TIMERS_ROOT + 4)
        __builtin_prefetch(timers->ops[entry.number], 1);
}

static void sink(struct timers *timers, uint32_t place, struct timer_entry entry)
{
    uint32_t end = TIMERS_ROOT + timers->count;
    for (;;) {
        uint32_t child = first_child_of(place);
        if (child >= end)
            break;
        uint32_t last = child + 4 < end ? child + 4 : end;
        uint32_t least = child;
        for (child++; child < last; child++)
            if (is_before(&timers->entries[child], &timers->entries[least]))
                least = child;
        if (!is_before(&timers->entries[least], &entry))
            break;
        put(timers, place, timers->entries[least]);
        fetch_soon_due(timers, place, timers->entries[least]);
        place = least;
    }
    put(timers, place, entry);
}

static void settle(struct timers *timers, uint32_t place, struct timer_entry entry)
{
    if (place > TIMERS_ROOT && is_before(&entry, &timers->entries[parent_of(place)]))
        rise(timers, place, entry);
    else
        sink(timers, place, entry);
}

/* --- memory --- */

/* Large arrays grow in place, by their pages: nothing is copied. */
static int grow(struct timers *timers)
{
    size_t room = timers->room ? timers->room * (size_t)2 : FIRST_ROOM;
    if (room > UINT32_MAX / 2)
        return -ENOMEM;
    struct timer_entry *entries = realloc(timers->entries, room * sizeof *entries);
    if (!entries)
        return -ENOMEM;
    timers->entries = entries;
    uint32_t *places = realloc(timers->places, room * sizeof *places);
    if (!places)
        return -ENOMEM;
    timers->places = places;
    struct hark_op **ops = realloc(timers->ops, room * sizeof *ops);
    if (!ops)
        return -ENOMEM;
    timers->ops = ops;
    timers->room = (uint32_t)room;
    return 0;
}

static uint32_t take_number(struct timers *timers)
{
    if (!timers->free)
        return timers->numbers++;
    uint32_t number = timers->free - 1;
    timers->free = timers->places[number];
    return number;
}

static void free_number(struct timers *timers, uint32_t number)
{
    timers->places[number] = timers->free;
    timers->free = number + 1;
}

/* --- what others call --- */

int timers_set(struct timers *timers, struct hark_op *op, uint64_t at_ns)
{
    struct timer_entry entry = {.at_ns = at_ns};
    if (op->timer) {
        entry.number = op->timer - 1;
        entry.order = timers->next_order++;
        settle(timers, timers->places[entry.number], entry);
        return 0;
    }
    if (unlikely(TIMERS_ROOT + timers->count >= timers->room)) {
        int error = grow(timers);
        if (error)
            return error;
    }
    entry.number = take_number(timers);
    entry.order = timers->next_order++;
    timers->ops[entry.number] = op;
    op->timer = entry.number + 1;
    timers->count++;
    rise(timers, TIMERS_ROOT + timers->count - 1, entry);
    return 0;
}

void timers_remove(struct timers *timers, struct hark_op *op)
{
    if (!op->timer)
        return;
    uint32_t number = op->timer - 1;
    uint32_t place = timers->places[number];
    check(timers->ops[number] == op);
    op->timer = 0;
    free_number(timers, number);
    timers->count--;
    uint32_t last = TIMERS_ROOT + timers->count;
    if (place != last)
        settle(timers, place, timers->entries[last]);
}

void timers_done(struct timers *timers)
{
    free(timers->entries);
    free(timers->places);
    free(timers->ops);
    *timers = (struct timers){0};
}
