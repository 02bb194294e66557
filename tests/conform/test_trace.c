/* test_trace.c - what the recorder tells of an op's way, against what is known of it. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EVENTS_MAX = 1 << 18 };

/* All that a ring holds, in its order. */
struct events {
    struct hark_trace_event *event;
    size_t count;
    uint64_t lost;
};

static struct events take_all(const struct hark_trace_ring *ring)
{
    struct events all = {.event = calloc(EVENTS_MAX, sizeof *all.event)};
    uint64_t position = 0, lost;
    size_t count;
    assert_non_null(all.event);
    while ((count = hark_trace_read(ring, all.event + all.count, EVENTS_MAX - all.count, &position,
                                    &lost)) > 0) {
        all.count += count;
        all.lost += lost;
    }
    return all;
}

static const struct hark_trace_ring *ring_behind(const struct hark_trace_ring *ring)
{
    return (const void *)((const char *)ring + ring->next);
}

/* The first event from a place on that tells this of an op; NULL: there is none. */
static const struct hark_trace_event *find(const struct events *all, enum hark_trace_what what,
                                           uint64_t op)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->event[i].what == what && all->event[i].op == op)
            return &all->event[i];
    return NULL;
}

/* Where an op was handed on: an event of its own, or the first call that the loop made itself. */
static const struct hark_trace_event *find_delegate(const struct events *all, uint64_t op)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct hark_trace_event *event = &all->event[i];
        if (event->op == op &&
            (event->what == HARK_TRACE_DELEGATE || event->flags & HARK_TRACE_TRIED))
            return event;
    }
    return NULL;
}

/* Where its result came back: a return that is not to say that it waits, or the call, if that was
 * at the same moment. */
static const struct hark_trace_event *find_return(const struct events *all, uint64_t op)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct hark_trace_event *event = &all->event[i];
        bool waits = event->flags & HARK_TRACE_TRIED && event->value == -EAGAIN;
        if (event->op == op &&
            ((event->what == HARK_TRACE_RETURN && !waits) || event->flags & HARK_TRACE_RETURNED))
            return event;
    }
    return NULL;
}

static void begin(struct hark_loop *loop, uint32_t events)
{
    assert_result(hark_trace_start(
                      loop, &(struct hark_trace_options){.events = events ? events : EVENTS_MAX}),
                  0);
}

/* --- one op --- */

