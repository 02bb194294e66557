/* test_kernel.c - the kernel's part of real ops, on a real disk: how many were joined, and what is
 * known of each. Skipped where the kernel cannot be asked. */
#include "trace/fixture.h"
#include "trace/join.h"
#include "trace/kernel.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 1024, READS = 2000, READ_AT_A_TIME = 8, ROUND_EVERY = 256 };

struct watched {
    struct traced traced;
    struct trace_kernel *kernel;
    struct trace_join *join;
    int fd;
    int left;
    char *pages; /* one for each op */
    struct harness_op ops[READ_AT_A_TIME];
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void ask_kernel_with(struct watched *watched, uint64_t buffer_bytes)
{
    const char *missing;
    if (trace_kernel_open(buffer_bytes, &watched->kernel, &missing) < 0)
        harness_skip("%s", missing);
    assert_result(trace_kernel_follow(watched->kernel, getpid()), 0);
    assert_int_equal(trace_join_create(NULL, &watched->join), 0);
}

static void ask_kernel(struct watched *watched)
{
    ask_kernel_with(watched, 0);
}

static void round_of_kernel(struct watched *watched)
{
    trace_kernel_read(watched->kernel, now_ns(), trace_join_take, watched->join);
    traced_round(&watched->traced);
    struct trace_op *op = NULL;
    while ((op = trace_ops_next_ended(watched->traced.ops, op)))
        trace_join_op(watched->join, op, trace_kernel_lost(watched->kernel) == 0);
    trace_ops_settle(watched->traced.ops, UINT64_MAX);
}

static void watched_done(struct watched *watched)
{
    trace_kernel_close(watched->kernel);
    trace_join_destroy(watched->join);
    traced_done(&watched->traced);
}

/* --- reads --- */

/* A file whose pages are on the disk, and in no cache. */
static int open_file(const char *name, int flags)
{
    char *bytes = calloc(PAGES, PAGE);
    char path[PATH_MAX];
    assert_non_null(bytes);
    int fd = harness_file(name, bytes, (size_t)PAGES * PAGE);
    free(bytes);
    assert_int_equal(fsync(fd), 0);
    close(fd);
    snprintf(path, sizeof path, "%s/%s", harness_directory(), name);
    fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0)
        harness_skip("the test's directory has no files of that kind (O_DIRECT)");
    return fd;
}

static void next_read(struct watched *watched, struct harness_op *op)
{
    int64_t at = (int64_t)(watched->left * 7919 % PAGES) * PAGE;
    char *page = watched->pages + (op - watched->ops) * PAGE;
    hark_read(op->op.loop, &op->op, watched->fd, page, PAGE, at, harness_done);
}

static void has_read(struct harness_op *self, int64_t result)
{
    struct watched *watched = self->context;
    assert_int_equal(result, PAGE);
    if (watched->left <= 0)
        return;
    /* A round takes away what has ended, and is asked for while others are in flight. */
    if (--watched->left % ROUND_EVERY == 0)
        traced_round(&watched->traced);
    harness_op_again(self);
    next_read(watched, self);
}

static void read_all_without_kernel(struct watched *watched, struct hark_loop *loop)
{
    assert_int_equal(posix_memalign((void **)&watched->pages, PAGE, (size_t)READ_AT_A_TIME * PAGE),
                     0);
    traced_begin(&watched->traced, loop, 0);
    watched->left = READS;
    for (int i = 0; i < READ_AT_A_TIME; i++, watched->left--) {
        watched->ops[i] = (struct harness_op){.then = has_read, .context = watched};
        watched->ops[i].op.loop = loop;
        next_read(watched, &watched->ops[i]);
    }
    assert_result(hark_run(loop), 0);
    close(watched->fd);
    free(watched->pages);
}

static void read_all(struct watched *watched, struct hark_loop *loop)
{
    read_all_without_kernel(watched, loop);
    round_of_kernel(watched);
    assert_int_equal(watched->traced.count, READS);
}

static const struct trace_fact *fact_of(const struct trace_op *op, const char *what)
{
    const struct trace_fact *fact = op->facts;
    while (fact && strcmp(fact->what, what) != 0)
        fact = fact->next;
    return fact;
}

static void assert_way_to_the_device(const struct trace_op *op)
{
    const char *const way[] = {"block_bio_queue", "block_rq_issue", "block_rq_complete"};
    uint64_t before_ns = op->delegated_ns;
    for (size_t i = 0; i < sizeof way / sizeof *way; i++) {
        const struct trace_fact *fact = fact_of(op, way[i]);
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
    ask_kernel(&watched);
    read_all(&watched, loop);
    for (size_t i = 0; i < watched.traced.count; i++) {
        const struct trace_op *op = &watched.traced.ended[i];
        traced_assert_order(op);
        if (!fact_of(op, "block_rq_complete"))
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
    char page[PAGE];
    watched.fd = open_file("pages", 0);
    for (int i = 0; i < PAGES; i++)
        assert_int_equal(pread(watched.fd, page, PAGE, (off_t)i * PAGE), PAGE);
    ask_kernel(&watched);
    read_all(&watched, loop);
    for (size_t i = 0; i < watched.traced.count; i++) {
        const struct trace_op *op = &watched.traced.ended[i];
        traced_assert_order(op);
        const struct trace_fact *asked = fact_of(op, "block_bio_queue");
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
    ask_kernel_with(&watched, 64 << 10);
    assert_int_equal(trace_kernel_buffer(watched.kernel), 64 << 10);
    read_all_without_kernel(&watched, loop);
    trace_kernel_read(watched.kernel, now_ns(), count_requests, &told);
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
    ask_kernel(&watched);
    traced_begin(&watched.traced, loop, 0);
    hark_recv(loop, &receive.op, ends[1], &byte, 1, 0, harness_done);
    harness_turns(loop, 3);
    assert_int_equal(receive.calls, 0);
    assert_int_equal(send(ends[0], "x", 1, 0), 1);
    assert_result(harness_wait(loop, &receive), 1);
    round_of_kernel(&watched);
    const struct trace_op *op = traced_first(&watched.traced, HARK_OP_RECV);
    traced_assert_order(op);
    assert_true(op->returned_ns != 0);
    /* The loop's own thread has sent it, and was awake: it needs not be woken. */
    if (harness_backend() == HARK_BACKEND_URING && trace_kernel_lost(watched.kernel) == 0) {
        const struct trace_fact *packet = fact_of(op, "netif_receive_skb");
        assert_non_null(fact_of(op, "io_uring_poll_arm"));
        assert_non_null(fact_of(op, "softirq_entry"));
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
    ask_kernel(&watched);
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
    ask_kernel(&watched);
    assert_int_equal(instances_of(pid), 0);
    trace_kernel_close(watched.kernel);
    trace_join_destroy(watched.join);
}
