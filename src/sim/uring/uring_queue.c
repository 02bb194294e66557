/* uring_queue.c - see the header. Offsets and sizes are the kernel's to choose; a process finds
 * them in the parameters (io_uring_setup(2)). */
#include "sim/uring/uring_queue.h"
#include "sim/file/eventfd.h"
#include "sim/world/seen.h"

#include <poll.h>
#include <string.h>

enum {
    SQ_HEAD = 0,
    SQ_TAIL = 64,
    SQ_MASK = 68,
    SQ_ENTRIES = 72,
    SQ_FLAGS = 76,
    SQ_DROPPED = 80,
    CQ_HEAD = 128,
    CQ_TAIL = 192,
    CQ_MASK = 196,
    CQ_ENTRIES = 200,
    CQ_OVERFLOW = 204,
    CQES = 256,

    GRACE_LEAST_NS = 1000000, /* of RCU */
    GRACE_MOST_NS = 20000000,
};

struct overflown {
    struct overflown *next;
    struct io_uring_cqe cqe;
};

static void tell_offsets(const struct ring *ring, struct io_uring_params *params)
{
    params->sq_off = (struct io_sqring_offsets){
        .head = SQ_HEAD,
        .tail = SQ_TAIL,
        .ring_mask = SQ_MASK,
        .ring_entries = SQ_ENTRIES,
        .flags = SQ_FLAGS,
        .dropped = SQ_DROPPED,
        .array = (unsigned)(CQES + ring->cq_entries * sizeof(struct io_uring_cqe)),
    };
    params->cq_off = (struct io_cqring_offsets){
        .head = CQ_HEAD,
        .tail = CQ_TAIL,
        .ring_mask = CQ_MASK,
        .ring_entries = CQ_ENTRIES,
        .overflow = CQ_OVERFLOW,
        .cqes = CQES,
    };
}

void uring_queue_create(struct ring *ring, struct io_uring_params *params)
{
    ring->sq_entries = params->sq_entries;
    ring->cq_entries = params->cq_entries;
    tell_offsets(ring, params);
    ring->queues_bytes = params->sq_off.array + ring->sq_entries * sizeof(unsigned);
    ring->queues = memory_own(ring->queues_bytes);
    ring->sqes_bytes = ring->sq_entries * sizeof(struct io_uring_sqe);
    ring->sqes = memory_own(ring->sqes_bytes);
    ring->sq_head = (void *)(ring->queues + SQ_HEAD);
    ring->sq_tail = (void *)(ring->queues + SQ_TAIL);
    ring->sq_flags = (void *)(ring->queues + SQ_FLAGS);
    ring->cq_head = (void *)(ring->queues + CQ_HEAD);
    ring->cq_tail = (void *)(ring->queues + CQ_TAIL);
    ring->cqes = (void *)(ring->queues + CQES);
    *(unsigned *)(void *)(ring->queues + SQ_MASK) = ring->sq_entries - 1;
    *(unsigned *)(void *)(ring->queues + SQ_ENTRIES) = ring->sq_entries;
    *(unsigned *)(void *)(ring->queues + CQ_MASK) = ring->cq_entries - 1;
    *(unsigned *)(void *)(ring->queues + CQ_ENTRIES) = ring->cq_entries;
    if (!(ring->setup_flags & (1u << 16))) /* IORING_SETUP_NO_SQARRAY, newer than some headers */
        ring->sq_array = (void *)(ring->queues + params->sq_off.array);
}

void uring_queue_destroy(struct ring *ring)
{
    struct overflown *kept;
    while ((kept = ring->overflown_first)) {
        ring->overflown_first = kept->next;
        memory_own_free(kept);
    }
    memory_own_free(ring->queues);
    memory_own_free(ring->sqes);
}

/* --- submissions --- */

bool uring_queue_take(struct ring *ring, struct io_uring_sqe *out_sqe)
{
    unsigned head = atomic_load(ring->sq_head);
    if (head == atomic_load(ring->sq_tail))
        return false;
    unsigned index = head & (ring->sq_entries - 1);
    if (ring->sq_array)
        index = ring->sq_array[index] & (ring->sq_entries - 1);
    *out_sqe = ring->sqes[index];
    atomic_store(ring->sq_head, head + 1);
    return true;
}

/* --- completions --- */

unsigned uring_queue_completions(const struct ring *ring)
{
    return atomic_load(ring->cq_tail) - atomic_load(ring->cq_head);
}

