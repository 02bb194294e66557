/* wake.c - waking loops from wherever somebody puts something in, and taking in what was put. */
#include "core/wake.h"
#include "core/op.h"
#include "core/pair.h"
#include "core/row.h"

void wake_loop(struct hark_loop *loop)
{
    if (atomic_load_explicit(&loop->sleeping, memory_order_seq_cst) == LOOP_AWAKE)
        return;
    uint8_t sleep = atomic_exchange(&loop->sleeping, LOOP_AWAKE);
    if (sleep == LOOP_SLEEPS)
        wake_write(loop->wake_fd);
    else if (sleep == LOOP_SLEEPS_OUTSIDE)
        wake_write(atomic_load_explicit(&loop->outside_fd, memory_order_relaxed));
}

void wake_write(int wake_fd)
{
    int saved = errno;
    uint64_t one = 1;
    (void)kernel_write(NULL, wake_fd, &one, sizeof one);
    errno = saved;
}

/* Where the backend will wake it, the other loop goes on saying that it sleeps: whoever else puts
 * something in before that wakes it at once, and is not held up by this loop's turn. */
void wake_other(struct hark_loop *loop, struct hark_loop *other)
{
    if (!atomic_load_explicit(&other->sleeping, memory_order_seq_cst))
        return;
    if (!loop->running || !loop->backend->wake || !loop->backend->wake(loop, other))
        wake_loop(other);
}

void hark_stop(struct hark_loop *loop)
{
    atomic_store(&loop->stopped, true);
    wake_loop(loop);
}

static void take(struct hark_loop *loop, struct hark_op *op)
{
    checking_taken(loop, op);
    if (op->state == OP_POSTED) {
        op_count_start(loop, op);
        op->state = OP_FINISHED;
        op_queue_push(&loop->finished, op);
        return;
    }
    op_returned(loop, op, op->result);
    if (op->code == HARK_OP_SPLICE && op->result == -EAGAIN)
        return pair_back_from_thread(loop, op);
    if (op->code == HARK_OP_OPENAT && op->result >= 0)
        row_forget(loop, (int)op->result);
    loop_finish(loop, op, op->result);
}

uint32_t wake_take_inbox(struct hark_loop *loop)
{
    struct inbox *inbox = &loop->inbox;
    struct hark_op *op;
    uint32_t count = 0;
    for (uint32_t end = inbox_end(inbox); inbox->next != end && (op = inbox_take(inbox)); count++)
        take(loop, op);
    inbox_taken(inbox);
    return count;
}
