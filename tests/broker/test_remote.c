/* test_remote.c - a broker without a log, and the one that has it. Both loops run in this thread,
 * so which of them is how far behind the other is the test's to choose. */
#include "broker/broker.h"
#include "broker/publish.h"
#include "broker/reader.h"
#include "broker/sides.h"
#include "broker/stream.h"
#include "broker/subscriber.h"

#include <errno.h>

/* --- publishing --- */

/* One who publishes numbers into a stream, several at a time. */
struct source {
    struct sides *sides;
    struct broker_stream *stream;
    size_t asked;    /* numbers below this were given to the broker */
    size_t answered; /* numbers below this are acknowledged */
    uint64_t last;
    bool deleting;
    int64_t deleted;
};

struct number {
    struct broker_publish publish;
    struct source *source;
    size_t value;
    char text[];
};

static struct number *number_make(struct source *source, size_t room)
{
    struct number *number = calloc(1, sizeof *number + room);
    assert_non_null(number);
    number->source = source;
    return number;
}

static void source_open(struct sides *sides, struct source *source, int side, const char *name)
{
    *source = (struct source){.sides = sides};
    assert_int_equal(broker_stream_open(sides->brokers[side], name, strlen(name), &source->stream),
                     0);
}

static void published(struct broker_publish *publish, int64_t id)
{
    struct number *number = hark_container_of(publish, struct number, publish);
    struct source *source = number->source;
    assert_int_equal(number->value, source->answered); /* in the order of asking */
    assert_true(id > (int64_t)source->last);
    source->last = (uint64_t)id;
    source->answered++;
    free(number);
}

/* The next number, filled up with blanks to so many bytes. */
static void source_publish_long(struct source *source, size_t bytes)
{
    struct number *number = number_make(source, bytes + 24);
    number->value = source->asked++;
    size_t length = (size_t)snprintf(number->text, bytes + 24, "%zu", number->value);
    if (length < bytes)
        memset(number->text + length, ' ', bytes - length);
    broker_publish(source->stream, &number->publish, number->text, length < bytes ? bytes : length,
                   published);
}

static void source_publish(struct source *source, size_t count)
{
    for (size_t i = 0; i < count; i++)
        source_publish_long(source, 0);
}

static void source_wait(struct source *source)
{
    while (source->answered < source->asked)
        turn(source->sides);
}

static void source_close(struct source *source)
{
    source_wait(source);
    broker_stream_close(source->stream);
}

/* --- reading --- */

static void read_all(struct sides *sides, struct subscriber *subscribers, size_t count,
                     size_t numbers)
{
    for (size_t i = 0; i < count; i++) {
        while (subscribers[i].next < numbers) {
            turn(sides);
            for (size_t j = 0; j < count; j++)
                subscriber_take(&subscribers[j], SIZE_MAX);
        }
    }
}

static void subscriber_done(struct sides *sides, struct subscriber *subscriber)
{
    subscriber_close(subscriber);
    turn_until(sides, &subscriber->closed);
    close(subscriber->peer);
}

