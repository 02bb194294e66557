/* test_devices.c - the kernel's part of reads from devices that are known: which one, which of its
 * sectors, how late. */
#include "trace/devices.h"
#include "trace/watched.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { PAGES = 64, READS = 200, SECTORS = WATCHED_PAGE / 512 };

/* A file of ours, as a device. */
static int loop_device(char name[16])
{
    static char bytes[PAGES * WATCHED_PAGE];
    int backing = harness_file("device", bytes, sizeof bytes);
    int device = device_loop(backing, name);
    close(backing);
    return device;
}

static dev_t number_of(int device)
{
    struct stat status;
    assert_int_equal(fstat(device, &status), 0);
    return status.st_rdev;
}

/* The requests that were asked of one device, as the kernel told them. */
struct issued {
    dev_t device;
    size_t count;
    struct {
        uint64_t sector;
        uint32_t sectors;
    } requests[4 * READS];
};

static void take_issued(void *context, const struct trace_kernel_event *event)
{
    struct issued *issued = context;
    dev_t device = makedev((unsigned)(event->device >> 20), (unsigned)(event->device & 0xfffff));
    if (event->what != TRACE_KERNEL_BLOCK_ISSUE || device != issued->device)
        return;
    assert_true(issued->count < sizeof issued->requests / sizeof *issued->requests);
    issued->requests[issued->count].sector = event->number;
    issued->requests[issued->count++].sectors = event->length;
}

static bool was_issued_alone(const struct issued *issued, uint64_t sector)
{
    for (size_t i = 0; i < issued->count; i++)
        if (issued->requests[i].sector == sector && issued->requests[i].sectors == SECTORS)
            return true;
    return false;
}

static void print_counts(const struct watched *watched)
{
    const struct trace_join_counts *counts = trace_join_counts(watched->join);
    print_message("%d ops: %d exact, %d guessed, %d missing; %d events lost\n",
                  (int)watched->traced.count, (int)counts->exact, (int)counts->guessed,
                  (int)counts->missing, (int)trace_kernel_lost(watched->kernel));
}

/* --- which device --- */

BACKEND_TEST(reads_of_a_loop_device_name_it_and_its_sectors)
{
    static struct watched watched;
    char name[16], words[80];
    watched.fd = loop_device(name);
    watched_ask(&watched, 0);
    watched_read(&watched, loop, PAGES, READS);
    watched_round(&watched);
    print_counts(&watched);
    assert_int_equal(watched.traced.count, READS);
    uint64_t with_device = 0;
    for (size_t i = 0; i < READS; i++) {
        const struct trace_op *op = &watched.traced.ended[i];
        const struct trace_fact *asked = watched_fact(op, "block_bio_queue");
        traced_assert_order(op);
        if (!asked || trace_kernel_lost(watched.kernel))
            continue;
        with_device++;
        snprintf(words, sizeof words, "%s, sector %u, %u sectors, asked by ", name,
                 (unsigned)asked->sector, (unsigned)SECTORS);
        assert_memory_equal(asked->text, words, strlen(words));
        assert_int_equal(asked->device, number_of(watched.fd));
        assert_true(asked->sector % SECTORS == 0 && asked->sector < PAGES * SECTORS);
    }
    if (trace_kernel_lost(watched.kernel) == 0)
        assert_int_equal(with_device, READS);
    close(watched.fd);
    watched_done(&watched);
}

/* --- several in one request --- */

/* Asked for in one system call, one behind the other: the kernel merges what it can, which the
 * requests that it gives to the device tell. */
TEST(of_reads_that_the_kernel_merges_the_device_s_part_is_a_guess)
{
    static struct watched watched;
    static struct issued issued;
    static _Alignas(4096) char memory[PAGES][WATCHED_PAGE];
    static struct harness_op ops[PAGES];
    char name[16];
    struct hark_loop *loop;
    if (hark_loop_create(&(struct hark_options){.backend = HARK_BACKEND_URING}, &loop) < 0)
        harness_skip("there is no io_uring");
    watched.fd = loop_device(name);
    issued.device = number_of(watched.fd);
    watched.also = take_issued;
    watched.context = &issued;
    watched_ask(&watched, 0);
    traced_begin(&watched.traced, loop, 0);
    for (size_t i = 0; i < PAGES; i++)
        hark_read(loop, &ops[i].op, watched.fd, memory[i], WATCHED_PAGE, (int64_t)i * WATCHED_PAGE,
                  harness_done);
    assert_result(hark_run(loop), 0);
    watched_round(&watched);
    print_counts(&watched);
    print_message("%d reads were %d requests\n", PAGES, (int)issued.count);
    uint64_t merged = 0;
    for (size_t i = 0; i < PAGES && trace_kernel_lost(watched.kernel) == 0; i++) {
        const struct trace_op *op = &watched.traced.ended[i];
        const struct trace_fact *asked = watched_fact(op, "block_bio_queue");
        assert_non_null(asked);
        assert_false(asked->guess);
        bool alone = was_issued_alone(&issued, asked->sector);
        merged += !alone;
        assert_int_equal(watched_fact(op, "block_rq_issue")->guess, !alone);
        assert_int_equal(watched_fact(op, "block_rq_complete")->guess, !alone);
    }
    const struct trace_join_counts *counts = trace_join_counts(watched.join);
    if (trace_kernel_lost(watched.kernel) == 0) {
        assert_true(merged > 0 && issued.count < PAGES);
        assert_int_equal(counts->guessed, merged);
        assert_int_equal(counts->exact, PAGES - merged);
    }
    close(watched.fd);
    watched_done(&watched);
    harness_loop_destroy(loop);
}

