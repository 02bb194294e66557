/* test_turns.c - whose turn it is among connections that have more to be done for them than their
 * share of a turn of the loop. */
#include "connection/turns.h"
#include "harness/harness.h"

enum { PLACES = 20, SHARES = TURNS_WHOLE / TURNS_SHARE };

static struct turns turns;
static struct turns_place places[PLACES];
static int order[4 * PLACES]; /* in which they had their turns */
static int served;
static int rounds[PLACES]; /* so many shares are left to be done for each */

static void go_on(struct turns_place *place)
{
    int64_t left = turns_left(&turns, place);
    order[served++] = (int)(place - places);
    assert_int_equal(left, TURNS_SHARE);
    turns_spend(&turns, place, left);
    if (--rounds[place - places] > 0)
        turns_wait(&turns, place);
}

static void begin(struct hark_loop *loop)
{
    turns_init(&turns, loop, go_on);
    for (int i = 0; i < PLACES; i++)
        turns_enter(&places[i]);
}

/* The first uses its share up and waits; whoever comes now waits behind it. */
static void first_waits(struct harness_op *self, int64_t result)
{
    (void)self, (void)result;
    assert_int_equal(turns_left(&turns, &places[0]), TURNS_SHARE);
    turns_spend(&turns, &places[0], TURNS_SHARE);
    assert_int_equal(turns_left(&turns, &places[0]), 0);
    assert_int_equal(turns_left(&turns, &places[1]), TURNS_SHARE);
    turns_wait(&turns, &places[0]);
    assert_int_equal(turns_left(&turns, &places[1]), 0);
    turns_wait(&turns, &places[1]);
    turns_wait(&turns, &places[0]); /* it stands there once */
}

BACKEND_TEST(who_comes_later_has_no_turn_before_those_that_wait)
{
    struct harness_op op = {.then = first_waits};
    begin(loop);
    rounds[0] = 2;
    rounds[1] = 1;
    hark_defer(loop, &op.op, harness_done);
    harness_run(loop);
    assert_int_equal(served, 3);
    assert_int_equal(order[0], 0);
    assert_int_equal(order[1], 1);
    assert_int_equal(order[2], 0); /* behind those that have waited */
}

static void all_wait(struct harness_op *self, int64_t result)
{
    (void)self, (void)result;
    for (int i = 0; i < PLACES; i++)
        turns_wait(&turns, &places[i]);
    turns_leave(&places[1]);
}

/* More than a turn has room for: the last of them are the first of the next turn. */
BACKEND_TEST(all_that_wait_have_their_turns_in_order_and_who_has_gone_has_none)
{
    struct harness_op op = {.then = all_wait};
    begin(loop);
    for (int i = 0; i < PLACES; i++)
        rounds[i] = 2;
    hark_defer(loop, &op.op, harness_done);
    uint64_t before = hark_loop_metrics(loop)->turns;
    harness_run(loop);
    assert_int_equal(served, 2 * (PLACES - 1));
    for (int i = 0; i < served; i++)
        assert_int_equal(order[i], i % (PLACES - 1) + (i % (PLACES - 1) > 0));
    assert_true(hark_loop_metrics(loop)->turns - before >= 2 * (PLACES - 1) / SHARES);
}
