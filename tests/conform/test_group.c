/* test_group.c - a loop for each core, each on its own thread, and messages between them. Promise
 * 13. */
#include "harness/harness.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LOOPS = 4 };

static int cancel_everything(struct hark_loop *loop, uint32_t index, void *context)
{
    (void)index;
    (void)context;
    hark_cancel_all(loop);
    return 0;
}

static void end(struct hark_group *group)
{
    assert_result(hark_group_run(group, cancel_everything, NULL), 0);
    assert_result(hark_group_destroy(group), 0);
}

static void ignored(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
}

/* --- making, running, ending --- */

struct place {
    struct hark_op op;
    struct hark_loop *loop;
    pthread_t thread;
    int began;
    int called;
    int signals_blocked;
    int fails; /* begin gives this */
    bool stops;
    struct hark_group *group;
};

static void place_called(struct hark_op *op, int64_t result)
{
    struct place *place = hark_container_of(op, struct place, op);
    assert_true(pthread_equal(place->thread, pthread_self()));
    place->called += result == 0;
    if (result == 0 && place->stops)
        hark_group_stop(place->group);
}

static int begin_place(struct hark_loop *loop, uint32_t index, void *context)
{
    struct place *place = (struct place *)context + index;
    sigset_t blocked;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
    place->signals_blocked = sigismember(&blocked, SIGTERM);
    place->loop = loop;
    place->thread = pthread_self();
    place->began++;
    hark_sleep(loop, &place->op, 1000, place_called);
    return place->fails;
}

BACKEND_TEST(each_loop_begins_and_runs_on_a_thread_of_its_own)
{
    for (uint32_t count = 1; count <= LOOPS; count++) {
        struct place places[LOOPS] = {0};
        struct hark_group *group = harness_group_create(count);
        assert_int_equal(hark_group_size(group), count);
        assert_result(hark_group_run(group, begin_place, places), 0);
        assert_true(pthread_equal(places[0].thread, pthread_self()));
        for (uint32_t i = 0; i < count; i++) {
            assert_ptr_equal(places[i].loop, hark_group_loop(group, i));
            assert_string_equal(hark_loop_backend(places[i].loop), harness_backend_name());
            assert_int_equal(places[i].began, 1);
            assert_int_equal(places[i].called, 1);
            assert_int_equal(places[i].signals_blocked, i > 0);
            for (uint32_t j = 0; j < i; j++)
                assert_false(pthread_equal(places[i].thread, places[j].thread));
        }
        assert_result(hark_group_destroy(group), 0);
    }
}

BACKEND_TEST(group_runs_again_on_the_same_threads)
{
    struct place places[LOOPS] = {0};
    pthread_t threads[LOOPS];
    struct hark_group *group = harness_group_create(LOOPS);
    for (int run = 1; run <= 20; run++) {
        assert_result(hark_group_run(group, begin_place, places), 0);
        for (int i = 0; i < LOOPS; i++) {
            assert_int_equal(places[i].called, run);
            assert_true(run == 1 || pthread_equal(threads[i], places[i].thread));
            threads[i] = places[i].thread;
        }
    }
    assert_result(hark_group_run(group, NULL, NULL), 0);
    assert_result(hark_group_destroy(group), 0);
}

BACKEND_TEST(group_of_no_number_has_a_loop_for_each_cpu_that_may_be_used)
{
    cpu_set_t cpus, one;
    assert_int_equal(sched_getaffinity(0, sizeof cpus, &cpus), 0);
    struct hark_group *group = harness_group_create(0);
    assert_int_equal(hark_group_size(group), CPU_COUNT(&cpus));
    assert_result(hark_group_destroy(group), 0);

    size_t cpu = 0;
    while (!CPU_ISSET(cpu, &cpus))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    group = harness_group_create(0);
    assert_int_equal(hark_group_size(group), 1);
    assert_result(hark_group_destroy(group), 0);
}

static cpu_set_t seen[LOOPS];

static int note_affinity(struct hark_loop *loop, uint32_t index, void *context)
{
    (void)loop;
    (void)context;
    return pthread_getaffinity_np(pthread_self(), sizeof seen[index], &seen[index]) ? -EIO : 0;
}

