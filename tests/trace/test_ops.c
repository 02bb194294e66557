/* test_ops.c - what is made of events, against what is known of the ops: their number, the order
 * of their stages, whose callbacks asked for them, and how long they were. */
#include "harness/medley.h"
#include "trace/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* --- many ops of many kinds --- */

enum { MANY = 100000, ROUND_EVERY = 4000 };

struct many {
    struct traced traced;
    int left;
    struct medley medley;
    uint64_t calls;
};

static int64_t think(struct hark_op *op)
{
    return op->fd;
}

static void count(struct harness_op *self, int64_t result)
{
    struct many *many = self->context;
    (void)result;
    many->calls++;
}

/* Starts another op in each callback: of another kind each time. */
static void go_on(struct harness_op *self, int64_t result)
{
    struct many *many = self->context;
    count(self, result);
    if (many->left <= 0)
        return;
    if (--many->left % ROUND_EVERY == 0)
        traced_round(&many->traced);
    medley_again(&many->medley, self, many->left);
}

static void assert_same_counts(const struct hark_metrics *metrics, const struct traced *traced)
{
    for (int kind = 0; kind < HARK_OP_KINDS; kind++) {
        uint64_t calls = 0;
        for (size_t i = 0; i < traced->count; i++)
            calls += traced->ended[i].kind == kind;
        assert_int_equal(calls, metrics->handled[kind] + metrics->repeated[kind]);
    }
}

BACKEND_TEST(each_of_100000_ops_is_there_with_its_stages_in_order)
{
    static struct many many;
    struct harness_op every = {.then = count, .context = &many};
    many.left = MANY;
    medley_open(loop, &many.medley);
    struct hark_metrics before = *hark_loop_metrics(loop);
    for (int kind = 0; kind < HARK_OP_KINDS; kind++)
        assert_int_equal(before.handled[kind], 0);
    traced_begin(&many.traced, loop, 1 << 18);
    hark_every(loop, &every.op, 100000, harness_done);
    medley_start(loop, &many.medley, go_on, &many);
    while (many.left > 0)
        assert_result(hark_run_once(loop), 1);
    hark_cancel_all(loop);
    harness_run(loop);
    traced_end(&many.traced);
    assert_int_equal(trace_ops_losses(many.traced.ops)->odd, 0);
    assert_int_equal(trace_ops_loop(many.traced.ops, 0)->lost, 0);
    assert_true(many.traced.count >= MANY);
    assert_int_equal(many.traced.count, many.calls);
    assert_same_counts(hark_loop_metrics(loop), &many.traced);
    assert_null(trace_ops_next_in_flight(many.traced.ops, NULL));
    for (size_t i = 0; i < many.traced.count; i++) {
        const struct trace_op *op = &many.traced.ended[i];
        traced_assert_order(op);
        assert_true(op->request_ns && op->call_ns && op->called_ns);
        assert_int_equal(op->flags & TRACE_OP_UNSEEN, 0);
        if (op->kind == HARK_OP_WORK && op->result >= 0)
            assert_true(op->flags & TRACE_OP_POOL && op->performed_ns && op->done_ns);
    }
    traced_done(&many.traced);
    medley_close(loop, &many.medley);
}

/* --- chains --- */

struct links {
    struct harness_op ops[5];
    int next;
};

static void ask_next(struct harness_op *self, int64_t result)
{
    struct links *links = self->context;
    (void)result;
    struct harness_op *op = &links->ops[links->next++];
    if (links->next == 5)
        op->then = NULL;
    if (links->next % 2)
        hark_defer(self->op.loop, &op->op, harness_done);
    else
        hark_nop(self->op.loop, &op->op, harness_done);
}

