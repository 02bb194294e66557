/* test_turns.c - the broker in this process, over a real log and real sockets: what only shows
 * when turns of the loop are counted. */
#include "broker/fixture.h"
#include "broker/look.h"
#include "broker/publish.h"
#include "broker/reader.h"
#include "broker/stream.h"
#include "broker/subscriber.h"
#include "fault/faults.h"
#include "log/fixture.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

struct bench {
    struct hark_loop *loop;
    struct log *log;
    struct broker *broker;
    bool done;
};

static void bench_open(struct bench *bench, struct hark_loop *loop,
                       const struct broker_options *options)
{
    *bench = (struct bench){.loop = loop, .log = open_log(loop, harness_path("data"), NULL)};
    bench->broker = open_broker(loop, bench->log, options);
}

static void bench_close(struct bench *bench)
{
    close_broker(bench->loop, bench->broker);
    close_log(bench->loop, bench->log);
}

/* --- publishing --- */

struct burst {
    struct broker_publish publish;
    char event[16];
    size_t *left;
    bool *done;
    uint64_t id;
};

static void burst_published(struct broker_publish *publish, int64_t id)
{
    struct burst *burst = hark_container_of(publish, struct burst, publish);
    assert_true(id > 0);
    burst->id = (uint64_t)id;
    *burst->done = --*burst->left == 0;
}

/* Publishes numbers, all in one turn, and waits for the answers: asserts that ids grow. */
static void publish_numbers(struct bench *bench, const char *name, size_t from, size_t to)
{
    struct broker_stream *stream = NULL;
    struct burst *bursts = calloc(to - from, sizeof *bursts);
    size_t left = to - from;
    bool done = false;
    assert_int_equal(broker_stream_open(bench->broker, name, strlen(name), &stream), 0);
    for (size_t i = 0; i < to - from; i++) {
        int count = snprintf(bursts[i].event, sizeof bursts[i].event, "%zu", from + i);
        bursts[i].left = &left;
        bursts[i].done = &done;
        broker_publish(stream, &bursts[i].publish, bursts[i].event, (size_t)count, burst_published);
    }
    harness_run_until(bench->loop, &done);
    for (size_t i = 1; i < to - from; i++)
        assert_true(bursts[i].id > bursts[i - 1].id);
    broker_stream_close(stream);
    free(bursts);
}

static void open_subscriber(struct bench *bench, struct subscriber *subscriber, const char *name,
                            enum broker_from from, uint64_t after)
{
    subscriber_open(bench->loop, bench->broker, subscriber, name, from, after);
}

static void open_sse_subscriber(struct bench *bench, struct subscriber *subscriber,
                                const char *name, enum broker_from from)
{
    subscriber_open_as(bench->loop, bench->broker, subscriber, name, from, 0, BROKER_SSE);
}

static void subscriber_done(struct bench *bench, struct subscriber *subscriber)
{
    subscriber_close(subscriber);
    harness_run_until(bench->loop, &subscriber->closed);
    close(subscriber->peer);
}

static uint32_t drawn(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

/* --- tests --- */

BACKEND_TEST(burst_of_one_commit_reaches_each_live_subscriber_once)
{
    enum { SUBSCRIBERS = 20, EVENTS = 5000 };
    static struct subscriber subscribers[SUBSCRIBERS];
    struct bench bench;
    bench_open(&bench, loop, NULL);
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        open_subscriber(&bench, &subscribers[i], "s", BROKER_FROM_NOW, 0);
    publish_numbers(&bench, "s", 0, EVENTS);
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        while (subscribers[i].next < EVENTS) {
            hark_run_once(loop);
            for (size_t j = 0; j < SUBSCRIBERS; j++)
                subscriber_take(&subscribers[j], SIZE_MAX);
        }
    }
    /* Encoded once for all of them, and sent many together. */
    assert_int_equal(broker_statistics(bench.broker)->encoded, EVENTS);
    assert_int_equal(broker_statistics(bench.broker)->delivered, SUBSCRIBERS * EVENTS);
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        subscriber_done(&bench, &subscribers[i]);
    bench_close(&bench);
}

