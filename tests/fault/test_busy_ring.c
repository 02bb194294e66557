/* test_busy_ring.c - io_uring takes nothing for a moment (EAGAIN, EBUSY) while requests, or the
 * loop's own wake-up, wait for room in its queue: it must not go to sleep with them in hand. On the
 * other backends there is no such queue, and nothing is refused.
 */
#include "fault/faults.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUESTS = 100 };

/* So many of the next enters fail. */
static void refuse(int error, int times)
{
    static int number;
    fault_end(number);
    if (times > 0)
        number = FAULT(.calls = "kernel_io_uring_enter", .error = error, .times = (uint64_t)times);
}

/* More requests than the queue holds, and no room made for any number of tries. */
BACKEND_TEST_WITH(requests_that_found_no_room_are_handed_over_before_it_sleeps, .entries = 1)
{
    static struct harness_op ops[REQUESTS];
    static const int errors[] = {-EAGAIN, -EBUSY};
    char byte[1];
    int ends[2];
    harness_socket_pair(loop, ends);
    for (int count = 0; count < 12; count++) {
        for (int index = 0; index < REQUESTS; index++)
            ops[index] = (struct harness_op){0};
        refuse(errors[count % 2], count);
        hark_recv(loop, &ops[0].op, ends[0], byte, 1, 0, harness_done); /* so that it would sleep */
        for (int index = 1; index < REQUESTS; index++)
            hark_nop(loop, &ops[index].op, harness_done);
        for (int index = 1; index < REQUESTS; index++)
            assert_result(harness_wait(loop, &ops[index]), 0);
        refuse(0, 0);
        hark_cancel(&ops[0].op);
        harness_run(loop);
    }
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

struct posting {
    struct hark_loop *loop;
    struct harness_op op;
    int sleeper;
};

static void *post_it(void *argument)
{
    struct posting *posting = argument;
    hark_post(posting->loop, &posting->op.op, harness_done);
    return NULL;
}

static void *post_it_once_it_sleeps(void *argument)
{
    const struct posting *posting = argument;
    harness_await_sleep(posting->sleeper);
    return post_it(argument);
}

/* The wake-up of a new loop is one request of its first turn. */
BACKEND_TEST(wake_up_that_found_no_room_is_armed_before_it_sleeps)
{
    const struct hark_options options = {.entries = 1};
    for (int count = 0; count < 12; count++) {
        static struct harness_op ops[REQUESTS];
        struct harness_op waiting = {0};
        struct posting posting = {.loop = harness_loop_create(&options)};
        pthread_t thread;
        refuse(-EAGAIN, count);
        for (int index = 0; index < REQUESTS; index++) {
            ops[index] = (struct harness_op){0};
            hark_nop(posting.loop, &ops[index].op, harness_done);
        }
        hark_sleep_until(posting.loop, &waiting.op, HARK_NEVER, harness_done);
        assert_int_equal(pthread_create(&thread, NULL, post_it, &posting), 0);
        harness_wait(posting.loop, &posting.op);
        pthread_join(thread, NULL);
        refuse(0, 0);
        hark_cancel_all(posting.loop);
        harness_run(posting.loop);
        harness_loop_destroy(posting.loop);
    }
}

/* The queue is full of what does not end by itself, and takes nothing as the wake-up is to be
 * armed. */
BACKEND_TEST(wake_up_that_found_no_room_beside_what_only_waits_is_armed_before_it_sleeps)
{
    const struct hark_options options = {.entries = 1};
    struct posting posting = {.loop = harness_loop_create(&options)};
    struct harness_op receive = {0};
    char byte[1];
    int ends[2];
    pthread_t thread;
    harness_socket_pair(posting.loop, ends);
    hark_recv(posting.loop, &receive.op, ends[0], byte, 1, 0, harness_done);
    posting.sleeper = gettid();
    refuse(-EAGAIN, 1);
    assert_int_equal(pthread_create(&thread, NULL, post_it_once_it_sleeps, &posting), 0);
    harness_wait(posting.loop, &posting.op);
    pthread_join(thread, NULL);
    refuse(0, 0);
    hark_cancel(&receive.op);
    harness_run(posting.loop);
    harness_close(posting.loop, ends[0]);
    harness_close(posting.loop, ends[1]);
    harness_loop_destroy(posting.loop);
}

static void keep_it(struct harness_op *self, int64_t result)
{
    if (result > 0)
        self->context = hark_buffer_keep(&self->op);
}

/* The pool has a single buffer. It comes back, and goes to a receive that is cancelled before the
 * kernel has taken its request.
 */
BACKEND_TEST_WITH(buffer_of_a_receive_that_is_cancelled_before_it_found_room_comes_back,
                  .entries = 1, .buffer_count = 1, .buffer_bytes = 64)
{
    static struct harness_op ops[REQUESTS];
    struct harness_op holder = {.then = keep_it};
    struct harness_op starved = {0};
    int ends[2];
    int other[2];
    harness_socket_pair(loop, ends);
    harness_socket_pair(loop, other);
    hark_recv_each(loop, &holder.op, ends[0], harness_done);
    assert_int_equal(write(ends[1], "x", 1), 1);
    while (holder.calls == 0)
        assert_result(hark_run_once(loop), 1);
    assert_int_equal(write(other[1], "y", 1), 1);
    hark_recv_each(loop, &starved.op, other[0], harness_done);
    harness_settle(loop);
    assert_int_equal(starved.calls, 0);

    refuse(-EAGAIN, 1000000);
    for (int index = 0; index < REQUESTS; index++)
        hark_nop(loop, &ops[index].op, harness_done);
    hark_buffer_return(loop, holder.context);
    assert_result(hark_run_ready(loop), 1);
    hark_cancel(&starved.op);
    refuse(0, 0);
    assert_result(harness_wait(loop, &starved), -ECANCELED);

    assert_int_equal(write(ends[1], "z", 1), 1);
    for (int turn = 0; turn < 1000 && holder.calls < 2; turn++)
        assert_result(hark_run_ready(loop), 1);
    assert_int_equal(holder.calls, 2);
    hark_buffer_return(loop, holder.context);
    hark_cancel(&holder.op);
    harness_run(loop);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
    harness_close(loop, other[0]);
    harness_close(loop, other[1]);
}
