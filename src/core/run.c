/* run.c - the turn of the loop: wait, then call back what has come, in bounded batches.
 *
 * A turn: what was left for it becomes due, and who starved of buffers goes on; one wait, which
 * also submits all requests; the clock; timers and deadlines; then the callbacks, at most turn_max
 * from the queue of finished ops and as many from what the backend holds. What is left over is
 * handled in the next turn, whose wait does not sleep. */
#include "core/call.h"
#include "core/deadline.h"
#include "core/probes.h"
#include "core/signals.h"
#include "core/sigpipe.h"
#include "core/wake.h"
#include "core/wish.h"

/* --- calling back --- */

static void call_finished(struct hark_loop *loop, uint32_t *budget)
{
    struct hark_op *op;
    while (*budget > 0 && !loop_should_stop(loop) && (op = op_queue_pop(&loop->finished))) {
        --*budget;
        int64_t result = op->result;
        if (op->code == HARK_OP_POST) {
            result = op->marks & MARK_CANCELLED ? -ECANCELED : 0;
        } else if (op->marks & HARK_MARK_MORE) {
            op->state = OP_CALLING;
            loop->calling = op;
            call_more(loop, op, result);
            loop->calling = NULL;
            call_continue(loop, op);
            continue;
        }
        call_final(loop, op, result);
    }
}

static __attribute__((noinline)) void call_cancelled(struct hark_loop *loop, struct hark_op *op)
{
    call_final(loop, op, loop_cancelled_result(op));
}

static void call_late(struct hark_loop *loop, uint32_t *budget)
{
    struct hark_op *op;
    while (*budget > 0 && !loop_should_stop(loop) && (op = op_queue_pop(&loop->late))) {
        --*budget;
        if (likely(!(op->marks & MARK_CANCELLED)))
            loop->backend->fulfil(loop, op);
        else
            call_cancelled(loop, op);
    }
}

/* Calls back what is known, up to turn_max from each queue. What a late op's callback requested may
 * be known at once, as the answer to a message is: it is handled here too, so that no wait stands
 * between them. */
static void call_back(struct hark_loop *loop)
{
    uint32_t finished_left = loop->turn_max;
    uint32_t late_left = finished_left;
    do {
        call_finished(loop, &finished_left);
        call_late(loop, &late_left);
    } while (loop->finished.first && finished_left > 0 && !loop_should_stop(loop));
}

/* --- the turn --- */

/* What was left for this turn. */
static void begin_turn(struct hark_loop *loop)
{
    struct hark_op *op;
    while ((op = op_queue_pop(&loop->next_turn))) {
        if (op->marks & MARK_CANCELLED)
            loop_finish(loop, op, loop_cancelled_result(op));
        else if (op->code == HARK_OP_DEFER)
            loop_finish(loop, op, 0);
        else
            loop_finish_late(loop, op);
    }
}

/* Buffers may have come back since they starved. */
static void feed_starved(struct hark_loop *loop)
{
    if (unlikely(buffers_can_feed(&loop->buffers)))
        loop->backend->feed(loop);
}

/* How long the wait may sleep. Says beforehand that it will, so that whoever puts something in
 * afterwards wakes it. */
static uint64_t time_to_sleep(struct hark_loop *loop, bool may_wait)
{
    uint64_t next_ns = timers_next(&loop->timers);
    if (!may_wait || loop->lingers || loop_has_more(loop) || next_ns <= loop->now_ns)
        return 0;
    atomic_store(&loop->sleeping, LOOP_SLEEPS);
    if (!inbox_is_empty(&loop->inbox) || atomic_load(&loop->stopped) || signals_pending(loop))
        return 0;
    return next_ns == HARK_NEVER ? HARK_NEVER : next_ns - loop->now_ns;
}

static void count_lag(struct hark_loop *loop, uint64_t woke_ns)
{
    loop->now_ns = kernel_clock_gettime(CLOCK_MONOTONIC);
    uint64_t lag_ns = loop->now_ns - woke_ns;
    unsigned bucket = lag_ns ? 63u - (unsigned)__builtin_clzll(lag_ns) : 0;
    loop->metrics.lag[bucket < HARK_LAG_BUCKETS ? bucket : HARK_LAG_BUCKETS - 1]++;
    loop->metrics.lag_total_ns += lag_ns;
    if (lag_ns > loop->metrics.longest_turn_ns)
        loop->metrics.longest_turn_ns = lag_ns;
}

