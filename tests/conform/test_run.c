/* test_run.c - making, running, stopping and destroying a loop, and living inside another loop. */
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

BACKEND_TEST(run_with_nothing_gives_zero_at_once)
{
    assert_result(hark_run(loop), 0);
    assert_result(hark_run_once(loop), 0);
    assert_result(hark_run_ready(loop), 0);
}

BACKEND_TEST(run_once_gives_one_while_ops_are_left)
{
    struct harness_op forever = {0};
    struct harness_op nop = {0};
    hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
    hark_nop(loop, &nop.op, harness_done);
    while (!nop.ended)
        assert_result(hark_run_once(loop), 1);
    hark_cancel(&forever.op);
    harness_run(loop);
}

BACKEND_TEST(run_once_waits_for_an_event_after_a_turn_full_of_posts)
{
    struct harness_op posts[3] = {0};
    struct harness_op sleep = {0};
    hark_sleep(loop, &sleep.op, 3000000, harness_done);
    for (int index = 0; index < 3; index++)
        hark_post(loop, &posts[index].op, harness_done);
    while (!posts[2].ended) {
        int64_t left = hark_run_once(loop);
        assert_true(left == 1 || (left == 0 && sleep.ended));
    }
    if (!sleep.ended)
        assert_result(hark_run_once(loop), 0);
    assert_true(sleep.ended);
}

BACKEND_TEST(run_ready_does_not_wait)
{
    struct harness_op forever = {0};
    hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
    for (int turn = 0; turn < 10; turn++)
        assert_result(hark_run_ready(loop), 1);
    assert_int_equal(forever.calls, 0);
    hark_cancel(&forever.op);
    harness_run(loop);
}

static void send_one(struct harness_op *self, int64_t result)
{
    struct harness_op *sending = self->context;
    assert_result(result, 0);
    hark_send(self->op.loop, &sending->op, sending->op.fd, "x", 1, 0, harness_done);
}

BACKEND_TEST(run_ready_hands_over_what_its_callbacks_started)
{
    int ends[2];
    char byte[1];
    struct harness_op sending = {0};
    struct harness_op deferred = {.then = send_one, .context = &sending};
    harness_socket_pair(loop, ends);
    sending.op.fd = ends[0];
    hark_defer(loop, &deferred.op, harness_done);
    assert_true(hark_run_ready(loop) >= 0);
    assert_int_equal(read(ends[1], byte, 1), 1); /* without another turn */
    harness_run(loop);
    assert_result(sending.result, 1);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

static void stop_here(struct harness_op *self, int64_t result)
{
    (void)result;
    hark_stop(self->op.loop);
}

BACKEND_TEST(stop_in_a_callback_returns_after_it_and_the_rest_comes_later)
{
    struct harness_op first = {.then = stop_here};
    struct harness_op second = {0};
    hark_defer(loop, &first.op, harness_done);
    hark_defer(loop, &second.op, harness_done);
    assert_result(hark_run(loop), 1);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls, 0);
    harness_run(loop);
    assert_int_equal(second.calls, 1);
}

BACKEND_TEST(stop_before_run_makes_it_return_at_once)
{
    struct harness_op forever = {0};
    hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
    hark_stop(loop);
    assert_result(hark_run(loop), 1);
    assert_int_equal(forever.calls, 0);
    hark_cancel(&forever.op);
    harness_run(loop); /* the stop is used up */
}

BACKEND_TEST(stop_before_run_once_lets_it_not_wait)
{
    struct harness_op forever = {0};
    hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
    hark_stop(loop);
    assert_result(hark_run_once(loop), 1);
    hark_cancel(&forever.op);
    harness_run(loop); /* the stop is used up */
}

static void *stop_from_thread(void *loop)
{
    hark_stop(loop);
    return NULL;
}

BACKEND_TEST(promise_13_stop_from_a_thread_wakes_a_sleeping_loop)
{
    for (int round = 0; round < 50; round++) {
        struct harness_op forever = {0};
        pthread_t thread;
        hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
        assert_int_equal(pthread_create(&thread, NULL, stop_from_thread, loop), 0);
        assert_result(hark_run(loop), 1);
        pthread_join(thread, NULL);
        hark_cancel(&forever.op);
        harness_run(loop);
    }
}

enum { STOPS = 10000 };