BACKEND_TEST(readers_of_the_disk_take_turns_where_they_are_more_than_may_read_at_once)
{
    enum { SUBSCRIBERS = 40, EVENTS = 100 };
    static struct subscriber subscribers[SUBSCRIBERS];
    struct bench bench;
    bench_open(&bench, loop, NULL);
    publish_numbers(&bench, "s", 0, EVENTS);
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        open_subscriber(&bench, &subscribers[i], "s", BROKER_FROM_START, 0);
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        while (subscribers[i].next < EVENTS) {
            assert_true(hark_run_once(loop) >= 0);
            for (size_t j = 0; j < SUBSCRIBERS; j++)
                subscriber_take(&subscribers[j], SIZE_MAX);
        }
    }
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        subscriber_done(&bench, &subscribers[i]);
    bench_close(&bench);
}

BACKEND_TEST(readers_of_the_disk_that_leave_at_any_time_hold_up_no_other)
{
    enum { SUBSCRIBERS = 64, EVENTS = 3000, ROUNDS = 20 };
    static struct subscriber subscribers[SUBSCRIBERS];
    struct bench bench;
    uint32_t seed = 1;
    bench_open(&bench, loop, NULL);
    publish_numbers(&bench, "s", 0, EVENTS);
    for (int round = 0; round < ROUNDS; round++) {
        size_t left = SUBSCRIBERS;
        for (size_t i = 0; i < SUBSCRIBERS; i++)
            open_subscriber(&bench, &subscribers[i], "s", BROKER_FROM_START, 0);
        while (left > 0) {
            hark_run_once(loop);
            for (int i = 0; i < 6;
                 i++) { /* some leave in each turn: in every state that there is */
                struct subscriber *subscriber = &subscribers[drawn(&seed) % SUBSCRIBERS];
                if (!subscriber->closing && subscriber->next < EVENTS && left > 4) {
                    subscriber_close(subscriber);
                    left--;
                }
            }
            for (size_t i = 0; i < SUBSCRIBERS; i++) {
                bool before = subscribers[i].next < EVENTS;
                if (!subscribers[i].closing)
                    subscriber_take(&subscribers[i], SIZE_MAX);
                if (before && !subscribers[i].closing && subscribers[i].next == EVENTS)
                    left--;
            }
        }
        for (size_t i = 0; i < SUBSCRIBERS; i++)
            subscriber_done(&bench, &subscribers[i]);
    }
    bench_close(&bench);
}

BACKEND_TEST(subscribers_of_any_speed_get_each_event_once_while_events_come)
{
    enum { SUBSCRIBERS = 24, BURST = 200, BURSTS = 60 };
    static struct subscriber subscribers[SUBSCRIBERS];
    struct broker_options options = {.ring_bytes = 8192}; /* many fall out of it, and come back */
    struct bench bench;
    uint32_t seed = 2;
    bench_open(&bench, loop, &options);
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        open_subscriber(&bench, &subscribers[i], "s",
                        i % 2 == 0 ? BROKER_FROM_START : BROKER_FROM_NOW, 0);
    for (size_t burst = 0; burst < BURSTS; burst++) {
        publish_numbers(&bench, "s", burst * BURST, (burst + 1) * BURST);
        harness_turns(loop, (int)(drawn(&seed) % 4));
        for (size_t i = 0; i < SUBSCRIBERS; i++)
            subscriber_take(&subscribers[i], i < 4 ? SIZE_MAX : drawn(&seed) % (2000 * (i / 4)));
    }
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        while (subscribers[i].next < BURST * BURSTS) {
            hark_run_once(loop);
            for (size_t j = 0; j < SUBSCRIBERS; j++)
                subscriber_take(&subscribers[j], SIZE_MAX);
        }
    }
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        subscriber_done(&bench, &subscribers[i]);
    assert_int_equal(broker_statistics(bench.broker)->ring_bytes, 0);
    bench_close(&bench);
}

