/* test_join.c - joins of events that were made up: which of them are exact, which are guesses, and
 * what is not known. */
#include "harness/harness.h"
#include "trace/join.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

enum { THREAD = 100, WORKER = 101, RING = 7, USER_DATA = 0x1000, OTHER_DATA = 0x2000, IRQ = 36 };

/* Events come in the order of their times: one a microsecond. */
static uint64_t clock_ns;

static struct trace_kernel_event event_of(int what, uint64_t number)
{
    clock_ns += 1000;
    return (struct trace_kernel_event){
        .time_ns = clock_ns, .what = (uint8_t)what, .number = number, .thread = THREAD};
}

static uint64_t ring(struct trace_join *join, int what, uint64_t user_data)
{
    struct trace_kernel_event event = event_of(what, user_data);
    event.context = RING;
    event.value = what == TRACE_KERNEL_COMPLETE ? 4096 : 0;
    trace_join_take(join, &event);
    return event.time_ns;
}

static uint64_t block_by(struct trace_join *join, int what, uint64_t sector, uint32_t sectors,
                         int32_t thread, const char *process)
{
    struct trace_kernel_event event = event_of(what, sector);
    event.device = UINT64_C(254) << 20;
    event.length = sectors;
    event.thread = thread;
    snprintf(event.text, sizeof event.text, "%s", process);
    trace_join_take(join, &event);
    return event.time_ns;
}

static uint64_t block(struct trace_join *join, int what, uint64_t sector, uint32_t sectors)
{
    return block_by(join, what, sector, sectors, THREAD, "program");
}

static uint64_t interrupt(struct trace_join *join, int what, const char *name)
{
    struct trace_kernel_event event = event_of(what, IRQ);
    snprintf(event.text, sizeof event.text, "%s", name);
    trace_join_take(join, &event);
    return event.time_ns;
}

/* An op of a loop on THREAD, from before all events until after them. */
static struct trace_op op_of(uint64_t user_data, int kind)
{
    static struct trace_loop loop = {
        .pid = 99, .thread = THREAD, .number = 1, .backend = HARK_BACKEND_URING};
    struct trace_op op = {
        .id = user_data,
        .loop = &loop,
        .kind = (uint8_t)kind,
        .flags = TRACE_OP_QUEUED | TRACE_OP_RETURNED,
        .known_as = user_data,
        .request_ns = 1,
        .queued_ns = 2,
        .delegated_ns = 3,
        .returned_ns = clock_ns + 1000,
        .call_ns = clock_ns + 2000,
        .called_ns = clock_ns + 3000,
    };
    return op;
}

static const struct trace_fact *fact_of(const struct trace_op *op, const char *what)
{
    const struct trace_fact *fact = op->facts;
    while (fact && strcmp(fact->what, what) != 0)
        fact = fact->next;
    return fact;
}

static void assert_says(const struct trace_fact *fact, const char *words)
{
    assert_non_null(fact);
    if (!strstr(fact->text, words))
        fail_msg("\"%s\" does not say \"%s\"", fact->text, words);
}

static struct trace_join *begin(void)
{
    struct trace_join *join;
    clock_ns = 1000;
    assert_int_equal(trace_join_create(NULL, &join), 0);
    return join;
}

static void assert_counts(const struct trace_join *join, uint64_t exact, uint64_t guessed,
                          uint64_t missing, uint64_t no_device)
{
    const struct trace_join_counts *counts = trace_join_counts(join);
    assert_int_equal(counts->exact, exact);
    assert_int_equal(counts->guessed, guessed);
    assert_int_equal(counts->missing, missing);
    assert_int_equal(counts->no_device, no_device);
}

