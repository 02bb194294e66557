/* timers.c - the heap of timers. See timers.h for its shape.
 *
 * What must hold: entries[op->timer - 1].op == op for each op that is in; an entry is never before its parent. */
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

static bool is_before(const struct timer_entry *a, const struct timer_entry *b)
{
    if (a->at_ns != b->at_ns)
        return a->at_ns < b->at_ns;
    return (int32_t)(a->op->timer_order - b->op->timer_order) < 0;
}

static void put(struct timers *timers, uint32_t place, struct timer_entry entry)
{
    timers->entries[place] = entry;
    entry.op->timer = place + 1;
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

static int grow(struct timers *timers)
{
    uint32_t room = timers->room ? timers->room * 2 : FIRST_ROOM;
    if (room > UINT32_MAX / 2)
        return -ENOMEM;
    /* A large one grows in place, by its pages: nothing is copied. */
    struct timer_entry *entries = realloc(timers->entries, (size_t)room * sizeof *entries);
    if (!entries)
        return -ENOMEM;
    timers->entries = entries;
    timers->room = room;
    return 0;
}

int timers_set(struct timers *timers, struct hark_op *op, uint64_t at_ns)
{
    struct timer_entry entry = {at_ns, op};
    if (op->timer) {
        op->timer_order = timers->next_order++;
        settle(timers, op->timer - 1, entry);
        return 0;
    }
    if (unlikely(TIMERS_ROOT + timers->count >= timers->room)) {
        int error = grow(timers);
        if (error)
            return error;
    }
    op->timer_order = timers->next_order++;
    timers->count++;
    rise(timers, TIMERS_ROOT + timers->count - 1, entry);
    return 0;
}

void timers_remove(struct timers *timers, struct hark_op *op)
{
    if (!op->timer)
        return;
    uint32_t place = op->timer - 1;
    check(timers->entries[place].op == op);
    op->timer = 0;
    timers->count--;
    uint32_t last = TIMERS_ROOT + timers->count;
    if (place != last)
        settle(timers, place, timers->entries[last]);
}

void timers_done(struct timers *timers)
{
    free(timers->entries);
    *timers = (struct timers){0};
}
