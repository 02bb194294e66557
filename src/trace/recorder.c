/* recorder.c - rings of events: making them, and writing into them. Nothing here is called while a
 * loop does not record. */
#include "trace/recorder.h"

#include <stdlib.h>
#include <string.h>

/* --- rings --- */

static struct hark_trace_ring *lay_out(void *memory, uint32_t events,
                                       const struct hark_trace_ring *facts)
{
    struct hark_trace_ring *ring = memory;
    *ring = *facts;
    ring->header_bytes = sizeof *ring;
    ring->event_bytes = sizeof(struct hark_trace_event);
    ring->capacity = events;
    return ring;
}

/* What must hold for who finds the file while it is made: it is none before all of it is there. */
static void declare(struct hark_trace_ring *ring)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
    memcpy(ring->magic, "harktrc1", sizeof ring->magic);
}

/* Room on the disk is taken now: a page that finds none when it is written to ends the process. */
static int size_file(int fd, size_t bytes)
{
    int error = kernel_fallocate(NULL, fd, 0, 0, (off64_t)bytes);
    return error == -EOPNOTSUPP ? kernel_ftruncate(NULL, fd, (off64_t)bytes) : error;
}

int recorder_open(struct recorder *recorder, uint32_t events, int fd,
                  const struct hark_trace_ring *facts)
{
    size_t ring_bytes = sizeof *facts + (size_t)events * sizeof(struct hark_trace_event);
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    int error = fd < 0 ? 0 : size_file(fd, 2 * ring_bytes);
    if (!error)
        error = kernel_mmap(NULL, 2 * ring_bytes, flags, fd, 0, &recorder->memory);
    if (error)
        return error;
    recorder->bytes = 2 * ring_bytes;
    recorder->loop = lay_out(recorder->memory, events, facts);
    recorder->loop->next = ring_bytes;
    recorder->pool = lay_out((char *)recorder->memory + ring_bytes, events, facts);
    recorder->pool->is_pool = 1;
    declare(recorder->pool);
    declare(recorder->loop);
    return 0;
}

void recorder_close(struct recorder *recorder)
{
    recorder->loop->ended_ns = recorder->pool->ended_ns = kernel_clock_gettime(CLOCK_MONOTONIC);
    kernel_munmap(NULL, recorder->memory, recorder->bytes);
    recorder->loop = recorder->pool = NULL;
}

/* --- events --- */

union words {
    struct hark_trace_event event;
    uint64_t word[4];
};

/* Whether nothing that takes time lies between an event and the one before it: then they share one
 * reading of the clock. Not so a return: what it tells of may have ended after the event before. */
static bool comes_at_once(const struct hark_trace_ring *ring, const struct hark_trace_event *event,
                          uint64_t *out_time_ns)
{
    if (ring->written == 0)
        return false;
    const struct hark_trace_event *last =
        &recorder_events(ring)[(ring->written - 1) & (ring->capacity - 1)];
    bool same_op = last->op == event->op;
    *out_time_ns = last->time_ns;
    switch (event->what) {
    case HARK_TRACE_DELEGATE:
        return last->what == HARK_TRACE_REQUEST && same_op;
    case HARK_TRACE_CALL:
        return last->what == HARK_TRACE_RETURN && same_op;
    default:
        return false;
    }
}

/* Puts an event of this moment at the end.
 * What must hold for readers: no word of event n is seen before the count has become n. So whoever
 * has read a count of n afterwards knows that the events up to n - capacity may be overwritten, and
 * that no other is. */
static void put(struct hark_trace_ring *ring, struct hark_trace_event *event)
{
    if (!ring)
        return;
    if (!comes_at_once(ring, event, &event->time_ns))
        event->time_ns = kernel_clock_gettime(CLOCK_MONOTONIC);
    union words from = {.event = *event};
    uint64_t at = ring->written;
    uint64_t *to = (uint64_t *)(void *)&recorder_events(ring)[at & (ring->capacity - 1)];
    __atomic_thread_fence(__ATOMIC_RELEASE);
    for (int i = 0; i < 4; i++)
        __atomic_store_n(&to[i], from.word[i], __ATOMIC_RELAXED);
    __atomic_store_n(&ring->written, at + 1, __ATOMIC_RELEASE);
}