struct stopper {
    struct hark_loop *loop;
    atomic_int wanted;
};

/* Each stop a little later after it was asked for than the one before, over and over again. */
static void *stop_often(void *context)
{
    struct stopper *stopper = context;
    for (int count = 1; count <= STOPS; count++) {
        for (unsigned spins = 1; atomic_load(&stopper->wanted) < count; spins++)
            if (spins % 10000 == 0)
                sched_yield(); /* where there is one CPU alone */
        for (volatile int wait = count % 500; wait > 0; wait--)
            ;
        hark_stop(stopper->loop);
    }
    return NULL;
}

BACKEND_TEST(promise_13_stop_while_the_loop_falls_asleep_is_not_missed)
{
    struct stopper stopper = {.loop = loop};
    struct harness_op forever = {0};
    pthread_t thread;
    hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
    assert_int_equal(pthread_create(&thread, NULL, stop_often, &stopper), 0);
    for (int count = 1; count <= STOPS; count++) {
        atomic_store(&stopper.wanted, count);
        assert_result(hark_run(loop), 1);
    }
    pthread_join(thread, NULL);
    hark_cancel(&forever.op);
    harness_run(loop);
}

static struct hark_loop *signalled;

static void stop_from_signal(int number)
{
    (void)number;
    hark_stop(signalled);
}

BACKEND_TEST(promise_13_stop_from_a_signal_handler_wakes_a_sleeping_loop)
{
    struct harness_op forever = {0};
    signalled = loop;
    signal(SIGALRM, stop_from_signal);
    hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
    ualarm(20000, 0);
    assert_result(hark_run(loop), 1);
    assert_int_equal(forever.calls, 0);
    signal(SIGALRM, SIG_DFL);
    hark_cancel(&forever.op);
    harness_run(loop);
}

static void count_only(int number)
{
    (void)number;
}

static void restart_timer(struct harness_op *self, int64_t result)
{
    (void)result;
    if (self->calls == 4)
        hark_cancel(&self->op);
}

BACKEND_TEST(promise_14_interrupted_waits_are_hidden)
{
    struct harness_op ticks = {.then = restart_timer};
    struct sigaction handler = {.sa_handler =
                                    count_only}; /* without SA_RESTART: waits end with EINTR */
    sigaction(SIGALRM, &handler, NULL);
    hark_every(loop, &ticks.op, 20000000, harness_done);
    ualarm(1000, 1000);
    harness_run(loop);
    ualarm(0, 0);
    signal(SIGALRM, SIG_DFL);
    assert_result(ticks.result, -ECANCELED);
    assert_int_equal(ticks.calls, 5);
}

BACKEND_TEST(destroy_with_an_op_in_flight_gives_ebusy)
{
    struct harness_op forever = {0};
    hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
    assert_result(hark_loop_destroy(loop), -EBUSY);
    hark_cancel_all(loop);
    assert_result(hark_loop_destroy(loop), -EBUSY); /* cancelled, but its final call has not come */
    harness_run(loop);
    assert_result(forever.result, -ECANCELED);
}

TEST(destroy_takes_null)
{
    assert_result(hark_loop_destroy(NULL), 0);
}

static void start_another(struct harness_op *self, int64_t result)
{
    (void)result;
    if (self->calls < 5) {
        self->ended = false;
        hark_sleep(self->op.loop, &self->op, 3600000000000u, harness_done);
        hark_cancel_all(self->op.loop);
    }
}

BACKEND_TEST(cancel_all_inside_callbacks_reaches_what_they_started)
{
    struct harness_op ops[5] = {0};
    for (int index = 0; index < 5; index++) {
        ops[index].then = start_another;
        hark_sleep_until(loop, &ops[index].op, HARK_NEVER, harness_done);
    }
    hark_cancel_all(loop);
    harness_run(loop);
    for (int index = 0; index < 5; index++)
        assert_result(ops[index].result, -ECANCELED);
}

