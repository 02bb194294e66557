/* test_splice.c - splices and sends without a copy while the kernel fails, gives less, or has no
 * thread: each is bounded, and the loop at rest. */
#include "fault/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static void start_splice(struct hark_loop *loop, struct harness_op *op, int from,
                         int64_t from_offset, int to, size_t count)
{
    hark_splice(loop, &op->op, from, from_offset, to, HARK_AT_POSITION, count, 0, harness_done);
}

static void close_both(struct hark_loop *loop, const int ends[2])
{
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

/* As where TCP has no memory: it takes nothing, and calls itself writable. */
BACKEND_TEST(splice_that_the_kernel_puts_off_though_both_ends_are_ready_ends_with_ebusy)
{
    int ends[2], pipe[2];
    struct harness_op op = {0};
    harness_socket_pair(loop, ends);
    harness_pipe(pipe, 0);
    assert_int_equal(write(pipe[1], "abc", 3), 3);
    int number = FAULT(.calls = "kernel_splice", .error = -EAGAIN, .times = FAULT_FOR_EVER);
    start_splice(loop, &op, pipe[0], HARK_AT_POSITION, ends[0], 3);
    assert_result(harness_wait(loop, &op), -EBUSY);
    assert_true(fault_met(number) > 1 && fault_met(number) < 1000);
    fault_end(number);
    harness_op_again(&op);
    start_splice(loop, &op, pipe[0], HARK_AT_POSITION, ends[0], 3);
    assert_result(harness_wait(loop, &op), 3);
    close_both(loop, ends);
    close_both(loop, pipe);
}

/* Where others are quicker a few times, it goes on. */
BACKEND_TEST(splice_that_the_kernel_puts_off_for_a_while_moves_all_the_same)
{
    int ends[2], pipe[2];
    struct harness_op op = {0};
    harness_socket_pair(loop, ends);
    harness_pipe(pipe, 0);
    assert_int_equal(write(pipe[1], "abc", 3), 3);
    FAULT(.calls = "kernel_splice", .error = -EAGAIN, .times = 20);
    start_splice(loop, &op, pipe[0], HARK_AT_POSITION, ends[0], 3);
    assert_result(harness_wait(loop, &op), 3);
    close_both(loop, ends);
    close_both(loop, pipe);
}

BACKEND_TEST(splice_from_a_socket_that_splice_takes_nothing_of_copies)
{
    int ends[2], pipe[2];
    char bytes[3];
    struct harness_op op = {0};
    harness_tcp_pair(loop, ends);
    harness_pipe(pipe, 0);
    FAULT(.calls = "kernel_splice", .error = -EAGAIN, .times = FAULT_FOR_EVER);
    start_splice(loop, &op, ends[1], HARK_AT_POSITION, pipe[1], 100);
    harness_settle(loop);
    assert_int_equal(send(ends[0], "abc", 3, 0), 3);
    assert_result(harness_wait(loop, &op), 3);
    assert_int_equal(read(pipe[0], bytes, 3), 3);
    assert_memory_equal(bytes, "abc", 3);
    close_both(loop, ends);
    close_both(loop, pipe);
}

/* A thread of the pool finds the pipe full each time, though it is ready. */
BACKEND_TEST(splice_with_a_file_that_is_put_off_for_ever_ends_with_ebusy)
{
    int pipe[2];
    struct harness_op op = {0};
    int file = harness_file("file", "abc", 3);
    if (harness_backend() == HARK_BACKEND_URING)
        harness_skip("the kernel makes the call itself");
    harness_pipe(pipe, 0);
    int number = FAULT(.calls = "kernel_splice", .error = -EAGAIN, .times = FAULT_FOR_EVER);
    start_splice(loop, &op, file, 0, pipe[1], 3);
    assert_result(harness_wait(loop, &op), -EBUSY);
    assert_true(fault_met(number) < 1000);
    harness_close(loop, file);
    close_both(loop, pipe);
}

BACKEND_TEST(splice_of_which_a_call_fails_tells_its_error)
{
    static const int errors[] = {-EIO, -ENOMEM, -ECONNRESET, -EPERM};
    int ends[2], pipe[2];
    harness_socket_pair(loop, ends);
    harness_pipe(pipe, 0);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct harness_op op = {0};
        FAULT(.calls = "kernel_splice", .error = errors[i]);
        start_splice(loop, &op, ends[0], HARK_AT_POSITION, pipe[1], 3);
        assert_result(harness_wait(loop, &op), errors[i]);
    }
    close_both(loop, ends);
    close_both(loop, pipe);
}

