/* ring.h - io_uring by hand, as the programs called _uring use it: what is measured here is the kernel interface with as little
 * as possible around it. It has nothing in common with the library's own ring.
 *
 * One issuer, deferred task work, the ring's descriptor registered, submission and waiting in one system call; a ring of buffers
 * for repeating receives. Needs Linux 6.1. Nothing is handled that a bench does not meet: an error ends the program. */
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

enum { RING_ENTRIES = 512, RING_COMPLETIONS = 16384, RING_BUFFERS = 256, RING_BUFFER_BYTES = 16384 };

struct ring {
    int fd;
    int entered; /* the ring's index among the registered ones */
    unsigned tail;
    unsigned buffers_tail;
    _Atomic unsigned *sq_head;
    _Atomic unsigned *sq_tail;
    _Atomic unsigned *cq_head;
    _Atomic unsigned *cq_tail;
    unsigned sq_mask;
    unsigned cq_mask;
    struct io_uring_sqe *sqes;
    struct io_uring_cqe *cqes;
    struct io_uring_buf_ring *buffers;
    char *bytes;
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
    char *queues = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, (int)fd, IORING_OFF_SQ_RING);
    void *sqes = mmap(NULL, params.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                      (int)fd, IORING_OFF_SQES);
    ring_check(queues == MAP_FAILED || sqes == MAP_FAILED ? -1 : 0, "mmap");
    *ring = (struct ring){
        .fd = (int)fd,
        .sq_head = (void *)(queues + params.sq_off.head),
        .sq_tail = (void *)(queues + params.sq_off.tail),
        .cq_head = (void *)(queues + params.cq_off.head),
        .cq_tail = (void *)(queues + params.cq_off.tail),
        .sq_mask = params.sq_entries - 1,
        .cq_mask = params.cq_entries - 1,
        .sqes = sqes,
        .cqes = (void *)(queues + params.cq_off.cqes),
    };
    unsigned *array = (void *)(queues + params.sq_off.array);
    for (unsigned i = 0; i < params.sq_entries; i++)
        array[i] = i;
    struct io_uring_rsrc_update update = {.offset = UINT32_MAX, .data = (unsigned)fd};
    ring_check(syscall(SYS_io_uring_register, fd, IORING_REGISTER_RING_FDS, &update, 1), "register the ring");
    ring->entered = (int)update.offset;
}

/* Submits what stands in the ring, and waits for `wait` completions. */
static inline void ring_enter(struct ring *ring, unsigned wait)
{
    unsigned count = ring->tail - atomic_load_explicit(ring->sq_head, memory_order_acquire);
    atomic_store_explicit(ring->sq_tail, ring->tail, memory_order_release);
    ring_check(
        syscall(SYS_io_uring_enter, ring->entered, count, wait, IORING_ENTER_GETEVENTS | IORING_ENTER_REGISTERED_RING, NULL, 0),
        "io_uring_enter");
}

static inline struct io_uring_sqe *ring_request(struct ring *ring, uint8_t opcode, int fd, uint64_t user_data)
{
    if (ring->tail - atomic_load_explicit(ring->sq_head, memory_order_acquire) > ring->sq_mask)
        ring_enter(ring, 0);
    struct io_uring_sqe *sqe = &ring->sqes[ring->tail++ & ring->sq_mask];
    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = opcode;
    sqe->fd = fd;
    sqe->user_data = user_data;
    return sqe;
}

/* The next completion, or NULL. It is given back by ring_seen. */
static inline struct io_uring_cqe *ring_next(struct ring *ring)
{
    unsigned head = atomic_load_explicit(ring->cq_head, memory_order_relaxed);
    return head == atomic_load_explicit(ring->cq_tail, memory_order_acquire) ? NULL : &ring->cqes[head & ring->cq_mask];
}

static inline void ring_seen(struct ring *ring)
{
    atomic_store_explicit(ring->cq_head, atomic_load_explicit(ring->cq_head, memory_order_relaxed) + 1, memory_order_release);
}

static inline void ring_buffer_return(struct ring *ring, unsigned number)
{
    struct io_uring_buf *buffer = &ring->buffers->bufs[ring->buffers_tail++ & (RING_BUFFERS - 1)];
    buffer->addr = (uint64_t)(uintptr_t)(ring->bytes + (size_t)number * RING_BUFFER_BYTES);
    buffer->len = RING_BUFFER_BYTES;
    buffer->bid = (uint16_t)number;
    atomic_store_explicit((_Atomic uint16_t *)&ring->buffers->tail, (uint16_t)ring->buffers_tail, memory_order_release);
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
    ring_check(syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_PBUF_RING, &registration, 1), "register the buffers");
    for (unsigned i = 0; i < RING_BUFFERS; i++)
        ring_buffer_return(ring, i);
}

#endif