TEST(a_direct_read_is_joined_exactly)
{
    struct trace_join *join = begin();
    uint64_t submitted_ns = ring(join, TRACE_KERNEL_SUBMIT, USER_DATA);
    block(join, TRACE_KERNEL_BLOCK_QUEUE, 800, 8);
    uint64_t issued_ns = block(join, TRACE_KERNEL_BLOCK_ISSUE, 800, 8);
    ring(join, TRACE_KERNEL_RING_WAIT, 0);
    block(join, TRACE_KERNEL_BLOCK_QUEUE, 1600, 8); /* its own, but of no request */
    uint64_t irq_ns = interrupt(join, TRACE_KERNEL_IRQ_ENTRY, "disk");
    block(join, TRACE_KERNEL_BLOCK_DONE, 800, 8);
    struct trace_kernel_event waking = event_of(TRACE_KERNEL_WAKING, THREAD);
    trace_join_take(join, &waking);
    interrupt(join, TRACE_KERNEL_IRQ_EXIT, "");
    ring(join, TRACE_KERNEL_COMPLETE, USER_DATA);
    struct trace_op op = op_of(USER_DATA, HARK_OP_READ);
    trace_join_op(join, &op, true);
    assert_counts(join, 1, 0, 0, 0);
    assert_int_equal(op.delegated_ns, submitted_ns);
    assert_int_equal(op.performed_ns, issued_ns);
    assert_int_equal(op.done_ns, irq_ns);
    assert_int_equal(fact_of(&op, "block_rq_issue")->device, makedev(254, 0));
    assert_int_equal(fact_of(&op, "block_rq_issue")->sector, 800);
    assert_string_equal(fact_of(&op, "irq_handler_entry")->text, "interrupt 36, disk");
    for (const struct trace_fact *fact = op.facts; fact; fact = fact->next)
        assert_false(fact->guess);
    assert_non_null(fact_of(&op, "sched_waking"));
    trace_op_done(&op);
    trace_join_destroy(join);
}

/* It asks for the softirq, and is its cause; for a softirq that others asked for it is not. */
TEST(an_interrupt_is_known_through_its_softirq)
{
    struct trace_join *join = begin();
    for (int is_raised = 1; is_raised >= 0; is_raised--) {
        ring(join, TRACE_KERNEL_SUBMIT, USER_DATA);
        block(join, TRACE_KERNEL_BLOCK_QUEUE, 800, 8);
        block(join, TRACE_KERNEL_BLOCK_ISSUE, 800, 8);
        uint64_t irq_ns = interrupt(join, TRACE_KERNEL_IRQ_ENTRY, "disk");
        struct trace_kernel_event softirq = event_of(TRACE_KERNEL_SOFTIRQ_RAISE, 4);
        if (is_raised)
            trace_join_take(join, &softirq);
        interrupt(join, TRACE_KERNEL_IRQ_EXIT, "");
        softirq = event_of(TRACE_KERNEL_SOFTIRQ_ENTRY, 4);
        trace_join_take(join, &softirq);
        uint64_t done_ns = block(join, TRACE_KERNEL_BLOCK_DONE, 800, 8);
        softirq = event_of(TRACE_KERNEL_SOFTIRQ_EXIT, 4);
        trace_join_take(join, &softirq);
        ring(join, TRACE_KERNEL_COMPLETE, USER_DATA);
        struct trace_op op = op_of(USER_DATA, HARK_OP_READ);
        trace_join_op(join, &op, true);
        assert_int_equal(!!fact_of(&op, "irq_handler_entry"), is_raised);
        assert_string_equal(fact_of(&op, "softirq_entry")->text, "BLOCK");
        assert_int_equal(op.done_ns, is_raised ? irq_ns : done_ns);
        trace_op_done(&op);
    }
    assert_counts(join, 2, 0, 0, 0);
    trace_join_destroy(join);
}