static uint32_t drawn(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

/* --- tests --- */

BACKEND_TEST(events_of_either_side_reach_readers_on_both_once)
{
    enum { EVENTS = 4000, SUBSCRIBERS = 8 };
    static struct subscriber subscribers[2][SUBSCRIBERS];
    static const char *const names[] = {"owner", "remote"};
    struct sides sides;
    struct source sources[2];
    uint32_t seed = 1;
    sides_open(&sides, loop, 0);
    for (int s = 0; s < 2; s++) {
        source_open(&sides, &sources[s], s, names[s]);
        for (int i = 0; i < SUBSCRIBERS; i++)
            subscriber_open(sides.loops[i % 2], sides.brokers[i % 2], &subscribers[s][i], names[s],
                            BROKER_FROM_START, 0);
    }
    while (sources[0].asked < EVENTS || sources[1].asked < EVENTS) {
        for (int s = 0; s < 2; s++) {
            size_t left = EVENTS - sources[s].asked;
            size_t count = drawn(&seed) % 100;
            source_publish(&sources[s], count < left ? count : left);
        }
        for (uint32_t turns = drawn(&seed) % 4; turns > 0; turns--) /* one of them falls behind */
            assert_true(hark_run_ready(sides.loops[drawn(&seed) % 2]) >= 0);
        for (int s = 0; s < 2; s++)
            for (int i = 0; i < SUBSCRIBERS; i++)
                subscriber_take(&subscribers[s][i], drawn(&seed) % 3000);
    }
    for (int s = 0; s < 2; s++) {
        read_all(&sides, subscribers[s], SUBSCRIBERS, EVENTS);
        for (int i = 0; i < SUBSCRIBERS; i++)
            subscriber_done(&sides, &subscribers[s][i]);
        source_close(&sources[s]);
    }
    assert_int_equal(broker_statistics(sides.brokers[OWNER])->published, 2 * EVENTS);
    sides_close(&sides);
}

/* Publishes from the owner while the other side does not turn. */
static void publish_alone(struct source *source, size_t count, uint32_t *seed)
{
    for (size_t i = 0; i < count; i++)
        source_publish_long(source, drawn(seed) % 50 == 0 ? drawn(seed) % 300000 : 0);
    while (source->answered < source->asked)
        assert_true(hark_run_ready(source->sides->loops[OWNER]) >= 0);
}

BACKEND_TEST(thread_that_lags_is_told_where_the_stream_stands_and_its_readers_read_the_disk)
{
    enum { SUBSCRIBERS = 3, ROUNDS = 4 };
    static struct subscriber subscribers[SUBSCRIBERS];
    struct sides sides;
    struct source source;
    uint32_t seed = 5;
    uint64_t left_out = 0;
    sides_open(&sides, loop, 0);
    source_open(&sides, &source, OWNER, "s");
    for (int i = 0; i < SUBSCRIBERS; i++)
        subscriber_open(sides.loops[REMOTE], sides.brokers[REMOTE], &subscribers[i], "s",
                        BROKER_FROM_NOW, 0);
    for (int i = 0; i < SUBSCRIBERS; i++)
        turn_until(&sides, &subscribers[i].begun);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t reads = broker_statistics(sides.brokers[REMOTE])->disk_reads;
        for (int i = 0; i < 12; i++) /* more than may be on its way */
            publish_alone(&source, 1000, &seed);
        for (int i = 0; i < 300;
             i++) { /* what came is read to its end before the owner hears of it */
            assert_true(hark_run_ready(sides.loops[REMOTE]) >= 0);
            for (int r = 0; r < SUBSCRIBERS; r++)
                subscriber_take(&subscribers[r], SIZE_MAX);
        }
        read_all(&sides, subscribers, SUBSCRIBERS, source.asked);
        assert_true(broker_statistics(sides.brokers[REMOTE])->disk_reads > reads);
        assert_true(broker_statistics(sides.brokers[OWNER])->left_out > left_out);
        left_out = broker_statistics(sides.brokers[OWNER])->left_out;
        reads = broker_statistics(sides.brokers[REMOTE])->disk_reads;
        source_publish(&source, 10); /* and from here on they are live again */
        read_all(&sides, subscribers, SUBSCRIBERS, source.asked);
        assert_int_equal(broker_statistics(sides.brokers[REMOTE])->disk_reads, reads);
        assert_int_equal(broker_statistics(sides.brokers[OWNER])->left_out, left_out);
    }
    for (int i = 0; i < SUBSCRIBERS; i++)
        subscriber_done(&sides, &subscribers[i]);
    source_close(&source);
    sides_close(&sides);
}

/* A subscriber that begins "now" sees what is acknowledged after it came, all of it, and nothing
 * else, however the threads lag. */
