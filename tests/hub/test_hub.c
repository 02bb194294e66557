/* test_hub.c - the hub in this process, over a real log and real sockets: what only shows when turns of the loop are counted. */
#include "reader.h"

#include <errno.h>
#include <stdlib.h>

struct bench {
    struct hark_loop *loop;
    struct log *log;
    struct hub *hub;
    bool done;
    int result;
};

static void log_is_open(void *context, int result, struct log *log)
{
    struct bench *bench = context;
    bench->log = log;
    bench->result = result;
    bench->done = true;
}

static void log_is_closed(void *context, int result)
{
    struct bench *bench = context;
    bench->result = result;
    bench->done = true;
}

static void hub_is_closed(void *context)
{
    struct bench *bench = context;
    bench->done = true;
}

static void bench_open(struct bench *bench, struct hark_loop *loop, const struct hub_options *options)
{
    *bench = (struct bench){.loop = loop};
    assert_int_equal(log_open(loop, harness_path("data"), NULL, log_is_open, bench), 0);
    harness_run_until(loop, &bench->done);
    assert_int_equal(bench->result, 0);
    assert_int_equal(hub_create(loop, bench->log, options, &bench->hub), 0);
}

static void bench_close(struct bench *bench)
{
    bench->done = false;
    hub_close(bench->hub, hub_is_closed, bench);
    harness_run_until(bench->loop, &bench->done);
    hub_destroy(bench->hub);
    bench->done = false;
    log_close(bench->log, log_is_closed, bench);
    harness_run_until(bench->loop, &bench->done);
    assert_int_equal(bench->result, 0);
}

/* ---- publishing ---- */

struct burst {
    struct hub_publish publish;
    char event[16];
    size_t *left;
    bool *done;
    uint64_t id;
};

static void burst_published(struct hub_publish *publish, int64_t id)
{
    struct burst *burst = hark_container_of(publish, struct burst, publish);
    assert_true(id > 0);
    burst->id = (uint64_t)id;
    *burst->done = --*burst->left == 0;
}

/* Publishes numbers, all in one turn, and waits for the answers: asserts that ids grow. */
static void publish_numbers(struct bench *bench, const char *name, size_t from, size_t to)
{
    struct hub_stream *stream = NULL;
    struct burst *bursts = calloc(to - from, sizeof(*bursts));
    size_t left = to - from;
    bool done = false;
    assert_int_equal(hub_stream_open(bench->hub, name, strlen(name), &stream), 0);
    for (size_t i = 0; i < to - from; i++) {
        int count = snprintf(bursts[i].event, sizeof(bursts[i].event), "%zu", from + i);
        bursts[i].left = &left;
        bursts[i].done = &done;
        hub_publish(stream, &bursts[i].publish, bursts[i].event, (size_t)count, burst_published);
    }
    harness_run_until(bench->loop, &done);
    for (size_t i = 1; i < to - from; i++)
        assert_true(bursts[i].id > bursts[i - 1].id);
    hub_stream_close(stream);
    free(bursts);
}

static void open_reader(struct bench *bench, struct reader *reader, const char *name, enum hub_from from, uint64_t after)
{
    reader_open(bench->loop, bench->hub, reader, name, from, after);
}

static void reader_done(struct bench *bench, struct reader *reader)
{
    reader_close(reader);
    harness_run_until(bench->loop, &reader->closed);
    close(reader->peer);
}

