/* live.c - turning the recorder of one's own loop on and off, and reading it.
 *
 * All of it runs in callbacks of the loop. So nothing is recorded while it is read: the rings are
 * read to their ends, the pool's after the loop's, and what has ended then is complete. And one
 * callback runs each time, which is not counted yet.
 *
 * The rings are read at each look, and in between by a timer, as often as leaves room in them. */
#include "stages/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS = 32768, BATCH_EVENTS = 256 };

static const uint64_t second_ns = 1000000000;
static const double round_longest_ns = 250e6, round_first_ns = 50e6, round_shortest_ns = 2e6;
static const double fill_wanted = 0.2; /* of the fuller ring between two rounds */

/* --- what is seen --- */

static void note_callback(struct live *live, const struct trace_op *op)
{
    uint64_t held_ns = trace_op_span(op, TRACE_SPAN_CALLBACK);
    struct live_callback *second = &live->seconds[op->called_ns / second_ns % (LIVE_SECONDS + 1)];
    if (held_ns == TRACE_OP_UNKNOWN)
        return;
    live->counted++;
    if (second->ended_ns / second_ns != op->called_ns / second_ns)
        second->held_ns = 0;
    if (held_ns >= second->held_ns)
        *second =
            (struct live_callback){.held_ns = held_ns, .ended_ns = op->called_ns, .kind = op->kind};
}

static void op_ended(void *context, const struct trace_op *op)
{
    struct live *live = context;
    stage_times_add(&live->view->times, op);
    note_callback(live, op);
}

static void find_longest(struct live *live, uint64_t now_ns)
{
    struct live_callback longest = {0};
    for (int i = 0; i <= LIVE_SECONDS; i++) {
        const struct live_callback *second = &live->seconds[i];
        if (second->ended_ns + LIVE_SECONDS * second_ns >= now_ns &&
            second->held_ns > longest.held_ns)
            longest = *second;
    }
    live->view->longest = longest;
}

const struct live_view *live_view(const struct live *live)
{
    return live->view;
}

void live_view_join(struct live_view *view, const struct live_view *other)
{
    stage_times_join(&view->times, &other->times);
    view->missed += other->missed;
    view->recording += other->recording;
    view->recorded_ns += other->recorded_ns;
    if (other->longest.held_ns > view->longest.held_ns)
        view->longest = other->longest;
}

/* --- reading --- */

static uint64_t calls_of(const struct live *live)
{
    const struct hark_metrics *metrics = hark_loop_metrics(live->loop);
    uint64_t calls = 0;
    for (int kind = 0; kind < HARK_OP_KINDS; kind++)
        calls += metrics->handled[kind] + metrics->repeated[kind];
    return calls;
}

static void read_ring(struct live *live, int number, const struct hark_trace_ring *ring)
{
    struct hark_trace_event events[BATCH_EVENTS];
    uint64_t lost;
    size_t count;
    do {
        count = hark_trace_read(ring, events, BATCH_EVENTS, &live->positions[number], &lost);
        if (count + lost > 0)
            trace_ops_take(live->ops, &live->reader, ring, events, count, lost);
    } while (count > 0);
}

static const struct hark_trace_ring *pool_of(const struct hark_trace_ring *ring)
{
    return (const void *)((const char *)ring + ring->next);
}

static double fill_of(const struct live *live)
{
    const struct hark_trace_ring *rings[] = {live->ring, pool_of(live->ring)};
    double most = 0;
    for (int i = 0; i < 2; i++) {
        uint64_t written = __atomic_load_n(&rings[i]->written, __ATOMIC_ACQUIRE);
        double fill = (double)(written - live->positions[i]) / (double)rings[i]->capacity;
        if (fill > most)
            most = fill;
    }
    return most;
}

/* How long until it is to be read again. Growing slowly, as it may come all at once. */
static void pace(struct live *live, double fill)
{
    live->round_ns *= fill > fill_wanted / 2 ? fill_wanted / fill : 2;
    if (live->round_ns > round_longest_ns)
        live->round_ns = round_longest_ns;
    if (live->round_ns < round_shortest_ns)
        live->round_ns = round_shortest_ns;
}

/* All callbacks that have begun since it began, and have returned, should have been counted: all
 * but the one that runs. */
static void count_missed(struct live *live)
{
    uint64_t calls = calls_of(live) - live->calls;
    uint64_t returned = calls > 0 ? calls - 1 : 0;
    live->view->missed = live->missed + (returned > live->counted ? returned - live->counted : 0);
}