static void come_and_go(struct hark_loop *loop, size_t count, uint32_t seed)
{
    enum { SUBSCRIBERS = 12, STEPS = 6000 };
    static struct subscriber subscribers[SUBSCRIBERS];
    static size_t acknowledged[SUBSCRIBERS], asked[SUBSCRIBERS];
    static bool seen_begun[SUBSCRIBERS];
    struct sides sides;
    struct source sources[2];
    sides_open(&sides, loop, 4096); /* many fall out of the ring */
    source_open(&sides, &sources[OWNER], OWNER, "s");
    source_open(&sides, &sources[REMOTE], REMOTE, "s");
    struct source *source = &sources[OWNER];
    for (size_t i = 0; i < count; i++)
        subscribers[i] = (struct subscriber){.closed = true, .peer = -1};
    for (int step = 0; step < STEPS; step++) {
        struct subscriber *subscriber = &subscribers[drawn(&seed) % count];
        size_t index = (size_t)(subscriber - subscribers);
        uint32_t choice = drawn(&seed) % 100;
        if (choice < 8 && subscriber->closed) {
            if (subscriber->peer >= 0)
                close(subscriber->peer);
            subscriber_open(sides.loops[REMOTE], sides.brokers[REMOTE], subscriber, "s",
                            BROKER_FROM_NOW, 0);
            subscriber->any = true;
            acknowledged[index] = source->answered;
            seen_begun[index] = false;
        } else if (choice < 12 && !subscriber->closed) {
            subscriber_close(subscriber);
        } else if (choice < 30 && source->answered == source->asked) {
            /* One after the other, on either side: so the numbers have one order. */
            struct source *other = &sources[drawn(&seed) % 2];
            other->asked = other->answered = source->asked;
            other->last = source->last;
            source = other;
            source_publish(source, 1 + drawn(&seed) % 20);
        } else if (choice < 75) {
            assert_true(hark_run_ready(sides.loops[drawn(&seed) % 4 ? OWNER : REMOTE]) >= 0);
        } else if (!subscriber->closed) {
            subscriber_take(subscriber, drawn(&seed) % 4000);
        }
        for (size_t i = 0; i < count; i++) {
            if (subscribers[i].begun && !seen_begun[i])
                asked[i] = source->asked;
            seen_begun[i] |= subscribers[i].begun;
            if (subscribers[i].events == 0)
                continue;
            size_t first = subscribers[i].next - subscribers[i].events;
            if (first < acknowledged[i] || first > asked[i])
                fail_msg("it began with %zu: %zu were acknowledged when it came, %zu were asked "
                         "for when it began",
                         first, acknowledged[i], asked[i]);
        }
    }
    source_wait(source);
    for (size_t i = 0; i < count; i++)
        if (!subscribers[i].closing && !subscribers[i].closed)
            turn_until(&sides, &subscribers[i].begun);
    source_publish(source, 1); /* so that each has something to end with */
    source_wait(source);
    for (size_t i = 0; i < count; i++) {
        while (subscribers[i].begun && !subscribers[i].closing &&
               subscribers[i].next < source->asked) {
            turn(&sides);
            subscriber_take(&subscribers[i], SIZE_MAX);
        }
        subscriber_close(&subscribers[i]);
        if (!subscribers[i].closed)
            turn_until(&sides, &subscribers[i].closed);
        close(subscribers[i].peer);
    }
    broker_stream_close(sources[OWNER].stream);
    broker_stream_close(sources[REMOTE].stream);
    sides_close(&sides);
}

BACKEND_TEST(subscribers_that_come_and_go_miss_nothing_and_see_nothing_from_before)
{
    for (uint32_t seed = 1; seed <= 3; seed++) {
        come_and_go(loop, 12, seed);
        come_and_go(loop, 2, seed); /* often none is left, and the stream is let go */
    }
}

static void deleted(struct broker_publish *publish, int64_t id)
{
    struct number *number = hark_container_of(publish, struct number, publish);
    number->source->deleted = id;
    number->source->deleting = false;
    free(number);
}

static int64_t delete_stream(struct source *source)
{
    struct number *number = number_make(source, 0);
    source->deleting = true;
    broker_delete(source->stream, &number->publish, deleted);
    while (source->deleting)
        turn(source->sides);
    return source->deleted;
}

/* Takes lines until the one that ends so. Gives: how many gaps were told before. */
static int gaps_until(struct sides *sides, struct subscriber *subscriber, const char *ending)
{
    char text[8192];
    size_t count = 0;
    int gaps = 0;
    text[0] = '\0';
    while (!strstr(text, ending)) {
        turn(sides);
        ssize_t got = recv(subscriber->peer, text + count, sizeof text - 1 - count, MSG_DONTWAIT);
        count += got > 0 ? (size_t)got : 0;
        text[count] = '\0';
    }
    for (const char *at = text; (at = strstr(at, "GAP\t")); at++)
        gaps++;
    return gaps;
}