TEST(merged_requests_are_guesses)
{
    struct trace_join *join = begin();
    const uint64_t data[] = {USER_DATA, OTHER_DATA};
    for (int i = 0; i < 2; i++) {
        ring(join, TRACE_KERNEL_SUBMIT, data[i]);
        block(join, TRACE_KERNEL_BLOCK_QUEUE, 800 + 8 * (uint64_t)i, 8);
    }
    block(join, TRACE_KERNEL_BLOCK_ISSUE, 800, 16);
    block(join, TRACE_KERNEL_BLOCK_DONE, 800, 16);
    for (int i = 0; i < 2; i++)
        ring(join, TRACE_KERNEL_COMPLETE, data[i]);
    for (int i = 0; i < 2; i++) {
        struct trace_op op = op_of(data[i], HARK_OP_READ);
        trace_join_op(join, &op, true);
        assert_false(fact_of(&op, "block_bio_queue")->guess);
        assert_int_equal(fact_of(&op, "block_bio_queue")->sector, 800 + 8 * i);
        assert_true(fact_of(&op, "block_rq_issue")->guess);
        assert_true(fact_of(&op, "block_rq_complete")->guess);
        trace_op_done(&op);
    }
    assert_counts(join, 0, 2, 0, 0);
    trace_join_destroy(join);
}

TEST(of_several_workers_whose_a_request_is_is_a_guess)
{
    struct trace_join *join = begin();
    const uint64_t data[] = {USER_DATA, OTHER_DATA};
    ring(join, TRACE_KERNEL_SUBMIT, USER_DATA);
    ring(join, TRACE_KERNEL_QUEUE_WORK, USER_DATA);
    block_by(join, TRACE_KERNEL_BLOCK_QUEUE, 0, 8, WORKER, "iou-wrk-100"); /* the only one */
    ring(join, TRACE_KERNEL_SUBMIT, OTHER_DATA);
    ring(join, TRACE_KERNEL_QUEUE_WORK, OTHER_DATA);
    block_by(join, TRACE_KERNEL_BLOCK_QUEUE, 8, 8, WORKER + 1, "iou-wrk-100");
    block_by(join, TRACE_KERNEL_BLOCK_QUEUE, 16, 8, WORKER, "iou-wrk-101"); /* another's worker */
    for (uint64_t sector = 0; sector < 24; sector += 8) {
        block(join, TRACE_KERNEL_BLOCK_ISSUE, sector, 8);
        block(join, TRACE_KERNEL_BLOCK_DONE, sector, 8);
    }
    for (int i = 0; i < 2; i++)
        ring(join, TRACE_KERNEL_COMPLETE, data[i]);
    for (int i = 0; i < 2; i++) {
        struct trace_op op = op_of(data[i], HARK_OP_WRITE);
        trace_join_op(join, &op, true);
        assert_int_equal(fact_of(&op, "block_bio_queue")->guess, i == 1);
        assert_int_equal(fact_of(&op, "block_bio_queue")->sector, 8 * i);
        trace_op_done(&op);
    }
    assert_counts(join, 1, 1, 0, 0);
    trace_join_destroy(join);
}

TEST(what_the_kernel_did_not_tell_is_missing)
{
    struct trace_join *join = begin();
    struct trace_op op = op_of(USER_DATA, HARK_OP_READ);
    trace_join_op(join, &op, true);
    assert_counts(join, 0, 0, 1, 0);
    assert_null(op.facts);
    assert_int_equal(op.performed_ns, 0);
    /* Submitted and asked of a device that never was seen to be done. */
    ring(join, TRACE_KERNEL_SUBMIT, USER_DATA);
    block(join, TRACE_KERNEL_BLOCK_QUEUE, 800, 8);
    block(join, TRACE_KERNEL_BLOCK_ISSUE, 800, 8);
    ring(join, TRACE_KERNEL_COMPLETE, USER_DATA);
    op = op_of(USER_DATA, HARK_OP_READ);
    trace_join_op(join, &op, true);
    assert_counts(join, 0, 0, 2, 0);
    assert_int_equal(op.performed_ns, 0);
    trace_op_done(&op);
    trace_join_destroy(join);
}

TEST(without_a_device_it_says_so_unless_events_were_lost)
{
    struct trace_join *join = begin();
    for (int all_came = 1; all_came >= 0; all_came--) {
        uint64_t submitted_ns = ring(join, TRACE_KERNEL_SUBMIT, USER_DATA);
        uint64_t completed_ns = ring(join, TRACE_KERNEL_COMPLETE, USER_DATA);
        struct trace_op op = op_of(USER_DATA, HARK_OP_READ);
        trace_join_op(join, &op, all_came);
        assert_int_equal(fact_of(&op, "no device")->guess, !all_came);
        assert_int_equal(op.performed_ns, submitted_ns);
        assert_int_equal(op.done_ns, completed_ns);
        trace_op_done(&op);
    }
    assert_counts(join, 1, 1, 0, 2);
    trace_join_destroy(join);
}