BACKEND_TEST(an_op_knows_the_three_whose_callbacks_led_to_it)
{
    struct traced traced;
    struct links links = {.next = 1};
    for (int i = 0; i < 5; i++)
        links.ops[i] = (struct harness_op){.then = ask_next, .context = &links};
    traced_begin(&traced, loop, 0);
    hark_sleep(loop, &links.ops[0].op, 1, harness_done);
    harness_run(loop);
    traced_end(&traced);
    assert_int_equal(traced.count, 5);
    assert_int_equal(traced.ended[0].ancestors[0].id, 0);
    for (int i = 1; i < 5; i++)
        for (int back = 0; back < TRACE_ANCESTORS; back++) {
            const struct trace_ancestor *ancestor = &traced.ended[i].ancestors[back];
            if (i - 1 - back < 0) {
                assert_int_equal(ancestor->id, 0);
            } else {
                assert_int_equal(ancestor->id, traced.ended[i - 1 - back].id);
                assert_int_equal(ancestor->kind, traced.ended[i - 1 - back].kind);
            }
        }
    traced_done(&traced);
}

/* --- times that are known --- */

enum { KNOWN_NS = 5000000 };

static void burn(struct harness_op *self, int64_t result)
{
    (void)result;
    uint64_t from_ns = hark_os_clock(self->op.loop);
    while (hark_os_clock(self->op.loop) - from_ns < KNOWN_NS)
        ;
}

BACKEND_TEST(a_sleep_is_away_and_a_callback_that_burns_is_in_its_callback)
{
    struct traced traced;
    struct harness_op sleep = {.then = burn}, behind = {0};
    traced_begin(&traced, loop, 0);
    uint64_t due_ns = hark_os_clock(loop) + KNOWN_NS;
    hark_sleep(loop, &sleep.op, KNOWN_NS, harness_done);
    hark_sleep(loop, &behind.op, KNOWN_NS, harness_done);
    harness_run(loop);
    traced_end(&traced);
    assert_int_equal(traced.count, 2);
    assert_true(traced.ended[0].called_ns >= due_ns + KNOWN_NS);
    assert_true(trace_op_span(&traced.ended[0], TRACE_SPAN_CALLBACK) >= KNOWN_NS);
    assert_true(trace_op_slowness(&traced.ended[0]) >= KNOWN_NS);
    assert_true(trace_op_slowness(&traced.ended[0]) <
                trace_op_span(&traced.ended[0], TRACE_SPAN_ALL));
    /* The second has waited for the first one's callback: before it was due, or ready. */
    assert_true(traced.ended[1].call_ns >= traced.ended[0].called_ns);
    assert_true(traced.slept_ns > 0);
    traced_done(&traced);
}

static void cancel_itself(struct harness_op *self, int64_t result)
{
    (void)result;
    hark_cancel(&self->op);
}

BACKEND_TEST(a_timer_says_when_it_is_due_and_nothing_else_does)
{
    struct traced traced;
    struct harness_op sleep = {0}, every = {.then = cancel_itself}, nop = {0};
    traced_begin(&traced, loop, 0);
    uint64_t due_ns = hark_os_clock(loop) + KNOWN_NS;
    hark_sleep_until(loop, &sleep.op, due_ns, harness_done);
    hark_every(loop, &every.op, KNOWN_NS, harness_done);
    hark_nop(loop, &nop.op, harness_done);
    harness_run(loop);
    traced_end(&traced);
    const struct trace_op *found = traced_first(&traced, HARK_OP_SLEEP);
    assert_int_equal(found->due_ns, due_ns);
    assert_true(found->call_ns >= due_ns);
    assert_int_equal(found->known_as, 0);
    assert_true(traced_first(&traced, HARK_OP_EVERY)->due_ns >= due_ns);
    assert_int_equal(traced_first(&traced, HARK_OP_NOP)->due_ns, 0);
    traced_done(&traced);
}

static void cancel_at_the_fourth(struct harness_op *self, int64_t result)
{
    (void)result;
    if (self->calls == 4)
        hark_cancel(&self->op);
}

