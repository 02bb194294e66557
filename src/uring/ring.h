/* ring.h - the two queues shared with the kernel, and the system calls around them:
 * io_uring_setup(2), io_uring_enter(2), io_uring_register(2). It knows nothing of ops.
 *
 * What is newer than the headers of Linux 6.1 is defined here, and used only where the running
 * kernel accepts it. */
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
#define RING_OPCODE_SENDMSG_ZC 48         /* Linux 6.1 */
#define RING_OPCODE_WAITID     50         /* Linux 6.7 */
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
    unsigned tail;  /* entries filled so far; published by ring_enter */
    unsigned limit; /* the tail up to which there is room, as far as is known */

    _Atomic(unsigned) *cq_head;
    _Atomic(unsigned) *cq_tail;
    _Atomic(unsigned) *cq_overflow;
    struct io_uring_cqe *cqes;
    unsigned cq_mask;
    unsigned head; /* completions taken so far; published by ring_enter and ring_release_cqes */

    void *queues;
    size_t queues_bytes;
    size_t sqes_bytes;
};

/* Sets a ring up.
 * Fails: what io_uring_setup or mmap answered; nothing is left behind. */
__attribute__((cold)) int ring_open(struct ring *ring, unsigned sq_entries, unsigned cq_entries,
                                    unsigned setup_flags);
void ring_close(struct ring *ring);

/* Registers the ring's own descriptor, which makes each enter cheaper. For the thread that will
 * enter. */
int ring_register_self(struct ring *ring);

/* The ring by its descriptor again: in another thread than the one that registered it, where its
 * number means another ring or none. The registration lasts as long as that thread. */
void ring_forget_registration(struct ring *ring);

/* Enables a ring that was opened with IORING_SETUP_R_DISABLED; one of a single issuer is the
 * calling thread's from here on. */
int ring_enable(struct ring *ring);

int ring_register(const struct ring *ring, unsigned operation, void *argument, unsigned count);

/* The entries that are filled in and not yet with the kernel. */
static inline unsigned ring_unsubmitted(const struct ring *ring)
{
    return ring->tail - atomic_load_explicit(ring->sq_head, memory_order_acquire);
}

/* Looks how far the kernel has taken entries. Gives whether there is room. */
bool ring_look_for_room(struct ring *ring);

/* The next entry, for the caller to fill in, every field of it; it goes out with the next
 * ring_enter after ring_push. NULL while the queue is full. */
static inline struct io_uring_sqe *ring_next_sqe(struct ring *ring)
{
    if (__builtin_expect(ring->tail == ring->limit, 0) && !ring_look_for_room(ring))
        return NULL;
    return &ring->sqes[ring->tail & (ring->sq_entries - 1)];
}

static inline void ring_push(struct ring *ring)
{
    ring->tail++;
}

/* Submits all entries. Gives 0, or a negative errno: -EBUSY, -EAGAIN among them. */
int ring_submit(struct ring *ring, uint64_t *calls);

/* Submits all entries, and waits for at least one completion, at most timeout_ns (UINT64_MAX: for
 * ever; 0: only collects what is there). Gives 0, or a negative errno: -EINTR, -ETIME, -EBUSY,
 * -EAGAIN among them. */
int ring_enter(struct ring *ring, uint64_t *calls, uint64_t timeout_ns);

/* The completions that are there. */
static inline unsigned ring_cqes(const struct ring *ring)
{
    return atomic_load_explicit(ring->cq_tail, memory_order_acquire) - ring->head;
}

/* The next completion.
 * Takes: a ring that has one. It stays the caller's until ring_enter or ring_release_cqes. */
static inline const struct io_uring_cqe *ring_take_cqe(struct ring *ring)
{
    return &ring->cqes[ring->head++ & ring->cq_mask];
}

/* Gives the slots of all completions taken so far back to the kernel. */
static inline void ring_release_cqes(struct ring *ring)
{
    atomic_store_explicit(ring->cq_head, ring->head, memory_order_release);
}

#endif