static uint64_t submit_read(struct trace_join *join, uint64_t user_data)
{
    enum { OPCODE_READ = 22 };
    struct trace_kernel_event event = event_of(TRACE_KERNEL_SUBMIT, user_data);
    event.context = RING;
    event.length = OPCODE_READ;
    trace_join_take(join, &event);
    return event.time_ns;
}

/* Also behind others of its batch; what is complete later has waited for something. */
TEST(a_read_was_in_the_cache_if_it_was_complete_at_once)
{
    struct trace_join *join = begin();
    submit_read(join, USER_DATA);
    submit_read(join, OTHER_DATA);
    ring(join, TRACE_KERNEL_COMPLETE, USER_DATA);
    submit_read(join, 3 * USER_DATA); /* a batch of its own */
    ring(join, TRACE_KERNEL_COMPLETE, OTHER_DATA);
    ring(join, TRACE_KERNEL_RING_WAIT, 0);
    ring(join, TRACE_KERNEL_COMPLETE, 3 * USER_DATA);
    struct trace_op op = op_of(USER_DATA, HARK_OP_READ);
    trace_join_op(join, &op, true);
    assert_says(fact_of(&op, "no device"), "had the data in its cache");
    assert_true(op.performed_ns != 0 && op.done_ns != 0);
    trace_op_done(&op);
    assert_counts(join, 1, 0, 0, 1);
    const uint64_t late[] = {OTHER_DATA, 3 * USER_DATA};
    for (int i = 0; i < 2; i++) {
        op = op_of(late[i], HARK_OP_READ);
        trace_join_op(join, &op, true);
        assert_says(fact_of(&op, "no device"), "was seen: others had asked for the data");
        assert_true(fact_of(&op, "no device")->guess);
        assert_int_equal(op.performed_ns, 0);
        trace_op_done(&op);
    }
    assert_counts(join, 1, 2, 0, 1);
    trace_join_destroy(join);
}

/* The second one's alone. */
TEST(a_read_over_which_its_thread_has_slept_was_in_no_cache)
{
    struct trace_join *join = begin();
    submit_read(join, USER_DATA);
    submit_read(join, OTHER_DATA);
    struct trace_kernel_event waking = event_of(TRACE_KERNEL_WAKING, THREAD);
    trace_join_take(join, &waking);
    ring(join, TRACE_KERNEL_COMPLETE, USER_DATA);
    ring(join, TRACE_KERNEL_COMPLETE, OTHER_DATA);
    struct trace_op op = op_of(USER_DATA, HARK_OP_READ);
    trace_join_op(join, &op, true);
    assert_says(fact_of(&op, "no device"), "had the data in its cache");
    trace_op_done(&op);
    op = op_of(OTHER_DATA, HARK_OP_READ);
    trace_join_op(join, &op, true);
    assert_says(fact_of(&op, "no device"), "the loop slept while it asked");
    trace_op_done(&op);
    assert_counts(join, 2, 0, 0, 1);
    trace_join_destroy(join);
}

static uint64_t block_by_worker(struct trace_join *join, uint64_t sector, char direction)
{
    struct trace_kernel_event event = event_of(TRACE_KERNEL_BLOCK_QUEUE, sector);
    event.device = UINT64_C(254) << 20;
    event.length = 8;
    event.thread = WORKER;
    event.value = direction;
    snprintf(event.text, sizeof event.text, "kworker/1:2");
    trace_join_take(join, &event);
    return event.time_ns;
}