BACKEND_TEST(pinned_threads_stay_on_one_cpu_each_and_the_caller_gets_its_own_back)
{
    struct hark_group_options options = {
        .loop.backend = harness_backend(), .loops = LOOPS, .pin = true};
    struct hark_group *group = NULL;
    cpu_set_t before, after;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_result(hark_group_create(&options, &group), 0);
    assert_result(hark_group_run(group, note_affinity, NULL), 0);
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
    for (int i = 0; i < LOOPS; i++) {
        cpu_set_t both;
        assert_int_equal(CPU_COUNT(&seen[i]), 1);
        CPU_AND(&both, &seen[i], &before);
        assert_int_equal(CPU_COUNT(&both), 1);
        if (i >= CPU_COUNT(&before))
            assert_true(CPU_EQUAL(&seen[i], &seen[i - CPU_COUNT(&before)])); /* in turn */
        else if (i > 0)
            assert_false(CPU_EQUAL(&seen[i], &seen[i - 1]));
    }
    assert_result(hark_group_destroy(group), 0);
}

BACKEND_TEST(group_that_cannot_be_made_leaves_nothing_behind)
{
    struct hark_group *group = (struct hark_group *)1;
    struct hark_group_options options = {.loop.backend = harness_backend(), .loops = 1025};
    assert_result(hark_group_create(&options, &group), -EINVAL);
    options.loops = 2;
    options.loop.entries = 1u << 30;
    assert_result(hark_group_create(&options, &group), -EINVAL);
    options.loop.entries = 0;
    assert_ptr_equal(group, (struct hark_group *)1);
    assert_result(hark_group_destroy(NULL), 0);

    /* descriptors for some of the loops alone */
    struct rlimit limit, few;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int next = dup(0);
    close(next);
    few = limit;
    few.rlim_cur = (rlim_t)next + 5;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    options.loops = 64;
    int error = hark_group_create(&options, &group);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_result(error, -EMFILE);
    assert_ptr_equal(group, (struct hark_group *)1);
}

BACKEND_TEST(loops_that_end_early_do_not_end_the_others)
{
    struct place places[LOOPS] = {0};
    struct hark_group *group = harness_group_create(LOOPS);
    struct harness_op long_one = {0};
    hark_sleep(hark_group_loop(group, 0), &long_one.op, 20000000,
               harness_done); /* before the run: it is our thread's */
    assert_result(hark_group_run(group, begin_place, places), 0);
    assert_true(long_one.ended);
    assert_result(hark_group_destroy(group), 0);
}

BACKEND_TEST(begin_that_fails_is_told_and_stops_the_others)
{
    for (int failing = 0; failing < LOOPS; failing++) {
        struct place places[LOOPS] = {0};
        struct hark_group *group = harness_group_create(LOOPS);
        struct hark_op forever = {0};
        hark_sleep_until(hark_group_loop(group, 0), &forever, HARK_NEVER, ignored);
        places[failing].fails = -EXDEV;
        assert_result(hark_group_run(group, begin_place, places), -EXDEV);
        assert_int_equal(places[failing].called, 0);
        assert_result(hark_group_destroy(group), -EBUSY);
        end(group);
    }
}

BACKEND_TEST(group_with_an_op_in_flight_or_a_post_unseen_is_not_destroyed)
{
    struct hark_group *group = harness_group_create(2);
    struct harness_op post = {0};
    hark_post(hark_group_loop(group, 1), &post.op, harness_done);
    assert_result(hark_group_destroy(group), -EBUSY);
    assert_result(hark_group_run(group, NULL, NULL), 0);
    assert_int_equal(post.calls, 1);
    assert_result(hark_group_destroy(group), 0);
}

/* --- stopping --- */

static void run_inside(struct harness_op *self, int64_t result)
{
    struct hark_group *group = self->context;
    (void)result;
    assert_result(hark_group_run(group, NULL, NULL), -EBUSY);
    assert_result(hark_group_destroy(group), -EBUSY);
}

static int wait_for_messages(struct hark_loop *loop, uint32_t index, void *context)
{
    hark_sleep_until(loop, (struct hark_op *)context + index, HARK_NEVER, ignored);
    return 0;
}

BACKEND_TEST(group_is_neither_run_nor_destroyed_from_inside)
{
    struct hark_group *group = harness_group_create(2);
    struct harness_op inside = {.then = run_inside, .context = group};
    hark_defer(hark_group_loop(group, 0), &inside.op, harness_done);
    assert_result(hark_group_run(group, NULL, NULL), 0);
    assert_int_equal(inside.calls, 1);
    assert_result(hark_group_destroy(group), 0);
}