static bool is_there(const struct live *live)
{
    const struct hark_trace_ring *ring = hark_loop_trace(live->loop);
    return ring && ring == live->ring && ring->started_ns == live->ring_began_ns;
}

static void read_all(struct live *live)
{
    uint64_t now_ns = hark_os_clock(live->loop);
    if (is_there(live)) {
        pace(live, fill_of(live));
        read_ring(live, 0, live->ring);
        read_ring(live, 1, pool_of(live->ring));
        trace_ops_settle(live->ops, UINT64_MAX);
    }
    count_missed(live);
    find_longest(live, now_ns);
    live->view->recorded_ns += now_ns - live->read_ns;
    live->read_ns = now_ns;
}

/* --- on and off --- */

static void let_go_of_ring(struct live *live)
{
    trace_ops_destroy(live->ops);
    live->ops = NULL;
    live->reader = NULL;
    live->ring = NULL;
}

/* Takes the ring that there is now.
 * Takes: from_its_beginning: nothing in it is older than what is looked at. */
static int take_ring(struct live *live, bool from_its_beginning)
{
    const struct trace_ops_receiver receiver = {.context = live, .ended = op_ended};
    const struct hark_trace_ring *ring = hark_loop_trace(live->loop);
    int error = trace_ops_create(&receiver, &live->ops);
    if (error)
        return error;
    live->ring = ring;
    live->ring_began_ns = ring->started_ns;
    live->positions[0] = from_its_beginning ? 0 : ring->written;
    live->positions[1] =
        from_its_beginning ? 0 : __atomic_load_n(&pool_of(ring)->written, __ATOMIC_ACQUIRE);
    return 0;
}

/* Sees to it that there are rings, and that they are read. */
static int follow(struct live *live, bool goes_on)
{
    const struct hark_trace_options options = {.events = EVENTS, .yields = true};
    if (is_there(live))
        return 0;
    let_go_of_ring(live);
    live->own = !hark_loop_trace(live->loop);
    int error = live->own ? hark_trace_start(live->loop, &options) : 0;
    if (error)
        return error;
    error = take_ring(live, live->own || goes_on);
    if (error && live->own)
        hark_trace_stop(live->loop);
    return error;
}

static void stop(struct live *live)
{
    if (live->own && is_there(live))
        hark_trace_stop(live->loop);
    let_go_of_ring(live);
    live->until_ns = 0;
    if (live->view)
        live->view->recording = 0;
}

static void start(struct live *live)
{
    if (!live->view)
        live->view = calloc(1, sizeof *live->view);
    if (!live->view || follow(live, false) < 0)
        return stop(live); /* there is no memory: whoever looks next has it tried again */
    live->calls = calls_of(live);
    live->counted = 0;
    live->missed = live->view->missed;
    live->read_ns = hark_os_clock(live->loop);
    live->round_ns = round_first_ns;
    live->view->recording = 1;
    find_longest(live, live->read_ns); /* what was the longest before is over */
}

static void ticked(struct hark_op *op, int64_t result)
{
    struct live *live = hark_container_of(op, struct live, tick);
    if (live->until_ns == 0 || result < 0)
        return stop(live);
    read_all(live);
    if (hark_now(live->loop) >= live->until_ns || follow(live, true) < 0)
        return stop(live);
    hark_sleep(live->loop, op, (uint64_t)live->round_ns, ticked);
}

void live_look(struct live *live)
{
    if (live->over || live->hold_ns == 0)
        return;
    if (live->until_ns == 0)
        start(live);
    else
        read_all(live);
    if (!live->ops)
        return;
    uint64_t now_ns = hark_now(live->loop);
    live->until_ns = live->hold_ns < HARK_NEVER - now_ns ? now_ns + live->hold_ns : HARK_NEVER;
    if (!hark_op_active(&live->tick))
        hark_sleep(live->loop, &live->tick, (uint64_t)live->round_ns, ticked);
}

/* --- its life --- */

void live_init(struct live *live, struct hark_loop *loop, uint64_t hold_ns)
{
    memset(live, 0, sizeof *live);
    live->loop = loop;
    live->hold_ns = hold_ns;
}

void live_end(struct live *live)
{
    live->over = true;
    if (live->until_ns != 0)
        stop(live);
    hark_cancel(&live->tick);
}

void live_done(struct live *live)
{
    trace_ops_destroy(live->ops);
    free(live->view);
    live->view = NULL;
    live->ops = NULL;
}