size_t hark_trace_read(const struct hark_trace_ring *ring, struct hark_trace_event *events,
                       size_t room, uint64_t *position, uint64_t *out_lost)
{
    uint64_t first = *position;
    uint64_t written = __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE);
    uint64_t oldest = written > ring->capacity ? written - ring->capacity : 0;
    uint64_t at = first > oldest ? first : oldest;
    size_t count = 0;
    for (; count < room && at + count < written; count++) {
        union words to;
        const uint64_t *from = (const uint64_t *)(const void *)&recorder_events(
            ring)[(at + count) & (ring->capacity - 1)];
        for (int i = 0; i < 4; i++)
            to.word[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
        events[count] = to.event;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    written = __atomic_load_n(&ring->written, __ATOMIC_RELAXED);
    uint64_t torn = written >= ring->capacity ? written - ring->capacity + 1 : 0;
    if (torn > at && count > 0) {
        size_t gone = torn - at < count ? (size_t)(torn - at) : count;
        memmove(events, events + gone, (count - gone) * sizeof *events);
        count -= gone;
        at += gone;
    }
    *out_lost = at - first;
    *position = at + count;
    return count;
}

/* --- the stages --- */

static struct hark_trace_event event_of(const struct hark_op *op, enum hark_trace_what what,
                                        int64_t value)
{
    return (struct hark_trace_event){
        .op = op->id,
        .value = value,
        .fd = op->fd,
        .what = (uint8_t)what,
        .kind = op->code,
    };
}

void recorder_sleep(struct recorder *recorder, uint64_t timeout_ns)
{
    if (recorder->loop && unlikely(recorder->loop->thread == 0))
        recorder->loop->thread = recorder->pool->thread = (uint32_t)kernel_gettid();
    put(recorder->loop, &(struct hark_trace_event){
                            .what = HARK_TRACE_SLEEP, .fd = -1, .value = (int64_t)timeout_ns});
}

void recorder_wake(struct recorder *recorder)
{
    put(recorder->loop, &(struct hark_trace_event){.what = HARK_TRACE_WAKE, .fd = -1});
}

void recorder_request(struct recorder *recorder, const struct hark_op *op)
{
    struct hark_trace_event event = event_of(op, HARK_TRACE_REQUEST, (int64_t)recorder->asking);
    put(recorder->loop, &event);
}

void recorder_delegate(struct recorder *recorder, const struct hark_op *op)
{
    bool is_timer = op->code == HARK_OP_SLEEP || op->code == HARK_OP_EVERY;
    uint64_t known_as = (uint64_t)(uintptr_t)op | op->id << 48;
    struct hark_trace_event event =
        event_of(op, HARK_TRACE_DELEGATE, (int64_t)(is_timer ? op->with.timer.at_ns : known_as));
    put(recorder->loop, &event);
}

void recorder_return(struct recorder *recorder, const struct hark_op *op, int64_t result)
{
    struct hark_trace_event event = event_of(op, HARK_TRACE_RETURN, result);
    put(recorder->loop, &event);
}

static int own_thread(void)
{
    static _Thread_local int number;
    if (number == 0)
        number = kernel_gettid();
    return number;
}

struct hark_trace_event recorder_call(struct recorder *recorder, const struct hark_op *op,
                                      int64_t result)
{
    struct hark_trace_event event = event_of(op, HARK_TRACE_CALL, result);
    struct recorder_watch *watch = recorder->watch;
    event.flags = hark_op_more(op) ? HARK_TRACE_MORE : 0;
    recorder->asking = op->id;
    if (!recorder->loop)
        event.time_ns = kernel_clock_gettime(CLOCK_MONOTONIC);
    put(recorder->loop, &event);
    if (watch) {
        atomic_store_explicit(&watch->began_ns, event.time_ns, memory_order_relaxed);
        atomic_store_explicit(&watch->kind, op->code, memory_order_relaxed);
        atomic_store_explicit(&watch->thread, own_thread(), memory_order_relaxed);
        atomic_store(&watch->running, op->id); /* seen by whoever parks, or `parked` is seen here */
        if (unlikely(atomic_load(&watch->parked)))
            watch->wake(watch);
    }
    return event;
}

void recorder_called(struct recorder *recorder, const struct hark_trace_event *call)
{
    if (!recorder)
        return;
    struct hark_trace_event event = *call;
    struct recorder_watch *watch = recorder->watch;
    event.what = HARK_TRACE_CALLED;
    event.time_ns = recorder->loop ? 0 : kernel_clock_gettime(CLOCK_MONOTONIC);
    recorder->asking = 0;
    put(recorder->loop, &event);
    if (!watch)
        return;
    uint64_t held_ns = event.time_ns - call->time_ns;
    atomic_store_explicit(&watch->running, 0, memory_order_release);
    if (unlikely(held_ns >= watch->limit_ns))
        watch->over(watch, event.op, event.kind, held_ns);
}

void recorder_perform(struct recorder *recorder, const struct hark_op *op, uint32_t thread)
{
    struct hark_trace_event event = event_of(op, HARK_TRACE_PERFORM, thread);
    put(recorder->pool, &event);
}

void recorder_performed(struct recorder *recorder, const struct hark_op *op)
{
    struct hark_trace_event event = event_of(op, HARK_TRACE_RETURN, op->result);
    put(recorder->pool, &event);
}