BACKEND_TEST(loop_descriptor_becomes_readable_when_there_is_something_to_do)
{
    int fd = hark_loop_descriptor(loop);
    if (harness_backend() == HARK_BACKEND_POLL || harness_backend() == HARK_BACKEND_SELECT) {
        assert_result(fd, -ENOTSUP);
        return;
    }
    assert_true(fd >= 0);
    int pair[2];
    char byte[1];
    struct harness_op receive = {0};
    struct pollfd outside = {.fd = fd, .events = POLLIN};
    harness_socket_pair(loop, pair);
    hark_recv(loop, &receive.op, pair[0], byte, 1, 0, harness_done);
    harness_settle(loop);
    assert_int_equal(poll(&outside, 1, 0), 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    for (int turn = 0; !receive.ended && turn < 100; turn++) {
        assert_int_equal(poll(&outside, 1, 10000), 1);
        assert_true(hark_run_ready(loop) >= 0);
    }
    assert_result(receive.result, 1);
    harness_close(loop, pair[0]);
    harness_close(loop, pair[1]);
}

static void *post_to(void *context)
{
    struct harness_op *post = context;
    hark_post(post->context, &post->op, harness_done);
    return NULL;
}

BACKEND_TEST(loop_descriptor_becomes_readable_for_a_post)
{
    int fd = hark_loop_descriptor(loop);
    if (fd < 0)
        return;
    struct harness_op post = {.context = loop};
    struct harness_op forever = {0};
    struct pollfd outside = {.fd = fd, .events = POLLIN};
    pthread_t thread;
    hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
    harness_settle(loop);
    assert_int_equal(pthread_create(&thread, NULL, post_to, &post), 0);
    pthread_join(thread, NULL);
    for (int turn = 0; !post.ended && turn < 100; turn++) {
        assert_int_equal(poll(&outside, 1, 10000), 1);
        assert_true(hark_run_ready(loop) >= 0);
    }
    assert_int_equal(post.calls, 1);
    hark_cancel(&forever.op);
    harness_run(loop);
}

/* Another loop sleeps until the op has ended: it must be woken. */
static void wait_outside(struct hark_loop *loop, const struct harness_op *awaited)
{
    struct pollfd outside = {.fd = hark_loop_descriptor(loop), .events = POLLIN};
    while (!awaited->ended) {
        assert_int_equal(poll(&outside, 1, 10000), 1);
        assert_true(hark_run_ready(loop) >= 0);
    }
    while (poll(&outside, 1, 0) == 1)
        assert_true(hark_run_ready(loop) >= 0);
}

BACKEND_TEST(loop_descriptor_becomes_readable_for_each_of_many_posts)
{
    struct harness_op post = {.context = loop};
    struct harness_op forever = {0};
    pthread_t thread;
    if (hark_loop_descriptor(loop) < 0)
        return;
    hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
    for (int i = 0; i < 20; i++) {
        harness_op_again(&post);
        assert_true(hark_run_ready(loop) >= 0);
        assert_int_equal(pthread_create(&thread, NULL, post_to, &post), 0);
        wait_outside(loop, &post);
        pthread_join(thread, NULL);
        assert_result(post.result, 0);
    }
    hark_cancel(&forever.op);
    harness_run(loop);
}

static int64_t give_seven(struct hark_op *op)
{
    (void)op;
    return 7;
}

BACKEND_TEST(loop_descriptor_becomes_readable_for_each_of_many_jobs)
{
    struct harness_op job = {0};
    if (hark_loop_descriptor(loop) < 0)
        return;
    for (int i = 0; i < 20; i++) {
        harness_op_again(&job);
        hark_work(loop, &job.op, give_seven, harness_done);
        assert_true(hark_run_ready(loop) >= 0);
        wait_outside(loop, &job);
        assert_result(job.result, 7);
    }
    harness_run(loop);
}

static void *count_one(void *context)
{
    const uint64_t one = 1;
    assert_int_equal(write(*(const int *)context, &one, sizeof one), sizeof one);
    return NULL;
}

BACKEND_TEST(loop_descriptor_becomes_readable_for_each_write_of_an_eventfd)
{
    struct harness_op op = {0};
    uint64_t count;
    pthread_t thread;
    if (hark_loop_descriptor(loop) < 0)
        return;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (int i = 0; i < 20; i++) {
        harness_op_again(&op);
        if (i % 2)
            hark_read(loop, &op.op, fd, &count, sizeof count, -1, harness_done);
        else
            hark_poll(loop, &op.op, fd, HARK_POLL_READABLE, harness_done);
        assert_true(hark_run_ready(loop) >= 0);
        assert_int_equal(pthread_create(&thread, NULL, count_one, &fd), 0);
        wait_outside(loop, &op);
        pthread_join(thread, NULL);
        assert_result(op.result, i % 2 ? (int64_t)sizeof count : HARK_POLL_READABLE);
        if (i % 2 == 0)
            assert_int_equal(read(fd, &count, sizeof count), sizeof count);
        assert_int_equal(count, 1);
    }
    harness_close(loop, fd);
}

static void post_one(struct harness_op *self, int64_t result)
{
    struct harness_op *post = self->context;
    assert_result(result, 0);
    hark_post(self->op.loop, &post->op, harness_done);
}

BACKEND_TEST(loop_descriptor_becomes_readable_for_a_post_of_the_last_callback)
{
    struct harness_op forever = {0};
    struct harness_op post = {0};
    struct harness_op deferred = {.then = post_one, .context = &post};
    struct pollfd outside = {.fd = hark_loop_descriptor(loop), .events = POLLIN};
    if (outside.fd < 0)
        return;
    hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
    hark_defer(loop, &deferred.op, harness_done);
    assert_result(hark_run_ready(loop), 1);
    assert_int_equal(post.calls, 0);
    for (int turn = 0; !post.ended && turn < 100; turn++) {
        assert_int_equal(poll(&outside, 1, 10000), 1);
        assert_true(hark_run_ready(loop) >= 0);
    }
    assert_result(post.result, 0);
    hark_cancel(&forever.op);
    harness_run(loop);
}

BACKEND_TEST(loop_descriptor_is_readable_for_what_came_before_it_was_asked_for)
{
    int pair[2];
    char byte[1];
    struct harness_op receive = {0};
    harness_socket_pair(loop, pair);
    hark_recv(loop, &receive.op, pair[0], byte, 1, 0, harness_done);
    harness_settle(loop);
    assert_int_equal(write(pair[1], "x", 1), 1);
    struct pollfd outside = {.fd = hark_loop_descriptor(loop), .events = POLLIN};
    if (outside.fd >= 0)
        assert_int_equal(poll(&outside, 1, 10000), 1);
    assert_result(harness_wait(loop, &receive), 1);
    harness_close(loop, pair[0]);
    harness_close(loop, pair[1]);
}

/* Comes once the outer loop sleeps: a post, or a byte. */
struct visitor {
    pid_t sleeper;
    struct harness_op *post;
    int fd;
};

static void *come_when_it_sleeps(void *context)
{
    const struct visitor *visitor = context;
    harness_await_sleep(visitor->sleeper);
    if (visitor->post)
        hark_post(visitor->post->context, &visitor->post->op, harness_done);
    else
        assert_int_equal(write(visitor->fd, "x", 1), 1);
    return NULL;
}

static void live_inside_another(struct hark_loop *loop, struct visitor visitor,
                                const struct harness_op *awaited)
{
    struct pollfd outside = {.fd = hark_loop_descriptor(loop), .events = POLLIN};
    pthread_t thread;
    visitor.sleeper = gettid();
    harness_settle(loop);
    while (poll(&outside, 1, 0) == 1)
        assert_true(hark_run_ready(loop) >= 0);
    assert_int_equal(pthread_create(&thread, NULL, come_when_it_sleeps, &visitor), 0);
    while (!awaited->ended) {
        assert_int_equal(poll(&outside, 1, -1), 1);
        assert_true(hark_run_ready(loop) >= 0);
    }
    pthread_join(thread, NULL);
}

BACKEND_TEST(loop_descriptor_wakes_another_loop_that_sleeps)
{
    struct harness_op post = {.context = loop};
    struct harness_op receive = {0};
    struct harness_op forever = {0};
    int pair[2];
    char byte[1];
    if (hark_loop_descriptor(loop) < 0)
        return;
    harness_socket_pair(loop, pair);
    hark_sleep_until(loop, &forever.op, HARK_NEVER, harness_done);
    hark_recv(loop, &receive.op, pair[0], byte, 1, 0, harness_done);
    live_inside_another(loop, (struct visitor){.post = &post}, &post);
    live_inside_another(loop, (struct visitor){.fd = pair[1]}, &receive);
    assert_result(receive.result, 1);
    hark_cancel(&forever.op);
    harness_run(loop);
    harness_close(loop, pair[0]);
    harness_close(loop, pair[1]);
}

BACKEND_TEST(next_deadline_is_that_of_the_earliest_timer)
{
    struct harness_op timer = {0};
    struct harness_op nop = {0};
    uint64_t at = hark_os_clock(loop) + 3600000000000u;
    assert_true(hark_loop_next_deadline(loop) == HARK_NEVER);
    hark_sleep_until(loop, &timer.op, at, harness_done);
    assert_true(hark_loop_next_deadline(loop) == at);
    hark_op_deadline(&timer.op, at - 5);
    assert_true(hark_loop_next_deadline(loop) == at - 5);
    hark_cancel(&timer.op);
    harness_run(loop);
    assert_true(hark_loop_next_deadline(loop) == HARK_NEVER);
    hark_defer(loop, &nop.op, harness_done);
    assert_true(hark_loop_next_deadline(loop) <= hark_os_clock(loop));
    harness_run(loop);
}

BACKEND_TEST(two_loops_in_one_thread_take_turns)
{
    struct hark_loop *other = harness_loop_create(NULL);
    int pair[2];
    char byte[1];
    struct harness_op receive = {0};
    struct harness_op send = {0};
    harness_socket_pair(loop, pair);
    hark_recv(loop, &receive.op, pair[0], byte, 1, 0, harness_done);
    harness_settle(loop);
    hark_send(other, &send.op, pair[1], "x", 1, 0, harness_done);
    harness_run(other);
    harness_run(loop);
    assert_result(receive.result, 1);
    harness_close(loop, pair[0]);
    harness_close(other, pair[1]);
    harness_loop_destroy(other);
}

BACKEND_TEST(hundred_loops_made_and_destroyed_leave_nothing)
{
    for (int round = 0; round < 100; round++) {
        struct hark_loop *other = harness_loop_create(NULL);
        struct harness_op nop = {0};
        if (round % 2) {
            hark_nop(other, &nop.op, harness_done);
            harness_run(other);
        }
        harness_loop_destroy(other);
    }
}

/* --- inside of another loop --- */

static bool is_readable(int fd)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    return poll(&readable, 1, 0) == 1;
}