BACKEND_TEST(each_call_of_an_every_says_when_it_was_due)
{
    struct traced traced;
    struct harness_op every = {.then = cancel_at_the_fourth};
    uint64_t due_ns = 0, period_ns = KNOWN_NS / 5;
    int calls = 0;
    traced_begin(&traced, loop, 0);
    hark_every(loop, &every.op, period_ns, harness_done);
    harness_run(loop);
    traced_end(&traced);
    for (size_t i = 0; i < traced.count; i++) {
        const struct trace_op *op = &traced.ended[i];
        if (op->kind != HARK_OP_EVERY || op->result < 0)
            continue;
        assert_true(op->due_ns > 0 && op->call_ns >= op->due_ns);
        assert_true(calls == 0 || (op->due_ns > due_ns && (op->due_ns - due_ns) % period_ns == 0));
        due_ns = op->due_ns;
        calls++;
    }
    assert_int_equal(calls, 4);
    traced_done(&traced);
}

BACKEND_TEST_WITH(work_for_a_full_pool_waits_before_it_is_performed, .workers_max = 1)
{
    struct traced traced;
    struct harness_op works[3] = {0};
    traced_begin(&traced, loop, 0);
    for (int i = 0; i < 3; i++)
        hark_work(loop, &works[i].op, think, harness_done);
    harness_run(loop);
    traced_end(&traced);
    assert_int_equal(traced.count, 3);
    for (int i = 0; i < 3; i++) {
        const struct trace_op *op = &traced.ended[i];
        traced_assert_order(op);
        assert_true(op->flags & TRACE_OP_POOL);
        assert_true(op->thread != 0 && op->thread != (uint32_t)gettid());
        assert_int_not_equal(trace_op_span(op, TRACE_SPAN_WAITS), TRACE_OP_UNKNOWN);
        if (i > 0)
            assert_true(op->performed_ns >= traced.ended[i - 1].done_ns);
    }
    traced_done(&traced);
}

BACKEND_TEST(what_io_uring_queues_is_delegated_when_the_loop_waits)
{
    struct traced traced;
    struct harness_op nop = {0};
    traced_begin(&traced, loop, 0);
    hark_nop(loop, &nop.op, harness_done);
    burn(&(struct harness_op){.op.loop = loop}, 0);
    harness_run(loop);
    traced_end(&traced);
    const struct trace_op *op = traced_first(&traced, HARK_OP_NOP);
    if (harness_backend() == HARK_BACKEND_URING) {
        assert_true(op->flags & TRACE_OP_QUEUED);
        assert_true(trace_op_span(op, TRACE_SPAN_ASKED) >= KNOWN_NS);
    } else {
        assert_false(op->flags & TRACE_OP_QUEUED);
    }
    traced_done(&traced);
}

