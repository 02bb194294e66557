/* buffer_ring.c - the ring of buffers that the kernel picks from for hark_recv_each
 * (io_uring_register(2), PBUF_RING).
 *
 * The kernel uses the ring's buffers in turn, so all that are in it pass through the cache.
 * Therefore it gets few at first, and twice as many each time that it finds none, up to the whole
 * pool; after a calm time half of them again. The rest stays on the pool's stack. What must hold: a
 * buffer is on the stack, or with the kernel, or lent. */
#include "uring/buffer_ring.h"

enum { OFFERED_MIN = 64, CALM_FILLS = 1024 };

static void offer(struct buffers *buffers, struct uring *uring)
{
    uint32_t index = buffers->stack[--buffers->free];
    struct io_uring_buf *slot =
        &uring->buffer_ring->bufs[uring->buffer_tail++ & (buffers->count - 1)];
    slot->addr = (uint64_t)(uintptr_t)buffers_at(buffers, index);
    slot->len = buffers->bytes;
    slot->bid = (uint16_t)index;
    buffers->offered++;
}

/* How many the kernel shall have from now on. */
static void adapt(const struct buffers *buffers, struct uring *uring)
{
    if (unlikely(uring->buffers_ran_out)) {
        uring->buffers_ran_out = false;
        if (uring->buffers_wanted < buffers->count)
            uring->buffers_wanted *= 2;
    }
    if (buffers->offered <= uring->buffers_wanted / 2)
        uring->calm_fills = 0;
    else if (++uring->calm_fills == CALM_FILLS && uring->buffers_wanted > OFFERED_MIN)
        uring->buffers_wanted /= 2;
}

static void tell_tail(struct uring *uring)
{
    atomic_store_explicit((_Atomic(uint16_t) *)&uring->buffer_ring->tail, uring->buffer_tail,
                          memory_order_release);
}

bool buffer_ring_take_back(struct hark_loop *loop, struct uring *uring)
{
    struct buffers *buffers = &loop->buffers;
    if (buffers->offered == 0)
        return false;
    uring->buffer_tail--;
    buffers->stack[buffers->free++] =
        uring->buffer_ring->bufs[uring->buffer_tail & (buffers->count - 1)].bid;
    buffers->offered--;
    tell_tail(uring);
    return true;
}

void buffer_ring_fill(struct hark_loop *loop, struct uring *uring)
{
    struct buffers *buffers = &loop->buffers;
    adapt(buffers, uring);
    while (buffers->offered < uring->buffers_wanted && buffers->free > 0)
        offer(buffers, uring);
    tell_tail(uring);
}

int buffer_ring_register(struct hark_loop *loop, struct uring *uring)
{
    struct buffers *buffers = &loop->buffers;
    uring->buffer_ring_bytes = buffers->count * sizeof(struct io_uring_buf);
    void *memory = NULL;
    if (kernel_mmap(NULL, uring->buffer_ring_bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &memory) <
        0)
        return -ENOMEM;
    struct io_uring_buf_reg registration = {.ring_addr = (uint64_t)(uintptr_t)memory,
                                            .ring_entries = buffers->count};
    int error = ring_register(&uring->ring, IORING_REGISTER_PBUF_RING, &registration, 1);
    if (error) {
        kernel_munmap(NULL, memory, uring->buffer_ring_bytes);
        return error;
    }
    uring->buffer_ring = memory;
    uring->buffers_wanted = buffers->count < OFFERED_MIN ? buffers->count : OFFERED_MIN;
    return 0;
}