BACKEND_TEST(an_op_is_seen_at_each_stage_in_order)
{
    int ends[2];
    char byte;
    struct harness_op receive = {0};
    harness_tcp_pair(loop, ends);
    begin(loop, 0);
    hark_recv(loop, &receive.op, ends[0], &byte, 1, 0, harness_done);
    uint64_t id = hark_op_id(&receive.op);
    harness_settle(loop);
    assert_int_equal(write(ends[1], "x", 1), 1);
    harness_run(loop);
    struct events all = take_all(hark_loop_trace(loop));
    const struct hark_trace_event *request = find(&all, HARK_TRACE_REQUEST, id);
    const struct hark_trace_event *delegate = find_delegate(&all, id);
    const struct hark_trace_event *returned = find_return(&all, id);
    const struct hark_trace_event *call = find(&all, HARK_TRACE_CALL, id);
    const struct hark_trace_event *called = find(&all, HARK_TRACE_CALLED, id);
    assert_true(request && delegate && returned && call && called);
    assert_true(request < delegate && delegate < returned && returned <= call && call < called);
    assert_int_equal(request->kind, HARK_OP_RECV);
    assert_int_equal(request->fd, ends[0]);
    assert_int_equal(request->value, 0); /* no callback asked for it */
    assert_result(call->value, 1);
    for (size_t i = 1; i < all.count; i++)
        assert_true(all.event[i - 1].time_ns <= all.event[i].time_ns);
    free(all.event);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

static bool is_readiness(void)
{
    return harness_backend() != HARK_BACKEND_URING;
}

BACKEND_TEST(the_call_that_fetches_is_seen_after_the_wait_that_reported_it)
{
    int ends[2];
    char byte;
    struct harness_op receive = {0};
    harness_tcp_pair(loop, ends);
    begin(loop, 0);
    hark_recv(loop, &receive.op, ends[0], &byte, 1, 0, harness_done);
    uint64_t id = hark_op_id(&receive.op);
    harness_settle(loop);
    assert_int_equal(write(ends[1], "x", 1), 1);
    harness_run(loop);
    struct events all = take_all(hark_loop_trace(loop));
    const struct hark_trace_event *wake = NULL, *returned = find_return(&all, id);
    assert_non_null(returned);
    if (is_readiness()) {
        assert_int_equal(returned->flags, HARK_TRACE_TRIED);
        assert_result(returned->value, 1);
        for (const struct hark_trace_event *at = all.event; at < returned; at++)
            if (at->what == HARK_TRACE_WAKE || at->what == HARK_TRACE_SLEEP)
                wake = at->what == HARK_TRACE_WAKE ? at : NULL;
        assert_non_null(wake);
        assert_true(wake->time_ns <= returned->time_ns - returned->took_ns);
        assert_true(find_delegate(&all, id)->time_ns < wake->time_ns);
        assert_int_equal(find_delegate(&all, id)->value, -EAGAIN); /* it was tried, and waited */
    } else {
        assert_false(returned->flags & HARK_TRACE_TRIED);
    }
    free(all.event);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

/* The second receive finds out by itself that there is nothing: the first was short. */
BACKEND_TEST(an_op_that_is_not_tried_is_handed_on_when_it_begins_to_wait)
{
    int ends[2];
    char bytes[16];
    struct harness_op receive = {0};
    harness_tcp_pair(loop, ends);
    assert_int_equal(write(ends[1], "x", 1), 1);
    begin(loop, 0);
    hark_recv(loop, &receive.op, ends[0], bytes, sizeof bytes, 0, harness_done);
    harness_run(loop);
    harness_op_again(&receive);
    hark_recv(loop, &receive.op, ends[0], bytes, sizeof bytes, 0, harness_done);
    uint64_t id = hark_op_id(&receive.op);
    harness_settle(loop);
    assert_int_equal(write(ends[1], "y", 1), 1);
    harness_run(loop);
    struct events all = take_all(hark_loop_trace(loop));
    const struct hark_trace_event *delegate = find(&all, HARK_TRACE_DELEGATE, id);
    assert_non_null(delegate);
    assert_ptr_equal(delegate, find(&all, HARK_TRACE_REQUEST, id) + 1);
    assert_true(delegate < find_return(&all, id));
    free(all.event);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

static int make_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "0123456789", 10), 10);
    return fd;
}

BACKEND_TEST(a_read_from_the_page_cache_is_one_call_of_the_loop_or_the_kernels)
{
    char bytes[10];
    struct harness_op read_op = {0};
    int fd = make_file(harness_path("file"));
    begin(loop, 0);
    hark_read(loop, &read_op.op, fd, bytes, sizeof bytes, 0, harness_done);
    uint64_t id = hark_op_id(&read_op.op);
    harness_run(loop);
    struct events all = take_all(hark_loop_trace(loop)),
                  pool = take_all(ring_behind(hark_loop_trace(loop)));
    const struct hark_trace_event *returned = find_return(&all, id);
    assert_non_null(returned);
    assert_result(returned->value, 10);
    if (is_readiness()) {
        assert_int_equal(returned->flags, HARK_TRACE_TRIED);
        assert_ptr_equal(find_delegate(&all, id), returned);
        assert_ptr_equal(find(&all, HARK_TRACE_REQUEST, id) + 1, returned);
        assert_true(find(&all, HARK_TRACE_REQUEST, id)->time_ns <=
                    returned->time_ns - returned->took_ns);
    } else {
        assert_false(returned->flags & HARK_TRACE_TRIED);
    }
    assert_int_equal(pool.count, 0);
    free(all.event);
    free(pool.event);
    harness_close(loop, fd);
}