BACKEND_TEST(a_file_op_for_the_pool_is_handed_on_at_once)
{
    struct traced traced;
    struct harness_op getdents = {0};
    char entries[1024];
    int directory = open(harness_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(directory >= 0);
    traced_begin(&traced, loop, 0);
    hark_getdents(loop, &getdents.op, directory, entries, sizeof entries, harness_done);
    burn(&(struct harness_op){.op.loop = loop}, 0);
    harness_run(loop);
    traced_end(&traced);
    const struct trace_op *op = traced_first(&traced, HARK_OP_GETDENTS);
    assert_true(op->flags & TRACE_OP_POOL);
    assert_false(op->flags & TRACE_OP_QUEUED);
    assert_int_equal(op->delegated_ns, op->queued_ns);
    traced_assert_order(op);
    traced_done(&traced);
    harness_close(loop, directory);
}

/* --- beginnings and ends that are not seen --- */

BACKEND_TEST(what_was_asked_for_before_the_trace_is_marked)
{
    struct traced traced;
    struct harness_op before = {0}, after = {0};
    int ends[2];
    char byte;
    harness_socket_pair(loop, ends);
    hark_recv(loop, &before.op, ends[0], &byte, 1, 0, harness_done);
    harness_settle(loop);
    traced_begin(&traced, loop, 0);
    hark_send(loop, &after.op, ends[1], "x", 1, 0, harness_done);
    harness_run(loop);
    traced_end(&traced);
    assert_true(traced_first(&traced, HARK_OP_RECV)->flags & TRACE_OP_UNSEEN);
    assert_int_equal(traced_first(&traced, HARK_OP_RECV)->request_ns, 0);
    assert_false(traced_first(&traced, HARK_OP_SEND)->flags & TRACE_OP_UNSEEN);
    traced_done(&traced);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(what_has_not_ended_is_in_flight)
{
    struct traced traced;
    struct harness_op sleep = {0};
    traced_begin(&traced, loop, 0);
    hark_sleep(loop, &sleep.op, 3600000000000, harness_done);
    uint64_t id = hark_op_id(&sleep.op);
    harness_settle(loop);
    traced_end(&traced);
    assert_int_equal(traced.count, 0);
    const struct trace_op *op = trace_ops_next_in_flight(traced.ops, NULL);
    assert_non_null(op);
    assert_int_equal(op->id, id);
    assert_null(trace_ops_next_in_flight(traced.ops, op));
    hark_cancel(&sleep.op);
    harness_run(loop);
    traced_end(&traced);
    assert_int_equal(traced.count, 1);
    assert_result(traced.ended[0].result, -ECANCELED);
    assert_null(trace_ops_next_in_flight(traced.ops, NULL));
    traced_done(&traced);
}

BACKEND_TEST(where_events_were_overwritten_all_that_was_in_flight_is_forgotten)
{
    struct traced traced;
    struct harness_op nop = {0}, sleep = {0};
    traced_begin(&traced, loop, 64);
    hark_sleep(loop, &sleep.op, 3600000000000, harness_done);
    harness_settle(loop);
    traced_round(&traced);
    for (int i = 0; i < 100; i++) {
        harness_op_again(&nop);
        hark_nop(loop, &nop.op, harness_done);
        harness_wait(loop, &nop);
    }
    hark_cancel(&sleep.op);
    harness_run(loop);
    traced_end(&traced);
    const struct trace_loop *seen = trace_ops_loop(traced.ops, 0);
    assert_int_equal(seen->lost + seen->events, hark_loop_trace(loop)->written);
    assert_true(seen->lost > 0);
    assert_true(trace_ops_losses(traced.ops)->forgotten > 0);
    assert_true(traced.count > 0 && traced.count < 100);
    assert_true(traced_first(&traced, HARK_OP_SLEEP)->flags & TRACE_OP_UNSEEN);
    for (size_t i = 0; i < traced.count; i++)
        traced_assert_order(&traced.ended[i]);
    traced_done(&traced);
}

/* --- calls that repeat --- */

BACKEND_TEST(each_call_of_a_repeating_op_is_a_life_that_begins_where_the_last_one_ended)
{
    struct traced traced;
    struct harness_op every = {0};
    traced_begin(&traced, loop, 0);
    hark_every(loop, &every.op, 100000, harness_done);
    while (every.calls < 5)
        assert_result(hark_run_once(loop), 1);
    hark_cancel(&every.op);
    harness_run(loop);
    traced_end(&traced);
    assert_int_equal(traced.count, every.calls);
    for (size_t i = 0; i < traced.count; i++) {
        const struct trace_op *op = &traced.ended[i];
        traced_assert_order(op);
        assert_int_equal(op->id, traced.ended[0].id);
        assert_int_equal((op->flags & TRACE_OP_AGAIN) != 0, i > 0);
        assert_int_equal((op->flags & TRACE_OP_MORE) != 0, i + 1 < traced.count);
        if (i > 0)
            assert_int_equal(op->request_ns, traced.ended[i - 1].called_ns);
    }
    traced_done(&traced);
}

/* --- as the kernel names them --- */

static void make_ready_again(struct harness_op *self, int64_t result)
{
    const uint64_t one = 1;
    if (result >= 0)
        assert_int_equal(write(self->op.fd, &one, sizeof one), sizeof one);
}

BACKEND_TEST(ops_are_found_by_what_the_kernel_calls_them_while_they_are_remembered)
{
    enum { COUNT = 10000 };
    if (harness_backend() != HARK_BACKEND_URING)
        harness_skip("the kernel has no name for what it is only asked when to do");
    struct traced traced;
    struct harness_op each = {.then = make_ready_again}, *nops = calloc(COUNT, sizeof *nops);
    int fd = eventfd(1, EFD_CLOEXEC);
    traced_begin(&traced, loop, 0);
    hark_poll_each(loop, &each.op, fd, HARK_POLL_READABLE, harness_done);
    for (int i = 0; i < COUNT; i++)
        hark_nop(loop, &nops[i].op, harness_done);
    while (each.calls < 3)
        assert_result(hark_run_once(loop), 1);
    hark_cancel(&each.op);
    harness_run(loop);
    traced_round(&traced);
    size_t found = 0;
    for (struct trace_op *op = NULL; (op = trace_ops_next_ended(traced.ops, op)); found++) {
        uint32_t pid = op->loop->pid;
        assert_true(op->known_as != 0);
        /* A life ends at the moment at which the next one begins. */
        uint64_t within_ns = op->call_ns;
        assert_ptr_equal(trace_ops_find_known(traced.ops, pid, op->known_as, within_ns), op);
        assert_null(trace_ops_find_known(traced.ops, pid + 1, op->known_as, within_ns));
        assert_null(
            trace_ops_find_known(traced.ops, pid, op->known_as, op->request_ns - 1000000000));
    }
    assert_int_equal(found, COUNT + each.calls);
    traced_end(&traced);
    assert_int_equal(traced.count, found);
    assert_null(trace_ops_find_known(traced.ops, (uint32_t)getpid(), traced.ended[0].known_as,
                                     traced.ended[0].call_ns));
    traced_done(&traced);
    free(nops);
    hark_os_close(loop, fd);
}

BACKEND_TEST(an_op_on_a_path_has_no_descriptor_unless_it_has_a_directory)
{
    struct traced traced;
    struct harness_op loose = {0}, within = {0};
    int directory = open(harness_directory(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(directory >= 0);
    traced_begin(&traced, loop, 0);
    hark_mkdirat(loop, &loose.op, AT_FDCWD, harness_path("one"), 0700, harness_done);
    harness_run(loop);
    hark_mkdirat(loop, &within.op, directory, "two", 0700, harness_done);
    harness_run(loop);
    traced_end(&traced);
    assert_int_equal(traced.count, 2);
    assert_int_equal(traced.ended[0].fd, -1);
    assert_int_equal(traced.ended[1].fd, directory);
    traced_done(&traced);
    hark_os_close(loop, directory);
}

/* --- facts --- */

TEST(facts_stand_in_the_order_of_their_times_and_are_copied_with_their_op)
{
    struct trace_op op = {.id = 1}, copy;
    for (uint64_t time_ns = 3; time_ns > 0; time_ns--) {
        struct trace_fact fact = {.time_ns = time_ns, .guess = time_ns == 2, .stage = 4};
        assert_int_equal(trace_op_add_fact(&op, &fact), 0);
    }
    assert_int_equal(trace_op_copy(&op, &copy), 0);
    trace_op_done(&op);
    uint64_t time_ns = 1;
    for (const struct trace_fact *fact = copy.facts; fact; fact = fact->next, time_ns++) {
        assert_int_equal(fact->time_ns, time_ns);
        assert_int_equal(fact->guess, time_ns == 2);
    }
    assert_int_equal(time_ns, 4);
    trace_op_done(&copy);
}
