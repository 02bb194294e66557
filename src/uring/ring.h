/* ring.h - the two queues shared with the kernel, and the system calls around them: io_uring_setup(2), io_uring_enter(2),
 * io_uring_register(2). It knows nothing of ops.
 *
 * What is newer than the headers of Linux 6.1 is defined here, and used only where the running kernel accepts it. */
#ifndef URING_RING_H
#define URING_RING_H

#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_SETUP_NO_SQARRAY  (1u << 16) /* Linux 6.6 */
#define RING_ENTER_NO_IOWAIT   (1u << 7)  /* Linux 6.15 */
#define RING_FEATURE_NO_IOWAIT (1u << 17) /* Linux 6.15 */
#define RING_OPCODE_FTRUNCATE  55         /* Linux 6.9 */
#define RING_OPCODES           64

struct ring {
    int fd;
    int enter_fd; /* the descriptor, or its number among the registered ones */
    unsigned enter_flags;
    unsigned setup_flags;
    unsigned kernel_features;

    _Atomic(unsigned) *sq_head;
    _Atomic(unsigned) *sq_tail;
    _Atomic(unsigned) *sq_flags;
    struct io_uring_sqe *sqes;
    unsigned sq_entries;
    unsigned tail; /* entries filled so far; published by ring_enter */

    _Atomic(unsigned) *cq_head;
    _Atomic(unsigned) *cq_tail;
    _Atomic(unsigned) *cq_overflow;
    struct io_uring_cqe *cqes;
    unsigned cq_mask;
    unsigned head; /* completions taken so far */

    void *queues;
    size_t queues_bytes;
    size_t sqes_bytes;
};

/* Sets a ring up. Fails: what io_uring_setup or mmap answered; nothing is left behind. */
int ring_open(struct ring *ring, unsigned sq_entries, unsigned cq_entries, unsigned setup_flags);
void ring_close(struct ring *ring);

/* Registers the ring's own descriptor, which makes each enter cheaper. For the thread that will enter. */
int ring_register_self(struct ring *ring);

int ring_register(const struct ring *ring, unsigned operation, void *argument, unsigned count);

/* An entry to fill in, zeroed; NULL while the queue is full. */
struct io_uring_sqe *ring_next_sqe(struct ring *ring);

/* The entries that are filled in and not yet with the kernel. */
static inline unsigned ring_unsubmitted(const struct ring *ring)
{
    return ring->tail - atomic_load_explicit(ring->sq_head, memory_order_acquire);
}

/* Submits all entries; waits for at least one completion where `wait`, at most timeout_ns (UINT64_MAX: for ever), or
 * only collects what is there. Gives 0, or a negative errno: -EINTR, -ETIME, -EBUSY, -EAGAIN among them. */
int ring_enter(struct ring *ring, bool collect, bool wait, uint64_t timeout_ns);

/* The next completion, copied to *out_cqe; its slot is the kernel's again at once. Gives whether there was one. */
static inline bool ring_take_cqe(struct ring *ring, struct io_uring_cqe *out_cqe)
{
    if (ring->head == atomic_load_explicit(ring->cq_tail, memory_order_acquire))
        return false;
    const struct io_uring_cqe *cqe = &ring->cqes[ring->head & ring->cq_mask];
    out_cqe->user_data = cqe->user_data;
    out_cqe->res = cqe->res;
    out_cqe->flags = cqe->flags;
    atomic_store_explicit(ring->cq_head, ++ring->head, memory_order_release);
    return true;
}

#endif
