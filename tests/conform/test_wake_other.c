/* test_wake_other.c - messages to loops that sleep: they wake whatever the sender does next, and
 * nobody else's posts wait for that.
 *
 * A message leaves with the sender's turn, so here the sender does what could keep it: it stops,
 * fills its queue, stays in its callback, sends to more loops than it keeps in mind. */
#include "harness/harness.h"

#include "core/loop.h"
#include "uring/state.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { SLEEPERS = 12, NOPS = 600 };

/* A loop on a thread of its own, which sleeps until it is told to end. */
struct sleeper {
    _Atomic(struct hark_loop *) loop;
    pthread_t thread;
    struct hark_op hold, first, second, end;
    atomic_int heard;
    atomic_bool released; /* nobody speaks to its loop any more */
};

static struct sleeper sleepers[SLEEPERS];

static void ignored(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
}

static void *sleep_until_the_end(void *argument)
{
    struct sleeper *sleeper = argument;
    struct hark_loop *loop = harness_loop_create(&(struct hark_options){0});
    hark_sleep_until(loop, &sleeper->hold, HARK_NEVER, ignored);
    atomic_store(&sleeper->loop, loop);
    assert_result(hark_run(loop), 0);
    while (!atomic_load(&sleeper->released))
        sched_yield();
    assert_result(hark_loop_destroy(loop), 0);
    return NULL;
}

/* Until it has said that it sleeps: from there on it looks at its inbox once more, and no
 * further. */
static void wait_asleep(struct sleeper *sleeper)
{
    struct hark_loop *loop;
    while (!(loop = atomic_load(&sleeper->loop)) || !atomic_load(&loop->sleeping))
        sched_yield();
}

static void open_sleepers(int count)
{
    for (int index = 0; index < count; index++)
        assert_int_equal(
            pthread_create(&sleepers[index].thread, NULL, sleep_until_the_end, &sleepers[index]),
            0);
    for (int index = 0; index < count; index++)
        wait_asleep(&sleepers[index]);
}

static void first_heard(struct hark_op *op, int64_t result)
{
    (void)result;
    atomic_fetch_add(&hark_container_of(op, struct sleeper, first)->heard, 1);
}

static void second_heard(struct hark_op *op, int64_t result)
{
    (void)result;
    atomic_fetch_add(&hark_container_of(op, struct sleeper, second)->heard, 1);
}

static void send_first(struct hark_loop *loop, struct sleeper *sleeper)
{
    hark_message(loop, &sleeper->first, atomic_load(&sleeper->loop), first_heard);
}

static void send_second(struct hark_loop *loop, struct sleeper *sleeper)
{
    hark_message(loop, &sleeper->second, atomic_load(&sleeper->loop), second_heard);
}

static void wait_heard(struct sleeper *sleeper, int count)
{
    while (atomic_load(&sleeper->heard) < count)
        sched_yield();
}

static void end_here(struct hark_op *op, int64_t result)
{
    (void)result;
    hark_cancel(&hark_container_of(op, struct sleeper, end)->hold);
}

static void close_sleepers(int count)
{
    for (int index = 0; index < count; index++) {
        hark_post(atomic_load(&sleepers[index].loop), &sleepers[index].end, end_here);
        atomic_store(&sleepers[index].released, true);
        assert_int_equal(pthread_join(sleepers[index].thread, NULL), 0);
    }
}

/* Runs a function as a callback of the loop. */
static void call(struct hark_loop *loop, void (*function)(struct harness_op *self, int64_t result))
{
    struct harness_op op = {.then = function};
    hark_defer(loop, &op.op, harness_done);
    assert_true(hark_run(loop) >= 0);
    assert_true(op.ended);
}

static void send_and_stop(struct harness_op *self, int64_t result)
{
    (void)result;
    send_first(self->op.loop, &sleepers[0]);
    hark_stop(self->op.loop);
}

BACKEND_TEST(message_wakes_though_its_sender_stops)
{
    open_sleepers(1);
    call(loop, send_and_stop);
    wait_heard(&sleepers[0], 1); /* the sender's loop does not run any more */
    close_sleepers(1);
}

static void send_to_all(struct harness_op *self, int64_t result)
{
    (void)result;
    for (int index = 0; index < SLEEPERS; index++)
        send_first(self->op.loop, &sleepers[index]);
    for (int index = 0; index < SLEEPERS; index++)
        send_second(self->op.loop, &sleepers[index]);
}