BACKEND_TEST(stop_from_any_loop_stops_all_and_they_go_on_where_they_were)
{
    for (int stopping = 0; stopping < LOOPS; stopping++) {
        struct place places[LOOPS] = {0};
        struct hark_op forever = {0};
        struct hark_group *group = harness_group_create(LOOPS);
        places[stopping].stops = true;
        places[stopping].group = group;
        hark_sleep_until(hark_group_loop(group, 0), &forever, HARK_NEVER, ignored);
        assert_result(hark_group_run(group, begin_place, places), 1);
        assert_true(hark_op_active(&forever));
        places[stopping].stops = false;
        end(group);
        for (int i = 0; i < LOOPS; i++)
            assert_false(hark_op_active(&places[i].op));
    }
}

BACKEND_TEST(stop_before_the_run_ends_the_next_run_alone)
{
    struct hark_op forever[LOOPS] = {0};
    struct place places[LOOPS] = {0};
    struct hark_group *group = harness_group_create(LOOPS);
    hark_group_stop(group);
    assert_result(hark_group_run(group, wait_for_messages, forever), 1);
    assert_result(hark_group_run(group, cancel_everything, NULL), 0);
    assert_result(hark_group_run(group, begin_place, places), 0);
    assert_result(hark_group_destroy(group), 0);
}

/* A stop that comes when some loops have ended must not be left over in them. */
BACKEND_TEST(stop_does_not_reach_into_the_run_after)
{
    struct hark_group *group = harness_group_create(2);
    for (int round = 0; round < 50; round++) {
        struct place places[2] = {{.stops = true, .group = group}, {.stops = true, .group = group}};
        assert_result(hark_group_run(group, begin_place, places), 1);
        places[0].stops = places[1].stops = false; /* its time may have come already */
        assert_result(hark_group_run(group, cancel_everything, NULL), 0);
        struct place again[2] = {0};
        assert_result(hark_group_run(group, begin_place, again), 0);
        assert_int_equal(again[0].called + again[1].called, 2);
    }
    assert_result(hark_group_destroy(group), 0);
}

static struct hark_group *stopped_by_signal;

static void stop_on_signal(int number)
{
    (void)number;
    hark_group_stop(stopped_by_signal);
}

static void raise_alarm(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
    raise(SIGALRM);
}

BACKEND_TEST(stop_from_a_signal_handler)
{
    struct hark_op forever[LOOPS] = {0};
    struct hark_op alarm_op = {0};
    struct hark_group *group = harness_group_create(LOOPS);
    stopped_by_signal = group;
    signal(SIGALRM, stop_on_signal);
    hark_sleep(hark_group_loop(group, 0), &alarm_op, 1000000, raise_alarm);
    assert_result(hark_group_run(group, wait_for_messages, forever), 1);
    end(group);
}

static void *stop_from_outside(void *context)
{
    hark_group_stop(context);
    return NULL;
}

BACKEND_TEST(stop_from_a_thread_that_is_none_of_the_groups)
{
    struct hark_group *group = harness_group_create(LOOPS);
    for (int round = 0; round < 20; round++) {
        struct hark_op forever[LOOPS] = {0};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, stop_from_outside, group), 0);
        assert_result(hark_group_run(group, wait_for_messages, forever), 1);
        pthread_join(thread, NULL);
        assert_result(hark_group_run(group, cancel_everything, NULL), 0);
    }
    assert_result(hark_group_destroy(group), 0);
}

/* --- messages --- */

enum { MESSAGES = 500 };

struct message {
    struct hark_op op;
    uint32_t from;
    uint32_t to;
    int number;
};

struct talk {
    struct hark_group *group;
    struct message messages[LOOPS][LOOPS][MESSAGES]; /* from, to */
    pthread_t threads[LOOPS];
    struct hark_op hold[LOOPS];
    int next[LOOPS][LOOPS]; /* to, from: only touched by `to` */
    int left[LOOPS];
};

static struct talk *talk;

static void heard(struct hark_op *op, int64_t result)
{
    struct message *message = hark_container_of(op, struct message, op);
    uint32_t to = message->to;
    assert_result(result, 0);
    assert_ptr_equal(op->loop, hark_group_loop(talk->group, to));
    assert_true(pthread_equal(talk->threads[to], pthread_self()));
    assert_int_equal(message->number,
                     talk->next[to][message->from]++); /* in the order of its sender */
    if (--talk->left[to] == 0)
        hark_cancel(&talk->hold[to]);
}

