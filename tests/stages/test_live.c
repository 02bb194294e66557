/* test_live.c - a loop that shows its own stages: what is counted, who else may record it, and that
 * nothing of it is left once nobody looks. */
#include "harness/harness.h"
#include "stages/live.h"
#include "trace/control.h"

#include <stdlib.h>
#include <unistd.h>

static const uint64_t hour_ns = UINT64_C(3600) * 1000000000;

static void look(struct harness_op *self, int64_t result)
{
    (void)result;
    live_look(self->context);
}

/* Looks, in the callback of a nop: what live_view gives is what had returned before it. */
static const struct live_view *look_once(struct live *live)
{
    struct harness_op nop = {.then = look, .context = live};
    hark_nop(live->loop, &nop.op, harness_done);
    harness_wait(live->loop, &nop);
    return live_view(live);
}

static void end(struct live *live)
{
    live_end(live);
    harness_run(live->loop);
    assert_null(hark_loop_trace(live->loop));
    live_done(live);
}

static uint64_t callbacks(const struct live_view *view, int kind)
{
    return stage_histogram_count(&view->times.ops[kind][STAGE_CALLBACK]);
}

static uint64_t calls(const struct hark_metrics *metrics, int kind)
{
    return metrics->handled[kind] + metrics->repeated[kind];
}

/* All callbacks since a look, but for the one in which the last look was, are counted or known to
 * be missed. */
static void assert_none_forgotten(const struct live_view *view, const struct hark_metrics *then,
                                  const struct hark_metrics *now)
{
    uint64_t counted = view->missed, called = 0;
    for (int kind = 0; kind < HARK_OP_KINDS; kind++) {
        counted += callbacks(view, kind);
        called += calls(now, kind) - calls(then, kind);
    }
    assert_int_equal(counted + 1, called);
}

/* --- what is counted --- */

static int64_t done_elsewhere(struct hark_op *op)
{
    (void)op;
    return 0;
}

BACKEND_TEST(each_kind_is_counted_as_often_as_the_loop_has_called_back)
{
    enum { COUNT = 300 };
    struct live live;
    struct harness_op ops[3 * COUNT] = {0};
    live_init(&live, loop, hour_ns);
    assert_null(live_view(&live));
    assert_int_equal(look_once(&live)->recording, 1);
    const struct hark_metrics then = *hark_loop_metrics(loop);
    for (int i = 0; i < COUNT; i++) {
        hark_nop(loop, &ops[3 * i].op, harness_done);
        hark_sleep(loop, &ops[3 * i + 1].op, 1000, harness_done);
        hark_work(loop, &ops[3 * i + 2].op, done_elsewhere, harness_done);
    }
    for (int i = 0; i < 3 * COUNT; i++)
        harness_wait(loop, &ops[i]);
    const struct live_view *view = look_once(&live);
    const struct hark_metrics *now = hark_loop_metrics(loop);
    assert_int_equal(view->missed, 0);
    assert_none_forgotten(view, &then, now);
    for (int kind = 0; kind < HARK_OP_KINDS; kind++)
        assert_int_equal(callbacks(view, kind) + (kind == HARK_OP_NOP),
                         calls(now, kind) - calls(&then, kind));
    assert_int_equal(callbacks(view, HARK_OP_NOP), COUNT);
    assert_int_equal(stage_histogram_count(&view->times.ops[HARK_OP_WORK][STAGE_KERNEL]), COUNT);
    assert_true(stage_histogram_count(&view->times.late[STAGE_LATE_TIMERS]) >= COUNT);
    assert_true(view->recorded_ns > 0);
    end(&live);
}

BACKEND_TEST(what_a_ring_could_not_keep_is_missed_and_known_to_be)
{
    enum { COUNT = 1000 };
    const struct hark_trace_options small = {.events = 64};
    struct live live;
    struct harness_op nops[COUNT] = {0};
    live_init(&live, loop, hour_ns);
    assert_result(hark_trace_start(loop, &small), 0);
    look_once(&live);
    const struct hark_metrics then = *hark_loop_metrics(loop);
    for (int i = 0; i < COUNT; i++)
        hark_nop(loop, &nops[i].op, harness_done);
    for (int i = 0; i < COUNT; i++)
        harness_wait(loop, &nops[i]);
    const struct live_view *view = look_once(&live);
    assert_true(view->missed > 0);
    assert_none_forgotten(view, &then, hark_loop_metrics(loop));
    live_end(&live);
    harness_run(loop);
    assert_non_null(hark_loop_trace(loop)); /* it was not turned on here */
    live_done(&live);
    hark_trace_stop(loop);
}

