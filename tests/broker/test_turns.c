/* test_turns.c - subscribers of a broker in this process, who take turns: each gets each event
 * once, from memory or from the disk, whoever else comes, goes or lags. */
#include "broker/bench.h"

#include <malloc.h>

static uint32_t drawn(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

BACKEND_TEST(burst_of_one_commit_reaches_each_live_subscriber_once)
{
    enum { SUBSCRIBERS = 20, EVENTS = 5000 };
    static struct subscriber subscribers[SUBSCRIBERS];
    struct bench bench;
    bench_open(&bench, loop, NULL);
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        bench_subscribe(&bench, &subscribers[i], "s", BROKER_FROM_NOW);
    bench_publish_numbers(&bench, "s", 0, EVENTS);
    bench_take_to(&bench, subscribers, SUBSCRIBERS, EVENTS);
    /* Encoded once for all of them, and sent many together. */
    assert_int_equal(broker_statistics(bench.broker)->encoded, EVENTS);
    assert_int_equal(broker_statistics(bench.broker)->delivered, SUBSCRIBERS * EVENTS);
    bench_unsubscribe(&bench, subscribers, SUBSCRIBERS);
    bench_close(&bench);
}

BACKEND_TEST(readers_of_the_disk_take_turns_where_they_are_more_than_may_read_at_once)
{
    enum { SUBSCRIBERS = 40, EVENTS = 100 };
    static struct subscriber subscribers[SUBSCRIBERS];
    struct bench bench;
    bench_open(&bench, loop, NULL);
    bench_publish_numbers(&bench, "s", 0, EVENTS);
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        bench_subscribe(&bench, &subscribers[i], "s", BROKER_FROM_START);
    bench_take_to(&bench, subscribers, SUBSCRIBERS, EVENTS);
    bench_unsubscribe(&bench, subscribers, SUBSCRIBERS);
    bench_close(&bench);
}

BACKEND_TEST(readers_of_the_disk_that_leave_at_any_time_hold_up_no_other)
{
    enum { SUBSCRIBERS = 64, EVENTS = 3000, ROUNDS = 20 };
    static struct subscriber subscribers[SUBSCRIBERS];
    struct bench bench;
    uint32_t seed = 1;
    bench_open(&bench, loop, NULL);
    bench_publish_numbers(&bench, "s", 0, EVENTS);
    for (int round = 0; round < ROUNDS; round++) {
        size_t left = SUBSCRIBERS;
        for (size_t i = 0; i < SUBSCRIBERS; i++)
            bench_subscribe(&bench, &subscribers[i], "s", BROKER_FROM_START);
        while (left > 0) {
            hark_run_once(loop);
            for (int i = 0; i < 6; i++) { /* some leave in each turn, in whatever state */
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
        bench_unsubscribe(&bench, subscribers, SUBSCRIBERS);
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
        bench_subscribe(&bench, &subscribers[i], "s",
                        i % 2 == 0 ? BROKER_FROM_START : BROKER_FROM_NOW);
    for (size_t burst = 0; burst < BURSTS; burst++) {
        bench_publish_numbers(&bench, "s", burst * BURST, (burst + 1) * BURST);
        harness_turns(loop, (int)(drawn(&seed) % 4));
        for (size_t i = 0; i < SUBSCRIBERS; i++)
            subscriber_take(&subscribers[i], i < 4 ? SIZE_MAX : drawn(&seed) % (2000 * (i / 4)));
    }
    bench_take_to(&bench, subscribers, SUBSCRIBERS, BURST * BURSTS);
    bench_unsubscribe(&bench, subscribers, SUBSCRIBERS);
    assert_int_equal(broker_statistics(bench.broker)->ring_bytes, 0);
    bench_close(&bench);
}

/* Each read takes the memory of the whole event. */
BACKEND_TEST(long_events_are_read_from_the_disk_for_few_readers_at_once)
{
    enum { SUBSCRIBERS = 60, LONG = 300000, AT_ONCE = 8 };
    static struct subscriber subscribers[SUBSCRIBERS];
    static char event[LONG] = "0 ";
    struct bench bench;
    size_t most = 0;
    bench_open(&bench, loop, NULL);
    memset(event + 2, 'a', LONG - 2);
    bench_publish(&bench, "s", event, LONG);
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        bench_subscribe(&bench, &subscribers[i], "s", BROKER_FROM_START);
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        while (subscribers[i].next < 1) {
            size_t reading = 0;
            hark_run_once(loop);
            for (size_t j = 0; j < SUBSCRIBERS; j++) {
                const struct broker_reader_disk *disk = subscribers[j].reader.disk;
                reading += disk && disk->read.reading && disk->read.needed != 0;
                subscriber_take(&subscribers[j], SIZE_MAX);
                if (j % 7 == 6 && reading > 0)
                    subscriber_close(&subscribers[j]),
                        subscribers[j].next = 1; /* others get what was kept for them */
            }
            most = reading > most ? reading : most;
        }
    }
    assert_in_range(most, 1, AT_ONCE);
    bench_unsubscribe(&bench, subscribers, SUBSCRIBERS);
    bench_close(&bench);
}

BACKEND_TEST(reader_of_the_disk_that_is_gone_holds_no_memory)
{
    enum { EVENTS = 3000 };
    static struct subscriber subscriber;
    struct bench bench;
    size_t held = 0;
    bench_open(&bench, loop, NULL);
    bench_publish_numbers(&bench, "s", 0, EVENTS);
    for (int round = 0; round < 4; round++) {
        bench_subscribe(&bench, &subscriber, "s", BROKER_FROM_START);
        bench_take_to(&bench, &subscriber, 1, EVENTS);
        bench_unsubscribe(&bench, &subscriber, 1);
        harness_settle(loop);
        if (round == 1) /* by then the broker has what it needs */
            held = mallinfo2().uordblks;
    }
    assert_int_equal(mallinfo2().uordblks, held);
    bench_close(&bench);
}
