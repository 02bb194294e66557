/* bench.c - see the header. */
#include "broker/bench.h"
#include "broker/publish.h"
#include "log/fixture.h"

void bench_open(struct bench *bench, struct hark_loop *loop, const struct broker_options *options)
{
    *bench = (struct bench){.loop = loop, .log = open_log(loop, harness_path("data"), NULL)};
    bench->broker = open_broker(loop, bench->log, options);
}

void bench_close(struct bench *bench)
{
    close_broker(bench->loop, bench->broker);
    close_log(bench->loop, bench->log);
}

struct broker_stream *bench_stream(struct bench *bench, const char *name)
{
    struct broker_stream *stream = NULL;
    assert_int_equal(broker_stream_open(bench->broker, name, strlen(name), &stream), 0);
    return stream;
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

void bench_publish(struct bench *bench, const char *name, const void *event, size_t count)
{
    struct broker_stream *stream = bench_stream(bench, name);
    size_t left = 1;
    bool done = false;
    struct burst burst = {.left = &left, .done = &done};
    broker_publish(stream, &burst.publish, event, count, burst_published);
    harness_run_until(bench->loop, &done);
    broker_stream_close(stream);
}

void bench_publish_numbers(struct bench *bench, const char *name, size_t from, size_t to)
{
    struct broker_stream *stream = bench_stream(bench, name);
    struct burst *bursts = calloc(to - from, sizeof *bursts);
    size_t left = to - from;
    bool done = false;
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

/* --- subscribing --- */

void bench_subscribe(struct bench *bench, struct subscriber *subscriber, const char *name,
                     enum broker_from from)
{
    subscriber_open(bench->loop, bench->broker, subscriber, name, from, 0);
}

void bench_subscribe_sse(struct bench *bench, struct subscriber *subscriber, const char *name,
                         enum broker_from from)
{
    subscriber_open_as(bench->loop, bench->broker, subscriber, name, from, 0, BROKER_SSE);
}

void bench_take_to(struct bench *bench, struct subscriber *subscribers, size_t count, size_t below)
{
    for (size_t i = 0; i < count; i++) {
        while (subscribers[i].next < below) {
            assert_true(hark_run_once(bench->loop) >= 0);
            for (size_t j = 0; j < count; j++)
                subscriber_take(&subscribers[j], SIZE_MAX);
        }
    }
}

void bench_unsubscribe(struct bench *bench, struct subscriber *subscribers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        subscriber_close(&subscribers[i]);
        harness_run_until(bench->loop, &subscribers[i].closed);
        close(subscribers[i].peer);
    }
}