enum { BURN_NS = 5000000 };

static void burn(struct harness_op *self, int64_t result)
{
    (void)result;
    uint64_t from_ns = hark_os_clock(self->op.loop);
    while (hark_os_clock(self->op.loop) - from_ns < BURN_NS)
        ;
}

BACKEND_TEST(the_longest_callback_is_told_and_who_is_late_for_it)
{
    struct live live;
    struct harness_op burning = {.then = burn}, behind = {0};
    live_init(&live, loop, hour_ns);
    look_once(&live);
    uint64_t due_ns = hark_os_clock(loop) + 1000;
    hark_sleep_until(loop, &behind.op, due_ns, harness_done);
    hark_defer(loop, &burning.op, harness_done);
    harness_wait(loop, &burning);
    harness_wait(loop, &behind);
    const struct live_view *view = look_once(&live);
    assert_true(view->longest.held_ns >= BURN_NS);
    assert_true(view->times.ops[view->longest.kind][STAGE_CALLBACK].sum_ns >= BURN_NS);
    assert_true(view->times.ops[HARK_OP_DEFER][STAGE_CALLBACK].sum_ns >= BURN_NS);
    assert_true(view->times.late[STAGE_LATE_TIMERS].sum_ns > 0);
    end(&live);
}

/* --- on and off --- */

BACKEND_TEST(once_nobody_looks_nothing_records_and_the_loop_sleeps)
{
    struct live live;
    struct harness_op nop = {.then = look, .context = &live}, hold = {0};
    live_init(&live, loop, 1000000);
    for (int i = 0; i < 2; i++) {
        hark_nop(loop, &nop.op, harness_done);
        assert_result(hark_run(loop), 0); /* nothing of it is left in flight */
        assert_int_equal(live_view(&live)->recording, 0);
        assert_null(hark_loop_trace(loop));
        harness_op_again(&nop);
    }
    hark_sleep_until(loop, &hold.op, HARK_NEVER, harness_done);
    harness_assert_sleeps(loop, 1);
    hark_cancel(&hold.op);
    harness_run(loop);
    end(&live);
}

BACKEND_TEST(where_it_is_not_wanted_or_over_nothing_is_ever_recorded)
{
    struct live live;
    live_init(&live, loop, 0);
    assert_null(look_once(&live));
    live_init(&live, loop, hour_ns);
    live_end(&live);
    assert_null(look_once(&live));
    assert_null(hark_loop_trace(loop));
    live_done(&live);
}

/* --- others who record --- */

static void run_until_more_nops(struct live *live)
{
    uint64_t before = callbacks(live_view(live), HARK_OP_NOP);
    while (callbacks(live_view(live), HARK_OP_NOP) == before)
        look_once(live);
}

BACKEND_TEST(whoever_traces_from_outside_gets_the_recorder_and_the_view_goes_on)
{
    struct trace_controls controls = {0};
    struct live live;
    live_init(&live, loop, hour_ns);
    look_once(&live);
    const struct hark_metrics then = *hark_loop_metrics(loop);
    run_until_more_nops(&live);
    assert_result(trace_controls_find(&controls, getpid()), 0);
    for (int i = 0; i < 2; i++) {
        assert_result(trace_controls_begin(&controls, hark_os_clock(loop) + hour_ns, 4096), 0);
        look_once(&live);
        assert_int_equal(hark_loop_trace(loop)->capacity, 4096);
        run_until_more_nops(&live); /* now out of those rings */
        run_until_more_nops(&live);
        trace_controls_end(&controls);
        look_once(&live);
        run_until_more_nops(&live); /* and out of its own again */
        run_until_more_nops(&live);
        assert_true(hark_loop_trace(loop)->capacity > 4096);
    }
    assert_none_forgotten(look_once(&live), &then, hark_loop_metrics(loop));
    end(&live);
}