TEST(what_a_worker_of_the_kernel_reads_is_for_the_oldest_that_waits_by_a_guess)
{
    struct trace_join *join = begin();
    const uint64_t data[] = {USER_DATA, OTHER_DATA};
    submit_read(join, USER_DATA);
    submit_read(join, OTHER_DATA);
    block_by_worker(join, 80, 'R'); /* both may yet be complete at once */
    ring(join, TRACE_KERNEL_RING_WAIT, 0);
    block_by_worker(join, 88, 'W');
    for (uint64_t i = 0; i < 2; i++)
        block_by_worker(join, 800 + 8 * i, 'R');
    for (uint64_t i = 0; i < 2; i++) {
        block(join, TRACE_KERNEL_BLOCK_ISSUE, 800 + 8 * i, 8);
        block(join, TRACE_KERNEL_BLOCK_DONE, 800 + 8 * i, 8);
        ring(join, TRACE_KERNEL_COMPLETE, data[i]);
    }
    for (uint64_t i = 0; i < 2; i++) {
        struct trace_op op = op_of(data[i], HARK_OP_READ);
        trace_join_op(join, &op, true);
        assert_int_equal(fact_of(&op, "block_bio_queue")->sector, 800 + 8 * i);
        assert_true(fact_of(&op, "block_bio_queue")->guess);
        assert_null(fact_of(&op, "no device"));
        trace_op_done(&op);
    }
    assert_counts(join, 0, 2, 0, 0);
    trace_join_destroy(join);
}

TEST(a_send_that_waits_for_room_and_is_cancelled_was_handed_on_at_first)
{
    struct trace_join *join = begin();
    uint64_t submitted_ns = ring(join, TRACE_KERNEL_SUBMIT, USER_DATA);
    ring(join, TRACE_KERNEL_COMPLETE, USER_DATA); /* there is no room */
    ring(join, TRACE_KERNEL_SUBMIT, USER_DATA);
    uint64_t cancelled_ns = ring(join, TRACE_KERNEL_SUBMIT, USER_DATA);
    uint64_t done_ns = ring(join, TRACE_KERNEL_TASK_ADD, USER_DATA);
    ring(join, TRACE_KERNEL_COMPLETE, USER_DATA);
    struct trace_op op = op_of(USER_DATA, HARK_OP_SENDMSG);
    trace_join_op(join, &op, true);
    assert_int_equal(op.delegated_ns, submitted_ns);
    assert_in_range(op.performed_ns, cancelled_ns, done_ns);
    assert_int_equal(op.done_ns, done_ns);
    trace_op_done(&op);
    trace_join_destroy(join);
}

TEST(flushes_that_wait_together_are_guesses)
{
    struct trace_join *join = begin();
    ring(join, TRACE_KERNEL_SUBMIT, USER_DATA);
    ring(join, TRACE_KERNEL_QUEUE_WORK, USER_DATA);
    block_by(join, TRACE_KERNEL_BLOCK_QUEUE, 0, 0, WORKER, "iou-wrk-100");
    ring(join, TRACE_KERNEL_COMPLETE, USER_DATA);
    struct trace_op op = op_of(USER_DATA, HARK_OP_FSYNC);
    trace_join_op(join, &op, true);
    assert_counts(join, 0, 1, 0, 0);
    assert_string_equal(op.facts->next->what, "io_uring_queue_async_work");
    trace_op_done(&op);
    trace_join_destroy(join);
}

/* --- how much is told --- */

static size_t facts_of(const struct trace_op *op)
{
    size_t count = 0;
    for (const struct trace_fact *fact = op->facts; fact; fact = fact->next)
        count++;
    return count;
}

/* Asked for, given to the device and done, one after the other. Gives: when the first was. */
static uint64_t many_blocks(struct trace_join *join, uint64_t device, uint64_t sector, int count,
                            const char *direction)
{
    const int steps[] = {TRACE_KERNEL_BLOCK_QUEUE, TRACE_KERNEL_BLOCK_ISSUE,
                         TRACE_KERNEL_BLOCK_DONE};
    uint64_t first_ns = clock_ns + 1000;
    for (size_t step = 0; step < sizeof steps / sizeof *steps; step++)
        for (int i = 0; i < count; i++) {
            struct trace_kernel_event event = event_of(steps[step], sector + 8 * (uint64_t)i);
            event.device = device << 20;
            event.length = 8;
            snprintf(event.text, sizeof event.text, "%s",
                     steps[step] == TRACE_KERNEL_BLOCK_QUEUE ? "program" : direction);
            trace_join_take(join, &event);
        }
    return first_ns;
}

