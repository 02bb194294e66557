/* test_heartbeat.c - what a broker sends to those who have been told nothing for a while, counted
 * in turns of the loop. */
#include "broker/bench.h"

BACKEND_TEST(nothing_is_in_flight_while_nobody_needs_it)
{
    struct bench bench;
    struct subscriber subscriber;
    bench_open(&bench, loop, NULL);
    harness_settle(loop);
    uint64_t before = hark_loop_active(loop);
    bench_publish_numbers(&bench, "s", 0, 1);
    bench_subscribe(&bench, &subscriber, "s", BROKER_FROM_START);
    bench_take_to(&bench, &subscriber, 1, 1);
    harness_settle(loop);
    assert_int_equal(
        hark_loop_active(loop),
        before); /* a waiting subscriber has no op of the broker's, lines have no heartbeat */
    bench_unsubscribe(&bench, &subscriber, 1);
    bench_subscribe_sse(&bench, &subscriber, "s", BROKER_FROM_NOW);
    harness_settle(loop);
    assert_int_equal(hark_loop_active(loop), before + 1);
    bench_unsubscribe(&bench, &subscriber, 1);
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
    bench_subscribe_sse(&bench, &idle, "s", BROKER_FROM_NOW);
    while (beats(loop) < PERIODS)
        assert_true(hark_run_once(loop) >= 0);
    /* But for the period in which it came, and those that found the last one not sent yet. */
    assert_true(3 * broker_statistics(bench.broker)->heartbeats >= 2 * beats(loop));
    bench_unsubscribe(&bench, &idle, 1);
    bench_close(&bench);
}

BACKEND_TEST(heartbeat_passes_over_who_was_told_something_since_the_last)
{
    enum { EVENTS = 10 };
    struct broker_options options = {.heartbeat_ns = 1000000};
    struct subscriber told;
    struct bench bench;
    bench_open(&bench, loop, &options);
    bench_subscribe_sse(&bench, &told, "s", BROKER_FROM_NOW);
    for (size_t i = 0; i < EVENTS; i++) {
        bench_publish_numbers(&bench, "s", i, i + 1);
        while (broker_statistics(bench.broker)->delivered <= i)
            assert_true(hark_run_once(loop) >= 0);
        for (uint64_t before = beats(loop); beats(loop) == before;)
            assert_true(hark_run_once(loop) >= 0);
    }
    assert_true(broker_statistics(bench.broker)->heartbeats + EVENTS <= beats(loop));
    bench_unsubscribe(&bench, &told, 1);
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
    bench_publish_numbers(&bench, "s", 0, EVENTS);
    bench_subscribe_sse(&bench, &idle, "nothing", BROKER_FROM_NOW);
    bench_subscribe_sse(&bench, &slow, "s", BROKER_FROM_START);
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
    bench_unsubscribe(&bench, &idle, 1);
    bench_unsubscribe(&bench, &slow, 1);
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
        bench_subscribe_sse(&bench, &subscribers[i], "s", BROKER_FROM_NOW);
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
        bench_unsubscribe(&bench, &subscribers[i], 1);
    }
    bench_close(&bench);
}
