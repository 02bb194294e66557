/* test_join_parts.c - what a join stands on, each by itself: in which interrupt a CPU is, who was
 * woken when, and the requests of rings. */
#include "harness/harness.h"
#include "trace/join_requests.h"
#include "trace/join_wakes.h"

enum { THREAD = 100, OTHER = 101, CPU = 1, IRQ = 36, VECTOR = 4 };

static struct trace_kernel_event event_at(uint64_t time_ns, int what, uint64_t number)
{
    return (struct trace_kernel_event){
        .time_ns = time_ns, .what = (uint8_t)what, .number = number, .thread = THREAD, .cpu = CPU};
}

/* --- interrupts --- */

static void cpu(struct join_cpus *cpus, uint64_t time_ns, int what, uint64_t number)
{
    struct trace_kernel_event event = event_at(time_ns, what, number);
    join_cpus_take(cpus, &event);
}

TEST(what_comes_after_an_interrupt_is_not_its)
{
    struct join_cpus cpus = {0};
    cpu(&cpus, 10, TRACE_KERNEL_IRQ_ENTRY, IRQ);
    assert_int_equal(join_cpus_cause(&cpus, CPU).irq_ns, 10);
    cpu(&cpus, 20, TRACE_KERNEL_IRQ_EXIT, IRQ);
    assert_int_equal(join_cpus_cause(&cpus, CPU).irq_ns, 0);
    cpu(&cpus, 30, TRACE_KERNEL_SOFTIRQ_ENTRY, VECTOR);
    assert_int_equal(join_cpus_cause(&cpus, CPU).softirq_ns, 30);
    cpu(&cpus, 40, TRACE_KERNEL_SOFTIRQ_EXIT, VECTOR);
    assert_int_equal(join_cpus_cause(&cpus, CPU).softirq_ns, 0);
    join_cpus_done(&cpus);
}

TEST(softirq_that_a_thread_has_asked_for_is_of_no_interrupt)
{
    struct join_cpus cpus = {0};
    cpu(&cpus, 10, TRACE_KERNEL_IRQ_ENTRY, IRQ);
    cpu(&cpus, 20, TRACE_KERNEL_IRQ_EXIT, IRQ);
    cpu(&cpus, 30, TRACE_KERNEL_SOFTIRQ_RAISE, VECTOR);
    cpu(&cpus, 40, TRACE_KERNEL_SOFTIRQ_ENTRY, VECTOR);
    assert_int_equal(join_cpus_cause(&cpus, CPU).softirq_ns, 40);
    assert_int_equal(join_cpus_cause(&cpus, CPU).irq_ns, 0);
    join_cpus_done(&cpus);
}

/* --- wake-ups --- */

static void wake(struct join_wakes *wakes, uint64_t time_ns, int what, uint64_t thread)
{
    struct join_cpus cpus = {0};
    struct trace_kernel_event event = event_at(time_ns, what, thread);
    join_wakes_take(wakes, &event, &cpus);
}

TEST(wake_up_is_the_last_of_its_thread_within_the_time)
{
    struct join_wakes wakes = {0};
    wake(&wakes, 100, TRACE_KERNEL_WAKING, THREAD);
    wake(&wakes, 200, TRACE_KERNEL_WAKING, OTHER);
    wake(&wakes, 300, TRACE_KERNEL_SWITCH, THREAD);
    const struct join_wake *found = join_wakes_last(&wakes, THREAD, false, 0, 250);
    assert_non_null(found);
    assert_int_equal(found->time_ns, 100);
    assert_int_equal(found->thread, THREAD);
    assert_non_null(join_wakes_last(&wakes, THREAD, false, 100, 100)); /* both ends belong to it */
    assert_null(join_wakes_last(&wakes, THREAD, false, 101, 250));
    assert_null(join_wakes_last(&wakes, THREAD, false, 0, 99));
    assert_null(join_wakes_last(&wakes, OTHER, true, 0, 400));
    assert_int_equal(join_wakes_last(&wakes, THREAD, true, 0, 400)->time_ns, 300);
    join_wakes_done(&wakes);
}

/* --- requests --- */

/* What a thread's ring tells; its number is the thread's. */
static void ring(struct join_requests *requests, uint64_t time_ns, int what, int32_t thread,
                 uint64_t user_data)
{
    struct join_cpus cpus = {0};
    struct trace_kernel_event event = event_at(time_ns, what, user_data);
    event.thread = thread;
    event.context = (uint64_t)thread;
    join_requests_take(requests, &event, &cpus);
}

/* Threads whose numbers are far from each other share buckets. */
TEST(request_is_found_by_its_thread_and_its_number)
{
    enum { SHIFTS = 24, USER_DATA = 0x1000 };
    struct join_requests requests;
    assert_int_equal(join_requests_begin(&requests), 0);
    for (int shift = 0; shift < SHIFTS; shift++)
        ring(&requests, 1 + (uint64_t)shift, TRACE_KERNEL_SUBMIT, THREAD + (1 << shift), USER_DATA);
    assert_int_equal(requests.count, SHIFTS);
    for (int shift = 0; shift < SHIFTS; shift++) {
        int32_t thread = THREAD + (1 << shift);
        const struct join_request *found = join_requests_find(&requests, thread, USER_DATA);
        assert_non_null(found);
        assert_int_equal(found->thread, thread);
    }
    assert_null(join_requests_find(&requests, THREAD, USER_DATA));
    join_requests_done(&requests);
}

TEST(request_that_is_dropped_asks_no_device)
{
    struct trace_kernel_event queue = event_at(2, TRACE_KERNEL_BLOCK_QUEUE, 800);
    struct join_requests requests;
    bool guess;
    assert_int_equal(join_requests_begin(&requests), 0);
    ring(&requests, 1, TRACE_KERNEL_SUBMIT, THREAD, 0x1000);
    struct join_request *request = join_requests_asking(&requests, &queue, &guess);
    assert_non_null(request);
    join_requests_drop(&requests, request);
    assert_null(join_requests_asking(&requests, &queue, &guess));
    join_requests_done(&requests);
}

TEST(only_what_was_complete_before_is_forgotten)
{
    struct join_requests requests;
    assert_int_equal(join_requests_begin(&requests), 0);
    ring(&requests, 1, TRACE_KERNEL_SUBMIT, THREAD, 0x1000);
    ring(&requests, 2, TRACE_KERNEL_SUBMIT, THREAD, 0x2000);
    ring(&requests, 3, TRACE_KERNEL_SUBMIT, THREAD, 0x3000);
    ring(&requests, 4, TRACE_KERNEL_COMPLETE, THREAD, 0x1000);
    ring(&requests, 5, TRACE_KERNEL_COMPLETE, THREAD, 0x2000);
    join_requests_forget(&requests, 5);
    assert_null(join_requests_find(&requests, THREAD, 0x1000));
    assert_non_null(join_requests_find(&requests, THREAD, 0x2000));
    assert_non_null(join_requests_find(&requests, THREAD, 0x3000));
    join_requests_forget(&requests, 100);
    assert_int_equal(requests.count, 1);
    join_requests_done(&requests);
}