static bool is_due(struct hark_loop *loop)
{
    return hark_loop_next_deadline(loop) <= hark_os_clock(loop);
}

/* As the loop outside would run it, until it would wait. */
static void run_as_outside(struct hark_loop *loop, int fd)
{
    while (is_due(loop) || (fd >= 0 && is_readable(fd)))
        assert_true(hark_run_ready(loop) >= 0);
}

BACKEND_TEST(next_deadline_is_now_until_what_was_started_outside_is_submitted)
{
    struct harness_op recv = {0};
    int ends[2], fd = hark_loop_descriptor(loop);
    char byte;
    harness_socket_pair(loop, ends);
    run_as_outside(loop, fd);
    hark_recv(loop, &recv.op, ends[0], &byte, 1, 0, harness_done);
    if (harness_backend() == HARK_BACKEND_URING)
        assert_true(is_due(loop)); /* the others have asked at once */
    run_as_outside(loop, fd);
    assert_int_equal(send(ends[1], "x", 1, 0), 1);
    struct pollfd outside = {.fd = fd, .events = POLLIN};
    assert_true(fd < 0 || poll(&outside, 1, -1) == 1);
    assert_result(harness_wait(loop, &recv), 1);
    close(ends[0]);
    close(ends[1]);
}

/* Of a crowd that comes at once one turn calls back a part. */
BACKEND_TEST(loop_that_is_left_with_callbacks_says_so_to_the_loop_outside)
{
    enum { CROWD = 700 };
    static struct harness_op writes[CROWD];
    int fd = hark_loop_descriptor(loop), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0)
        harness_skip("there is no /dev/null");
    for (int i = 0; i < CROWD; i++)
        hark_write(loop, &writes[i].op, null, "x", 1, HARK_AT_POSITION, harness_done);
    while (hark_run_ready(loop) > 0) {
        struct pollfd outside = {.fd = fd, .events = POLLIN};
        if (fd >= 0 && (harness_backend() == HARK_BACKEND_URING || !is_due(loop)))
            assert_int_equal(poll(&outside, 1, -1), 1);
    }
    for (int i = 0; i < CROWD; i++)
        assert_result(writes[i].result, 1);
    close(null);
}