BACKEND_TEST(messages_to_many_loops_in_one_callback_wake_all)
{
    open_sleepers(SLEEPERS);
    call(loop, send_to_all);
    for (int index = 0; index < SLEEPERS; index++)
        wait_heard(&sleepers[index], 2);
    close_sleepers(SLEEPERS);
}

static struct harness_op nops[NOPS];

/* The requests go out in between, as the queue is full: what was sent wakes then, and what is sent
 * afterwards has to wake anew.
 */
static void send_fill_and_send(struct harness_op *self, int64_t result)
{
    struct hark_loop *loop = self->op.loop;
    (void)result;
    send_first(loop, &sleepers[0]);
    for (int index = 0; index < NOPS; index++)
        hark_nop(loop, &nops[index].op, harness_done);
    if (harness_backend() != HARK_BACKEND_URING || hark_loop_metrics(loop)->ring_full == 0)
        return send_second(loop, &sleepers[0]);
    wait_heard(&sleepers[0], 1);
    wait_asleep(&sleepers[0]);
    send_second(loop, &sleepers[0]);
}

BACKEND_TEST_WITH(message_after_the_queue_went_out_wakes_anew, .entries = 8)
{
    open_sleepers(1);
    call(loop, send_fill_and_send);
    wait_heard(&sleepers[0], 2);
    close_sleepers(1);
}

static void *post_to_the_sleeper(void *argument)
{
    struct sleeper *sleeper = argument;
    hark_post(atomic_load(&sleeper->loop), &sleeper->second, second_heard);
    return NULL;
}

static void send_and_stay(struct harness_op *self, int64_t result)
{
    pthread_t thread;
    (void)result;
    send_first(self->op.loop, &sleepers[0]);
    assert_int_equal(pthread_create(&thread, NULL, post_to_the_sleeper, &sleepers[0]), 0);
    wait_heard(&sleepers[0], 2);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

BACKEND_TEST(post_of_another_thread_does_not_wait_for_the_senders_turn)
{
    open_sleepers(1);
    call(loop, send_and_stay);
    close_sleepers(1);
}

static bool uses(const struct hark_loop *loop, const char *name)
{
    const struct hark_feature *features;
    size_t count = hark_loop_features(loop, &features);
    for (size_t index = 0; index < count; index++)
        if (strcmp(features[index].name, name) == 0)
            return features[index].used;
    return false;
}

static void stop_here(struct harness_op *self, int64_t result)
{
    (void)result;
    hark_stop(self->op.loop);
}

static void send_one(struct harness_op *self, int64_t result)
{
    (void)result;
    send_first(self->op.loop, &sleepers[0]);
}

static int ring_of(struct sleeper *sleeper)
{
    return ((const struct uring *)atomic_load(&sleeper->loop)->backend_state)->ring.fd;
}

/* The number of the sleeper's ring means another file for a while: the loop itself goes by its
 * registration. Gives: what puts it back, or -1. */
static int ring_is_hidden(const struct hark_loop *loop)
{
    if (!uses(loop, "registered_ring"))
        return -1;
    int ring = ring_of(&sleepers[0]);
    int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int saved = dup(ring);
    assert_true(dup2(other, ring) == ring);
    close(other);
    return saved;
}

static void ring_is_shown(int saved)
{
    if (saved < 0)
        return;
    int ring = ring_of(&sleepers[0]);
    assert_true(dup2(saved, ring) == ring);
    close(saved);
}

BACKEND_TEST(message_that_the_kernel_refuses_wakes_all_the_same)
{
    open_sleepers(1);
    int saved = ring_is_hidden(loop);
    struct harness_op send = {.then = send_one};
    hark_defer(loop, &send.op, harness_done);
    while (atomic_load(&sleepers[0].heard) == 0) /* that it was refused is seen in a later turn */
        harness_turns(loop, 1);
    ring_is_shown(saved);
    close_sleepers(1);
}

static void send_and_stop_next(struct harness_op *self, int64_t result)
{
    struct harness_op *stop = self->context;
    send_one(self, result);
    hark_defer(self->op.loop, &stop->op, harness_done);
}

/* It stops in the turn in which the message was refused, before it looks at its completions. */
BACKEND_TEST(message_that_is_refused_while_its_sender_stops_wakes_all_the_same)
{
    open_sleepers(1);
    int saved = ring_is_hidden(loop);
    struct harness_op stop = {.then = stop_here};
    struct harness_op send = {.then = send_and_stop_next, .context = &stop};
    hark_defer(loop, &send.op, harness_done);
    assert_result(hark_run(loop), 1);
    assert_true(stop.ended);
    wait_heard(&sleepers[0], 1);
    ring_is_shown(saved);
    close_sleepers(1);
}