/* --- how late --- */

enum { SLOW_READS = 16 };
static const uint64_t delay_ns = 10000000;

/* The loop device reads from a file that is slow: that is the device's time. */
BACKEND_TEST(a_slow_device_s_delay_is_in_the_device_s_stage)
{
    static struct watched watched;
    struct slow_file file;
    char name[16];
    slow_file_open(&file, (uint64_t)PAGES * WATCHED_PAGE, delay_ns);
    watched.fd = device_loop(file.fd, name);
    watched_ask(&watched, 0);
    watched_read(&watched, loop, PAGES, SLOW_READS);
    watched_round(&watched);
    print_counts(&watched);
    for (size_t i = 0; i < watched.traced.count; i++) {
        const struct trace_op *op = &watched.traced.ended[i];
        const struct trace_fact *issued = watched_fact(op, "block_rq_issue");
        const struct trace_fact *done = watched_fact(op, "block_rq_complete");
        traced_assert_order(op);
        assert_true(trace_op_span(op, TRACE_SPAN_AWAY) >= delay_ns);
        if (trace_kernel_lost(watched.kernel))
            continue;
        assert_true(done->time_ns - issued->time_ns >= delay_ns);
        assert_int_equal(done->device, number_of(watched.fd));
        uint64_t performed_ns = trace_op_span(op, TRACE_SPAN_PERFORM);
        assert_true(performed_ns != TRACE_OP_UNKNOWN && performed_ns >= delay_ns);
    }
    assert_int_equal(watched.traced.count, SLOW_READS);
    close(watched.fd);
    slow_file_close(&file);
    watched_done(&watched);
}

/* Such a file has no device, and is in no cache: neither is claimed. */
BACKEND_TEST(a_slow_file_system_s_delay_is_seen_and_no_cache_is_claimed)
{
    static struct watched watched;
    struct slow_file file;
    slow_file_open(&file, (uint64_t)PAGES * WATCHED_PAGE, delay_ns);
    watched.fd = file.fd;
    watched_ask(&watched, 0);
    watched_read(&watched, loop, PAGES, SLOW_READS);
    watched_round(&watched);
    print_counts(&watched);
    for (size_t i = 0; i < watched.traced.count; i++) {
        const struct trace_op *op = &watched.traced.ended[i];
        const struct trace_fact *none = watched_fact(op, "no device");
        traced_assert_order(op);
        assert_true(trace_op_span(op, TRACE_SPAN_AWAY) >= delay_ns);
        assert_null(watched_fact(op, "block_bio_queue"));
        if (harness_backend() != HARK_BACKEND_URING) {
            assert_true(trace_op_span(op, TRACE_SPAN_PERFORM) >= delay_ns);
            continue;
        }
        if (trace_kernel_lost(watched.kernel))
            continue;
        assert_non_null(none);
        assert_non_null(strstr(none->text, op->performed_ns ? "the loop slept while it asked"
                                                            : "the file system has none"));
    }
    slow_file_close(&file);
    watched_done(&watched);
}

/* Before its device is given anything, it is held back: by whom, and for whom, only order tells.
 * What is let go at the moment at which it is submitted is not told from what is done at once: of
 * that nothing is claimed. On other backends than uring a worker asks for what a thread of the pool
 * waits for: nothing joins the two.
 * Gives: of how many it is told; 1 where nothing can be. */
static uint64_t held_back(struct hark_loop *loop)
{
    enum { PER_SECOND = 100, COUNT = 50, AT_ONCE_MAX = 20 };
    static struct watched watched;
    struct throttle throttle;
    char name[16];
    watched.fd = loop_device(name);
    throttle_begin(&throttle, number_of(watched.fd), PER_SECOND);
    watched_ask(&watched, 0);
    uint64_t from_ns = watched_now();
    watched_read(&watched, loop, PAGES, COUNT);
    assert_true(watched_now() - from_ns >=
                UINT64_C(1000000000) / PER_SECOND * (COUNT - AT_ONCE_MAX));
    watched_round(&watched);
    print_counts(&watched);
    uint64_t held = 0;
    const bool tells =
        harness_backend() == HARK_BACKEND_URING && trace_kernel_lost(watched.kernel) == 0;
    for (size_t i = 0; i < COUNT; i++) {
        const struct trace_op *op = &watched.traced.ended[i];
        const struct trace_fact *asked = watched_fact(op, "block_bio_queue");
        traced_assert_order(op);
        if (!tells)
            continue;
        if (!asked) {
            assert_non_null(watched_fact(op, "no device"));
            assert_true(watched_fact(op, "no device")->guess);
            continue;
        }
        bool is_held = !!strstr(asked->text, "kworker");
        held += is_held;
        assert_int_equal(asked->guess, is_held);
        assert_true(trace_op_span(op, TRACE_SPAN_WAITS) >= asked->time_ns - op->delegated_ns);
    }
    assert_true(!tells || trace_join_counts(watched.join)->no_device == 0);
    hark_trace_stop(loop);
    throttle_end(&throttle);
    close(watched.fd);
    watched_done(&watched);
    return tells ? held : 1;
}

/* On a busy machine the order may tell of none in a round: of some rounds one has to. */
BACKEND_TEST(what_is_throttled_waits_before_its_device)
{
    enum { ROUNDS = 8 };
    uint64_t held = 0;
    for (int round = 0; held == 0 && round < ROUNDS; round++)
        held = held_back(loop);
    assert_true(held > 0);
}
