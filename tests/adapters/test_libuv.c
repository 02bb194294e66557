/* test_libuv.c - a hark loop inside of libuv's: all of its work is done, what is started from
 * outside as well, and while it rests it is left alone. */
#include "adapters/inside.h"
#include "hark/adapters/libuv.h"

#include <errno.h>

enum { ROUNDS = 100 };

struct outside {
    struct inside inside;
    struct hark_uv adapter;
    uv_timer_t first;
    uv_idle_t round;
    int rounds, closed;
    uint64_t turns;
};

static void adapter_closed(struct hark_uv *adapter)
{
    hark_container_of(adapter, struct outside, adapter)->closed++;
}

static void round_of_rest(uv_idle_t *idle)
{
    struct outside *outside = idle->data;
    if (outside->rounds == 0)
        outside->turns = hark_loop_metrics(outside->inside.loop)->turns;
    if (++outside->rounds < ROUNDS)
        return;
    inside_assert_rested(&outside->inside, outside->turns);
    uv_close((uv_handle_t *)idle, NULL);
    uv_close((uv_handle_t *)&outside->first, NULL);
    hark_uv_close(&outside->adapter, adapter_closed);
}

static void rests(struct inside *inside)
{
    struct outside *outside = inside->context;
    uv_idle_start(&outside->round, round_of_rest);
}

static void begin(uv_timer_t *timer)
{
    struct outside *outside = timer->data;
    inside_start(&outside->inside, outside->inside.loop, rests, outside);
}

BACKEND_TEST(libuv_runs_the_loop_and_leaves_it_alone_while_it_rests)
{
    static struct outside outside;
    uv_loop_t uv;
    outside.inside.loop = loop;
    assert_int_equal(uv_loop_init(&uv), 0);
    int error = hark_uv_start(&outside.adapter, &uv, loop);
    if (hark_loop_descriptor(loop) == -ENOTSUP) {
        assert_result(error, -ENOTSUP);
        assert_int_equal(uv_loop_close(&uv), 0);
        harness_skip("this backend cannot be inside of another loop");
    }
    assert_result(error, 0);
    uv_timer_init(&uv, &outside.first);
    uv_idle_init(&uv, &outside.round);
    outside.first.data = outside.round.data = &outside;
    uv_timer_start(&outside.first, begin, 1, 0);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(outside.rounds, ROUNDS);
    assert_int_equal(outside.closed, 1);
    assert_int_equal(outside.adapter.error, 0);
    assert_int_equal(uv_loop_close(&uv), 0);
    uv_library_shutdown();
    inside_done(&outside.inside);
}