static int turn(struct hark_loop *loop, bool may_wait)
{
    checking_look(loop, NULL);
    begin_turn(loop);
    feed_starved(loop);
    uint64_t timeout_ns = time_to_sleep(loop, may_wait);
    loop->metrics.turns++;
    loop->metrics.sleeps += timeout_ns != 0;
    checking_turn(loop, timeout_ns != 0);
    if (unlikely(loop_is_recorded(loop)))
        wish_sleep(loop, timeout_ns);
    int error = loop->backend->wait(loop, timeout_ns);
    if (unlikely(wish_number() != loop->wish))
        wish_obey(loop);
    if (unlikely(probes_wanted()))
        wish_show(loop);
    atomic_store_explicit(&loop->sleeping, LOOP_AWAKE, memory_order_relaxed);
    if (error)
        return error;
    uint64_t woke_ns = kernel_clock_gettime(CLOCK_MONOTONIC);
    loop->now_ns = woke_ns;
    if (unlikely(loop_is_recorded(loop)))
        stages_wake(loop, woke_ns);
    loop->lingers = !inbox_is_empty(&loop->inbox) && wake_take_inbox(loop) > 1;
    if (unlikely(signals_pending(loop)))
        signals_deliver(loop);
    deadline_expire(loop, loop->turn_max);
    call_back(loop);
    if (loop->backend->reap && !loop_should_stop(loop))
        loop->backend->reap(loop, loop->turn_max);
    count_lag(loop, woke_ns);
    return 0;
}

/* --- running --- */

static int adopt(struct hark_loop *loop, uint64_t thread)
{
    int error = loop->backend->adopt ? loop->backend->adopt(loop) : 0;
    if (!error)
        loop->thread = thread;
    return error;
}

static int enter(struct hark_loop *loop)
{
    if (loop->running)
        return -EBUSY;
    uint64_t thread = thread_number();
    int error = likely(loop->thread == thread) ? 0 : adopt(loop, thread);
    if (error)
        return error;
    loop->running = true;
    loop->lingers = false;
    loop->now_ns = kernel_clock_gettime(CLOCK_MONOTONIC);
    return 0;
}

static void leave(struct hark_loop *loop)
{
    if (loop->backend->settle)
        loop->backend->settle(loop);
    sigpipe_release(loop);
    loop->running = false;
}

/* Whether ops are left, posts that nobody has looked at yet included. */
static bool has_work(struct hark_loop *loop)
{
    if (loop->active == 0 && !inbox_is_empty(&loop->inbox))
        wake_take_inbox(loop);
    return loop->active > 0;
}

int hark_run(struct hark_loop *loop)
{
    int result = enter(loop);
    if (result)
        return result;
    while (!loop_should_stop(loop) && has_work(loop)) {
        result = turn(loop, true);
        if (result)
            break;
    }
    if (!result)
        result = atomic_exchange(&loop->stopped, false);
    leave(loop);
    return result;
}

/* Another loop sleeps in this one's stead: from here on, whoever puts something in makes the loop's
 * descriptor readable. */
static void expect_wake(struct hark_loop *loop)
{
    atomic_store(&loop->sleeping, LOOP_SLEEPS_OUTSIDE);
    if (!inbox_is_empty(&loop->inbox) || signals_pending(loop))
        wake_loop(loop);
}

static int run_turn(struct hark_loop *loop, bool may_wait)
{
    int result = enter(loop);
    if (result)
        return result;
    if (has_work(loop) || !may_wait)
        result = turn(loop, may_wait);
    if (!result && !may_wait) {
        /* What the callbacks requested must be under way when the other loop sleeps. */
        feed_starved(loop);
        atomic_store(&loop->sleeping, LOOP_SLEEPS_OUTSIDE); /* so the backend knows */
        result = loop->backend->wait(loop, 0);
    }
    atomic_store(&loop->stopped, false);
    if (!result)
        result = has_work(loop);
    leave(loop);
    if (!may_wait)
        expect_wake(loop);
    return result;
}

int hark_run_once(struct hark_loop *loop)
{
    return run_turn(loop, true);
}

int hark_run_ready(struct hark_loop *loop)
{
    return run_turn(loop, false);
}
