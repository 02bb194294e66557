/* test_trace.c - what the recorder tells of an op's way, against what is known of it; turning it on
 * and off, and the files that it leaves. */
#include "conform/recorded.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

BACKEND_TEST(a_read_from_the_page_cache_is_one_call_of_the_loop_or_the_kernels)
{
    char bytes[10];
    struct harness_op read_op = {0};
    int fd = harness_file("file", "0123456789", 10);
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

BACKEND_TEST(a_read_of_less_than_was_asked_for_comes_back_once)
{
    char bytes[20];
    struct harness_op read_op = {0};
    int fd = harness_file("file", "0123456789", 10);
    begin(loop, 0);
    hark_read(loop, &read_op.op, fd, bytes, sizeof bytes, 0, harness_done);
    uint64_t id = hark_op_id(&read_op.op);
    harness_run(loop);
    assert_result(read_op.result, 10);
    struct events all = take_all(hark_loop_trace(loop));
    const struct hark_trace_event *returned = find_return(&all, id);
    assert_non_null(returned);
    assert_result(returned->value, 10);
    for (const struct hark_trace_event *event = all.event; event < returned; event++)
        assert_true(event->op != id || event->what != HARK_TRACE_RETURN ||
                    event->value == -EAGAIN); /* a part: the pool has read it once more */
    for (const struct hark_trace_event *event = returned + 1; event < all.event + all.count;
         event++)
        assert_true(event->op != id || event->what >= HARK_TRACE_CALL);
    free(all.event);
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

BACKEND_TEST_WITH(work_waits_for_a_thread_of_a_full_pool_before_it_is_performed, .workers_max = 1)
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