static int begin_talk(struct hark_loop *loop, uint32_t index, void *context)
{
    (void)context;
    talk->threads[index] = pthread_self();
    talk->left[index] = LOOPS * MESSAGES;
    hark_sleep_until(loop, &talk->hold[index], HARK_NEVER, ignored);
    for (int number = 0; number < MESSAGES; number++) {
        for (uint32_t to = 0; to < LOOPS; to++) {
            struct message *message = &talk->messages[index][to][number];
            *message = (struct message){.from = index, .to = to, .number = number};
            hark_message(loop, &message->op, hark_group_loop(talk->group, to), heard);
        }
    }
    return 0;
}

BACKEND_TEST(promise_13_messages_of_each_loop_to_each_arrive_once_in_order_on_its_thread)
{
    talk = calloc(1, sizeof *talk);
    assert_non_null(talk);
    talk->group = harness_group_create(LOOPS);
    assert_result(hark_group_run(talk->group, begin_talk, NULL), 0);
    for (int to = 0; to < LOOPS; to++)
        for (int from = 0; from < LOOPS; from++)
            assert_int_equal(talk->next[to][from], MESSAGES);
    assert_result(hark_group_destroy(talk->group), 0);
    free(talk);
}

/* One op goes round: each loop has it for a moment, and nobody else touches it. */
struct ring {
    struct hark_op op;
    struct hark_op hold[LOOPS];
    struct hark_group *group;
    unsigned rounds;
    unsigned at;
};

static void let_go(struct hark_op *op, int64_t result)
{
    struct ring *ring = hark_container_of(op, struct ring, op);
    (void)result;
    hark_cancel(&ring->hold[ring->at]);
    if (++ring->at < LOOPS)
        hark_message(op->loop, op, hark_group_loop(ring->group, ring->at), let_go);
}

static void pass_on(struct hark_op *op, int64_t result)
{
    struct ring *ring = hark_container_of(op, struct ring, op);
    assert_result(result, 0);
    assert_ptr_equal(op->loop, hark_group_loop(ring->group, ring->at));
    if (++ring->at == LOOPS) {
        ring->at = 0;
        ring->rounds++;
    }
    hark_message(op->loop, op, hark_group_loop(ring->group, ring->at),
                 ring->rounds < 300 ? pass_on : let_go);
}

static int begin_ring(struct hark_loop *loop, uint32_t index, void *context)
{
    struct ring *ring = context;
    hark_sleep_until(loop, &ring->hold[index], HARK_NEVER, ignored);
    if (index == 0)
        hark_message(loop, &ring->op, loop, pass_on);
    return 0;
}

BACKEND_TEST(message_goes_round_all_loops_and_wakes_each)
{
    struct ring ring = {.group = harness_group_create(LOOPS)};
    assert_result(hark_group_run(ring.group, begin_ring, &ring), 0);
    assert_int_equal(ring.rounds, 300);
    assert_result(hark_group_destroy(ring.group), 0);
}

static int send_to_the_other(struct hark_loop *loop, uint32_t index, void *context)
{
    struct harness_op *message = context;
    if (index == 1)
        hark_message(loop, &message->op, message->context, harness_done);
    return 0;
}

BACKEND_TEST(message_to_a_loop_that_has_ended_waits_for_the_next_run)
{
    struct hark_group *group = harness_group_create(2);
    struct harness_op message = {.context = hark_group_loop(group, 0)};
    /* Loop 0 has nothing to do: it may have ended before the message comes, or see it just in
     * time. */
    assert_result(hark_group_run(group, send_to_the_other, &message), 0);
    assert_result(hark_group_run(group, NULL, NULL), 0);
    assert_int_equal(message.calls, 1);
    assert_result(message.result, 0);
    assert_result(hark_group_destroy(group), 0);
}

enum { FEW_TURNS = 12 };

static void few_turns(struct hark_op *op, int64_t result)
{
    assert_result(result, 0);
    if (hark_loop_metrics(op->loop)->turns > FEW_TURNS)
        fail_msg("%llu turns were made in 20 ms",
                 (unsigned long long)hark_loop_metrics(op->loop)->turns);
}

static int sleep_a_while(struct hark_loop *loop, uint32_t index, void *context)
{
    hark_sleep(loop, (struct hark_op *)context + index, 20000000, few_turns);
    return 0;
}

BACKEND_TEST(promise_09_idle_loops_of_a_group_sleep)
{
    struct hark_op sleeps[LOOPS] = {0};
    struct hark_group *group = harness_group_create(LOOPS);
    assert_result(hark_group_run(group, sleep_a_while, sleeps), 0);
    assert_result(hark_group_destroy(group), 0);
}
