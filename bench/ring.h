/* ring.h - io_uring by hand, as the programs called _uring use it: what is measured here is the
 * kernel interface with as little as possible around it. It has nothing in common with the
 * library's own ring.
 *
 * One issuer, deferred task work, the ring's descriptor registered, submission and waiting in one
 * system call; a ring of buffers for repeating receives. Needs Linux 6.1. Nothing is handled that a
 * bench does not meet: an error ends the program. */
#ifndef RING_H
#define RING_H

#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    RING_ENTRIES = 512,
    RING_COMPLETIONS = 16384,
    RING_BUFFERS = 256,
    RING_BUFFER_BYTES = 16384
};

struct ring {
    int fd;
    int entered;     /* the ring's index among the registered ones */
    unsigned queued; /* entries that wait for the next system call, which takes them all */
    unsigned tail;
    unsigned cq_mask;
    unsigned head; /* of the completions */
    struct io_uring_sqe *sqes;
    struct io_uring_cqe *cqes;
    _Atomic unsigned *sq_tail;
    _Atomic unsigned *cq_head;
    _Atomic unsigned *cq_tail;
    struct io_uring_buf_ring *buffers;
    char *bytes;
    uint16_t buffers_tail;
};

static inline void ring_check(long result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

static inline void ring_open(struct ring *ring)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
        .cq_entries = RING_COMPLETIONS,
    };
    long fd = syscall(SYS_io_uring_setup, RING_ENTRIES, &params);
    ring_check(fd, "io_uring_setup");
    size_t sq_bytes = params.sq_off.array + params.sq_entries * sizeof(unsigned);
    size_t cq_bytes = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
    size_t bytes = sq_bytes > cq_bytes ? sq_bytes : cq_bytes;
    char *queues = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, (int)fd,
                        IORING_OFF_SQ_RING);
    void *sqes = mmap(NULL, params.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_POPULATE, (int)fd, IORING_OFF_SQES);
    ring_check(queues == MAP_FAILED || sqes == MAP_FAILED ? -1 : 0, "mmap");
    *ring = (struct ring){
        .fd = (int)fd,
        .cq_mask = params.cq_entries - 1,
        .sqes = sqes,
        .cqes = (void *)(queues + params.cq_off.cqes),
        .sq_tail = (void *)(queues + params.sq_off.tail),
        .cq_head = (void *)(queues + params.cq_off.head),
        .cq_tail = (void *)(queues + params.cq_off.tail),
    };
    unsigned *array = (void *)(queues + params.sq_off.array);
    for (unsigned i = 0; i < params.sq_entries; i++)
        array[i] = i;
    struct io_uring_rsrc_update update = {.offset = UINT32_MAX, .data = (unsigned)fd};
    ring_check(syscall(SYS_io_uring_register, fd, IORING_REGISTER_RING_FDS, &update, 1),
               "register the ring");
    ring->entered = (int)update.offset;
}

/* Hands over the requests and the buffers that came back, and waits for `wait` completions. */
static inline void ring_enter(struct ring *ring, unsigned wait)
{
    unsigned count = ring->queued;
    ring->queued = 0;
    atomic_store_explicit(ring->sq_tail, ring->tail, memory_order_release);
    if (ring->buffers)
        atomic_store_explicit((_Atomic uint16_t *)&ring->buffers->tail, ring->buffers_tail,
                              memory_order_release);
    ring_check(syscall(SYS_io_uring_enter, ring->entered, count, wait,
                       IORING_ENTER_GETEVENTS | IORING_ENTER_REGISTERED_RING, NULL, 0),
               "io_uring_enter");
}

