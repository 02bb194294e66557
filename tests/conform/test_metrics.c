/* test_metrics.c - what the loop counts, and by it promise 10: one system call a turn on io_uring;
 * on epoll a descriptor is registered once; calls are tried before waiting. */
#include "harness/harness.h"
#include "harness/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A ball between two sockets: each side receives and sends it back. */
struct side {
    struct hark_op receive;
    struct hark_op send;
    int fd;
    int left;
    char byte[1];
};

static void ball_received(struct hark_op *op, int64_t result);

static void ball_sent(struct hark_op *op, int64_t result)
{
    struct side *side = hark_container_of(op, struct side, send);
    assert_result(result, 1);
    if (side->left > 0)
        hark_recv(op->loop, &side->receive, side->fd, side->byte, 1, 0, ball_received);
}

static void ball_received(struct hark_op *op, int64_t result)
{
    struct side *side = hark_container_of(op, struct side, receive);
    assert_result(result, 1);
    side->left--;
    hark_send(op->loop, &side->send, side->fd, side->byte, 1, 0, ball_sent);
}

/* Plays the ball `rounds` times over each of `pairs` connections. */
static void play(struct hark_loop *loop, int pairs, int rounds)
{
    struct side(*sides)[2] = calloc((size_t)pairs, sizeof *sides);
    assert_non_null(sides);
    for (int index = 0; index < pairs; index++) {
        int ends[2];
        harness_tcp_pair(loop, ends);
        for (int side = 0; side < 2; side++) {
            sides[index][side].fd = ends[side];
            sides[index][side].left = rounds;
            hark_recv(loop, &sides[index][side].receive, ends[side], sides[index][side].byte, 1, 0,
                      ball_received);
        }
        assert_int_equal(write(ends[0], "o", 1), 1);
    }
    harness_run(loop);
    for (int index = 0; index < pairs; index++) {
        harness_close(loop, sides[index][0].fd);
        harness_close(loop, sides[index][1].fd);
    }
    free(sides);
}

BACKEND_TEST(promise_10_a_turn_makes_one_wait)
{
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    struct hark_metrics before = *metrics;
    play(loop, 4, 1000);
    uint64_t turns = metrics->turns - before.turns;
    uint64_t waits = metrics->waits - before.waits;
    assert_true(turns > 500);
    assert_true(waits <= turns);
    if (harness_backend() == HARK_BACKEND_URING)
        assert_true(metrics->system_calls - before.system_calls <=
                    waits + 16); /* the few that are not turns: closing */
}

BACKEND_TEST(promise_10_descriptor_is_registered_once_not_per_op)
{
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    uint64_t before = metrics->registrations;
    play(loop, 10, 500);
    if (harness_backend() ==
        HARK_BACKEND_EPOLL) /* 20 descriptors, each added and taken out; 10,000 ops */
        assert_true(metrics->registrations - before >= 10 && metrics->registrations - before <= 40);
    else
        assert_int_equal(metrics->registrations, before);
}