/* io_uring would wait in the thread that submits. */
BACKEND_TEST(a_read_that_the_loop_makes_itself_is_told_on_each_backend)
{
    char byte;
    struct harness_op read_op = {0};
    const char *path = harness_path("fifo");
    assert_result(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    begin(loop, 0);
    hark_read(loop, &read_op.op, fd, &byte, 1, -1, harness_done);
    uint64_t id = hark_op_id(&read_op.op);
    harness_run(loop);
    struct events all = take_all(hark_loop_trace(loop));
    const struct hark_trace_event *returned = find_return(&all, id);
    assert_non_null(returned);
    assert_int_equal(returned->flags, HARK_TRACE_TRIED);
    assert_result(returned->value, 1);
    free(all.event);
    harness_close(loop, fd);
}

/* --- chains --- */

static void start_another(struct harness_op *self, int64_t result)
{
    (void)result;
    struct harness_op *other = self->context;
    hark_nop(self->op.loop, &other->op, harness_done);
}

BACKEND_TEST(an_op_knows_whose_callback_asked_for_it)
{
    struct harness_op second = {0};
    struct harness_op first = {.then = start_another, .context = &second};
    begin(loop, 0);
    hark_defer(loop, &first.op, harness_done);
    uint64_t first_id = hark_op_id(&first.op);
    harness_run(loop);
    struct events all = take_all(hark_loop_trace(loop));
    const struct hark_trace_event *request = NULL;
    for (size_t i = 0; i < all.count; i++)
        if (all.event[i].what == HARK_TRACE_REQUEST && all.event[i].kind == HARK_OP_NOP)
            request = &all.event[i];
    assert_non_null(request);
    assert_int_equal(request->value, first_id);
    free(all.event);
}

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

enum { MANY = 100000, AT_A_TIME = 8, CHUNK = 4096 };

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
    int left, fd;
    int ends[2];
    char bytes[AT_A_TIME][16];
    struct harness_op ops[AT_A_TIME];
};

