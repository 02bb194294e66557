/* test_kernel.c - the kernel's part of real ops, on a real disk: how many were joined, and what is
 * known of each. Skipped where the kernel cannot be asked. */
#include "trace/watched.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGES = 1024, READS = 2000 };

/* --- reads --- */

/* A file whose pages are on the disk, and in no cache. */
static int open_file(const char *name, int flags)
{
    char *bytes = calloc(PAGES, WATCHED_PAGE);
    char path[PATH_MAX];
    assert_non_null(bytes);
    int fd = harness_file(name, bytes, (size_t)PAGES * WATCHED_PAGE);
    free(bytes);
    assert_int_equal(fsync(fd), 0);
    close(fd);
    snprintf(path, sizeof path, "%s/%s", harness_directory(), name);
    fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0)
        harness_skip("the test's directory has no files of that kind (O_DIRECT)");
    return fd;
}

static void read_all(struct watched *watched, struct hark_loop *loop)
{
    watched_read(watched, loop, PAGES, READS);
    watched_round(watched);
    close(watched->fd);
    assert_int_equal(watched->traced.count, READS);
}

static void assert_way_to_the_device(const struct trace_op *op)
{
    const char *const way[] = {"block_bio_queue", "block_rq_issue", "block_rq_complete"};
    uint64_t before_ns = op->delegated_ns;
    for (size_t i = 0; i < sizeof way / sizeof *way; i++) {
        const struct trace_fact *fact = watched_fact(op, way[i]);
        assert_non_null(fact);
        assert_true(fact->time_ns >= before_ns);
        assert_true(fact->device != 0);
        before_ns = fact->time_ns;
    }
    assert_true(op->returned_ns >= before_ns);
}

BACKEND_TEST(direct_reads_are_followed_to_the_device_and_back)
{
    static struct watched watched;
    uint64_t with_device = 0;
    watched.fd = open_file("pages", O_DIRECT);
    watched_ask(&watched, 0);
    read_all(&watched, loop);
    for (size_t i = 0; i < watched.traced.count; i++) {
        const struct trace_op *op = &watched.traced.ended[i];
        traced_assert_order(op);
        if (!watched_fact(op, "block_rq_complete"))
            continue;
        with_device++;
        assert_way_to_the_device(op);
        assert_true(op->performed_ns != 0 && op->done_ns != 0);
    }
    const struct trace_join_counts *counts = trace_join_counts(watched.join);
    print_message("%d reads: %d exact, %d guessed, %d missing; %d events lost\n", READS,
                  (int)counts->exact, (int)counts->guessed, (int)counts->missing,
                  (int)trace_kernel_lost(watched.kernel));
    assert_int_equal(counts->no_device, 0);
    if (trace_kernel_lost(watched.kernel) == 0) {
        assert_true(with_device >= READS * 99 / 100);
        assert_true(counts->exact >= READS * 99 / 100);
        assert_int_equal(counts->missing, 0);
    }
    watched_done(&watched);
}

BACKEND_TEST(a_cached_read_asks_no_device)
{
    static struct watched watched;
    int with_device = 0;
    char page[WATCHED_PAGE];
    watched.fd = open_file("pages", 0);
    for (int i = 0; i < PAGES; i++)
        assert_int_equal(pread(watched.fd, page, WATCHED_PAGE, (off_t)i * WATCHED_PAGE),
                         WATCHED_PAGE);
    watched_ask(&watched, 0);
    read_all(&watched, loop);
    for (size_t i = 0; i < watched.traced.count; i++) {
        const struct trace_op *op = &watched.traced.ended[i];
        traced_assert_order(op);
        const struct trace_fact *asked = watched_fact(op, "block_bio_queue");
        if (!asked)
            continue;
        print_message("%s\n", asked->text);
        with_device++;
    }
    /* Somebody else may need the memory in which a page was. */
    assert_true(with_device <= READS / 100);
    const struct trace_join_counts *counts = trace_join_counts(watched.join);
    if (harness_backend() == HARK_BACKEND_URING && trace_kernel_lost(watched.kernel) == 0) {
        assert_int_equal(counts->no_device, READS - with_device);
        assert_true(counts->exact >= READS * 99 / 100);
    }
    watched_done(&watched);
}