BACKEND_TEST(stream_name_that_is_none_is_refused)
{
    struct bench bench;
    struct broker_stream *stream = NULL;
    bench_open(&bench, loop, NULL);
    assert_int_equal(broker_stream_open(bench.broker, ".s", 2, &stream), -EINVAL);
    assert_int_equal(broker_stream_open(bench.broker, "", 0, &stream), -EINVAL);
    assert_int_equal(broker_stream_open(bench.broker, "a/b", 3, &stream), -EINVAL);
    assert_null(stream);
    bench_close(&bench);
}

BACKEND_TEST(nothing_is_in_flight_while_nobody_needs_it)
{
    struct bench bench;
    struct subscriber subscriber;
    bench_open(&bench, loop, NULL);
    harness_settle(loop);
    uint64_t before = hark_loop_active(loop);
    publish_numbers(&bench, "s", 0, 1);
    open_subscriber(&bench, &subscriber, "s", BROKER_FROM_START, 0);
    while (subscriber.next < 1) {
        hark_run_once(loop);
        subscriber_take(&subscriber, SIZE_MAX);
    }
    harness_settle(loop);
    assert_int_equal(
        hark_loop_active(loop),
        before); /* a waiting subscriber has no op of the broker's, lines have no heartbeat */
    subscriber_done(&bench, &subscriber);
    open_sse_subscriber(&bench, &subscriber, "s", BROKER_FROM_NOW);
    harness_settle(loop);
    assert_int_equal(hark_loop_active(loop), before + 1);
    subscriber_done(&bench, &subscriber);
    harness_settle(loop);
    assert_int_equal(hark_loop_active(loop), before); /* it ends with the last who needs it */
    bench_close(&bench);
}

/* What a subscriber over SSE has got so far. */
struct got {
    char text[1 << 20];
    size_t count;
};

static size_t count_in(const struct got *got, const char *part)
{
    size_t count = 0;
    for (const char *at = got->text; (at = strstr(at, part)); at++)
        count++;
    return count;
}

/* Takes what has come. Gives: how many heartbeats there were so far. */
static size_t heartbeats(const struct subscriber *subscriber, struct got *got)
{
    ssize_t count;
    while ((count = recv(subscriber->peer, got->text + got->count,
                         sizeof got->text - 1 - got->count, MSG_DONTWAIT)) > 0)
        got->count += (size_t)count;
    got->text[got->count] = '\0';
    return count_in(got, ":\n\n");
}

/* How often the broker's timer has called so far. */
static uint64_t beats(struct hark_loop *loop)
{
    return hark_loop_metrics(loop)->repeated[HARK_OP_EVERY];
}

BACKEND_TEST(heartbeat_comes_to_an_idle_reader_in_each_period)
{
    enum { PERIODS = 12 };
    struct broker_options options = {.heartbeat_ns = 1000000};
    struct subscriber idle;
    struct bench bench;
    bench_open(&bench, loop, &options);
    open_sse_subscriber(&bench, &idle, "s", BROKER_FROM_NOW);
    while (beats(loop) < PERIODS)
        assert_true(hark_run_once(loop) >= 0);
    /* But for the period in which it came, and those that found the last one not sent yet. */
    assert_true(3 * broker_statistics(bench.broker)->heartbeats >= 2 * beats(loop));
    subscriber_done(&bench, &idle);
    bench_close(&bench);
}

BACKEND_TEST(heartbeat_passes_over_who_was_told_something_since_the_last)
{
    enum { EVENTS = 10 };
    struct broker_options options = {.heartbeat_ns = 1000000};
    struct subscriber told;
    struct bench bench;
    bench_open(&bench, loop, &options);
    open_sse_subscriber(&bench, &told, "s", BROKER_FROM_NOW);
    for (size_t i = 0; i < EVENTS; i++) {
        publish_numbers(&bench, "s", i, i + 1);
        while (broker_statistics(bench.broker)->delivered <= i)
            assert_true(hark_run_once(loop) >= 0);
        for (uint64_t before = beats(loop); beats(loop) == before;)
            assert_true(hark_run_once(loop) >= 0);
    }
    assert_true(broker_statistics(bench.broker)->heartbeats + EVENTS <= beats(loop));
    subscriber_done(&bench, &told);
    bench_close(&bench);
}

