/* test_control.c - recording that is turned on from outside: when it begins, that it ends by
 * itself, and who is refused. The process tells itself, through the same calls. */
#include "trace/attached.h"
#include "trace/fixture.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint64_t second_ns = 1000000000;

static void turn(struct hark_loop *loop)
{
    struct harness_op nop = {0};
    hark_nop(loop, &nop.op, harness_done);
    harness_run(loop);
}

static struct trace_controls own_controls(void)
{
    struct trace_controls controls = {0};
    assert_result(trace_controls_find(&controls, getpid()), 0);
    assert_int_equal(controls.count, 1);
    return controls;
}

static struct trace_controls_state look(const struct trace_controls *controls)
{
    struct trace_controls_state state;
    assert_result(trace_controls_look(controls, &state), 0);
    return state;
}

static size_t open_descriptors(void)
{
    static int list[HARNESS_DESCRIPTORS_MAX];
    return harness_descriptors(list, HARNESS_DESCRIPTORS_MAX);
}

/* --- on and off --- */

BACKEND_TEST(a_loop_records_from_its_next_turn_until_it_is_told_to_end)
{
    struct trace_controls controls = own_controls();
    turn(loop);
    size_t descriptors = open_descriptors();
    assert_int_equal(look(&controls).loops, 1);
    assert_false(look(&controls).traced);
    assert_result(trace_controls_begin(&controls, hark_os_clock(loop) + 3600 * second_ns, 100), 0);
    assert_null(hark_loop_trace(loop));
    assert_int_equal(look(&controls).started, 0);
    turn(loop);
    assert_non_null(hark_loop_trace(loop));
    assert_int_equal(hark_loop_trace(loop)->capacity, 128);
    assert_int_equal(look(&controls).started, 1);
    assert_true(look(&controls).traced);
    turn(loop);
    assert_int_equal(look(&controls).started, 1);
    trace_controls_end(&controls);
    assert_non_null(hark_loop_trace(loop));
    turn(loop);
    assert_null(hark_loop_trace(loop));
    assert_false(look(&controls).traced);
    assert_int_equal(open_descriptors(), descriptors);
}

BACKEND_TEST(a_loop_of_which_nobody_wants_more_ends_by_itself)
{
    struct trace_controls controls = own_controls();
    assert_result(trace_controls_begin(&controls, hark_os_clock(loop) + 3600 * second_ns, 0), 0);
    turn(loop);
    assert_non_null(hark_loop_trace(loop));
    assert_result(trace_controls_go_on(&controls, hark_os_clock(loop)), 0);
    turn(loop); /* this one's wait still has the time of the turn before */
    turn(loop);
    assert_null(hark_loop_trace(loop));
    assert_result(trace_controls_go_on(&controls, hark_os_clock(loop) + 3600 * second_ns), 0);
    turn(loop);
    assert_null(hark_loop_trace(loop));
}

BACKEND_TEST(a_loop_that_is_made_meanwhile_records_too)
{
    struct trace_controls controls = own_controls();
    assert_result(trace_controls_begin(&controls, hark_os_clock(loop) + 3600 * second_ns, 64), 0);
    struct hark_loop *other = harness_loop_create(NULL);
    assert_int_equal(look(&controls).loops, 2);
    turn(other);
    assert_non_null(hark_loop_trace(other));
    harness_loop_destroy(other);
    assert_int_equal(look(&controls).loops, 1);
    assert_int_equal(look(&controls).started, 1);
    trace_controls_end(&controls);
}

BACKEND_TEST(a_loop_that_records_already_goes_on_and_says_so)
{
    struct trace_controls controls = own_controls();
    assert_result(hark_trace_start(loop, NULL), 0);
    const struct hark_trace_ring *ring = hark_loop_trace(loop);
    assert_result(trace_controls_begin(&controls, hark_os_clock(loop) + 3600 * second_ns, 64), 0);
    turn(loop);
    assert_ptr_equal(hark_loop_trace(loop), ring);
    assert_result(look(&controls).refused, -EALREADY);
    trace_controls_end(&controls);
    turn(loop);
    assert_ptr_equal(hark_loop_trace(loop), ring);
}

BACKEND_TEST(a_recording_that_yields_makes_room_and_may_begin_again_afterwards)
{
    struct trace_controls controls = own_controls();
    const struct hark_trace_options yielding = {.events = 256, .yields = true};
    assert_result(hark_trace_start(loop, &yielding), 0);
    turn(loop);
    assert_true(hark_loop_trace(loop)->capacity == 256);
    for (int i = 0; i < 2; i++) {
        assert_result(trace_controls_begin(&controls, hark_os_clock(loop) + 3600 * second_ns, 64),
                      0);
        turn(loop);
        assert_true(hark_loop_trace(loop)->capacity == 64);
        assert_result(look(&controls).refused, 0);
        assert_result(hark_trace_start(loop, &yielding), -EALREADY);
        trace_controls_end(&controls);
        turn(loop);
        assert_null(hark_loop_trace(loop));
        assert_result(hark_trace_start(loop, &yielding), 0);
    }
    hark_trace_stop(loop);
    assert_result(hark_trace_start(loop, NULL), 0); /* this one does not, though one before did */
    assert_result(trace_controls_begin(&controls, hark_os_clock(loop) + 3600 * second_ns, 64), 0);
    turn(loop);
    assert_result(look(&controls).refused, -EALREADY);
    trace_controls_end(&controls);
}