/* The same, but waits for `wait` completions for up to gather_us, and from then on for one. */
static inline void ring_gather(struct ring *ring, unsigned wait, uint32_t gather_us)
{
    struct __kernel_timespec hour = {.tv_sec = 3600};
    /* pad is min_wait_usec from Linux 6.12 on, and needs a time-out besides. */
    struct io_uring_getevents_arg argument = {.pad = gather_us, .ts = (uint64_t)(uintptr_t)&hour};
    unsigned count = ring->queued;
    ring->queued = 0;
    atomic_store_explicit(ring->sq_tail, ring->tail, memory_order_release);
    if (ring->buffers)
        atomic_store_explicit((_Atomic uint16_t *)&ring->buffers->tail, ring->buffers_tail,
                              memory_order_release);
    ring_check(syscall(SYS_io_uring_enter, ring->entered, count, wait,
                       IORING_ENTER_GETEVENTS | IORING_ENTER_REGISTERED_RING | IORING_ENTER_EXT_ARG,
                       &argument, sizeof argument),
               "io_uring_enter");
}

/* Makes room for so many requests in one submission: links hold within one only. */
static inline void ring_room(struct ring *ring, unsigned count)
{
    if (ring->queued + count > RING_ENTRIES)
        ring_enter(ring, 0);
}

/* The next entry, filled in but for what few operations need: flags, ioprio, off, and the flags of
 * the operation are 0. */
static inline struct io_uring_sqe *ring_request(struct ring *ring, uint8_t opcode, int fd,
                                                const void *bytes, uint32_t count,
                                                uint64_t user_data)
{
    ring_room(ring, 1);
    ring->queued++;
    struct io_uring_sqe *sqe = &ring->sqes[ring->tail++ & (RING_ENTRIES - 1)];
    sqe->opcode = opcode;
    sqe->flags = 0;
    sqe->ioprio = 0;
    sqe->fd = fd;
    sqe->off = 0;
    sqe->addr = (uint64_t)(uintptr_t)bytes;
    sqe->len = count;
    sqe->rw_flags = 0;
    sqe->user_data = user_data;
    sqe->buf_index = 0;
    sqe->personality = 0;
    sqe->file_index = 0;
    sqe->addr3 = 0;
    sqe->__pad2[0] = 0;
    return sqe;
}

/* Calls `handle` for each completion that is there, then gives them back. */
static inline void ring_handle(struct ring *ring, void (*handle)(const struct io_uring_cqe *cqe))
{
    unsigned tail = atomic_load_explicit(ring->cq_tail, memory_order_acquire);
    while (ring->head != tail)
        handle(&ring->cqes[ring->head++ & ring->cq_mask]);
    atomic_store_explicit(ring->cq_head, tail, memory_order_release);
}

/* A table of descriptors of the ring's own, empty. */
static inline void ring_descriptors(struct ring *ring, unsigned count)
{
    struct io_uring_rsrc_register table = {.nr = count, .flags = IORING_RSRC_REGISTER_SPARSE};
    ring_check(
        syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_FILES2, &table, sizeof table),
        "register the descriptors");
}

static inline char *ring_buffer(struct ring *ring, unsigned number)
{
    return ring->bytes + (size_t)number * RING_BUFFER_BYTES;
}

/* The kernel sees it with the next system call. */
static inline void ring_buffer_return(struct ring *ring, unsigned number)
{
    struct io_uring_buf *buffer = &ring->buffers->bufs[ring->buffers_tail++ & (RING_BUFFERS - 1)];
    buffer->addr = (uint64_t)(uintptr_t)ring_buffer(ring, number);
    buffer->len = RING_BUFFER_BYTES;
    buffer->bid = (uint16_t)number;
}

/* Buffers of group 0, for receives with IOSQE_BUFFER_SELECT. */
static inline void ring_buffers(struct ring *ring)
{
    size_t ring_bytes = RING_BUFFERS * sizeof(struct io_uring_buf);
    ring->buffers = aligned_alloc(4096, ring_bytes);
    ring->bytes = aligned_alloc(4096, (size_t)RING_BUFFERS * RING_BUFFER_BYTES);
    memset(ring->buffers, 0, ring_bytes);
    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)ring->buffers,
        .ring_entries = RING_BUFFERS,
    };
    ring_check(
        syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_PBUF_RING, &registration, 1),
        "register the buffers");
    for (unsigned i = 0; i < RING_BUFFERS; i++)
        ring_buffer_return(ring, i);
}

#endif