BACKEND_TEST(stream_deleted_and_made_anew_on_either_side_is_a_gap_on_both)
{
    struct sides sides;
    struct source sources[2];
    struct subscriber subscribers[2];
    sides_open(&sides, loop, 0);
    for (int side = 0; side < SIDES; side++)
        source_open(&sides, &sources[side], side, "s");
    assert_int_equal(delete_stream(&sources[REMOTE]), -ENOENT);
    source_publish(&sources[OWNER], 1);
    source_wait(&sources[OWNER]);
    for (int side = 0; side < SIDES; side++) {
        subscriber_open(sides.loops[side], sides.brokers[side], &subscribers[side], "s",
                        BROKER_FROM_START, 0);
        turn_until(&sides, &subscribers[side].begun);
        assert_int_equal(gaps_until(&sides, &subscribers[side], "\t0\n"), 0);
    }
    for (int round = 0; round < 10; round++) {
        struct source *source = &sources[round % 2];
        char ending[16];
        assert_true(delete_stream(&sources[(round + round / 2) % 2]) > 0);
        source_publish(source, 1);
        source_wait(source);
        snprintf(ending, sizeof ending, "\t%zu\n", source->asked - 1);
        for (int side = 0; side < SIDES; side++)
            assert_int_equal(gaps_until(&sides, &subscribers[side], ending), 1);
    }
    for (int side = 0; side < SIDES; side++) {
        subscriber_done(&sides, &subscribers[side]);
        source_close(&sources[side]);
    }
    sides_close(&sides);
}

BACKEND_TEST(deleted_stream_keeps_nothing_in_memory_on_the_other_thread)
{
    struct sides sides;
    struct source source;
    struct subscriber subscriber;
    sides_open(&sides, loop, 0);
    source_open(&sides, &source, OWNER, "s");
    subscriber_open(sides.loops[REMOTE], sides.brokers[REMOTE], &subscriber, "s", BROKER_FROM_NOW,
                    0);
    turn_until(&sides, &subscriber.begun);
    source_publish(&source, 10);
    read_all(&sides, &subscriber, 1, 10);
    assert_true(broker_statistics(sides.brokers[REMOTE])->ring_bytes > 0);
    assert_true(delete_stream(&source) > 0);
    for (int i = 0; i < 100 && broker_statistics(sides.brokers[REMOTE])->ring_bytes > 0; i++)
        turn(&sides);
    assert_int_equal(broker_statistics(sides.brokers[REMOTE])->ring_bytes, 0);
    subscriber_done(&sides, &subscriber);
    source_close(&source);
    sides_close(&sides);
}

BACKEND_TEST(reader_of_the_disk_whose_stream_is_deleted_waits)
{
    struct sides sides;
    struct source source;
    struct subscriber subscriber;
    sides_open(&sides, loop, 4096);
    source_open(&sides, &source, OWNER, "s");
    source_publish(&source, 100000); /* more than its connection takes */
    source_wait(&source);
    subscriber_open(sides.loops[REMOTE], sides.brokers[REMOTE], &subscriber, "s", BROKER_FROM_START,
                    0);
    turn_until(&sides, &subscriber.begun);
    turn_until(&sides, &subscriber.reader.sending);
    assert_true(delete_stream(&source) > 0);
    for (int i = 0; i < 1000; i++) {
        turn(&sides);
        subscriber_take(&subscriber, SIZE_MAX);
    }
    assert_true(subscriber.next > 0 && subscriber.next < 100000);
    uint64_t reads = broker_statistics(sides.brokers[REMOTE])->disk_reads;
    for (int i = 0; i < 200; i++)
        turn(&sides);
    assert_int_equal(broker_statistics(sides.brokers[REMOTE])->disk_reads, reads);
    subscriber_done(&sides, &subscriber);
    source_close(&source);
    sides_close(&sides);
}

