/* sides.h - two hubs, the one with the log and one without, on two loops that both run in the
 * test's thread: which of them is how far behind the other is the test's to choose. */
#ifndef HUB_SIDES_H
#define HUB_SIDES_H

#include "harness/harness.h"

#include "hub/hub.h"

enum { HOME, AWAY, SIDES };

struct bench {
    struct hark_loop *loops[SIDES];
    struct mailbox boxes[SIDES];
    struct hub *hubs[SIDES];
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

static inline void hub_is_closed(void *context)
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
    struct hub_feed *feed = NULL;
    *bench = (struct bench){.loops = {loop, harness_loop_create(NULL)}};
    for (int side = 0; side < SIDES; side++)
        mailbox_init(&bench->boxes[side], bench->loops[side]);
    assert_int_equal(log_open(loop, harness_path("data"),
                              &(struct log_options){.sync = LOG_SYNC_NEVER}, log_is_open, bench),
                     0);
    turn_until(bench, &bench->done);
    assert_int_equal(bench->result, 0);
    struct hub_options options = {
        .ring_bytes = ring_bytes, .hubs = SIDES, .mailbox = &bench->boxes[HOME]};
    assert_int_equal(hub_create(loop, bench->log, &options, &bench->hubs[HOME]), 0);
    assert_int_equal(hub_lend(bench->hubs[HOME], &bench->boxes[AWAY], &feed), 0);
    options.mailbox = &bench->boxes[AWAY];
    assert_int_equal(hub_create_away(bench->loops[AWAY], feed, &options, &bench->hubs[AWAY]), 0);
}

static inline void bench_close(struct bench *bench)
{
    for (int side = AWAY; side >= HOME; side--) {
        bench->done = false;
        hub_close(bench->hubs[side], hub_is_closed, bench);
        turn_until(bench, &bench->done);
        hub_destroy(bench->hubs[side]); /* asserts that no stream is held any more */
    }
    bench->done = false;
    log_close(bench->log, log_is_closed, bench);
    turn_until(bench, &bench->done);
    assert_int_equal(bench->result, 0);
    turn(bench);
    harness_loop_destroy(bench->loops[AWAY]);
}

#endif