BACKEND_TEST(heartbeat_comes_not_into_what_a_slow_reader_is_being_sent)
{
    enum { EVENTS = 20000 };
    static struct got got[2];
    struct broker_options options = {.heartbeat_ns = 1000000};
    struct subscriber idle, slow;
    struct bench bench;
    int room = 1;
    memset(got, 0, sizeof got);
    bench_open(&bench, loop, &options);
    publish_numbers(&bench, "s", 0, EVENTS);
    open_sse_subscriber(&bench, &idle, "nothing", BROKER_FROM_NOW);
    open_sse_subscriber(&bench, &slow, "s", BROKER_FROM_START);
    assert_int_equal(setsockopt(slow.output.fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    while (broker_statistics(bench.broker)->delivered == 0)
        assert_true(hark_run_once(loop) >= 0);
    for (size_t before = heartbeats(&idle, &got[0]); heartbeats(&idle, &got[0]) < before + 3;)
        assert_true(hark_run_once(loop) >= 0);
    assert_true(slow.reader.sending);
    while (!strstr(got[1].text, "data: 19999\n")) {
        heartbeats(&slow, &got[1]);
        hark_run_ready(loop);
    }
    assert_int_equal(count_in(&got[1], "\ndata: "), EVENTS);
    subscriber_done(&bench, &idle);
    subscriber_done(&bench, &slow);
    bench_close(&bench);
}

BACKEND_TEST(rate_is_of_the_five_whole_seconds_before_this_one)
{
    static const double rates[] = {
        0, 2, 3, 3, 3, 3,
        1, 0, 0, 0, 0, 0}; /* after 10 events in the first second, 5 in the next */
    const uint64_t second_ns = 1000000000;
    struct bench bench;
    struct broker_stream *stream = NULL;
    bench_open(&bench, loop, NULL);
    assert_int_equal(broker_stream_open(bench.broker, "s", 1, &stream), 0);
    uint64_t now_ns = (hark_os_clock(loop) / second_ns + 1) * second_ns;
    for (size_t second = 0; second < sizeof rates / sizeof *rates; second++) {
        fault_clock_stands(CLOCK_MONOTONIC, now_ns + second * second_ns);
        assert_true(hark_run_ready(loop) >= 0);
        assert_true(broker_stream_look(stream).per_second == rates[second]);
        if (second < 2)
            publish_numbers(&bench, "s", 0, second == 0 ? 10 : 5);
    }
    fault_clock_stands(CLOCK_MONOTONIC, 0);
    broker_stream_close(stream);
    bench_close(&bench);
}

BACKEND_TEST(events_of_a_stream_are_counted_on_while_nobody_has_it)
{
    struct bench bench;
    struct broker_stream *stream = NULL;
    bench_open(&bench, loop, NULL);
    publish_numbers(&bench, "s", 0, 3); /* with a handle for the time of it */
    publish_numbers(&bench, "s", 3, 10);
    assert_int_equal(broker_stream_open(bench.broker, "s", 1, &stream), 0);
    assert_int_equal(broker_stream_look(stream).published, 10);
    broker_stream_close(stream);
    bench_close(&bench);
}

/* --- generations --- */

/* One who reads from now on comes in the callback of the first of a batch: all of it is
 * acknowledged by then, and old. */
static struct broker_publish batch[3];
static struct subscriber late;
static struct bench *current;

static void batch_published(struct broker_publish *publish, int64_t id)
{
    assert_true(id > 0);
    if (publish == &batch[0])
        open_subscriber(current, &late, "s", BROKER_FROM_NOW, 0);
    current->done = publish == &batch[2];
}

BACKEND_TEST(reader_from_now_that_comes_between_the_answers_of_a_commit_is_given_none_of_it)
{
    struct bench bench;
    struct broker_stream *stream = NULL;
    bench_open(&bench, loop, NULL);
    assert_int_equal(broker_stream_open(bench.broker, "s", 1, &stream), 0);
    current = &bench;
    bench.done = false;
    for (size_t i = 0; i < 3; i++)
        broker_publish(stream, &batch[i], "0", 1, batch_published);
    harness_run_until(loop, &bench.done);
    late.next = 1;
    publish_numbers(&bench, "s", 1, 2);
    while (late.next < 2) {
        assert_true(hark_run_once(loop) >= 0);
        subscriber_take(&late, SIZE_MAX);
    }
    subscriber_done(&bench, &late);
    broker_stream_close(stream);
    bench_close(&bench);
}

static void stream_deleted(struct broker_publish *publish, int64_t id)
{
    (void)publish;
    assert_true(id > 0);
    current->done = true;
}

static void remove_stream(struct bench *bench, struct broker_stream *stream)
{
    struct broker_publish publish = {0};
    current = bench;
    bench->done = false;
    broker_delete(stream, &publish, stream_deleted);
    harness_run_until(bench->loop, &bench->done);
}

BACKEND_TEST(deleted_stream_keeps_nothing_in_memory_and_is_new_to_who_comes_after)
{
    struct bench bench;
    struct broker_stream *stream = NULL;
    struct subscriber before, after;
    bench_open(&bench, loop, NULL);
    assert_int_equal(broker_stream_open(bench.broker, "s", 1, &stream), 0);
    open_subscriber(&bench, &before, "s", BROKER_FROM_START, 0);
    publish_numbers(&bench, "s", 0, 10);
    while (before.next < 10) {
        assert_true(hark_run_once(loop) >= 0);
        subscriber_take(&before, SIZE_MAX);
    }
    assert_true(broker_statistics(bench.broker)->ring_bytes > 0);
    remove_stream(&bench, stream);
    assert_int_equal(broker_statistics(bench.broker)->ring_bytes, 0);
    open_subscriber(&bench, &after, "s", BROKER_FROM_NOW, 0);
    publish_numbers(&bench, "s", 0, 10);
    while (after.next < 10) { /* asserts that no gap is told */
        assert_true(hark_run_once(loop) >= 0);
        subscriber_take(&after, SIZE_MAX);
    }
    subscriber_done(&bench, &before);
    subscriber_done(&bench, &after);
    broker_stream_close(stream);
    bench_close(&bench);
}

static void log_deleted(struct log_append *append, int64_t result)
{
    (void)append;
    assert_true(result > 0);
    current->done = true;
}

BACKEND_TEST(stream_deleted_without_the_broker_leaves_its_readers_waiting)
{
    struct broker_options options = {.ring_bytes = 4096};
    struct log_append deletion = {
        .kind = LOG_DELETE, .name = "s", .name_length = 1, .done = log_deleted};
    struct bench bench;
    struct subscriber subscriber;
    bench_open(&bench, loop, &options);
    publish_numbers(&bench, "s", 0, 100000); /* more than its connection takes */
    open_subscriber(&bench, &subscriber, "s", BROKER_FROM_START, 0);
    while (!subscriber.reader.sending)
        assert_true(hark_run_once(loop) >= 0);
    current = &bench;
    bench.done = false;
    log_append(bench.log, &deletion);
    harness_run_until(loop, &bench.done);
    for (int i = 0; i < 200; i++) {
        subscriber_take(&subscriber, SIZE_MAX);
        hark_run_ready(loop);
    }
    assert_true(subscriber.next > 0 && subscriber.next < 100000);
    uint64_t reads = broker_statistics(bench.broker)->disk_reads;
    for (int i = 0; i < 200; i++)
        hark_run_ready(loop);
    assert_int_equal(broker_statistics(bench.broker)->disk_reads, reads);
    subscriber_done(&bench, &subscriber);
    bench_close(&bench);
}

/* --- memory --- */

BACKEND_TEST(reader_of_the_disk_that_is_gone_holds_no_memory)
{
    enum { EVENTS = 3000 };
    static struct subscriber subscriber;
    struct bench bench;
    size_t held = 0;
    bench_open(&bench, loop, NULL);
    publish_numbers(&bench, "s", 0, EVENTS);
    for (int round = 0; round < 4; round++) {
        open_subscriber(&bench, &subscriber, "s", BROKER_FROM_START, 0);
        while (subscriber.next < EVENTS) {
            assert_true(hark_run_once(loop) >= 0);
            subscriber_take(&subscriber, SIZE_MAX);
        }
        subscriber_done(&bench, &subscriber);
        harness_settle(loop);
        if (round == 1) /* by then the broker has what it needs */
            held = mallinfo2().uordblks;
    }
    assert_int_equal(mallinfo2().uordblks, held);
    bench_close(&bench);
}

BACKEND_TEST(stream_that_is_not_there_holds_no_memory_once_nobody_has_it)
{
    struct bench bench;
    size_t held = 0;
    bench_open(&bench, loop, NULL);
    for (int i = 0; i < 20; i++) {
        struct broker_stream *stream = NULL;
        char name[16];
        int count = snprintf(name, sizeof name, "s%02d", i);
        assert_int_equal(broker_stream_open(bench.broker, name, (size_t)count, &stream), 0);
        broker_stream_close(stream);
        if (i == 10) /* by then the allocator keeps what it keeps */
            held = mallinfo2().uordblks;
    }
    assert_int_equal(mallinfo2().uordblks, held);
    bench_close(&bench);
}

/* Others get their turn in between. */
BACKEND_TEST(heartbeat_of_many_readers_takes_several_turns)
{
    enum { SUBSCRIBERS = 300, TURN = 256 };
    static struct subscriber subscribers[SUBSCRIBERS];
    struct bench bench;
    bench_open(&bench, loop, &(struct broker_options){.heartbeat_ns = 20000000});
    const struct broker_statistics *statistics = broker_statistics(bench.broker);
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        subscriber_open_as(loop, bench.broker, &subscribers[i], "s", BROKER_FROM_NOW, 0,
                           BROKER_SSE);
    while (statistics->heartbeats < SUBSCRIBERS) {
        uint64_t before = statistics->heartbeats;
        assert_int_equal(hark_run_once(loop), 1);
        assert_true(statistics->heartbeats - before <= TURN);
    }
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        char beat[8];
        ssize_t count;
        while ((count = recv(subscribers[i].peer, beat, sizeof beat, MSG_DONTWAIT)) <
               0) /* it is on its way */
            assert_int_equal(hark_run_once(loop), 1);
        assert_true(count > 0 && beat[0] == ':');
        subscriber_done(&bench, &subscribers[i]);
    }
    bench_close(&bench);
}

/* Each read takes the memory of the whole event. */
BACKEND_TEST(long_events_are_read_from_the_disk_for_few_readers_at_once)
{
    enum { SUBSCRIBERS = 60, LONG = 300000, AT_ONCE = 8 };
    static struct subscriber subscribers[SUBSCRIBERS];
    static char event[LONG] = "0 ";
    struct broker_stream *stream = NULL;
    struct bench bench;
    bool done = false;
    size_t left = 1, most = 0;
    struct burst burst = {.left = &left, .done = &done};
    bench_open(&bench, loop, NULL);
    memset(event + 2, 'a', LONG - 2);
    assert_int_equal(broker_stream_open(bench.broker, "s", 1, &stream), 0);
    broker_publish(stream, &burst.publish, event, LONG, burst_published);
    harness_run_until(loop, &done);
    broker_stream_close(stream);
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        open_subscriber(&bench, &subscribers[i], "s", BROKER_FROM_START, 0);
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        while (subscribers[i].next < 1) {
            size_t reading = 0;
            hark_run_once(loop);
            for (size_t j = 0; j < SUBSCRIBERS; j++) {
                reading +=
                    subscribers[j].reader.disk.reading && subscribers[j].reader.disk.needed != 0;
                subscriber_take(&subscribers[j], SIZE_MAX);
                if (j % 7 == 6 && reading > 0)
                    subscriber_close(&subscribers[j]),
                        subscribers[j].next = 1; /* others get what was kept for them */
            }
            most = reading > most ? reading : most;
        }
    }
    assert_in_range(most, 1, AT_ONCE);
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        subscriber_done(&bench, &subscribers[i]);
    bench_close(&bench);
}
