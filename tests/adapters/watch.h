/* watch.h - what a library asks for that owns its descriptors and says itself what to wait for:
 * readiness of a descriptor, and a time. The adapters beside this file are made of the two.
 *
 * The library may close a descriptor as soon as nothing is waited for on it, and the number may be
 * another file's at once. An op is the loop's until its final call, which comes later than that; so
 * each has memory of its own, which frees itself there. */
#ifndef ADAPTERS_WATCH_H
#define ADAPTERS_WATCH_H

#include <hark.h>

#include <errno.h>
#include <stdlib.h>

/* Called with the set of enum hark_poll_events that holds. It may call anything: the library,
 * watch_set, alarm_close. */
typedef void watch_ready(void *owner, int fd, uint32_t events);

struct watch {
    struct hark_op op;
    int fd;
    uint32_t events;
    watch_ready *ready; /* NULL: nobody wants to hear of it any more */
    void *owner;
};

/* Without memory an example has no better answer. */
static inline void *watch_memory(size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (!memory)
        abort();
    return memory;
}

static inline void watch_done(struct hark_op *op, int64_t result)
{
    struct watch *watch = hark_container_of(op, struct watch, op);
    if (watch->ready && result >= 0)
        watch->ready(watch->owner, watch->fd, (uint32_t)result);
    else if (!watch->ready && !hark_op_more(op))
        free(watch);
    else if (watch->ready &&
             result !=
                 -ECANCELED) /* it cannot be waited for: the library's own call finds out why */
        watch->ready(watch->owner, watch->fd, watch->events | HARK_POLL_ERROR);
}

static inline void watch_end(struct hark_loop *loop, struct watch *watch)
{
    watch->ready = NULL;
    if (hark_op_active(&watch->op)) {
        hark_cancel(&watch->op); /* with the last one the loop forgets the descriptor */
    } else {
        (void)hark_os_forget(loop, watch->fd); /* it had ended by itself */
        free(watch);
    }
}

/* Waits for these events on fd.
 * Takes: old: what waits on it so far; NULL: nothing. events 0: for nothing, after which fd may be
 *   closed.
 * Gives: what is `old` the next time. */
static inline struct watch *watch_set(struct hark_loop *loop, struct watch *old, int fd,
                                      uint32_t events, watch_ready *ready, void *owner)
{
    if (old && events && hark_op_active(&old->op)) {
        old->events = events;
        (void)hark_poll_change(&old->op, events);
        return old;
    }
    if (old)
        watch_end(loop, old);
    if (!events)
        return NULL;
    struct watch *watch = watch_memory(sizeof *watch);
    *watch = (struct watch){.fd = fd, .events = events, .ready = ready, .owner = owner};
    hark_poll_each(loop, &watch->op, fd, events, watch_done);
    return watch;
}

/* A time that is moved again and again: one op that would wait for ever, under a deadline. As long
 * as it is open, hark_run goes on. */
struct alarm {
    struct hark_op op;
    void (*rings)(void *owner); /* NULL: closed */
    void *owner;
};

static inline void alarm_done(struct hark_op *op, int64_t result)
{
    struct alarm *alarm = hark_container_of(op, struct alarm, op);
    if (!alarm->rings) {
        free(alarm);
    } else if (result == -ETIMEDOUT) {
        hark_sleep_until(op->loop, op, HARK_NEVER, alarm_done);
        alarm->rings(alarm->owner);
    }
}

static inline struct alarm *alarm_open(struct hark_loop *loop, void (*rings)(void *owner),
                                       void *owner)
{
    struct alarm *alarm = watch_memory(sizeof *alarm);
    *alarm = (struct alarm){.rings = rings, .owner = owner};
    hark_sleep_until(loop, &alarm->op, HARK_NEVER, alarm_done);
    return alarm;
}

/* Lets it ring once at this time and no other.
 * Takes: HARK_NEVER: not at all. */
static inline void alarm_set(struct alarm *alarm, uint64_t at_ns)
{
    hark_op_deadline(&alarm->op, at_ns);
}

/* The same, so many microseconds from now: libraries count from their own look at the clock, which
 * is later than the turn's. */
static inline void alarm_set_in(struct alarm *alarm, uint64_t microseconds)
{
    alarm_set(alarm, hark_os_clock(alarm->op.loop) + microseconds * 1000);
}

static inline void alarm_close(struct alarm *alarm)
{
    alarm->rings = NULL;
    if (hark_op_active(&alarm->op))
        hark_cancel(&alarm->op);
    else
        free(alarm);
}

#endif
