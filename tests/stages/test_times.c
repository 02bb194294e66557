/* test_times.c - counting the times of ops. */
#include "harness/harness.h"
#include "stages/times.h"

#include <math.h>

static const struct trace_op whole = {
    .kind = HARK_OP_FSYNC,
    .request_ns = 1000,
    .queued_ns = 1000,
    .delegated_ns = 1005,
    .woke_ns = 4000,
    .returned_ns = 5101,
    .call_ns = 5102,
    .called_ns = 6126,
};

TEST(each_stage_is_in_the_bucket_of_its_time)
{
    struct stage_times times = {0};
    stage_times_add(&times, &whole);
    const struct stage_histogram *stages = times.ops[HARK_OP_FSYNC];
    assert_int_equal(stages[STAGE_SUBMISSION].buckets[2], 1); /* 5 */
    assert_int_equal(stages[STAGE_KERNEL].buckets[12], 1);    /* 4096 */
    assert_int_equal(stages[STAGE_NOTIFICATION].buckets[0], 1);
    assert_int_equal(stages[STAGE_CALLBACK].buckets[10], 1); /* 1024 */
    assert_int_equal(stages[STAGE_CALLBACK].sum_ns, 1024);
    assert_int_equal(times.late[STAGE_LATE_CALLBACKS].sum_ns, 1102);
    assert_int_equal(stage_histogram_count(&times.late[STAGE_LATE_TIMERS]), 0);
    assert_true(fabs(stage_bucket_seconds(10) - 2048e-9) < 1e-15);
}

TEST(what_was_not_seen_is_not_counted)
{
    struct stage_times times = {0};
    const struct trace_op unseen = {.kind = HARK_OP_RECV, .call_ns = 7, .called_ns = 7};
    const struct trace_op strange = {.kind = 255, .call_ns = 7, .called_ns = 7};
    stage_times_add(&times, &unseen);
    stage_times_add(&times, &strange);
    for (enum stage stage = 0; stage < STAGES; stage++)
        assert_int_equal(stage_histogram_count(&times.ops[HARK_OP_RECV][stage]),
                         stage == STAGE_CALLBACK);
    for (enum stage_lateness lateness = 0; lateness < STAGE_LATENESSES; lateness++)
        assert_int_equal(stage_histogram_count(&times.late[lateness]), 0);
}

TEST(a_timer_is_late_from_when_it_was_due_or_asked_for_and_not_if_it_was_cancelled)
{
    struct stage_times times = {0};
    struct trace_op timer = whole;
    timer.kind = HARK_OP_SLEEP;
    timer.due_ns = 5002;
    stage_times_add(&times, &timer);
    assert_int_equal(times.late[STAGE_LATE_TIMERS].sum_ns, 100);
    timer.due_ns = 1; /* long before it was asked for */
    stage_times_add(&times, &timer);
    assert_int_equal(times.late[STAGE_LATE_TIMERS].sum_ns, 100 + 4102);
    timer.result = -1;
    stage_times_add(&times, &timer);
    timer.result = 0;
    timer.due_ns = HARK_NEVER;
    stage_times_add(&times, &timer);
    assert_int_equal(stage_histogram_count(&times.late[STAGE_LATE_TIMERS]), 2);
}

TEST(times_that_are_longer_than_all_buckets_are_in_the_last)
{
    struct stage_times times = {0}, more = {0};
    struct trace_op op = whole;
    op.called_ns = UINT64_MAX;
    stage_times_add(&times, &op);
    assert_int_equal(times.ops[HARK_OP_FSYNC][STAGE_CALLBACK].buckets[STAGE_BUCKETS - 1], 1);
    stage_times_add(&more, &whole);
    stage_times_join(&times, &more);
    assert_int_equal(stage_histogram_count(&times.ops[HARK_OP_FSYNC][STAGE_CALLBACK]), 2);
    assert_int_equal(stage_histogram_count(&times.late[STAGE_LATE_CALLBACKS]), 2);
}
