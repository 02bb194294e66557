/* test_cancel_all.c - promise 3 at the end of a program: hark_cancel_all ends every timer, wherever
 * it stands in the heap and whatever deadlines of other ops stand between. An hour is what a timer
 * that was passed over would let the test wait. */
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint64_t second_ns = 1000000000u;
static const uint64_t hour_ns = 3600000000000u;

/* The deadline is taken out between two timers: another entry moves into a place that was passed
 * already. */
BACKEND_TEST(promise_03_cancel_all_finds_a_timer_that_rises_into_its_place)
{
    static const uint64_t hours[] = {1, 4, 2, 4, 4,
                                     5, 5, 5, 5}; /* the root, its children, theirs, ... */
    enum { TIMERS = sizeof hours / sizeof hours[0] };
    struct harness_op timers[TIMERS] = {0};
    struct harness_op receiving = {0};
    char byte[1];
    int ends[2];
    harness_socket_pair(loop, ends);
    uint64_t now = hark_now(loop);
    for (int index = 0; index < TIMERS; index++)
        hark_sleep_until(loop, &timers[index].op, now + hours[index] * hour_ns, harness_done);
    hark_recv(loop, &receiving.op, ends[0], byte, 1, 0, harness_done);
    hark_op_deadline(&receiving.op, now + 3 * hour_ns);
    hark_cancel_all(loop);
    harness_run(loop);
    for (int index = 0; index < TIMERS; index++)
        assert_result(timers[index].result, -ECANCELED);
    assert_result(receiving.result, -ECANCELED);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

enum { TIMERS = 200, RECEIVES = 40 };

struct crowd {
    struct harness_op timers[TIMERS];
    struct harness_op receives[RECEIVES];
    char byte[1];
    int ends[2];
};

/* A heap of timers of three kinds and of deadlines, in an order that the seed tells. */
static void start_crowd(struct hark_loop *loop, struct crowd *crowd, uint64_t seed)
{
    *crowd = (struct crowd){0};
    uint64_t now = hark_now(loop);
    harness_socket_pair(loop, crowd->ends);
    for (unsigned index = 0; index < TIMERS; index++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t wait = hour_ns + (seed >> 40) * second_ns;
        if (index % (TIMERS / RECEIVES) == 0) {
            struct hark_op *receive = &crowd->receives[index / (TIMERS / RECEIVES)].op;
            hark_recv(loop, receive, crowd->ends[0], crowd->byte, 1, 0, harness_done);
            hark_op_deadline(receive, now + hour_ns + (seed >> 44) * second_ns);
        }
        if (index % 3 == 0)
            hark_sleep(loop, &crowd->timers[index].op, wait, harness_done);
        else if (index % 3 == 1)
            hark_sleep_until(loop, &crowd->timers[index].op, now + wait, harness_done);
        else
            hark_every(loop, &crowd->timers[index].op, wait, harness_done);
    }
}

static void end_crowd(struct hark_loop *loop, struct crowd *crowd)
{
    harness_run(loop);
    for (int index = 0; index < TIMERS; index++) {
        assert_int_equal(crowd->timers[index].calls, 1);
        assert_result(crowd->timers[index].result, -ECANCELED);
    }
    for (int index = 0; index < RECEIVES; index++) {
        assert_int_equal(crowd->receives[index].calls, 1);
        assert_result(crowd->receives[index].result, -ECANCELED);
    }
    harness_close(loop, crowd->ends[0]);
    harness_close(loop, crowd->ends[1]);
}

BACKEND_TEST(promise_03_cancel_all_finds_timers_among_deadlines_in_heaps_of_many_shapes)
{
    static struct crowd crowd;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        start_crowd(loop, &crowd, seed);
        if (seed % 2)
            harness_settle(loop);
        hark_cancel_all(loop);
        end_crowd(loop, &crowd);
    }
}

static void cancel_all(struct harness_op *self, int64_t result)
{
    assert_result(result, 0);
    hark_cancel_all(self->op.loop);
}

static void cancel_all_once(struct harness_op *self, int64_t result)
{
    if (result > 0)
        hark_cancel_all(self->op.loop);
}

BACKEND_TEST(promise_03_cancel_all_in_a_timers_callback_finds_the_others)
{
    static struct crowd crowd;
    struct harness_op first = {.then = cancel_all};
    start_crowd(loop, &crowd, 7);
    hark_sleep(loop, &first.op, 1, harness_done);
    end_crowd(loop, &crowd);
    assert_result(first.result, 0);
}

BACKEND_TEST(promise_03_cancel_all_ends_what_was_deferred_or_posted)
{
    struct harness_op deferred = {0};
    struct harness_op post = {0};
    hark_defer(loop, &deferred.op, harness_done);
    hark_post(loop, &post.op, harness_done);
    hark_cancel_all(loop);
    harness_run(loop);
    assert_result(deferred.result, -ECANCELED);
    assert_result(post.result, -ECANCELED);
}

/* Both are due in one turn: when the first is called, it stands in no list of the loop's, and the
 * second waits for its call. */
BACKEND_TEST(promise_03_cancel_all_in_the_callback_of_an_every_ends_it_and_those_that_are_due)
{
    struct harness_op first = {.then = cancel_all_once};
    struct harness_op second = {0};
    hark_every(loop, &first.op, 1, harness_done);
    hark_every(loop, &second.op, 1, harness_done);
    harness_run(loop);
    assert_int_equal(first.calls, 2);
    assert_result(first.result, -ECANCELED);
    assert_int_equal(second.calls, 1);
    assert_result(second.result, -ECANCELED);
}

static int64_t read_one(struct hark_op *op)
{
    const struct harness_op *recorder = hark_container_of(op, struct harness_op, op);
    char byte[1];
    return read(*(const int *)recorder->context, byte, 1);
}

BACKEND_TEST_WITH(cancel_all_leaves_the_close_of_a_file_that_waits_for_a_thread, .workers_max = 1)
{
    int gate[2];
    struct harness_op working = {.context = gate};
    struct harness_op closing = {0};
    int fd = harness_file("file", "text", 4);
    harness_pipe(gate, 0);
    hark_work(loop, &working.op, read_one, harness_done);
    hark_close(loop, &closing.op, fd, harness_done);
    hark_cancel_all(loop);
    assert_int_equal(write(gate[1], "x", 1), 1);
    harness_run(loop);
    assert_result(closing.result, 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    close(gate[0]);
    close(gate[1]);
}
