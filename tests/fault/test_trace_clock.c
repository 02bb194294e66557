/* test_trace_clock.c - the recorder's times, on a clock that moves when the test says so: none is
 * guessed, and none comes from elsewhere. */
#include "fault/faults.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MS = 1000000, EVENTS = 4096 };

static _Atomic uint64_t now_ns;

static void advance(uint64_t by_ns)
{
    atomic_fetch_add(&now_ns, by_ns);
    fault_clock_stands(CLOCK_MONOTONIC, atomic_load(&now_ns));
}

static void begin(struct hark_loop *loop)
{
    atomic_store(&now_ns, kernel_clock_gettime(CLOCK_MONOTONIC));
    advance(0);
    assert_result(hark_trace_start(loop, &(struct hark_trace_options){.events = EVENTS}), 0);
}

/* The first event of an op that tells this, or is flagged so. */
static struct hark_trace_event find(const struct hark_trace_ring *ring, uint64_t op,
                                    enum hark_trace_what what, uint16_t flags)
{
    static struct hark_trace_event events[EVENTS];
    uint64_t position = 0, lost;
    size_t count = hark_trace_read(ring, events, EVENTS, &position, &lost);
    for (size_t i = 0; i < count; i++)
        if (events[i].op == op && events[i].what == what && (events[i].flags & flags) == flags)
            return events[i];
    fail_msg("no event %d of this op", what);
    return events[0];
}

static const struct hark_trace_ring *pool_of(struct hark_loop *loop)
{
    const struct hark_trace_ring *ring = hark_loop_trace(loop);
    return (const void *)((const char *)ring + ring->next);
}

static void take_time(void *context)
{
    (void)context;
    advance(3 * MS);
}

/* A pipe with a name, which is read by the loop itself on each backend. */
BACKEND_TEST(a_call_of_the_loop_is_as_long_as_it_was)
{
    char byte;
    struct harness_op read_op = {0};
    const char *path = harness_path("fifo");
    assert_result(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    begin(loop);
    int fault = FAULT(.calls = "kernel_read", .before = take_time);
    hark_read(loop, &read_op.op, fd, &byte, 1, -1, harness_done);
    uint64_t id = hark_op_id(&read_op.op);
    harness_run(loop);
    assert_int_equal(fault_met(fault), 1);
    struct hark_trace_event request = find(hark_loop_trace(loop), id, HARK_TRACE_REQUEST, 0);
    struct hark_trace_event returned =
        find(hark_loop_trace(loop), id, HARK_TRACE_RETURN, HARK_TRACE_TRIED);
    assert_int_equal(returned.took_ns, 3 * MS);
    assert_int_equal(returned.time_ns, request.time_ns + 3 * MS);
    assert_int_equal(find(hark_loop_trace(loop), id, HARK_TRACE_CALL, 0).time_ns, returned.time_ns);
    harness_close(loop, fd);
}

/* 2 ms, a request, 5 ms. */
static void burn(struct harness_op *self, int64_t result)
{
    (void)result;
    struct harness_op *other = self->context;
    advance(2 * MS);
    hark_defer(self->op.loop, &other->op, harness_done);
    advance(5 * MS);
}

BACKEND_TEST(a_callback_and_what_it_asks_for_are_when_they_were)
{
    struct harness_op second = {0}, first = {.then = burn, .context = &second};
    begin(loop);
    uint64_t began_ns = atomic_load(&now_ns);
    hark_defer(loop, &first.op, harness_done);
    uint64_t id = hark_op_id(&first.op);
    harness_run(loop);
    const struct hark_trace_ring *ring = hark_loop_trace(loop);
    assert_int_equal(find(ring, id, HARK_TRACE_CALL, 0).time_ns, began_ns);
    assert_int_equal(find(ring, id, HARK_TRACE_CALLED, 0).time_ns, began_ns + 7 * MS);
    assert_int_equal(find(ring, id + 1, HARK_TRACE_REQUEST, 0).time_ns, began_ns + 2 * MS);
    assert_int_equal(find(ring, id + 1, HARK_TRACE_CALL, 0).time_ns, began_ns + 7 * MS);
}

static int64_t think(struct hark_op *op)
{
    (void)op;
    advance(4 * MS);
    return 1;
}

BACKEND_TEST(a_threads_work_is_as_long_as_it_was)
{
    struct harness_op work = {0};
    begin(loop);
    uint64_t began_ns = atomic_load(&now_ns);
    hark_work(loop, &work.op, think, harness_done);
    uint64_t id = hark_op_id(&work.op);
    harness_run(loop);
    struct hark_trace_event perform = find(pool_of(loop), id, HARK_TRACE_PERFORM, 0);
    assert_int_equal(perform.time_ns, began_ns);
    assert_int_not_equal(perform.value, gettid());
    assert_int_equal(find(pool_of(loop), id, HARK_TRACE_RETURN, 0).time_ns, began_ns + 4 * MS);
    struct hark_trace_event call = find(hark_loop_trace(loop), id, HARK_TRACE_CALL, 0);
    assert_int_equal(call.time_ns, began_ns + 4 * MS);
}
