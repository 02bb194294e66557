/* sides.h - two brokers, the one with the log and one without, on two loops that both run in the
 * test's thread: which of them is how far behind the other is the test's to choose. */
#ifndef TESTS_HUB_SIDES_H
#define TESTS_HUB_SIDES_H

#include "harness/harness.h"

#include "broker/broker.h"
#include "threads/owner.h"
#include "threads/source_remote.h"

enum { OWNER, REMOTE, SIDES };

struct bench {
    struct hark_loop *loops[SIDES];
    struct mailbox boxes[SIDES];
    struct broker *brokers[SIDES];
    struct owner *owner;
    struct log *log;
    bool done;
    int result;
};

static inline void log_is_open(void *context, int result, struct log *log)
{
    struct bench *bench = context;
    bench->log = log;
    bench->result = result;
    bench->done = true;
}

static inline void log_is_closed(void *context, int result)
{
    struct bench *bench = context;
    bench->result = result;
    bench->done = true;
}

static inline void broker_is_closed(void *context)
{
    struct bench *bench = context;
    bench->done = true;
}

static inline void turn(struct bench *bench)
{
    for (int side = 0; side < SIDES; side++)
        assert_true(hark_run_ready(bench->loops[side]) >= 0);
}

static inline void turn_until(struct bench *bench, const bool *flag)
{
    while (!*(const volatile bool *)flag)
        turn(bench);
}

static inline void bench_open(struct bench *bench, struct hark_loop *loop, size_t ring_bytes)
{
    struct relay *relay = NULL;
    *bench = (struct bench){.loops = {loop, harness_loop_create(NULL)}};
    for (int side = 0; side < SIDES; side++)
        mailbox_init(&bench->boxes[side], bench->loops[side]);
    assert_int_equal(log_open(loop, harness_path("data"),
                              &(struct log_options){.sync = LOG_SYNC_NEVER}, log_is_open, bench),
                     0);
    turn_until(bench, &bench->done);
    assert_int_equal(bench->result, 0);
    const struct broker_options options = {.ring_bytes = ring_bytes, .brokers = SIDES};
    assert_int_equal(broker_create(loop, bench->log, &options, &bench->brokers[OWNER]), 0);
    assert_int_equal(owner_create(bench->brokers[OWNER], &bench->boxes[OWNER], &bench->owner), 0);
    assert_int_equal(owner_lend(bench->owner, &bench->boxes[REMOTE], &relay), 0);
    assert_int_equal(
        source_remote_broker(bench->loops[REMOTE], relay, &options, &bench->brokers[REMOTE]), 0);
}

static inline void bench_close(struct bench *bench)
{
    for (int side = REMOTE; side >= OWNER; side--) {
        bench->done = false;
        broker_close(bench->brokers[side], broker_is_closed, bench);
        turn_until(bench, &bench->done);
        broker_destroy(bench->brokers[side]); /* asserts that no stream is held any more */
    }
    owner_destroy(bench->owner);
    bench->done = false;
    log_close(bench->log, log_is_closed, bench);
    turn_until(bench, &bench->done);
    assert_int_equal(bench->result, 0);
    turn(bench);
    harness_loop_destroy(bench->loops[REMOTE]);
}

#endif
