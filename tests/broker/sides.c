/* sides.c - see the header. */
#include "broker/sides.h"
#include "log/fixture.h"

void turn(struct sides *sides)
{
    for (int side = 0; side < SIDES; side++)
        assert_true(hark_run_ready(sides->loops[side]) >= 0);
}

void turn_until(struct sides *sides, const bool *flag)
{
    while (!*(const volatile bool *)flag)
        turn(sides);
}

void sides_open(struct sides *sides, struct hark_loop *loop, size_t ring_bytes)
{
    struct relay *relay = NULL;
    *sides = (struct sides){.loops = {loop, harness_loop_create(NULL)}};
    for (int side = 0; side < SIDES; side++)
        mailbox_init(&sides->boxes[side], sides->loops[side]);
    sides->log =
        open_log(loop, harness_path("data"), &(struct log_options){.sync = LOG_SYNC_NEVER});
    const struct broker_options options = {.ring_bytes = ring_bytes, .brokers = SIDES};
    sides->brokers[OWNER] = open_broker(loop, sides->log, &options);
    assert_int_equal(owner_create(sides->brokers[OWNER], &sides->boxes[OWNER], &sides->owner), 0);
    assert_int_equal(owner_lend(sides->owner, &sides->boxes[REMOTE], &relay), 0);
    assert_int_equal(
        source_remote_broker(sides->loops[REMOTE], relay, &options, &sides->brokers[REMOTE]), 0);
}

void sides_close(struct sides *sides)
{
    for (int side = REMOTE; side >= OWNER; side--) {
        bool closed = false;
        broker_close(sides->brokers[side], set_flag, &closed);
        turn_until(sides, &closed);
        broker_destroy(sides->brokers[side]); /* asserts that no stream is held any more */
    }
    owner_destroy(sides->owner);
    close_log(sides->loops[OWNER], sides->log);
    turn(sides);
    harness_loop_destroy(sides->loops[REMOTE]);
}
