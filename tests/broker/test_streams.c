/* test_streams.c - what a broker knows and keeps of a stream: its name, its counts, its
 * generations, its memory. */
#include "broker/bench.h"
#include "broker/look.h"
#include "broker/publish.h"
#include "fault/faults.h"
#include "log/fixture.h"

#include <errno.h>
#include <malloc.h>

BACKEND_TEST(stream_name_that_is_none_is_refused)
{
    struct bench bench;
    struct broker_stream *stream = NULL;
    bench_open(&bench, loop, NULL);
    assert_int_equal(broker_stream_open(bench.broker, ".s", 2, &stream), -EINVAL);
    assert_int_equal(broker_stream_open(bench.broker, "", 0, &stream), -EINVAL);
    assert_int_equal(broker_stream_open(bench.broker, "a//b", 4, &stream), -EINVAL);
    assert_null(stream);
    bench_close(&bench);
}

BACKEND_TEST(rate_is_of_the_five_whole_seconds_before_this_one)
{
    static const double rates[] = {
        0, 2, 3, 3, 3, 3,
        1, 0, 0, 0, 0, 0}; /* after 10 events in the first second, 5 in the next */
    const uint64_t second_ns = 1000000000;
    struct bench bench;
    bench_open(&bench, loop, NULL);
    struct broker_stream *stream = bench_stream(&bench, "s");
    uint64_t now_ns = (hark_os_clock(loop) / second_ns + 1) * second_ns;
    for (size_t second = 0; second < sizeof rates / sizeof *rates; second++) {
        fault_clock_stands(CLOCK_MONOTONIC, now_ns + second * second_ns);
        assert_true(hark_run_ready(loop) >= 0);
        assert_true(broker_stream_look(stream).per_second == rates[second]);
        if (second < 2)
            bench_publish_numbers(&bench, "s", 0, second == 0 ? 10 : 5);
    }
    fault_clock_stands(CLOCK_MONOTONIC, 0);
    broker_stream_close(stream);
    bench_close(&bench);
}

BACKEND_TEST(events_of_a_stream_are_counted_on_while_nobody_has_it)
{
    struct bench bench;
    bench_open(&bench, loop, NULL);
    bench_publish_numbers(&bench, "s", 0, 3); /* with a handle for the time of it */
    bench_publish_numbers(&bench, "s", 3, 10);
    struct broker_stream *stream = bench_stream(&bench, "s");
    assert_int_equal(broker_stream_look(stream).published, 10);
    broker_stream_close(stream);
    bench_close(&bench);
}

BACKEND_TEST(stream_that_is_not_there_holds_no_memory_once_nobody_has_it)
{
    struct bench bench;
    size_t held = 0;
    bench_open(&bench, loop, NULL);
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%02d", i);
        broker_stream_close(bench_stream(&bench, name));
        if (i == 10) /* by then the allocator keeps what it keeps */
            held = mallinfo2().uordblks;
    }
    assert_int_equal(mallinfo2().uordblks, held);
    bench_close(&bench);
}

/* --- generations --- */

/* One who reads from now on comes in the callback of the first of a batch: all of it is
 * acknowledged by then, and old. */
static struct broker_publish batch[3];
static struct subscriber late;
static struct bench *current;
static bool done;

static void batch_published(struct broker_publish *publish, int64_t id)
{
    assert_true(id > 0);
    if (publish == &batch[0])
        bench_subscribe(current, &late, "s", BROKER_FROM_NOW);
    done = publish == &batch[2];
}

BACKEND_TEST(reader_from_now_that_comes_between_the_answers_of_a_commit_is_given_none_of_it)
{
    struct bench bench;
    bench_open(&bench, loop, NULL);
    struct broker_stream *stream = bench_stream(&bench, "s");
    current = &bench;
    done = false;
    for (size_t i = 0; i < 3; i++)
        broker_publish(stream, &batch[i], "0", 1, batch_published);
    harness_run_until(loop, &done);
    late.next = 1;
    bench_publish_numbers(&bench, "s", 1, 2);
    bench_take_to(&bench, &late, 1, 2);
    bench_unsubscribe(&bench, &late, 1);
    broker_stream_close(stream);
    bench_close(&bench);
}

static void stream_deleted(struct broker_publish *publish, int64_t id)
{
    (void)publish;
    assert_true(id > 0);
    done = true;
}

static void remove_stream(struct bench *bench, struct broker_stream *stream)
{
    struct broker_publish publish = {0};
    done = false;
    broker_delete(stream, &publish, stream_deleted);
    harness_run_until(bench->loop, &done);
}

BACKEND_TEST(deleted_stream_keeps_nothing_in_memory_and_is_new_to_who_comes_after)
{
    struct bench bench;
    struct subscriber before, after;
    bench_open(&bench, loop, NULL);
    struct broker_stream *stream = bench_stream(&bench, "s");
    bench_subscribe(&bench, &before, "s", BROKER_FROM_START);
    bench_publish_numbers(&bench, "s", 0, 10);
    bench_take_to(&bench, &before, 1, 10);
    assert_true(broker_statistics(bench.broker)->ring_bytes > 0);
    remove_stream(&bench, stream);
    assert_int_equal(broker_statistics(bench.broker)->ring_bytes, 0);
    bench_subscribe(&bench, &after, "s", BROKER_FROM_NOW);
    bench_publish_numbers(&bench, "s", 0, 10);
    bench_take_to(&bench, &after, 1, 10); /* asserts that no gap is told */
    bench_unsubscribe(&bench, &before, 1);
    bench_unsubscribe(&bench, &after, 1);
    broker_stream_close(stream);
    bench_close(&bench);
}

static void log_deleted(struct log_append *append, int64_t result)
{
    (void)append;
    assert_true(result > 0);
    done = true;
}

BACKEND_TEST(stream_deleted_without_the_broker_leaves_its_readers_waiting)
{
    struct broker_options options = {.ring_bytes = 4096};
    struct log_append deletion = {
        .kind = LOG_DELETE, .name = "s", .name_length = 1, .done = log_deleted};
    struct bench bench;
    struct subscriber subscriber;
    bench_open(&bench, loop, &options);
    bench_publish_numbers(&bench, "s", 0, 100000); /* more than its connection takes */
    bench_subscribe(&bench, &subscriber, "s", BROKER_FROM_START);
    while (!subscriber.reader.sending)
        assert_true(hark_run_once(loop) >= 0);
    done = false;
    log_append(bench.log, &deletion);
    harness_run_until(loop, &done);
    for (int i = 0; i < 200; i++) {
        subscriber_take(&subscriber, SIZE_MAX);
        hark_run_ready(loop);
    }
    assert_true(subscriber.next > 0 && subscriber.next < 100000);
    uint64_t reads = broker_statistics(bench.broker)->disk_reads;
    for (int i = 0; i < 200; i++)
        hark_run_ready(loop);
    assert_int_equal(broker_statistics(bench.broker)->disk_reads, reads);
    bench_unsubscribe(&bench, &subscriber, 1);
    bench_close(&bench);
}