static void follow(struct many *many, const struct hark_trace_event *event)
{
    assert_true(event->time_ns >= many->time_ns);
    many->time_ns = event->time_ns;
    if (event->op == 0)
        return;
    assert_in_range(event->op - many->first_id, 0, MANY + AT_A_TIME);
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

static int64_t think(struct hark_op *op)
{
    return op->fd;
}

static void another(struct harness_op *self, int64_t result)
{
    struct many *many = self->context;
    struct hark_loop *loop = self->op.loop;
    (void)result;
    if (many->left <= 0)
        return;
    char *bytes = many->bytes[self - many->ops];
    harness_op_again(self);
    if (many->left % CHUNK == 0)
        follow_all(many);
    switch (many->left-- % 7) {
    case 0:
        return hark_sleep(loop, &self->op, 1000, harness_done);
    case 1:
        return hark_work(loop, &self->op, think, harness_done);
    case 2:
        return hark_read(loop, &self->op, many->fd, bytes, 10, 0, harness_done);
    case 3:
        return hark_send(loop, &self->op, many->ends[0], "x", 1, 0, harness_done);
    case 4:
        return hark_recv(loop, &self->op, many->ends[1], bytes, 1, 0, harness_done);
    case 5:
        return hark_defer(loop, &self->op, harness_done);
    default:
        return hark_nop(loop, &self->op, harness_done);
    }
}

BACKEND_TEST_TIMEOUT(each_of_many_ops_goes_through_its_stages_in_the_order_of_their_times, 120)
{
    struct many *many = calloc(1, sizeof *many);
    many->ways = calloc(MANY + AT_A_TIME, sizeof *many->ways);
    many->left = MANY;
    many->fd = make_file(harness_path("file"));
    harness_tcp_pair(loop, many->ends);
    assert_int_equal(write(many->ends[0], "12345678", 8),
                     8); /* who receives first waits for none */
    begin(loop, 0);
    many->ring = hark_loop_trace(loop);
    for (int i = 0; i < AT_A_TIME; i++) {
        many->ops[i] = (struct harness_op){.then = another, .context = many};
        hark_nop(loop, &many->ops[i].op, harness_done);
        many->first_id = i ? many->first_id : hark_op_id(&many->ops[0].op);
    }
    harness_run(loop);
    follow_all(many);
    assert_int_equal(many->ended, MANY + AT_A_TIME);
    harness_close(loop, many->ends[0]);
    harness_close(loop, many->ends[1]);
    harness_close(loop, many->fd);
    free(many->ways);
    free(many);
}

/* --- times that are known --- */

enum { KNOWN_NS = 5000000 };

BACKEND_TEST(a_sleep_of_known_length_is_as_long_between_request_and_return)
{
    struct harness_op sleep = {0};
    begin(loop, 0);
    hark_sleep(loop, &sleep.op, KNOWN_NS, harness_done);
    uint64_t id = hark_op_id(&sleep.op);
    harness_run(loop);
    struct events all = take_all(hark_loop_trace(loop));
    const struct hark_trace_event *delegate = find_delegate(&all, id);
    const struct hark_trace_event *returned = find_return(&all, id);
    assert_true(delegate && returned);
    /* The clock was read a moment before the start was recorded. */
    const struct hark_trace_event *request = find(&all, HARK_TRACE_REQUEST, id);
    assert_true(returned->time_ns >= request->time_ns);
    assert_true(returned->time_ns - hark_loop_trace(loop)->started_ns >= KNOWN_NS);
    free(all.event);
}

static void burn(struct harness_op *self, int64_t result)
{
    (void)result;
    uint64_t from_ns = hark_os_clock(self->op.loop);
    while (hark_os_clock(self->op.loop) - from_ns < KNOWN_NS)
        ;
}

BACKEND_TEST(a_callback_that_burns_is_as_long_between_call_and_called)
{
    struct harness_op burning = {.then = burn};
    begin(loop, 0);
    hark_defer(loop, &burning.op, harness_done);
    uint64_t id = hark_op_id(&burning.op);
    harness_run(loop);
    struct events all = take_all(hark_loop_trace(loop));
    const struct hark_trace_event *call = find(&all, HARK_TRACE_CALL, id);
    const struct hark_trace_event *called = find(&all, HARK_TRACE_CALLED, id);
    assert_true(call && called);
    assert_true(called->time_ns - call->time_ns >= KNOWN_NS);
    free(all.event);
}

/* Ops one after the other, for longer than it takes to learn how fast the CPU's counter goes. What
 * the program read of the clock itself is around what is told, but for the microsecond by which
 * that may be behind (hark/trace.h). */
enum { AROUND = 30000, AROUND_IN_WORLDS = 500, APART_NS = 1000 };

struct around {
    uint64_t first_id;
    int count, asked;
    uint64_t before_ns[AROUND], after_ns[AROUND]; /* of the request */
    uint64_t inside_ns[AROUND];                   /* of the callback */
};

static void ask_for_another(struct around *around, struct harness_op *self, struct hark_loop *loop)
{
    around->before_ns[around->asked] = hark_os_clock(loop);
    hark_defer(loop, &self->op, harness_done);
    around->after_ns[around->asked++] = hark_os_clock(loop);
}

static void look_at_the_clock(struct harness_op *self, int64_t result)
{
    struct around *around = self->context;
    struct hark_loop *loop = self->op.loop;
    uint64_t began_ns = hark_os_clock(loop);
    (void)result;
    while (hark_os_clock(loop) - began_ns < APART_NS)
        ;
    around->inside_ns[around->asked - 1] = began_ns;
    if (around->asked == around->count)
        return;
    harness_op_again(self);
    ask_for_another(around, self, loop);
}

static void assert_around(const struct around *around, const struct hark_trace_event *event)
{
    uint64_t number = event->op - around->first_id;
    if (event->op == 0)
        return;
    assert_in_range(number, 0, around->count - 1);
    switch (event->what) {
    case HARK_TRACE_REQUEST:
        assert_true(event->time_ns + APART_NS >= around->before_ns[number]);
        assert_true(event->time_ns <= around->after_ns[number] + APART_NS);
        break;
    case HARK_TRACE_CALL:
        assert_true(event->time_ns + APART_NS >= around->after_ns[number]);
        assert_true(event->time_ns <= around->inside_ns[number] + APART_NS);
        break;
    case HARK_TRACE_CALLED:
        assert_true(event->time_ns + APART_NS >= around->inside_ns[number]);
        break;
    default:
        break;
    }
}

BACKEND_TEST(what_is_told_is_when_it_was_by_the_clock)
{
    static struct around around;
    struct harness_op op = {.then = look_at_the_clock, .context = &around};
    around.count = harness_in_world() ? AROUND_IN_WORLDS : AROUND;
    around.asked = 0;
    begin(loop, 0);
    ask_for_another(&around, &op, loop);
    around.first_id = hark_op_id(&op.op);
    harness_run(loop);
    struct events all = take_all(hark_loop_trace(loop));
    assert_int_equal(all.lost, 0);
    assert_int_equal(around.asked, around.count);
    for (size_t i = 0; i < all.count; i++) {
        assert_true(i == 0 || all.event[i - 1].time_ns <= all.event[i].time_ns);
        assert_around(&around, &all.event[i]);
    }
    free(all.event);
}

static int64_t answer(struct hark_op *op)
{
    (void)op;
    return 42;
}

BACKEND_TEST_WITH(work_waits_for_a_thread_of_a_full_pool_before_it_is_performed, 0,
                  .workers_max = 1)
{
    struct harness_op works[3] = {0};
    uint64_t ids[3];
    begin(loop, 0);
    for (int i = 0; i < 3; i++) {
        hark_work(loop, &works[i].op, answer, harness_done);
        ids[i] = hark_op_id(&works[i].op);
    }
    harness_run(loop);
    const struct hark_trace_ring *ring = hark_loop_trace(loop);
    struct events all = take_all(ring), pool = take_all(ring_behind(ring));
    assert_int_equal(ring_behind(ring)->is_pool, 1);
    for (int i = 0; i < 3; i++) {
        const struct hark_trace_event *perform = find(&pool, HARK_TRACE_PERFORM, ids[i]);
        const struct hark_trace_event *performed = find(&pool, HARK_TRACE_RETURN, ids[i]);
        const struct hark_trace_event *delegate = find_delegate(&all, ids[i]);
        const struct hark_trace_event *returned = find_return(&all, ids[i]);
        assert_true(perform && performed && delegate && returned);
        assert_true(perform < performed);
        assert_true(performed->time_ns <= returned->time_ns);
        assert_result(performed->value, 42);
        if (i > 0)
            assert_true(perform > find(&pool, HARK_TRACE_RETURN, ids[i - 1]));
    }
    free(all.event);
    free(pool.event);
}

/* --- the ring --- */

BACKEND_TEST(what_was_overwritten_is_counted_and_what_is_read_is_whole)
{
    struct harness_op nop = {0};
    begin(loop, 64);
    for (int i = 0; i < 100; i++) {
        harness_op_again(&nop);
        hark_nop(loop, &nop.op, harness_done);
        harness_run(loop);
    }
    const struct hark_trace_ring *ring = hark_loop_trace(loop);
    struct events all = take_all(ring);
    assert_int_equal(ring->capacity, 64);
    assert_int_equal(all.lost + all.count, ring->written);
    assert_int_equal(all.count, 63);
    for (size_t i = 0; i < all.count; i++)
        assert_true(all.event[i].what >= HARK_TRACE_SLEEP &&
                    all.event[i].what <= HARK_TRACE_CALLED);
    free(all.event);
}

BACKEND_TEST(a_reader_goes_on_where_it_was)
{
    struct harness_op nop = {0};
    struct hark_trace_event events[4];
    uint64_t position = 0, lost, seen = 0;
    begin(loop, 0);
    for (int round = 0; round < 50; round++) {
        size_t count;
        harness_op_again(&nop);
        hark_nop(loop, &nop.op, harness_done);
        harness_run(loop);
        while ((count = hark_trace_read(hark_loop_trace(loop), events, 4, &position, &lost)) > 0) {
            seen += count;
            assert_int_equal(lost, 0);
        }
    }
    assert_int_equal(seen, hark_loop_trace(loop)->written);
    assert_int_equal(position, seen);
}

/* A reader of its own, while the loop writes. */
struct reader {
    const struct hark_trace_ring *ring;
    _Atomic bool ending;
    uint64_t seen, lost, gaps;
};

/* Each op of a chain of them has the next number: one that is missing must have been said to be. */
static void *read_along(void *context)
{
    struct reader *reader = context;
    static struct hark_trace_event events[64];
    uint64_t position = 0, lost = 0, last_id = 0;
    bool said = false;
    for (bool ending = false; !ending;) {
        size_t count;
        ending = atomic_load(&reader->ending);
        while ((count = hark_trace_read(reader->ring, events, 64, &position, &lost)) + lost > 0) {
            reader->seen += count;
            reader->lost += lost;
            said = said || lost > 0;
            for (size_t i = 0; i < count; i++) {
                if (events[i].what != HARK_TRACE_REQUEST)
                    continue;
                reader->gaps += !said && last_id != 0 && events[i].op != last_id + 1;
                last_id = events[i].op;
                said = false;
            }
        }
    }
    return NULL;
}

BACKEND_TEST(a_loop_that_writes_faster_than_it_is_read_loses_only_what_is_said)
{
    struct harness_op nop = {0};
    pthread_t thread;
    if (harness_in_world())
        harness_skip(
            "it reads shared memory in a loop without system calls, in which a world stands");
    begin(loop, 256);
    struct reader reader = {.ring = hark_loop_trace(loop)};
    assert_result(pthread_create(&thread, NULL, read_along, &reader), 0);
    for (int i = 0; i < 50000; i++) {
        harness_op_again(&nop);
        hark_nop(loop, &nop.op, harness_done);
        harness_run(loop);
    }
    atomic_store(&reader.ending, true);
    pthread_join(thread, NULL);
    assert_int_equal(reader.seen + reader.lost, reader.ring->written);
    assert_int_equal(reader.gaps, 0);
    assert_true(reader.seen > 0);
}

/* --- turning it on and off --- */

static void switch_off(struct harness_op *self, int64_t result)
{
    (void)result;
    hark_trace_stop(self->op.loop);
}

static void switch_on(struct harness_op *self, int64_t result)
{
    (void)result;
    begin(self->op.loop, 0);
}

BACKEND_TEST(it_is_turned_on_and_off_inside_callbacks)
{
    struct harness_op on = {.then = switch_on}, off = {.then = switch_off};
    hark_defer(loop, &on.op, harness_done);
    harness_run(loop);
    assert_non_null(hark_loop_trace(loop));
    hark_defer(loop, &off.op, harness_done);
    harness_run(loop);
    assert_null(hark_loop_trace(loop));
    hark_trace_stop(loop);
}

BACKEND_TEST(options_out_of_range_and_a_second_start_are_refused)
{
    assert_result(hark_trace_start(loop, &(struct hark_trace_options){.events = 63}), -EINVAL);
    assert_result(hark_trace_start(loop, &(struct hark_trace_options){.events = (1 << 26) + 1}),
                  -EINVAL);
    assert_result(
        hark_trace_start(loop, &(struct hark_trace_options){.directory = harness_path("none")}),
        -ENOENT);
    assert_null(hark_loop_trace(loop));
    begin(loop, 0);
    assert_result(hark_trace_start(loop, NULL), -EALREADY);
}

/* --- files --- */

static struct events read_file(struct hark_loop *loop)
{
    char name[64];
    uint32_t number = hark_loop_trace(loop)->loop;
    snprintf(name, sizeof name, "hark-%d-%u.trace", getpid(), number);
    int fd = open(harness_path(name), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    hark_trace_stop(loop); /* the file stays */
    size_t bytes = (size_t)lseek(fd, 0, SEEK_END);
    void *memory = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(memory != MAP_FAILED);
    const struct hark_trace_ring *ring = memory;
    assert_memory_equal(ring->magic, "harktrc1", 8);
    assert_int_equal(ring->pid, getpid());
    assert_int_equal(ring->thread, gettid());
    assert_int_equal(ring->backend, harness_backend());
    assert_true(ring->ended_ns >= ring->started_ns);
    struct events all = take_all(ring);
    munmap(memory, bytes);
    close(fd);
    return all;
}

BACKEND_TEST(a_file_keeps_what_was_recorded)
{
    struct harness_op nop = {0};
    assert_result(
        hark_trace_start(loop, &(struct hark_trace_options){.directory = harness_directory()}), 0);
    hark_nop(loop, &nop.op, harness_done);
    uint64_t id = hark_op_id(&nop.op);
    harness_run(loop);
    struct events all = read_file(loop);
    assert_non_null(find(&all, HARK_TRACE_CALLED, id));
    free(all.event);
}

BACKEND_TEST(the_environment_turns_it_on_and_says_how_large)
{
    setenv("HARK_TRACE", harness_directory(), 1);
    setenv("HARK_TRACE_EVENTS", "100", 1);
    struct hark_loop *other = harness_loop_create(NULL);
    struct harness_op nop = {0};
    assert_non_null(hark_loop_trace(other));
    assert_int_equal(hark_loop_trace(other)->capacity, 128);
    hark_nop(other, &nop.op, harness_done);
    harness_run(other);
    struct events all = read_file(other);
    assert_true(all.count > 0);
    free(all.event);
    harness_loop_destroy(other);
}

BACKEND_TEST(an_environment_that_makes_no_sense_makes_no_loop)
{
    static const char *const sizes[] = {"many", "63", "99999999999", "128 "};
    struct hark_loop *other;
    setenv("HARK_TRACE", harness_directory(), 1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        setenv("HARK_TRACE_EVENTS", sizes[i], 1);
        assert_result(
            hark_loop_create(&(struct hark_options){.backend = harness_backend()}, &other),
            -EINVAL);
    }
    setenv("HARK_TRACE", harness_path("none"), 1);
    setenv("HARK_TRACE_EVENTS", "128", 1);
    other = harness_loop_create(NULL); /* whoever traced has gone with his directory */
    assert_null(hark_loop_trace(other));
    harness_loop_destroy(other);
}