static void count_requests(void *context, const struct trace_kernel_event *event)
{
    bool is_one = event->what == TRACE_KERNEL_SUBMIT || event->what == TRACE_KERNEL_COMPLETE;
    *(uint64_t *)context += is_one && event->thread == gettid();
}

/* Each read is submitted and completed, which either was told or is among the lost. */
BACKEND_TEST(what_the_kernel_has_no_room_for_is_counted)
{
    static struct watched watched;
    uint64_t told = 0;
    if (harness_backend() != HARK_BACKEND_URING)
        harness_skip("the kernel tells nothing of a read in a thread");
    watched.fd = open_file("pages", 0);
    watched_ask(&watched, 64 << 10);
    assert_int_equal(trace_kernel_buffer(watched.kernel), 64 << 10);
    watched_read(&watched, loop, PAGES, READS);
    close(watched.fd);
    trace_kernel_read(watched.kernel, watched_now(), count_requests, &told);
    uint64_t lost = trace_kernel_lost(watched.kernel);
    print_message("%d reads: told %d, lost %d\n", READS, (int)told, (int)lost);
    assert_true(lost > 0 && told < 2 * READS);
    assert_true(told + lost >= 2 * READS);
    assert_true(trace_kernel_fill(watched.kernel) > 0.5);
    watched_done(&watched);
}

/* --- the network --- */

/* Loopback has no interrupt: the packet comes in a softirq. */
BACKEND_TEST(what_is_received_is_followed_from_its_packet)
{
    static struct watched watched;
    char byte;
    int ends[2];
    harness_tcp_pair(loop, ends);
    struct harness_op receive = {0};
    watched_ask(&watched, 0);
    traced_begin(&watched.traced, loop, 0);
    hark_recv(loop, &receive.op, ends[1], &byte, 1, 0, harness_done);
    harness_turns(loop, 3);
    assert_int_equal(receive.calls, 0);
    assert_int_equal(send(ends[0], "x", 1, 0), 1);
    assert_result(harness_wait(loop, &receive), 1);
    watched_round(&watched);
    const struct trace_op *op = traced_first(&watched.traced, HARK_OP_RECV);
    traced_assert_order(op);
    assert_true(op->returned_ns != 0);
    /* The loop's own thread has sent it, and was awake: it needs not be woken. */
    if (harness_backend() == HARK_BACKEND_URING && trace_kernel_lost(watched.kernel) == 0) {
        const struct trace_fact *packet = watched_fact(op, "netif_receive_skb");
        assert_non_null(watched_fact(op, "io_uring_poll_arm"));
        assert_non_null(watched_fact(op, "softirq_entry"));
        assert_non_null(packet);
        assert_non_null(strstr(packet->text, "lo, "));
        assert_true(op->performed_ns <= packet->time_ns && packet->time_ns <= op->done_ns);
    }
    close(ends[0]);
    close(ends[1]);
    watched_done(&watched);
}

/* --- what is left behind --- */

/* How many of a process's instances there are. */
static int instances_of(pid_t pid)
{
    const char *const kinds[] = {"", "-own"};
    int count = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char name[64];
        snprintf(name, sizeof name, "/sys/kernel/tracing/instances/hark-%d%s", (int)pid, kinds[i]);
        count += access(name, F_OK) == 0;
    }
    return count;
}

TEST(what_a_killed_tracer_leaves_behind_the_next_one_removes)
{
    struct watched watched = {0};
    watched_ask(&watched, 0);
    assert_int_equal(instances_of(getpid()), 2);
    watched_done(&watched);
    assert_int_equal(instances_of(getpid()), 0);

    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const char *missing;
        struct trace_kernel *kernel;
        _exit(trace_kernel_open(0, &kernel, &missing) == 0 && raise(SIGKILL) ? 1 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(instances_of(pid), 2);
    watched_ask(&watched, 0);
    assert_int_equal(instances_of(pid), 0);
    trace_kernel_close(watched.kernel);
    trace_join_destroy(watched.join);
}
