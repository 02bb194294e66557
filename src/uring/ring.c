/* ring.c - the ring's memory and its three system calls. */
#include "uring/ring.h"
#include "kernel/kernel.h"

static int map(struct ring *ring, const struct io_uring_params *params)
{
    size_t sq_bytes = params->sq_off.array + params->sq_entries * sizeof(unsigned);
    size_t cq_bytes = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
    ring->queues_bytes = sq_bytes > cq_bytes ? sq_bytes : cq_bytes;
    ring->sqes_bytes = params->sq_entries * sizeof(struct io_uring_sqe);
    const int flags = MAP_SHARED | MAP_POPULATE;
    void *memory = NULL;
    int error = kernel_mmap(NULL, ring->queues_bytes, flags, ring->fd, IORING_OFF_SQ_RING, &memory);
    if (error)
        return error;
    char *queues = memory;
    void *sqes = NULL;
    error = kernel_mmap(NULL, ring->sqes_bytes, flags, ring->fd, IORING_OFF_SQES, &sqes);
    if (error) {
        kernel_munmap(NULL, queues, ring->queues_bytes);
        return error;
    }
    ring->queues = queues;
    ring->sqes = sqes;
    ring->sq_head = (void *)(queues + params->sq_off.head);
    ring->sq_tail = (void *)(queues + params->sq_off.tail);
    ring->sq_flags = (void *)(queues + params->sq_off.flags);
    ring->cq_head = (void *)(queues + params->cq_off.head);
    ring->cq_tail = (void *)(queues + params->cq_off.tail);
    ring->cq_overflow = (void *)(queues + params->cq_off.overflow);
    ring->cqes = (void *)(queues + params->cq_off.cqes);
    ring->sq_entries = ring->limit = params->sq_entries;
    ring->cq_mask = params->cq_entries - 1;
    if (!(params->flags & RING_SETUP_NO_SQARRAY)) {
        /* The index array between the tail and the entries: filled once, each place with its own
         * number. */
        unsigned *array = (void *)(queues + params->sq_off.array);
        for (unsigned i = 0; i < params->sq_entries; i++)
            array[i] = i;
    }
    return 0;
}

int ring_open(struct ring *ring, unsigned sq_entries, unsigned cq_entries, unsigned setup_flags)
{
    struct io_uring_params params = {
        .flags = setup_flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP, .cq_entries = cq_entries};
    int fd = kernel_io_uring_setup(NULL, sq_entries, &params);
    if (fd < 0)
        return fd;
    *ring = (struct ring){
        .fd = fd, .enter_fd = fd, .setup_flags = params.flags, .kernel_features = params.features};
    int error = map(ring, &params);
    if (error)
        kernel_close(NULL, fd);
    return error;
}

void ring_close(struct ring *ring)
{
    if (ring->enter_flags & IORING_ENTER_REGISTERED_RING) {
        /* The registration holds the ring by itself. */
        struct io_uring_rsrc_update update = {.offset = (unsigned)ring->enter_fd};
        ring_register(ring, IORING_UNREGISTER_RING_FDS, &update, 1);
    }
    kernel_munmap(NULL, ring->sqes, ring->sqes_bytes);
    kernel_munmap(NULL, ring->queues, ring->queues_bytes);
    kernel_close(NULL, ring->fd);
}

int ring_register(const struct ring *ring, unsigned operation, void *argument, unsigned count)
{
    int result = kernel_io_uring_register(NULL, ring->fd, operation, argument, count);
    return result < 0 ? result : 0;
}

int ring_register_self(struct ring *ring)
{
    struct io_uring_rsrc_update update = {.offset = UINT32_MAX, .data = (unsigned)ring->fd};
    int error = ring_register(ring, IORING_REGISTER_RING_FDS, &update, 1);
    if (!error) {
        ring->enter_fd = (int)update.offset;
        ring->enter_flags |= IORING_ENTER_REGISTERED_RING;
    }
    return error;
}

void ring_forget_registration(struct ring *ring)
{
    ring->enter_fd = ring->fd;
    ring->enter_flags &= ~(unsigned)IORING_ENTER_REGISTERED_RING;
}

int ring_enable(struct ring *ring)
{
    int error = ring_register(ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    if (!error)
        ring->setup_flags &= ~(unsigned)IORING_SETUP_R_DISABLED;
    return error;
}

bool ring_look_for_room(struct ring *ring)
{
    ring->limit = atomic_load_explicit(ring->sq_head, memory_order_acquire) + ring->sq_entries;
    return ring->tail != ring->limit;
}

static int enter(struct ring *ring, uint64_t *calls, unsigned wait, unsigned flags,
                 const struct io_uring_getevents_arg *argument)
{
    atomic_store_explicit(ring->sq_tail, ring->tail, memory_order_release);
    ring_release_cqes(ring);
    int result = kernel_io_uring_enter(calls, ring->enter_fd, ring_unsubmitted(ring), wait,
                                       ring->enter_flags | flags, argument,
                                       argument ? sizeof *argument : 0u);
    return result < 0 ? result : 0;
}

int ring_submit(struct ring *ring, uint64_t *calls)
{
    return enter(ring, calls, 0, 0, NULL);
}

int ring_enter(struct ring *ring, uint64_t *calls, uint64_t timeout_ns)
{
    if (timeout_ns == 0 || timeout_ns == UINT64_MAX)
        return enter(ring, calls, timeout_ns != 0, IORING_ENTER_GETEVENTS, NULL);
    struct __kernel_timespec timeout = {
        .tv_sec = (int64_t)(timeout_ns / 1000000000u),
        .tv_nsec = (int64_t)(timeout_ns % 1000000000u),
    };
    struct io_uring_getevents_arg argument = {.ts = (uint64_t)(uintptr_t)&timeout};
    return enter(ring, calls, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument);
}
