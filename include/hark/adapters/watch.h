/* watch.h - what a library asks for that owns its descriptors and says itself what to wait for:
 * readiness of a descriptor, and a time. The adapters beside this file are made of the two, and so
 * can others be.
 *
 * The library may close a descriptor as soon as nothing is waited for on it, and the number may be
 * another file's at once. An op is the loop's until its final call, which comes later than that; so
 * each has memory of its own, which frees itself there. Some 130 bytes for each wait.
 * Thread: the loop's, for all that is here. */
#ifndef HARK_ADAPTERS_WATCH_H
#define HARK_ADAPTERS_WATCH_H

#include "../../hark.h"

#include <errno.h>
#include <stdlib.h>

HARK_BEGIN

/* Called with the set of enum hark_poll_events that holds. It may call anything: the library,
 * hark_adapter_watch_set, hark_adapter_alarm_close. */
typedef void hark_adapter_ready(void *owner, int fd, uint32_t events);

struct hark_adapter_watch {
    struct hark_op op;
    int fd;
    uint32_t events;
    hark_adapter_ready *ready; /* NULL: nobody wants to hear of it any more */
    void *owner;
};

/* Private. */
static inline void hark_adapter_watch_done(struct hark_op *op, int64_t result)
{
    struct hark_adapter_watch *watch = hark_container_of(op, struct hark_adapter_watch, op);
    if (!watch->ready) {
        if (!hark_op_more(op))
            free(watch);
    } else if (result >= 0) {
        watch->ready(watch->owner, watch->fd, HARK_CAST(uint32_t, result));
    } else if (result != -ECANCELED) {
        /* It cannot be waited for: the library's own call finds out why. */
        watch->ready(watch->owner, watch->fd, watch->events | HARK_POLL_ERROR);
    }
}

/* Private. */
static inline void hark_adapter_watch_end(struct hark_loop *loop, struct hark_adapter_watch *watch)
{
    watch->ready = HARK_NULL;
    if (hark_op_active(&watch->op)) {
        hark_cancel(&watch->op); /* with the last one the loop forgets the descriptor */
    } else {
        (void)hark_os_forget(loop, watch->fd); /* it had ended by itself */
        free(watch);
    }
}

/* Waits for these events on a descriptor, and no others.
 * Takes: *watch: what waits on it so far; NULL: nothing. events: enum hark_poll_events; 0: for
 *   nothing, after which fd may be closed.
 * Gives: 0 and *watch, for the next time.
 * Fails: -ENOMEM; nothing is waited for then. */
static inline int hark_adapter_watch_set(struct hark_loop *loop, struct hark_adapter_watch **watch,
                                         int fd, uint32_t events, hark_adapter_ready *ready,
                                         void *owner)
{
    struct hark_adapter_watch *old = *watch;
    if (old && events && hark_op_active(&old->op)) {
        old->events = events;
        (void)hark_poll_change(&old->op, events);
        return 0;
    }
    if (old)
        hark_adapter_watch_end(loop, old);
    *watch = HARK_NULL;
    if (!events)
        return 0;
    struct hark_adapter_watch *fresh =
        HARK_CAST(struct hark_adapter_watch *, calloc(1, sizeof(struct hark_adapter_watch)));
    if (!fresh)
        return -ENOMEM;
    fresh->fd = fd;
    fresh->events = events;
    fresh->ready = ready;
    fresh->owner = owner;
    hark_poll_each(loop, &fresh->op, fd, events, hark_adapter_watch_done);
    *watch = fresh;
    return 0;
}

/* A time that is moved again and again: one op that would wait for ever, under a deadline. As long
 * as it is open, hark_run goes on. */
struct hark_adapter_alarm {
    struct hark_op op;
    void (*rings)(void *owner); /* NULL: closed */
    void *owner;
};

/* Private. */
static inline void hark_adapter_alarm_done(struct hark_op *op, int64_t result)
{
    struct hark_adapter_alarm *alarm = hark_container_of(op, struct hark_adapter_alarm, op);
    if (!alarm->rings) {
        free(alarm);
    } else if (result == -ETIMEDOUT) {
        hark_sleep_until(op->loop, op, HARK_NEVER, hark_adapter_alarm_done);
        alarm->rings(alarm->owner);
    }
}

/* Makes one that is set to no time.
 * Gives: NULL: no memory. */
static inline struct hark_adapter_alarm *hark_adapter_alarm_open(struct hark_loop *loop,
                                                                 void (*rings)(void *owner),
                                                                 void *owner)
{
    struct hark_adapter_alarm *alarm =
        HARK_CAST(struct hark_adapter_alarm *, calloc(1, sizeof(struct hark_adapter_alarm)));
    if (!alarm)
        return HARK_NULL;
    alarm->rings = rings;
    alarm->owner = owner;
    hark_sleep_until(loop, &alarm->op, HARK_NEVER, hark_adapter_alarm_done);
    return alarm;
}

/* Lets it ring once at this time and no other.
 * Takes: as hark_os_clock; HARK_NEVER: not at all. */
static inline void hark_adapter_alarm_set(struct hark_adapter_alarm *alarm, uint64_t at_ns)
{
    hark_op_deadline(&alarm->op, at_ns);
}

/* The same, so many microseconds from now: libraries count from their own look at the clock, which
 * is later than the turn's. */
static inline void hark_adapter_alarm_set_in(struct hark_adapter_alarm *alarm,
                                             uint64_t microseconds)
{
    hark_adapter_alarm_set(alarm, hark_os_clock(alarm->op.loop) + microseconds * 1000);
}

/* It rings no more, and its memory frees itself. */
static inline void hark_adapter_alarm_close(struct hark_adapter_alarm *alarm)
{
    alarm->rings = HARK_NULL;
    if (hark_op_active(&alarm->op))
        hark_cancel(&alarm->op);
    else
        free(alarm);
}

HARK_END

#endif