bool uring_queue_is_overflown(const struct ring *ring)
{
    return ring->overflown_first;
}

static void put(struct ring *ring, const struct io_uring_cqe *cqe)
{
    unsigned tail = atomic_load(ring->cq_tail);
    ring->cqes[tail & (ring->cq_entries - 1)].user_data = cqe->user_data;
    ring->cqes[tail & (ring->cq_entries - 1)].res = cqe->res;
    ring->cqes[tail & (ring->cq_entries - 1)].flags = cqe->flags;
    atomic_store(ring->cq_tail, tail + 1);
}

static void keep(struct ring *ring, const struct io_uring_cqe *cqe)
{
    struct overflown *kept = memory_own(sizeof *kept);
    kept->cqe.user_data = cqe->user_data;
    kept->cqe.res = cqe->res;
    kept->cqe.flags = cqe->flags;
    *(ring->overflown_last ? &ring->overflown_last->next : &ring->overflown_first) = kept;
    ring->overflown_last = kept;
    atomic_fetch_or(ring->sq_flags, IORING_SQ_CQ_OVERFLOW);
}

static void write_one(struct file *event_file)
{
    uint64_t one = 1;
    struct iovec vector = {&one, sizeof one};
    (void)file_write(event_file, &vector, 1, FILE_OFFSET_OWN, 0);
}

/* A write that comes later. */
struct late_write {
    struct event event;
    struct file *file;
};

static void late_write_drop(struct event *event)
{
    struct late_write *late = hark_container_of(event, struct late_write, event);
    file_release(late->file);
    memory_own_free(late);
}

static void late_write_happen(struct event *event)
{
    write_one(hark_container_of(event, struct late_write, event)->file);
    late_write_drop(event);
}

/* One eventfd writes no other: what is told meanwhile is written a grace period later, and that
 * only once: the mark is not taken off again (__io_eventfd_signal, up to Linux 6.18 at least). */
static void write_late(struct ring *ring)
{
    if (ring->event_marked)
        return;
    struct late_write *late = memory_own(sizeof *late);
    ring->event_marked = true;
    file_hold(ring->event_file);
    late->file = ring->event_file;
    late->event.owner = ring->process->machine;
    late->event.happen = late_write_happen;
    late->event.drop = late_write_drop;
    events_set(&world->events, &late->event,
               world->now_ns + chance_delay(&world->chance, GRACE_LEAST_NS, GRACE_MOST_NS));
}

void uring_queue_tell(struct ring *ring)
{
    if (ring->event_file && eventfd_writes())
        write_late(ring);
    else if (ring->event_file)
        write_one(ring->event_file);
    file_wake(&ring->file, POLLIN | POLLRDNORM);
}

bool uring_queue_post(struct ring *ring, uint64_t user_data, int32_t result, uint32_t flags)
{
    struct io_uring_cqe cqe = {.user_data = user_data, .res = result, .flags = flags};
    bool has_room = !ring->overflown_first && uring_queue_completions(ring) < ring->cq_entries;
    seen_request(HARK_TRACE_KERNEL_COMPLETE, ring->process, ring->file.number, user_data, 0,
                 result);
    if (has_room)
        put(ring, &cqe);
    else
        keep(ring, &cqe);
    uring_queue_tell(ring);
    return has_room;
}

void uring_queue_flush(struct ring *ring)
{
    struct overflown *kept;
    while ((kept = ring->overflown_first) && uring_queue_completions(ring) < ring->cq_entries) {
        put(ring, &kept->cqe);
        ring->overflown_first = kept->next;
        memory_own_free(kept);
    }
    if (ring->overflown_first)
        return;
    ring->overflown_last = NULL;
    atomic_fetch_and(ring->sq_flags, ~(unsigned)IORING_SQ_CQ_OVERFLOW);
}

/* --- buffers that are lent --- */

struct io_uring_buf *uring_queue_buffer(struct ring *ring)
{
    if (!ring->buffers)
        return NULL;
    uint16_t tail = atomic_load((_Atomic(uint16_t) *)&ring->buffers->tail);
    if (tail == ring->buffer_head)
        return NULL;
    return &ring->buffers->bufs[ring->buffer_head & (ring->buffer_entries - 1)];
}

void uring_queue_take_buffer(struct ring *ring)
{
    ring->buffer_head++;
}
