/* test_trace_many.c - what the recorder tells of many ops: as many as the metrics count, and each
 * through its stages in the order of their times. */
#include "conform/recorded.h"
#include "harness/medley.h"

#include <errno.h>
#include <unistd.h>

/* --- counts --- */

static void again(struct harness_op *self, int64_t result)
{
    int *left = self->context;
    (void)result;
    if (--*left <= 0)
        return;
    harness_op_again(self);
    if (*left % 3)
        hark_nop(self->op.loop, &self->op, harness_done);
    else
        hark_sleep(self->op.loop, &self->op, 1000, harness_done);
}

static void assert_counts(const struct hark_metrics *before, const struct hark_metrics *now,
                          const struct events *all)
{
    for (int kind = 0; kind < HARK_OP_KINDS; kind++) {
        uint64_t requested = 0, handled = 0, repeated = 0;
        for (size_t i = 0; i < all->count; i++) {
            const struct hark_trace_event *event = &all->event[i];
            if (event->kind != kind || event->op == 0)
                continue;
            requested += event->what == HARK_TRACE_REQUEST;
            handled += event->what == HARK_TRACE_CALL && !(event->flags & HARK_TRACE_MORE);
            repeated += event->what == HARK_TRACE_CALL && event->flags & HARK_TRACE_MORE;
        }
        assert_int_equal(requested, now->requested[kind] - before->requested[kind]);
        assert_int_equal(handled, now->handled[kind] - before->handled[kind]);
        assert_int_equal(repeated, now->repeated[kind] - before->repeated[kind]);
    }
}

BACKEND_TEST(counts_are_those_of_the_metrics)
{
    struct harness_op ops[8] = {0}, every = {0}, accept = {0};
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    struct hark_address address;
    int left = 20000;
    int listening = harness_listen(loop, &address);
    struct hark_metrics before = *metrics;
    begin(loop, 0);
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        ops[i] = (struct harness_op){.then = again, .context = &left};
        hark_nop(loop, &ops[i].op, harness_done);
    }
    hark_every(loop, &every.op, 100000, harness_done);
    hark_accept_each(loop, &accept.op, listening, harness_done);
    while (left > 0)
        assert_result(hark_run_once(loop), 1);
    hark_cancel_all(loop);
    harness_run(loop);
    struct events all = take_all(hark_loop_trace(loop));
    assert_int_equal(all.lost, 0);
    assert_true(every.calls > 1);
    assert_counts(&before, metrics, &all);
    uint64_t sleeps = 0;
    for (size_t i = 0; i < all.count; i++)
        sleeps += all.event[i].what == HARK_TRACE_SLEEP && all.event[i].value != 0;
    assert_int_equal(sleeps, metrics->sleeps - before.sleeps);
    free(all.event);
    harness_close(loop, listening);
}

/* --- many --- */

enum { MANY = 100000, CHUNK = 4096 };

/* How far an op has come, and when. */
struct way {
    uint64_t time_ns;
    uint8_t what; /* the last that was told */
};

struct many {
    const struct hark_trace_ring *ring;
    uint64_t position;
    uint64_t time_ns; /* of the last event */
    uint64_t first_id;
    struct way *ways;
    uint64_t ended;
    int left;
    struct medley medley;
};

static void follow(struct many *many, const struct hark_trace_event *event)
{
    assert_true(event->time_ns >= many->time_ns);
    many->time_ns = event->time_ns;
    if (event->op == 0)
        return;
    assert_in_range(event->op - many->first_id, 0, MANY + MEDLEY_OPS);
    struct way *way = &many->ways[event->op - many->first_id];
    bool tried = event->flags & HARK_TRACE_TRIED;
    uint64_t from_ns = event->time_ns - (tried ? event->took_ns : 0);
    assert_true(from_ns >= way->time_ns);
    switch (event->what) {
    case HARK_TRACE_REQUEST:
        assert_int_equal(way->what, 0);
        break;
    case HARK_TRACE_DELEGATE: /* again, where the call would have blocked */
        assert_true(way->what == HARK_TRACE_REQUEST || way->what == HARK_TRACE_DELEGATE);
        break;
    case HARK_TRACE_RETURN:
        assert_true(way->what == HARK_TRACE_DELEGATE || (tried && way->what == HARK_TRACE_REQUEST));
        break;
    case HARK_TRACE_CALL:
        if (event->flags & HARK_TRACE_RETURNED)
            assert_int_equal(way->what, HARK_TRACE_DELEGATE);
        else if (event->kind != HARK_OP_DEFER)
            assert_int_equal(way->what, HARK_TRACE_RETURN);
        break;
    default:
        assert_int_equal(event->what, HARK_TRACE_CALLED);
        assert_int_equal(way->what, HARK_TRACE_CALL);
        many->ended++;
    }
    bool waits = tried && event->value == -EAGAIN;
    *way = (struct way){event->time_ns, waits ? HARK_TRACE_DELEGATE : event->what};
}

static void follow_all(struct many *many)
{
    static struct hark_trace_event events[CHUNK];
    uint64_t lost;
    size_t count;
    while ((count = hark_trace_read(many->ring, events, CHUNK, &many->position, &lost)) > 0) {
        assert_int_equal(lost, 0);
        for (size_t i = 0; i < count; i++)
            follow(many, &events[i]);
    }
}

static void another(struct harness_op *self, int64_t result)
{
    struct many *many = self->context;
    (void)result;
    if (many->left <= 0)
        return;
    if (many->left % CHUNK == 0)
        follow_all(many);
    medley_again(&many->medley, self, many->left--);
}

BACKEND_TEST(each_of_many_ops_goes_through_its_stages_in_the_order_of_their_times)
{
    struct many *many = calloc(1, sizeof *many);
    many->ways = calloc(MANY + MEDLEY_OPS, sizeof *many->ways);
    many->left = MANY;
    medley_open(loop, &many->medley);
    begin(loop, 0);
    many->ring = hark_loop_trace(loop);
    medley_start(loop, &many->medley, another, many);
    many->first_id = hark_op_id(&many->medley.ops[0].op);
    harness_run(loop);
    follow_all(many);
    assert_int_equal(many->ended, MANY + MEDLEY_OPS);
    medley_close(loop, &many->medley);
    free(many->ways);
    free(many);
}