static uint32_t drawn(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

/* ---- tests ---- */

BACKEND_TEST(burst_of_one_commit_reaches_each_live_subscriber_once)
{
    enum { READERS = 20, EVENTS = 5000 };
    static struct reader readers[READERS];
    struct bench bench;
    bench_open(&bench, loop, NULL);
    for (size_t i = 0; i < READERS; i++)
        open_reader(&bench, &readers[i], "s", HUB_FROM_NOW, 0);
    publish_numbers(&bench, "s", 0, EVENTS);
    for (size_t i = 0; i < READERS; i++) {
        while (readers[i].next < EVENTS) {
            hark_run_once(loop);
            for (size_t j = 0; j < READERS; j++)
                reader_take(&readers[j], SIZE_MAX);
        }
    }
    /* Encoded once for all of them, and sent many together. */
    assert_int_equal(hub_statistics(bench.hub)->encoded, EVENTS);
    assert_int_equal(hub_statistics(bench.hub)->delivered, READERS * EVENTS);
    for (size_t i = 0; i < READERS; i++)
        reader_done(&bench, &readers[i]);
    bench_close(&bench);
}

BACKEND_TEST(readers_of_the_disk_that_leave_at_any_time_hold_up_no_other)
{
    enum { READERS = 64, EVENTS = 3000, ROUNDS = 20 };
    static struct reader readers[READERS];
    struct bench bench;
    uint32_t seed = 1;
    bench_open(&bench, loop, NULL);
    publish_numbers(&bench, "s", 0, EVENTS);
    for (int round = 0; round < ROUNDS; round++) {
        size_t left = READERS;
        for (size_t i = 0; i < READERS; i++)
            open_reader(&bench, &readers[i], "s", HUB_FROM_START, 0);
        while (left > 0) {
            hark_run_once(loop);
            for (int i = 0; i < 6; i++) { /* some leave in each turn: in every state that there is */
                struct reader *reader = &readers[drawn(&seed) % READERS];
                if (!reader->closing && reader->next < EVENTS && left > 4) {
                    reader_close(reader);
                    left--;
                }
            }
            for (size_t i = 0; i < READERS; i++) {
                bool before = readers[i].next < EVENTS;
                if (!readers[i].closing)
                    reader_take(&readers[i], SIZE_MAX);
                if (before && !readers[i].closing && readers[i].next == EVENTS)
                    left--;
            }
        }
        for (size_t i = 0; i < READERS; i++)
            reader_done(&bench, &readers[i]);
    }
    bench_close(&bench);
}

BACKEND_TEST(readers_of_any_speed_get_each_event_once_while_events_come)
{
    enum { READERS = 24, BURST = 200, BURSTS = 60 };
    static struct reader readers[READERS];
    struct hub_options options = {.ring_bytes = 8192}; /* many fall out of it, and come back */
    struct bench bench;
    uint32_t seed = 2;
    bench_open(&bench, loop, &options);
    for (size_t i = 0; i < READERS; i++)
        open_reader(&bench, &readers[i], "s", i % 2 == 0 ? HUB_FROM_START : HUB_FROM_NOW, 0);
    for (size_t burst = 0; burst < BURSTS; burst++) {
        publish_numbers(&bench, "s", burst * BURST, (burst + 1) * BURST);
        harness_turns(loop, (int)(drawn(&seed) % 4));
        for (size_t i = 0; i < READERS; i++)
            reader_take(&readers[i], i < 4 ? SIZE_MAX : drawn(&seed) % (2000 * (i / 4)));
    }
    for (size_t i = 0; i < READERS; i++) {
        while (readers[i].next < BURST * BURSTS) {
            hark_run_once(loop);
            for (size_t j = 0; j < READERS; j++)
                reader_take(&readers[j], SIZE_MAX);
        }
    }
    for (size_t i = 0; i < READERS; i++)
        reader_done(&bench, &readers[i]);
    assert_int_equal(hub_statistics(bench.hub)->ring_bytes, 0);
    bench_close(&bench);
}

BACKEND_TEST(stream_name_that_is_none_is_refused)
{
    struct bench bench;
    struct hub_stream *stream = NULL;
    bench_open(&bench, loop, NULL);
    assert_int_equal(hub_stream_open(bench.hub, ".s", 2, &stream), -EINVAL);
    assert_int_equal(hub_stream_open(bench.hub, "", 0, &stream), -EINVAL);
    assert_int_equal(hub_stream_open(bench.hub, "a/b", 3, &stream), -EINVAL);
    assert_null(stream);
    bench_close(&bench);
}

BACKEND_TEST(nothing_is_in_flight_while_nobody_needs_it)
{
    struct bench bench;
    struct reader reader;
    bench_open(&bench, loop, NULL);
    harness_settle(loop);
    uint64_t before = hark_loop_active(loop);
    publish_numbers(&bench, "s", 0, 1);
    open_reader(&bench, &reader, "s", HUB_FROM_START, 0);
    while (reader.next < 1) {
        hark_run_once(loop);
        reader_take(&reader, SIZE_MAX);
    }
    harness_settle(loop);
    assert_int_equal(hark_loop_active(loop), before); /* a waiting subscriber has no op of the hub's, lines have no heartbeat */
    reader_done(&bench, &reader);
    bench_close(&bench);
}

/* Others get their turn in between. */
BACKEND_TEST(heartbeat_of_many_readers_takes_several_turns)
{
    enum { READERS = 300, TURN = 256 };
    static struct reader readers[READERS];
    struct bench bench;
    bench_open(&bench, loop, &(struct hub_options){.heartbeat_ns = 20000000});
    const struct hub_statistics *statistics = hub_statistics(bench.hub);
    for (size_t i = 0; i < READERS; i++)
        reader_open_as(loop, bench.hub, &readers[i], "s", HUB_FROM_NOW, 0, HUB_SSE);
    while (statistics->heartbeats < READERS) {
        uint64_t before = statistics->heartbeats;
        assert_int_equal(hark_run_once(loop), 1);
        assert_true(statistics->heartbeats - before <= TURN);
    }
    for (size_t i = 0; i < READERS; i++) {
        char beat[8];
        ssize_t count;
        while ((count = recv(readers[i].peer, beat, sizeof(beat), MSG_DONTWAIT)) < 0) /* it is on its way */
            assert_int_equal(hark_run_once(loop), 1);
        assert_true(count > 0 && beat[0] == ':');
        reader_done(&bench, &readers[i]);
    }
    bench_close(&bench);
}

/* Each read takes the memory of the whole event. */
BACKEND_TEST(long_events_are_read_from_the_disk_for_few_readers_at_once)
{
    enum { READERS = 60, LONG = 300000, AT_ONCE = 8 };
    static struct reader readers[READERS];
    static char event[LONG] = "0 ";
    struct hub_stream *stream = NULL;
    struct bench bench;
    bool done = false;
    size_t left = 1, most = 0;
    struct burst burst = {.left = &left, .done = &done};
    bench_open(&bench, loop, NULL);
    memset(event + 2, 'a', LONG - 2);
    assert_int_equal(hub_stream_open(bench.hub, "s", 1, &stream), 0);
    hub_publish(stream, &burst.publish, event, LONG, burst_published);
    harness_run_until(loop, &done);
    hub_stream_close(stream);
    for (size_t i = 0; i < READERS; i++)
        open_reader(&bench, &readers[i], "s", HUB_FROM_START, 0);
    for (size_t i = 0; i < READERS; i++) {
        while (readers[i].next < 1) {
            size_t reading = 0;
            hark_run_once(loop);
            for (size_t j = 0; j < READERS; j++) {
                reading += readers[j].subscriber.reading && readers[j].subscriber.needed != 0;
                reader_take(&readers[j], SIZE_MAX);
                if (j % 7 == 6 && reading > 0)
                    reader_close(&readers[j]), readers[j].next = 1; /* others get what was kept for them */
            }
            most = reading > most ? reading : most;
        }
    }
    assert_in_range(most, 1, AT_ONCE);
    for (size_t i = 0; i < READERS; i++)
        reader_done(&bench, &readers[i]);
    bench_close(&bench);
}
