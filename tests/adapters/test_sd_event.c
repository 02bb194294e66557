/* test_sd_event.c - a hark loop inside of systemd's event loop: all of its work is done, what is
 * started from outside as well, and while it rests it is left alone. */
#include "adapters/inside.h"
#include "hark/adapters/sd_event.h"

#include <errno.h>

enum { ROUNDS = 100 };

struct outside {
    struct inside inside;
    sd_event *event;
    sd_event_source *round;
    int rounds;
    uint64_t turns;
};

static int round_of_rest(sd_event_source *source, void *context)
{
    struct outside *outside = context;
    if (outside->rounds == 0)
        outside->turns = hark_loop_metrics(outside->inside.loop)->turns;
    if (++outside->rounds < ROUNDS)
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    inside_assert_rested(&outside->inside, outside->turns);
    return sd_event_exit(outside->event, 7);
}

static void rests(struct inside *inside)
{
    struct outside *outside = inside->context;
    assert_true(sd_event_add_defer(outside->event, &outside->round, round_of_rest, outside) >= 0);
}

static int begin(sd_event_source *source, uint64_t at_us, void *context)
{
    struct outside *outside = context;
    (void)source;
    (void)at_us;
    inside_start(&outside->inside, outside->inside.loop, rests, outside);
    return 0;
}

BACKEND_TEST(sd_event_runs_the_loop_and_leaves_it_alone_while_it_rests)
{
    static struct outside outside;
    struct hark_sd_event adapter;
    sd_event_source *first = NULL;
    outside.inside.loop = loop;
    assert_true(sd_event_new(&outside.event) >= 0);
    int error = hark_sd_event_add(&adapter, outside.event, loop);
    if (hark_loop_descriptor(loop) == -ENOTSUP) {
        assert_result(error, -ENOTSUP);
        sd_event_unref(outside.event);
        harness_skip("this backend cannot be inside of another loop");
    }
    assert_result(error, 0);
    assert_true(sd_event_add_time(outside.event, &first, CLOCK_MONOTONIC, 0, 1, begin, &outside) >=
                0);
    assert_int_equal(sd_event_loop(outside.event), 7);
    assert_int_equal(outside.rounds, ROUNDS);
    hark_sd_event_remove(&adapter);
    sd_event_source_disable_unref(first);
    sd_event_source_disable_unref(outside.round);
    sd_event_unref(outside.event);
    inside_done(&outside.inside);
}
