/* recorder.c - rings of events: making them, and writing into them. Nothing here is called while a
 * loop does not record. */
#include "trace/recorder.h"

#include <stdlib.h>
#include <string.h>

#ifdef HARK_KERNEL_APART
const struct recorder_onlooker *recorder_onlooker;
#endif

/* --- rings --- */

static struct hark_trace_ring *lay_out_ring(void *memory, uint32_t events,
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
    int error = kernel_fallocate(NULL, fd, 0, 0, (off_t)bytes);
    return error == -EOPNOTSUPP ? kernel_ftruncate(NULL, fd, (off_t)bytes) : error;
}

void recorder_lay_out(struct recorder *recorder, void *memory, uint32_t events,
                      const struct hark_trace_ring *facts)
{
    recorder->memory = memory;
    recorder->bytes = recorder_bytes(events);
    recorder->loop = lay_out_ring(memory, events, facts);
    recorder->loop->next = recorder->bytes / 2;
    recorder->pool = lay_out_ring((char *)memory + recorder->bytes / 2, events, facts);
    recorder->pool->is_pool = 1;
    declare(recorder->pool);
    declare(recorder->loop);
    recorder->words = (uint64_t *)(void *)recorder_events(recorder->loop);
    recorder->mask = events - 1;
    recorder->asleep = true; /* for all that is known: it tells when it is not */
    recorder->requested = recorder->returned = 0; /* they were not for these rings */
}

int recorder_open(struct recorder *recorder, uint32_t events, int fd,
                  const struct hark_trace_ring *facts)
{
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *memory;
    size_t bytes = recorder_bytes(events);
    if (bytes > SIZE_MAX / 2) /* of 32 bits */
        return -ENOMEM;
    int error = fd < 0 ? 0 : size_file(fd, bytes);
    if (!error)
        error = kernel_mmap(NULL, bytes, flags, fd, 0, &memory);
    if (error)
        return error;
    recorder_lay_out(recorder, memory, events, facts);
    recorder->now_calls = *recorder->calls - 1;
    return 0;
}

void recorder_end(struct recorder *recorder)
{
    if (recorder->returned)
        recorder_put_returned(recorder);
    recorder->loop->ended_ns = recorder->pool->ended_ns = recorder_time(recorder);
}

void recorder_close(struct recorder *recorder)
{
    recorder_end(recorder);
    recorder_after_fork(recorder);
}

void recorder_after_fork(struct recorder *recorder)
{
    if (recorder->loop)
        kernel_munmap(NULL, recorder->memory, recorder->bytes);
    recorder->loop = recorder->pool = NULL;
}

/* --- events --- */

union words {
    struct hark_trace_event event;
    uint64_t word[4];
};

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

void recorder_put_returned(struct recorder *recorder)
{
    uint64_t time_ns =
        recorder->returned_any_time ? recorder_exact(recorder) : recorder_moment(recorder);
    if (recorder->loop)
        recorder_put(recorder, time_ns, recorder->returned, recorder->returned_result,
                     recorder_tail((uint32_t)recorder->returned_fd, HARK_TRACE_RETURN,
                                   recorder->returned_kind, 0));
    recorder->returned = 0;
}

void recorder_sleep(struct recorder *recorder, uint64_t timeout_ns)
{
    recorder->asleep = true;
    if (!recorder->loop)
        return;
    if (unlikely(recorder->loop->thread == 0))
        recorder->loop->thread = recorder->pool->thread = (uint32_t)kernel_gettid();
    if (unlikely(recorder->returned))
        recorder_put_returned(recorder);
    recorder_put(recorder, recorder_moment(recorder), 0, (int64_t)timeout_ns,
                 recorder_tail(UINT32_MAX, HARK_TRACE_SLEEP, 0, 0));
}

bool recorder_wake(struct recorder *recorder, uint64_t now_ns)
{
    if (!recorder->asleep)
        return false;
    recorder->asleep = false;
    if (!recorder->loop)
        return true;
    now_ns = now_ns ? recorder_is_now(recorder, now_ns) : recorder_exact(recorder);
    recorder_put(recorder, now_ns, 0, 0, recorder_tail(UINT32_MAX, HARK_TRACE_WAKE, 0, 0));
    return true;
}

bool recorder_wait(struct recorder *recorder, const struct hark_op *op)
{
    if (recorder->requested != op->id)
        return false;
    recorder->requested = 0;
    recorder_delegate(recorder, op);
    return true;
}

/* --- who watches callbacks --- */

#ifdef HARK_KERNEL_APART
/* There one thread of the real machine may run many. */
static int own_thread(void)
{
    return kernel_gettid();
}
#else
static int own_thread(void)
{
    static _Thread_local int number;
    if (number == 0)
        number = kernel_gettid();
    return number;
}
#endif

void recorder_watch_begin(struct recorder_watch *watch, struct recorder_call call)
{
    atomic_store_explicit(&watch->began_ns, call.began_ns, memory_order_relaxed);
    atomic_store_explicit(&watch->kind, recorder_call_kind(&call), memory_order_relaxed);
    atomic_store_explicit(&watch->thread, own_thread(), memory_order_relaxed);
    atomic_store(&watch->running, call.op); /* seen by whoever parks, or `parked` is seen here */
    if (unlikely(atomic_load(&watch->parked)))
        watch->wake(watch);
}

void recorder_watch_end(struct recorder_watch *watch, struct recorder_call call, uint64_t now_ns)
{
    uint64_t held_ns = now_ns - call.began_ns;
    atomic_store_explicit(&watch->running, 0, memory_order_release);
    if (unlikely(held_ns >= watch->limit_ns))
        watch->over(watch, call.op, recorder_call_kind(&call), held_ns);
}

/* --- the pool --- */

static void put_of_pool(struct recorder *recorder, uint64_t time_ns, const struct hark_op *op,
                        enum hark_trace_what what, int64_t value)
{
    struct hark_trace_ring *pool = recorder->pool;
    recorder_put_into(pool, (uint64_t *)(void *)recorder_events(pool), recorder->mask, time_ns,
                      op->id, value, recorder_tail_of(op, what, 0));
}

void recorder_perform(struct recorder *recorder, const struct hark_op *op, uint32_t thread)
{
    put_of_pool(recorder, recorder_time(recorder), op, HARK_TRACE_PERFORM, thread);
}

void recorder_performed(struct recorder *recorder, const struct hark_op *op, uint64_t done_ns)
{
    put_of_pool(recorder, done_ns, op, HARK_TRACE_RETURN, op->result);
}