BACKEND_TEST(rings_of_a_size_that_makes_no_sense_are_refused)
{
    struct trace_controls controls = own_controls();
    assert_result(trace_controls_begin(&controls, hark_os_clock(loop) + 3600 * second_ns, 1), 0);
    turn(loop);
    assert_null(hark_loop_trace(loop));
    assert_result(look(&controls).refused, -EINVAL);
    trace_controls_end(&controls);
}

BACKEND_TEST(a_recording_that_yields_goes_on_where_the_other_is_refused)
{
    struct trace_controls controls = own_controls();
    const struct hark_trace_options yielding = {.events = 256, .yields = true};
    static const uint32_t refused[] = {1, 1u << 31, UINT32_MAX};
    assert_result(hark_trace_start(loop, &yielding), 0);
    turn(loop);
    const struct hark_trace_ring *ring = hark_loop_trace(loop);
    size_t descriptors = open_descriptors();
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        uint64_t written = ring->written;
        assert_result(
            trace_controls_begin(&controls, hark_os_clock(loop) + 3600 * second_ns, refused[i]), 0);
        turn(loop);
        assert_result(look(&controls).refused, -EINVAL);
        assert_ptr_equal(hark_loop_trace(loop), ring);
        assert_true(ring->written > written);
        assert_int_equal(open_descriptors(), descriptors);
        trace_controls_end(&controls);
        turn(loop);
        assert_ptr_equal(hark_loop_trace(loop), ring);
    }
    assert_result(trace_controls_begin(&controls, hark_os_clock(loop) + 3600 * second_ns, 64), 0);
    turn(loop);
    assert_true(hark_loop_trace(loop)->capacity == 64); /* it yields still */
    trace_controls_end(&controls);
}

BACKEND_TEST(a_program_ends_its_own_recording_and_not_one_from_outside)
{
    struct trace_controls controls = own_controls();
    const struct hark_trace_options yielding = {.yields = true};
    assert_result(hark_trace_start(loop, &yielding), 0);
    assert_result(trace_controls_begin(&controls, hark_os_clock(loop) + 3600 * second_ns, 64), 0);
    turn(loop);
    const struct hark_trace_ring *ring = hark_loop_trace(loop);
    assert_true(ring->capacity == 64);
    hark_trace_stop(loop);
    assert_ptr_equal(hark_loop_trace(loop), ring);
    turn(loop);
    trace_controls_end(&controls);
    turn(loop);
    assert_null(hark_loop_trace(loop));
    assert_result(hark_trace_start(loop, &yielding), 0);
    hark_trace_stop(loop);
    assert_null(hark_loop_trace(loop));
}

/* --- the rings --- */

BACKEND_TEST(the_rings_of_an_attached_process_are_found_and_stay_when_they_have_ended)
{
    struct traced traced;
    struct trace_attached attached = {0}, second = {0};
    traced_init(&traced);
    assert_result(trace_attached_begin(&attached, getpid(), 1024, &traced.rings), 0);
    assert_result(trace_attached_begin(&second, getpid(), 1024, &traced.rings), -EBUSY);
    assert_true(trace_attached_round(&attached, false));
    assert_int_equal(trace_attached_begun(&attached), 0);
    turn(loop); /* it begins when this turn's wait returns */
    assert_true(trace_attached_round(&attached, false));
    assert_int_equal(trace_attached_begun(&attached), 1);
    turn(loop);
    trace_attached_round(&attached, true);
    turn(loop);
    assert_null(hark_loop_trace(loop));
    trace_rings_read(&traced.rings, trace_ops_take, traced.ops);
    trace_ops_settle(traced.ops, UINT64_MAX);
    assert_true(traced.count == 2);
    assert_true(traced.ended[0].flags & TRACE_OP_UNSEEN);
    assert_false(traced.ended[1].flags & TRACE_OP_UNSEEN);
    traced_done(&traced);
}

/* --- who is refused --- */

TEST(processes_that_are_not_there_or_have_no_hark_are_told_apart)
{
    struct trace_controls controls = {0};
    char sleep[] = "sleep", seconds[] = "600";
    char *const arguments[] = {sleep, seconds, NULL};
    char *const environment[] = {NULL};
    pid_t other;
    assert_int_equal(posix_spawnp(&other, "sleep", NULL, NULL, arguments, environment), 0);
    assert_result(trace_controls_find(&controls, other), -ENOENT);
    kill(other, SIGKILL);
    assert_int_equal(waitpid(other, NULL, 0), other);
    assert_result(trace_controls_find(&controls, other), -ESRCH);
    assert_int_equal(controls.count, 0);
}
