/* test_source.c - a broker over a source that is the test's: what it asks of one, and what it makes
 * of the answers. */
#include "broker/subscriber.h"

#include "broker/broker.h"
#include "broker/source.h"
#include "broker/state.h"

#include <errno.h>

/* Keeps what it is asked until the test answers. */
struct asked {
    struct broker_source source;
    struct broker_disk_read *read; /* the one in flight */
    size_t reads;
    size_t cancels;
    uint64_t newest;
    bool left;
    bool closed;
};

static struct asked *asked_of(const struct broker_source *source)
{
    return hark_container_of(source, struct asked, source);
}

static void no_publish(struct broker_publish *publish)
{
    (void)publish;
    fail_msg("nothing is published");
}

static void keep_read(struct broker_disk_read *read)
{
    struct asked *asked = asked_of(read->mark->stream->broker->source);
    assert_null(asked->read);
    asked->read = read;
    asked->reads++;
}

static void count_cancel(struct broker_disk_read *read)
{
    asked_of(read->mark->stream->broker->source)->cancels++;
}

static int follow_at_once(struct broker_stream *stream, struct broker_follow *follow)
{
    (void)stream;
    (void)follow;
    return 1;
}

static void pass_over(struct broker_stream *stream)
{
    (void)stream;
}

static uint64_t give_newest(const struct broker_stream *stream)
{
    return asked_of(stream->broker->source)->newest;
}

static void take_leave(struct broker_source *source)
{
    asked_of(source)->left = true;
    pending_begin(&source->broker->pending);
}

static void destroy_nothing(struct broker_source *source)
{
    (void)source;
}

static struct broker *open_broker(struct hark_loop *loop, struct asked *asked)
{
    static const struct broker_source_calls calls = {
        .append = no_publish,
        .read = keep_read,
        .read_cancel = count_cancel,
        .follow = follow_at_once,
        .readers_changed = pass_over,
        .look = pass_over,
        .newest = give_newest,
        .leave = take_leave,
        .destroy = destroy_nothing,
    };
    struct broker *broker = NULL;
    *asked = (struct asked){.source = {.calls = &calls}};
    assert_int_equal(broker_create_from(loop, &asked->source, NULL, &broker), 0);
    return broker;
}

static void is_closed(void *context)
{
    ((struct asked *)context)->closed = true;
}

static void close_broker(struct broker *broker, struct asked *asked)
{
    broker_close(broker, is_closed, asked);
    harness_run_until(broker->loop, &asked->left);
    pending_end(&broker->pending);
    assert_true(asked->closed);
    broker_destroy(broker);
}

static void answer(struct asked *asked, int64_t result)
{
    struct broker_disk_read *read = asked->read;
    asked->read = NULL;
    broker_disk_ended(read, result);
}

static void wait_for_read(struct broker *broker, const struct asked *asked)
{
    while (!asked->read)
        assert_true(hark_run_once(broker->loop) >= 0);
}

static void end_subscriber(struct broker *broker, struct subscriber *subscriber)
{
    subscriber_close(subscriber);
    harness_run_until(broker->loop, &subscriber->closed);
    close(subscriber->peer);
}

/* --- tests --- */

BACKEND_TEST(broker_is_closed_once_its_source_has_taken_leave)
{
    struct asked asked;
    struct broker *broker = open_broker(loop, &asked);
    broker_close(broker, is_closed, &asked);
    assert_false(asked.left); /* from hark_run alone */
    harness_run_until(loop, &asked.left);
    harness_settle(loop);
    assert_false(asked.closed);
    pending_end(&broker->pending);
    assert_true(asked.closed);
    broker_destroy(broker);
}

BACKEND_TEST(events_that_a_source_gives_reach_readers_in_order)
{
    enum { EVENTS = 100 };
    struct asked asked;
    struct broker *broker = open_broker(loop, &asked);
    struct subscriber subscriber;
    char text[16];
    subscriber_open(loop, broker, &subscriber, "s", BROKER_FROM_NOW, 0);
    struct broker_stream *stream = subscriber.reader.mark.stream;
    for (size_t i = 0; i < EVENTS; i++) {
        int count = snprintf(text, sizeof text, "%zu", i);
        broker_stream_take(stream, 7, 8 + i, text, (size_t)count);
    }
    while (subscriber.next < EVENTS) {
        assert_true(hark_run_once(loop) >= 0);
        subscriber_take(&subscriber, SIZE_MAX);
    }
    assert_int_equal(asked.reads, 0);
    broker_stream_begin(stream, 0, 0);
    end_subscriber(broker, &subscriber);
    close_broker(broker, &asked);
}

BACKEND_TEST(events_that_did_not_come_are_read_from_the_source)
{
    struct asked asked;
    struct broker *broker = open_broker(loop, &asked);
    struct subscriber subscriber;
    subscriber_open(loop, broker, &subscriber, "s", BROKER_FROM_NOW, 0);
    struct broker_stream *stream = subscriber.reader.mark.stream;
    broker_stream_begin(stream, 7, 7);
    harness_settle(loop); /* the reader is at the beginning */
    broker_stream_skip(stream, 20);
    wait_for_read(broker, &asked);
    assert_int_equal(asked.read->cursor.stream, 7);
    assert_int_equal(asked.read->cursor.after, 7);
    answer(&asked, 0); /* nothing lies there: on to what comes after it */
    broker_stream_take(stream, 7, 21, "0", 1);
    while (subscriber.next < 1) {
        assert_true(hark_run_once(loop) >= 0);
        subscriber_take(&subscriber, SIZE_MAX);
    }
    assert_int_equal(asked.reads, 1);
    broker_stream_begin(stream, 0, 0);
    end_subscriber(broker, &subscriber);
    close_broker(broker, &asked);
}

BACKEND_TEST(reader_whose_generation_is_gone_reads_no_more_until_it_is_told)
{
    struct asked asked;
    struct broker *broker = open_broker(loop, &asked);
    struct subscriber subscriber;
    subscriber_open(loop, broker, &subscriber, "s", BROKER_FROM_START, 0);
    struct broker_stream *stream = subscriber.reader.mark.stream;
    asked.newest = 20;
    broker_stream_begin(stream, 7, 20);
    wait_for_read(broker, &asked);
    answer(&asked, -ENOENT);
    harness_settle(loop);
    assert_int_equal(asked.reads, 1);
    broker_stream_begin(stream, 30, 40);
    wait_for_read(broker, &asked);
    assert_int_equal(asked.read->cursor.stream, 30);
    answer(&asked, 0);
    broker_stream_begin(stream, 0, 0);
    end_subscriber(broker, &subscriber);
    close_broker(broker, &asked);
}

BACKEND_TEST(reader_that_is_closed_during_a_read_ends_with_its_answer)
{
    struct asked asked;
    struct broker *broker = open_broker(loop, &asked);
    struct subscriber subscriber;
    subscriber_open(loop, broker, &subscriber, "s", BROKER_FROM_START, 0);
    struct broker_stream *stream = subscriber.reader.mark.stream;
    broker_stream_begin(stream, 7, 20);
    wait_for_read(broker, &asked);
    subscriber_close(&subscriber);
    harness_run_until(loop, &subscriber.stream_closed);
    assert_int_equal(asked.cancels, 1);
    assert_false(subscriber.reader_closed);
    broker_stream_begin(stream, 0, 0);
    answer(&asked, -ECANCELED);
    assert_true(subscriber.closed);
    close(subscriber.peer);
    close_broker(broker, &asked);
}