TEST(many_requests_of_a_device_are_told_together)
{
    struct trace_join *join = begin();
    ring(join, TRACE_KERNEL_SUBMIT, USER_DATA);
    uint64_t first_ns = many_blocks(join, 254, 800, 37, "WS");
    uint64_t reads_ns = many_blocks(join, 254, 80, 2, "R");
    ring(join, TRACE_KERNEL_COMPLETE, USER_DATA);
    struct trace_op op = op_of(USER_DATA, HARK_OP_FSYNC);
    trace_join_op(join, &op, true);
    assert_int_equal(facts_of(&op), 2 + 2 * 3);
    const struct trace_fact *fact = fact_of(&op, "block_bio_queue");
    assert_says(fact, "37 writes, ");
    assert_says(fact, ", sectors 800..1095, 148 KiB, within 36.0us, program 100");
    assert_int_equal(fact->sector, 800);
    assert_int_equal(fact->time_ns, first_ns);
    fact = fact_of(&op, "block_rq_issue");
    assert_says(fact, " has the first of them: WS; the last 36.0us later");
    assert_int_equal(fact->time_ns, first_ns + UINT64_C(37) * 1000);
    fact = fact_of(&op, "block_rq_complete");
    assert_says(fact, "the last of 37 writes; with the first 36.0us before");
    assert_int_equal(fact->time_ns, first_ns + UINT64_C(110) * 1000);
    assert_says(fact->next, "2 reads, ");
    assert_int_equal(fact->next->time_ns, reads_ns);
    assert_counts(join, 1, 0, 0, 0);
    trace_op_done(&op);
    trace_join_destroy(join);
}

TEST(a_few_requests_of_a_device_are_told_one_by_one)
{
    struct trace_join *join = begin();
    ring(join, TRACE_KERNEL_SUBMIT, USER_DATA);
    many_blocks(join, 254, 800, 4, "W");
    ring(join, TRACE_KERNEL_COMPLETE, USER_DATA);
    struct trace_op op = op_of(USER_DATA, HARK_OP_FSYNC);
    trace_join_op(join, &op, true);
    assert_int_equal(facts_of(&op), 2 + 4 * 3);
    trace_op_done(&op);
    trace_join_destroy(join);
}

TEST(of_more_devices_than_are_told_the_rest_is_counted)
{
    struct trace_join *join = begin();
    ring(join, TRACE_KERNEL_SUBMIT, USER_DATA);
    for (uint64_t device = 1; device <= 30; device++)
        many_blocks(join, 3000 + device, 800, 3, "W");
    ring(join, TRACE_KERNEL_COMPLETE, USER_DATA);
    struct trace_op op = op_of(USER_DATA, HARK_OP_FSYNC);
    trace_join_op(join, &op, true);
    assert_int_equal(facts_of(&op), 2 + 4 * 3 + 1);
    assert_string_equal(fact_of(&op, "left out")->text,
                        "78 requests of other devices or directions");
    trace_op_done(&op);
    trace_join_destroy(join);
}

TEST(of_a_request_that_waits_often_the_first_and_the_last_are_told)
{
    struct trace_join *join = begin();
    ring(join, TRACE_KERNEL_SUBMIT, USER_DATA);
    for (int i = 0; i < 1000; i++)
        ring(join, TRACE_KERNEL_POLL_ARM, USER_DATA);
    uint64_t complete_ns = ring(join, TRACE_KERNEL_COMPLETE, USER_DATA);
    struct trace_op op = op_of(USER_DATA, HARK_OP_RECV);
    trace_join_op(join, &op, true);
    assert_int_equal(facts_of(&op), 12 + 4 + 1);
    assert_int_equal(fact_of(&op, "io_uring_complete")->time_ns, complete_ns);
    assert_says(fact_of(&op, "left out"), "986 times ");
    trace_op_done(&op);
    trace_join_destroy(join);
}