BACKEND_TEST(promise_10_calls_are_tried_before_waiting)
{
    int ends[2];
    char byte[1];
    struct harness_op op = {0};
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    if (harness_backend() == HARK_BACKEND_URING)
        return;
    harness_tcp_pair(loop, ends);
    assert_int_equal(write(ends[1], "x", 1), 1);
    uint64_t sleeps = metrics->sleeps;
    uint64_t registrations = metrics->registrations;
    hark_recv(loop, &op.op, ends[0], byte, 1, 0, harness_done);
    harness_run(loop);
    assert_result(op.result, 1);
    assert_int_equal(metrics->sleeps, sleeps);
    assert_int_equal(metrics->registrations, registrations); /* nothing had to be waited for */
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(promise_10_no_call_is_made_that_can_only_say_that_it_would_block)
{
    int ends[2];
    char bytes[2];
    struct harness_op receives[2] = {0};
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    harness_tcp_pair(loop, ends);
    hark_recv(loop, &receives[0].op, ends[0], &bytes[0], 1, 0, harness_done);
    harness_settle(loop);
    uint64_t calls = metrics->system_calls;
    hark_recv(loop, &receives[1].op, ends[0], &bytes[1], 1, 0, harness_done);
    assert_int_equal(metrics->system_calls, calls);
    assert_int_equal(write(ends[1], "xy", 2), 2);
    harness_run(loop);
    assert_result(receives[0].result, 1);
    assert_result(receives[1].result, 1);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

/* Programs were built with these numbers: a new op gets the next one. */
static const char *const numbers[] = {
    "nop",         "defer",        "sleep",       "every",           "post",        "work",
    "signal_each", "accept",       "accept_each", "connect",         "recv",        "recv_each",
    "send",        "recvmsg",      "sendmsg",     "shutdown",        "socket",      "read",
    "write",       "readv",        "writev",      "openat",          "close",       "detach",
    "fsync",       "fdatasync",    "ftruncate",   "fallocate",       "statx",       "renameat",
    "unlinkat",    "mkdirat",      "getdents",    "copy_file_range", "poll",        "poll_each",
    "waitid",      "recvmsg_each", "symlinkat",   "readlinkat",      "linkat",      "fchmodat",
    "fchownat",    "utimensat",    "setxattrat",  "getxattrat",      "listxattrat", "removexattrat",
    "send_zc",     "splice",
};

TEST(an_op_keeps_its_number)
{
    int count = sizeof numbers / sizeof numbers[0];
    assert_true(HARK_OP_KINDS >= count);
    for (int code = 0; code < count; code++)
        assert_string_equal(hark_op_name(code), numbers[code]);
}

BACKEND_TEST(counters_stay_where_they_are_and_tell_how_many_there_are)
{
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    assert_int_equal(metrics->size, sizeof *metrics);
    assert_int_equal(offsetof(struct hark_metrics, turns), 8);
    assert_int_equal(offsetof(struct hark_metrics, lag), 12 * 8);
    assert_int_equal(offsetof(struct hark_metrics, requested), (12 + 40) * 8);
    assert_int_equal(offsetof(struct hark_metrics, handled), (12 + 40 + 96) * 8);
    assert_int_equal(offsetof(struct hark_metrics, repeated), (12 + 40 + 2 * 96) * 8);
}

BACKEND_TEST(starts_final_calls_and_repeats_are_counted_by_kind)
{
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    struct harness_op nops[7] = {0};
    struct harness_op receive = {0};
    int ends[2];
    for (int index = 0; index < 7; index++)
        hark_nop(loop, &nops[index].op, harness_done);
    assert_int_equal(metrics->requested[HARK_OP_NOP], 7);
    assert_int_equal(metrics->handled[HARK_OP_NOP], 0);
    harness_run(loop);
    assert_int_equal(metrics->handled[HARK_OP_NOP], 7);
    harness_socket_pair(loop, ends);
    hark_recv_each(loop, &receive.op, ends[0], harness_done);
    for (int piece = 0; piece < 3; piece++) {
        assert_int_equal(write(ends[1], "x", 1), 1);
        while (receive.calls < piece + 1)
            assert_result(hark_run_once(loop), 1);
    }
    assert_int_equal(metrics->repeated[HARK_OP_RECV_EACH], 3);
    assert_int_equal(metrics->handled[HARK_OP_RECV_EACH], 0);
    hark_cancel(&receive.op);
    harness_run(loop);
    assert_int_equal(metrics->handled[HARK_OP_RECV_EACH], 1);
    assert_int_equal(metrics->requested[HARK_OP_RECV_EACH], 1);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
    for (int kind = 0; kind < HARK_OP_KINDS; kind++)
        assert_int_equal(metrics->requested[kind], metrics->handled[kind]);
    assert_ptr_equal(metrics, hark_loop_metrics(loop));
}

static void burn(struct harness_op *self, int64_t result)
{
    (void)result;
    uint64_t until = hark_os_clock(self->op.loop) + 2000000;
    while (hark_os_clock(self->op.loop) < until)
        ;
}

BACKEND_TEST(longest_turn_and_lag_are_told)
{
    struct harness_op op = {.then = burn};
    hark_nop(loop, &op.op, harness_done);
    harness_run(loop);
    harness_op_again(&op);
    op.then = NULL;
    hark_nop(loop, &op.op, harness_done);
    harness_run(loop);
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    assert_true(metrics->longest_turn_ns >= 1000000);
    assert_true(metrics->lag_total_ns >= 2000000);
    uint64_t long_turns = 0;
    uint64_t turns = 0;
    for (int bucket = 0; bucket < HARK_LAG_BUCKETS; bucket++) {
        turns += metrics->lag[bucket];
        long_turns += bucket >= 20 ? metrics->lag[bucket] : 0;
    }
    assert_int_equal(turns, metrics->turns);
    assert_true(long_turns >= 1);
}

BACKEND_TEST(each_turn_is_counted_in_the_bucket_of_its_lag)
{
    const struct hark_metrics *metrics = hark_loop_metrics(loop);
    for (int round = 0; round < 100; round++) {
        struct harness_op op = {.then = round % 10 ? NULL : burn};
        struct hark_metrics before = *metrics;
        hark_defer(loop, &op.op, harness_done);
        assert_result(hark_run_once(loop), 0);
        uint64_t lag_ns = metrics->lag_total_ns - before.lag_total_ns;
        int bucket = 0;
        while (bucket < HARK_LAG_BUCKETS - 1 && metrics->lag[bucket] == before.lag[bucket])
            bucket++;
        assert_int_equal(metrics->lag[bucket], before.lag[bucket] + 1);
        assert_true(bucket == 0 || lag_ns >= UINT64_C(1) << bucket);
        assert_true(bucket == HARK_LAG_BUCKETS - 1 || lag_ns < UINT64_C(2) << bucket);
    }
}

BACKEND_TEST_WITH(full_submission_ring_is_counted_and_loses_nothing, .entries = 8)
{
    static struct harness_op ops[1000];
    for (int index = 0; index < 1000; index++)
        hark_nop(loop, &ops[index].op, harness_done);
    harness_run(loop);
    for (int index = 0; index < 1000; index++)
        assert_int_equal(ops[index].calls, 1);
    if (harness_backend() == HARK_BACKEND_URING)
        assert_true(hark_loop_metrics(loop)->ring_full > 0);
}

static void start_everything_again(struct harness_op *self, int64_t result)
{
    assert_result(result, 0);
    if (self->calls < 20) {
        self->ended = false;
        hark_nop(self->op.loop, &self->op, harness_done);
    }
}

BACKEND_TEST_WITH(overflowing_completion_queue_loses_nothing, .entries = 1)
{
    enum { OPS = 20000 };
    struct harness_op *ops = calloc(OPS, sizeof *ops);
    assert_non_null(ops);
    for (int index = 0; index < OPS; index++) {
        ops[index].then = start_everything_again;
        hark_nop(loop, &ops[index].op, harness_done);
    }
    harness_run(loop);
    for (int index = 0; index < OPS; index++)
        assert_int_equal(ops[index].calls, 20);
    free(ops);
}

/* --- the kernel's own count of the system calls, by strace --- */

/* The part of the test below that runs under strace. Without its variable it does nothing. */
BACKEND_TEST(counted_by_strace_workload)
{
    const char *path = getenv("HARK_TEST_COUNTED");
    if (!path)
        return;
    play(loop, 4, 1000);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "%llu\n", (unsigned long long)hark_loop_metrics(loop)->turns);
    fclose(file);
}

/* Runs the workload under strace. Gives: the calls of that name, and the turns it took. */
static long count_calls(const char *name, long *out_turns)
{
    char only[64];
    char program[400];
    char line[256];
    long calls = 0;
    snprintf(only, sizeof only, "counted_by_strace_workload (%s)", harness_backend_name());
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    assert_true(length > 0);
    program[length] = '\0';
    const char *turns_path = harness_path("turns");
    const char *counts_path = harness_path("counts");
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int silence = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(silence, STDOUT_FILENO);
        dup2(silence, STDERR_FILENO);
        setenv("HARK_TEST_COUNTED", turns_path, 1);
        unsetenv("HARK_TEST_ONLY");
        unsetenv("CMOCKA_TEST_ABORT");
        execlp("strace", "strace", "-f", "-c", "-U", "name,calls", "-o", counts_path, program, only,
               (char *)NULL);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    FILE *turns = fopen(turns_path, "re");
    if (!turns)
        harness_skip("strace is not there, or may not trace");
    assert_int_equal(fscanf(turns, "%ld", out_turns), 1);
    fclose(turns);
    FILE *counts = fopen(counts_path, "re");
    assert_non_null(counts);
    while (fgets(line, sizeof line, counts)) {
        char call[64];
        long count;
        if (sscanf(line, "%63s %ld", call, &count) == 2 && strcmp(call, name) == 0)
            calls = count;
    }
    fclose(counts);
    return calls;
}

BACKEND_TEST(promise_10_strace_counts_one_enter_a_turn_and_no_epoll_ctl_per_op)
{
    if (harness_in_world())
        harness_skip("it runs strace");
    long turns = 0;
    if (harness_backend() == HARK_BACKEND_URING) {
        long enters = count_calls("io_uring_enter", &turns);
        assert_true(turns > 500 && enters > 0);
        assert_true(enters <= turns + 8);
    } else if (harness_backend() == HARK_BACKEND_EPOLL) {
        long registrations = count_calls("epoll_ctl", &turns);
        assert_true(turns > 500);
        assert_true(registrations >= 8 && registrations <= 24); /* 8 descriptors, 8,000 receives */
    }
}
