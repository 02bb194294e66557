/* work_pool.c - threads for what would block or keep the CPU. One pool a loop, so that loops cannot
 * starve each other.
 *
 * Threads start when work waits and none is idle, up to workers_max, and sleep on a condition while
 * there is none. An op that is done comes back through the loop's inbox. What must hold: an op is
 * in the queue, or with exactly one thread, or back. */
#include "core/work_pool.h"
#include "core/op.h"
#include "core/op_kinds.h"
#include "core/wake.h"

struct work_pool {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct op_queue queue;
    uint32_t waiting; /* ops in the queue */
    uint32_t idle;
    uint32_t count;
    bool ending;
    _Atomic(struct recorder *) recorder; /* the loop's, or NULL; changed, and written to, under the
                                            lock */
    pthread_t threads[];
};

static struct recorder *recorder_of(struct work_pool *pool)
{
    return atomic_load_explicit(&pool->recorder, memory_order_relaxed);
}

static struct hark_op *take(struct work_pool *pool)
{
    kernel_mutex_lock(&pool->lock);
    pool->idle++;
    while (!pool->queue.first && !pool->ending)
        kernel_cond_wait(&pool->more, &pool->lock);
    pool->idle--;
    struct hark_op *op = op_queue_pop(&pool->queue);
    pool->waiting -= op ? 1 : 0;
    if (op && recorder_of(pool))
        recorder_perform(recorder_of(pool), op, (uint32_t)kernel_gettid());
    if (op && loop_onlooker(op->loop))
        recorder_perform(loop_onlooker(op->loop), op, (uint32_t)kernel_gettid());
    kernel_mutex_unlock(&pool->lock);
    return op;
}

static void record_performed(struct work_pool *pool, const struct hark_op *op)
{
    uint64_t done_ns = kernel_clock_gettime(CLOCK_MONOTONIC);
    kernel_mutex_lock(&pool->lock);
    if (recorder_of(pool))
        recorder_performed(recorder_of(pool), op, done_ns);
    kernel_mutex_unlock(&pool->lock);
}

static void *worker(void *argument)
{
    struct work_pool *pool = argument;
    struct hark_op *op;
    while ((op = take(pool))) {
        struct hark_loop *loop = op->loop;
        op->result =
            op->code == HARK_OP_WORK ? op->with.work.function(op) : op_kinds[op->code].call(op);
        if (loop_onlooker(loop))
            recorder_performed(loop_onlooker(loop), op, recorder_time(loop_onlooker(loop)));
        if (recorder_of(pool))
            record_performed(pool, op);
        inbox_put(&loop->inbox, op);
        wake_loop(loop);
    }
    return NULL;
}

static struct work_pool *create(struct hark_loop *loop)
{
    struct work_pool *pool = calloc(1, sizeof *pool + loop->workers_max * sizeof pool->threads[0]);
    if (!pool)
        return NULL;
    kernel_mutex_init(&pool->lock);
    kernel_cond_init(&pool->more);
    atomic_init(&pool->recorder, loop->recorder && loop->recorder->pool ? loop->recorder : NULL);
    loop->pool = pool;
    return pool;
}

static int start_thread(struct work_pool *pool)
{
    int error = kernel_thread_start(&pool->threads[pool->count], "hark-worker", worker, pool);
    pool->count += !error;
    return error;
}

void work_pool_submit(struct hark_loop *loop, struct hark_op *op)
{
    int error = work_pool_try(loop, op);
    if (error)
        loop_finish(loop, op, error);
}

int work_pool_try(struct hark_loop *loop, struct hark_op *op)
{
    struct work_pool *pool = loop->pool ? loop->pool : create(loop);
    if (!pool)
        return -ENOMEM;
    kernel_mutex_lock(&pool->lock);
    bool wants_thread = pool->waiting >= pool->idle && pool->count < loop->workers_max;
    if (wants_thread && start_thread(pool) < 0 && pool->count == 0) {
        kernel_mutex_unlock(&pool->lock);
        return -EAGAIN;
    }
    op->state = OP_WORKING;
    op_delegated(loop, op);
    op_queue_push(&pool->queue, op);
    pool->waiting++;
    kernel_mutex_unlock(&pool->lock);
    kernel_cond_signal(&pool->more);
    return 0;
}

bool work_pool_withdraw(struct hark_loop *loop, struct hark_op *op)
{
    struct work_pool *pool = loop->pool;
    kernel_mutex_lock(&pool->lock);
    bool found = op_queue_remove(&pool->queue, op);
    pool->waiting -= found;
    kernel_mutex_unlock(&pool->lock);
    return found;
}

void work_pool_withdraw_all(struct hark_loop *loop)
{
    struct work_pool *pool = loop->pool;
    if (!pool)
        return;
    struct op_queue withdrawn = {0};
    struct op_queue kept = {0}; /* a close cannot be cancelled */
    struct hark_op *op;
    kernel_mutex_lock(&pool->lock);
    pool->waiting = 0;
    while ((op = op_queue_pop(&pool->queue))) {
        op_queue_push(op->code == HARK_OP_CLOSE ? &kept : &withdrawn, op);
        pool->waiting += op->code == HARK_OP_CLOSE;
    }
    pool->queue = kept;
    kernel_mutex_unlock(&pool->lock);
    while ((op = op_queue_pop(&withdrawn))) {
        op->marks |= MARK_CANCELLED;
        loop_finish(loop, op, -ECANCELED);
    }
}

void work_pool_record(struct hark_loop *loop, struct recorder *recorder)
{
    struct work_pool *pool = loop->pool;
    if (!pool)
        return;
    kernel_mutex_lock(&pool->lock);
    atomic_store_explicit(&pool->recorder, recorder, memory_order_relaxed);
    kernel_mutex_unlock(&pool->lock);
}

void work_pool_destroy(struct hark_loop *loop)
{
    struct work_pool *pool = loop->pool;
    if (!pool)
        return;
    kernel_mutex_lock(&pool->lock);
    pool->ending = true;
    kernel_mutex_unlock(&pool->lock);
    kernel_cond_broadcast(&pool->more);
    for (uint32_t i = 0; i < pool->count; i++)
        kernel_thread_join(pool->threads[i]);
    kernel_cond_destroy(&pool->more);
    kernel_mutex_destroy(&pool->lock);
    free(pool);
    loop->pool = NULL;
}

void work_pool_after_fork(struct hark_loop *loop)
{
    free(loop->pool);
    loop->pool = NULL;
}
