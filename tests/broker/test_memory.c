/* test_memory.c - brokers on two threads when memory is lacking: the nth allocation fails, n =
 * 1, 2, ... until a run in which none did. An answer is an error then, and still comes in its
 * order. */
#include "broker/broker.h"
#include "broker/publish.h"
#include "broker/reader.h"
#include "broker/sides.h"
#include "broker/state.h"
#include "broker/stream.h"
#include "core/loop.h"
#include "fault/memory.h"

#include "broker/recent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { STREAMS = 3, EACH = 4, EVENTS = STREAMS * EACH };

static size_t answered;
static size_t kept;
static uint64_t last;

struct event {
    struct broker_publish publish;
    size_t number;
};

static void published(struct broker_publish *publish, int64_t id)
{
    const struct event *event = hark_container_of(publish, struct event, publish);
    assert_int_equal(event->number, answered);
    answered++;
    if (id < 0) {
        assert_int_equal(id, -ENOMEM);
        return;
    }
    assert_true((uint64_t)id > last);
    last = (uint64_t)id;
    kept++;
}

/* Publishes from the side without the log into streams that are new. Gives: whether an allocation
 * was refused. */
static bool publish_with_one_refused(struct sides *sides, unsigned long number)
{
    static struct event events[EVENTS];
    struct broker_stream *streams[STREAMS];
    char name[STREAMS][32];
    memset(events, 0, sizeof events);
    answered = kept = 0;
    for (size_t s = 0; s < STREAMS; s++) {
        snprintf(name[s], sizeof name[s], "s%zu.%lu", s, number);
        assert_int_equal(
            broker_stream_open(sides->brokers[REMOTE], name[s], strlen(name[s]), &streams[s]), 0);
    }
    uint64_t before = broker_statistics(sides->brokers[OWNER])->published;
    for (size_t i = 0; i < EVENTS; i++) {
        events[i].number = i;
        broker_publish(streams[i / EACH], &events[i].publish, "x", 1, published);
    }
    memory_begin(number, false);
    while (answered < EVENTS)
        turn(sides);
    memory_end();
    assert_int_equal(broker_statistics(sides->brokers[OWNER])->published, before + kept);
    for (size_t s = 0; s < STREAMS; s++)
        broker_stream_close(streams[s]);
    return memory_refused() > 0;
}

BACKEND_TEST(each_allocation_fails_and_answers_keep_their_order)
{
    struct sides sides;
    unsigned long number = 0;
    sides_open(&sides, loop, 0);
    do
        number++;
    while (publish_with_one_refused(&sides, number));
    assert_true(number > STREAMS); /* some were refused */
    assert_int_equal(kept, EVENTS);
    sides_close(&sides);
}

TEST(ring_without_memory_for_an_event_sends_its_readers_to_the_disk)
{
    static char event[RECENT_CHUNK_BYTES]; /* which has no room beside another */
    struct recent ring;
    struct recent_range range;
    recent_init(&ring, BROKER_LINES, 1 << 20);
    recent_start(&ring, 5);
    assert_true(recent_append(&ring, 6, "x", 1) > 0);
    memory_begin(1, false);
    assert_int_equal(recent_append(&ring, 7, event, sizeof event), 0);
    memory_end();
    assert_int_equal(ring.floor, 7);
    assert_int_equal(ring.bytes, 0);
    assert_false(recent_find(&ring, 7, NULL, &range));
    assert_true(recent_append(&ring, 8, "x", 1) > 0); /* and from here on they are live again */
    assert_true(recent_find(&ring, 7, NULL, &range));
    assert_int_equal(range.first_id, 8);
    recent_stop(&ring);
}

/* --- the heartbeat --- */

struct listener {
    struct broker_reader reader;
    struct hark_stream output;
    int peer;
    bool closed;
};

static void output_closed(struct hark_stream *output)
{
    (void)output;
}

static void listener_closed(struct broker_reader *reader)
{
    hark_container_of(reader, struct listener, reader)->closed = true;
}

/* One more timer needs memory. Gives: how many it has started for that. */
static size_t fill_timers(struct hark_loop *loop, struct harness_op *sleeping)
{
    size_t count = 0;
    do
        hark_sleep(loop, &sleeping[count++].op, UINT64_C(3600000000000), harness_done);
    while (TIMERS_ROOT + loop->timers.count < loop->timers.room);
    return count;
}

static int64_t publish_one(struct sides *sides, struct broker_stream *stream)
{
    struct event event = {.number = 0};
    answered = 0;
    last = 0;
    broker_publish(stream, &event.publish, "x", 1, published);
    while (answered == 0)
        turn(sides);
    turn(sides); /* its readers have theirs */
    return (int64_t)last;
}

BACKEND_TEST(heartbeat_without_memory_is_tried_when_readers_have_a_turn_and_not_in_each)
{
    enum { TURNS = 20, TIMERS_MAX = 1000 };
    static struct harness_op sleeping[TIMERS_MAX];
    static const struct hark_stream_events events = {.closed = output_closed};
    struct sides sides;
    struct broker_stream *stream = NULL;
    struct listener listener = {0};
    int pair[2];
    memset(sleeping, 0, sizeof sleeping);
    sides_open(&sides, loop, 0);
    struct broker *broker = sides.brokers[OWNER];
    assert_int_equal(broker_stream_open(broker, "s", 1, &stream), 0);
    assert_true(publish_one(&sides, stream) > 0);
    harness_socket_pair(loop, pair);
    hark_stream_open(loop, &listener.output, pair[0], NULL, &events);
    size_t timers = fill_timers(loop, sleeping);
    memory_begin(1, true);
    broker_reader_open(stream, &listener.reader, &listener.output, BROKER_SSE, BROKER_FROM_NOW, 0,
                       listener_closed);
    for (int i = 0; i < TURNS; i++)
        turn(&sides);
    unsigned long refused = memory_refused();
    memory_end();
    assert_true(refused > 0 && refused < TURNS / 2);
    assert_false(hark_op_active(&broker->heartbeat));
    assert_true(publish_one(&sides, stream) > 0);
    assert_true(hark_op_active(&broker->heartbeat));
    broker_reader_close(&listener.reader);
    hark_stream_close(&listener.output);
    while (!listener.closed)
        turn(&sides);
    for (size_t i = 0; i < timers; i++)
        hark_cancel(&sleeping[i].op);
    broker_stream_close(stream);
    sides_close(&sides);
    harness_close(loop, pair[1]);
}
