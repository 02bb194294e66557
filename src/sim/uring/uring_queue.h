/* uring_queue.h - the memory of a ring: the submission entries that a process fills in, the
 * completions that the kernel does, the buffers that are lent. */
#ifndef SIM_URING_URING_QUEUE_H
#define SIM_URING_URING_QUEUE_H

#include "sim/world/state.h"

#include <linux/io_uring.h>
#include <stdatomic.h>

struct request;
struct request_actions;
struct overflown;

/* What kernels bring by and by, as their version times 100: 519 is Linux 5.19. */
enum {
    URING_FIRST = 519,
    URING_SINGLE_ISSUER = 600, /* and receives that repeat */
    URING_DEFER_TASKRUN = 601,
    URING_NO_SQARRAY = 606,
    URING_FTRUNCATE = 609,
    URING_NO_IOWAIT = 615,
};

struct ring {
    struct file file;
    const struct request_actions *actions;
    struct process *process; /* that made it; NULL: it has ended */
    int version;
    unsigned setup_flags;
    struct thread *issuer; /* of a single one; NULL: not known yet */

    char *queues;
    size_t queues_bytes;
    struct io_uring_sqe *sqes;
    size_t sqes_bytes;
    unsigned sq_entries, cq_entries;
    _Atomic(unsigned) *sq_head, *sq_tail, *sq_flags, *cq_head, *cq_tail;
    unsigned *sq_array; /* NULL: IORING_SETUP_NO_SQARRAY */
    struct io_uring_cqe *cqes;
    struct overflown *overflown_first, *overflown_last;

    struct io_uring_buf_ring *buffers; /* NULL: none are registered */
    unsigned buffer_entries;
    uint16_t buffer_head;

    struct file *event_file;                /* written at each completion; NULL: none */
    bool event_marked;                      /* it was written late once, and is so no more */
    struct request *requests;               /* all that are under way */
    struct request *work_first, *work_last; /* that the thread has to go on with */
    struct event work_event;                /* where it need not wait for the thread's next enter */
    struct event end_event;                 /* the kernel lets go of what the process has left */
};

/* Lays out the memory of a ring, as the parameters have it, and writes the offsets into them. */
void uring_queue_create(struct ring *ring, struct io_uring_params *params);
void uring_queue_destroy(struct ring *ring);

/* The next submission entry, copied; gives whether there was one. */
bool uring_queue_take(struct ring *ring, struct io_uring_sqe *out_sqe);

/* A completion. What finds no room is kept.
 * Gives: whether there was room. */
bool uring_queue_post(struct ring *ring, uint64_t user_data, int32_t result, uint32_t flags);

/* Wakes who waits for completions; and writes the eventfd, which with deferred work is done as soon
 * as there is work (io_req_local_work_add). */
void uring_queue_tell(struct ring *ring);

/* What was kept goes in, as far as there is room. */
void uring_queue_flush(struct ring *ring);

/* Completions that the process has not taken. */
unsigned uring_queue_completions(const struct ring *ring);

/* Whether some are kept. */
bool uring_queue_is_overflown(const struct ring *ring);

/* The next buffer of the ring of buffers.
 * Gives: NULL: there is none. It is taken with uring_queue_take_buffer. */
struct io_uring_buf *uring_queue_buffer(struct ring *ring);
void uring_queue_take_buffer(struct ring *ring);

#endif