BACKEND_TEST(event_of_the_largest_size_crosses_and_is_read_back)
{
    struct sides sides;
    struct broker_stream *stream = NULL;
    char *event = malloc(LOG_EVENT_BYTES_MAX);
    char *got = malloc(LOG_EVENT_BYTES_MAX + 64);
    sides_open(&sides, loop, 0);
    harness_fill(event, LOG_EVENT_BYTES_MAX, 7);
    for (size_t i = 0; i < LOG_EVENT_BYTES_MAX; i++)
        event[i] = (char)(event[i] == '\n' ? ' ' : event[i]); /* so that it is one line */
    for (int from = BROKER_FROM_NOW; from <= BROKER_FROM_START; from++) {
        struct subscriber subscriber;
        struct source source;
        if (from == BROKER_FROM_NOW) {
            subscriber_open(sides.loops[REMOTE], sides.brokers[REMOTE], &subscriber, "s",
                            BROKER_FROM_NOW, 0);
            turn_until(&sides, &subscriber.begun);
            assert_int_equal(broker_stream_open(sides.brokers[REMOTE], "s", 1, &stream), 0);
            source = (struct source){.sides = &sides, .stream = stream, .asked = 1};
            struct number *number = number_make(&source, 0);
            broker_publish(stream, &number->publish, event, LOG_EVENT_BYTES_MAX, published);
            source_wait(&source);
            broker_stream_close(stream);
        } else {
            subscriber_open(sides.loops[REMOTE], sides.brokers[REMOTE], &subscriber, "s",
                            BROKER_FROM_START, 0);
        }
        size_t count = 0;
        while (count == 0 || got[count - 1] != '\n') {
            turn(&sides);
            ssize_t more =
                recv(subscriber.peer, got + count, LOG_EVENT_BYTES_MAX + 64 - count, MSG_DONTWAIT);
            count += more > 0 ? (size_t)more : 0;
        }
        const char *tab = memchr(got, '\t', count);
        assert_non_null(tab);
        assert_int_equal(got + count - tab, LOG_EVENT_BYTES_MAX + 2);
        assert_memory_equal(tab + 1, event, LOG_EVENT_BYTES_MAX);
        subscriber_done(&sides, &subscriber);
    }
    free(event);
    free(got);
    sides_close(&sides);
}

/* What a flush of the owner's has sent, and a mail behind it. */
struct last_word {
    struct mail mail;
    struct broker *broker;
    uint64_t delivered;
    bool arrived;
};

static void last_word_arrived(struct mail *mail)
{
    struct last_word *word = hark_container_of(mail, struct last_word, mail);
    broker_flush(word->broker);
    word->delivered = broker_statistics(word->broker)->delivered;
    word->arrived = true;
}

BACKEND_TEST(flush_gives_readers_all_that_was_published_before_the_mail_that_follows)
{
    struct sides sides;
    struct source source;
    struct subscriber subscriber;
    sides_open(&sides, loop, 0);
    subscriber_open(sides.loops[REMOTE], sides.brokers[REMOTE], &subscriber, "s", BROKER_FROM_NOW,
                    0);
    turn_until(&sides, &subscriber.begun);
    source_open(&sides, &source, OWNER, "s");
    struct last_word word = {.broker = sides.brokers[REMOTE]};
    source_publish(&source, 5);
    while (source.answered < 5) /* the last answer comes in the turn that has the remote's events */
        assert_true(hark_run_once(sides.loops[OWNER]) >= 0);
    owner_flush(sides.owner);
    mail_send(sides.loops[OWNER], &sides.boxes[REMOTE], &word.mail, last_word_arrived);
    turn_until(&sides, &word.arrived);
    assert_int_equal(word.delivered, 5);
    read_all(&sides, &subscriber, 1, 5);
    subscriber_done(&sides, &subscriber);
    source_close(&source);
    sides_close(&sides);
}

BACKEND_TEST(stream_without_readers_there_costs_the_other_thread_nothing)
{
    struct sides sides;
    struct source source;
    struct subscriber subscriber;
    sides_open(&sides, loop, 0);
    source_open(&sides, &source, OWNER, "s");
    source_publish(&source, 10);
    source_wait(&source);
    subscriber_open(sides.loops[REMOTE], sides.brokers[REMOTE], &subscriber, "s", BROKER_FROM_START,
                    0);
    turn_until(&sides, &subscriber.begun);
    read_all(&sides, &subscriber, 1, 10);
    subscriber_done(&sides, &subscriber);
    for (int i = 0; i < 100; i++)
        turn(&sides);
    const struct hark_metrics *metrics = hark_loop_metrics(sides.loops[REMOTE]);
    uint64_t before = metrics->handled[HARK_OP_POST];
    source_publish(&source, 100);
    source_wait(&source);
    for (int i = 0; i < 100; i++)
        turn(&sides);
    assert_int_equal(metrics->handled[HARK_OP_POST], before);
    assert_int_equal(hark_loop_active(sides.loops[REMOTE]), 0);
    source_close(&source);
    sides_close(&sides);
}