static bool is_of_a_write(void *context, const struct trace_op *op)
{
    ++*(int *)context;
    return op->performed_ns != 0 && op->kind == HARK_OP_WRITE;
}

/* It is asked once the times are known, and what is not shown has all but the words. */
TEST(facts_are_made_for_what_is_shown_alone)
{
    int asked = 0;
    const struct trace_join_shown shown = {.is_shown = is_of_a_write, .context = &asked};
    const int kinds[] = {HARK_OP_READ, HARK_OP_WRITE};
    struct trace_join *join;
    clock_ns = 1000;
    assert_int_equal(trace_join_create(&shown, &join), 0);
    for (int i = 0; i < 2; i++) {
        ring(join, TRACE_KERNEL_SUBMIT, USER_DATA);
        many_blocks(join, 254, 800, 1, "W");
        ring(join, TRACE_KERNEL_COMPLETE, USER_DATA);
        struct trace_op op = op_of(USER_DATA, kinds[i]);
        trace_join_op(join, &op, true);
        assert_int_equal(facts_of(&op), i == 0 ? 0 : 2 + 3);
        assert_true(op.performed_ns != 0 && op.done_ns > op.performed_ns);
        trace_op_done(&op);
    }
    assert_int_equal(asked, 2);
    assert_counts(join, 2, 0, 0, 0);
    trace_join_destroy(join);
}

/* --- packets --- */

TEST(which_of_several_packets_it_was_is_a_guess)
{
    struct trace_join *join = begin();
    for (uint32_t packets = 1; packets <= 2; packets++) {
        ring(join, TRACE_KERNEL_SUBMIT, USER_DATA);
        ring(join, TRACE_KERNEL_POLL_ARM, USER_DATA);
        struct trace_kernel_event event = event_of(TRACE_KERNEL_SOFTIRQ_ENTRY, 3);
        trace_join_take(join, &event);
        for (uint32_t i = 0; i < packets; i++) {
            event = event_of(TRACE_KERNEL_RECEIVE, 0);
            event.length = 100 + i;
            snprintf(event.text, sizeof event.text, "lo");
            trace_join_take(join, &event);
        }
        ring(join, TRACE_KERNEL_TASK_ADD, USER_DATA);
        event = event_of(TRACE_KERNEL_SOFTIRQ_EXIT, 3);
        trace_join_take(join, &event);
        ring(join, TRACE_KERNEL_COMPLETE, USER_DATA);
        struct trace_op op = op_of(USER_DATA, HARK_OP_RECV);
        trace_join_op(join, &op, true);
        const struct trace_fact *packet = fact_of(&op, "netif_receive_skb");
        assert_int_equal(packet->guess, packets > 1);
        assert_int_equal(fact_of(&op, "softirq_entry")->guess, false);
        assert_counts(join, 1, packets - 1, 0, 0);
        trace_op_done(&op);
    }
    trace_join_destroy(join);
}

/* What nobody asks after is given back in the end, whatever it was. */
TEST(what_no_op_asks_after_is_forgotten)
{
    struct trace_join *join = begin();
    for (uint64_t i = 1; i <= 100; i++) {
        ring(join, TRACE_KERNEL_SUBMIT, i * 16);
        block(join, TRACE_KERNEL_BLOCK_QUEUE, i * 8, 8);
        ring(join, TRACE_KERNEL_RING_WAIT, 0);
        block(join, TRACE_KERNEL_BLOCK_QUEUE, i * 8, 8);
        ring(join, TRACE_KERNEL_COMPLETE, i * 16);
    }
    trace_join_forget(join, clock_ns + 1);
    struct trace_op op = op_of(16, HARK_OP_READ);
    trace_join_op(join, &op, true);
    assert_counts(join, 0, 0, 1, 0);
    trace_op_done(&op);
    trace_join_destroy(join);
}
