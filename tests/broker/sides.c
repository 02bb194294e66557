/* sides.c - see the header. */
#include "broker/sides.h"
#include "log/fixture.h"

void turn(struct bench *bench)
{
    for (int side = 0; side < SIDES; side++)
        assert_true(hark_run_ready(bench->loops[side]) >= 0);
}

void turn_until(struct bench *bench, const bool *flag)
{
    while (!*(const volatile bool *)flag)
        turn(bench);
}

void bench_open(struct bench *bench, struct hark_loop *loop, size_t ring_bytes)
{
    struct relay *relay = NULL;
    *bench = (struct bench){.loops = {loop, harness_loop_create(NULL)}};
    for (int side = 0; side < SIDES; side++)
        mailbox_init(&bench->boxes[side], bench->loops[side]);
    bench->log =
        open_log(loop, harness_path("data"), &(struct log_options){.sync = LOG_SYNC_NEVER});
    const struct broker_options options = {.ring_bytes = ring_bytes, .brokers = SIDES};
    bench->brokers[OWNER] = open_broker(loop, bench->log, &options);
    assert_int_equal(owner_create(bench->brokers[OWNER], &bench->boxes[OWNER], &bench->owner), 0);
    assert_int_equal(owner_lend(bench->owner, &bench->boxes[REMOTE], &relay), 0);
    assert_int_equal(
        source_remote_broker(bench->loops[REMOTE], relay, &options, &bench->brokers[REMOTE]), 0);
}

void bench_close(struct bench *bench)
{
    for (int side = REMOTE; side >= OWNER; side--) {
        bool closed = false;
        broker_close(bench->brokers[side], set_flag, &closed);
        turn_until(bench, &closed);
        broker_destroy(bench->brokers[side]); /* asserts that no stream is held any more */
    }
    owner_destroy(bench->owner);
    close_log(bench->loops[OWNER], bench->log);
    turn(bench);
    harness_loop_destroy(bench->loops[REMOTE]);
}