BACKEND_TEST(splice_of_what_cannot_be_looked_up_tells_the_error)
{
    int ends[2], pipe[2];
    struct harness_op op = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    harness_pipe(pipe, 0);
    FAULT(.calls = "kernel_fstat", .error = -EIO);
    start_splice(loop, &op, ends[0], HARK_AT_POSITION, pipe[1], 3);
    assert_result(harness_wait(loop, &op), -EIO);
    close_both(loop, ends);
    close_both(loop, pipe);
}

BACKEND_TEST(splices_look_up_what_their_ends_are_once)
{
    int pipe[2];
    int file = harness_file("file", "abc", 3);
    harness_pipe(pipe, 0);
    int number = FAULT(.calls = "kernel_fstat", .after = FAULT_FOR_EVER);
    for (int i = 0; i < 5; i++) {
        struct harness_op op = {0};
        start_splice(loop, &op, file, 0, pipe[1], 3);
        assert_result(harness_wait(loop, &op), 3);
    }
    assert_true(fault_seen(number) <= 2);
    harness_close(loop, file);
    close_both(loop, pipe);
}

/* --- no threads --- */

static int64_t do_work(struct hark_op *op)
{
    (void)op;
    return 7;
}

/* io_uring can start none; the pool has one. */
BACKEND_TEST(splice_with_a_file_rests_while_the_kernel_has_no_thread)
{
    enum { NOBODY = 65534 };
    char bytes[65536];
    int pipe[2];
    struct rlimit before;
    struct harness_op working = {0}, op = {0};
    int file = harness_file("file", "abc", 3);
    harness_pipe(pipe, 0);
    harness_stuff(pipe[1]);
    hark_work(loop, &working.op, do_work, harness_done);
    assert_result(harness_wait(loop, &working), 7);
    assert_int_equal(getrlimit(RLIMIT_NPROC, &before), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NPROC, &none), 0);
    if (geteuid() == 0 && setuid(NOBODY) != 0)
        harness_skip("root is not limited: %s", strerror(errno));
    prctl(PR_SET_DUMPABLE, 1);
    start_splice(loop, &op, file, 0, pipe[1], 3);
    harness_turns(loop, 20);
    harness_assert_idle(loop);
    assert_false(op.ended);
    assert_true(read(pipe[0], bytes, sizeof bytes) > 0);
    assert_result(harness_wait(loop, &op), 3);
    assert_int_equal(setrlimit(RLIMIT_NPROC, &before), 0);
    harness_close(loop, file);
    close_both(loop, pipe);
}

BACKEND_TEST(splice_with_a_file_without_any_thread_gives_eagain)
{
    enum { NOBODY = 65534 };
    int pipe[2];
    struct rlimit before;
    struct harness_op op = {0};
    int file = harness_file("file", "abc", 3);
    harness_pipe(pipe, 0);
    assert_int_equal(getrlimit(RLIMIT_NPROC, &before), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NPROC, &none), 0);
    if (geteuid() == 0 && setuid(NOBODY) != 0)
        harness_skip("root is not limited: %s", strerror(errno));
    prctl(PR_SET_DUMPABLE, 1);
    FAULT(.calls = "kernel_thread_start", .error = -EAGAIN, .times = FAULT_FOR_EVER);
    start_splice(loop, &op, file, 0, pipe[1], 3);
    assert_result(harness_wait(loop, &op), -EAGAIN);
    assert_int_equal(setrlimit(RLIMIT_NPROC, &before), 0);
    harness_close(loop, file);
    close_both(loop, pipe);
}
