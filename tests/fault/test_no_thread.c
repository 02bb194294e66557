/* test_no_thread.c - no thread can be started, as where the system's limit is reached: what needs
 * one says so, and a close closes even so. */
#include "fault/faults.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static int refuse_each_thread(void)
{
    return FAULT(.calls = "kernel_thread_start", .error = -EAGAIN, .times = FAULT_FOR_EVER);
}

BACKEND_TEST(close_of_a_file_needs_no_thread)
{
    struct harness_op closing = {0};
    int fd = harness_file("file", "text", 4);
    refuse_each_thread();
    hark_close(loop, &closing.op, fd, harness_done);
    assert_result(harness_wait(loop, &closing), 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    harness_run(loop);
}

BACKEND_TEST(close_of_a_file_with_an_op_on_it_needs_no_thread)
{
    char bytes[4];
    struct harness_op reading = {0};
    struct harness_op closing = {0};
    int fd = harness_file("file", "text", 4);
    refuse_each_thread();
    hark_read(loop, &reading.op, fd, bytes, sizeof bytes, 0, harness_done);
    hark_close(loop, &closing.op, fd, harness_done);
    harness_run(loop);
    assert_true(reading.result == 4 || reading.result == -ECANCELED || reading.result == -EAGAIN);
    assert_result(closing.result, 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static int64_t do_work(struct hark_op *op)
{
    (void)op;
    return 7;
}

BACKEND_TEST(work_without_any_thread_gives_eagain_and_works_once_there_is_one)
{
    char bytes[4];
    struct statx status;
    struct harness_op ops[3] = {0};
    int fd = harness_file("file", "text", 4);
    int refused = refuse_each_thread();
    hark_work(loop, &ops[0].op, do_work, harness_done);
    hark_getdents(loop, &ops[1].op, fd, bytes, sizeof bytes, harness_done);
    hark_statx(loop, &ops[2].op, fd, "", AT_EMPTY_PATH, STATX_SIZE, &status, harness_done);
    harness_run(loop);
    assert_result(ops[0].result, -EAGAIN);
    assert_result(ops[1].result, -EAGAIN);
    assert_result(ops[2].result, harness_backend() == HARK_BACKEND_URING ? 0 : -EAGAIN);
    harness_close(loop, fd);
    fault_end(refused);
    harness_op_again(&ops[0]);
    hark_work(loop, &ops[0].op, do_work, harness_done);
    assert_result(harness_wait(loop, &ops[0]), 7);
}

/* From here on the process may start no thread, and io_uring none for it either. Gives: the limit
 * that there was. */
static struct rlimit refuse_threads(void)
{
    enum { NOBODY = 65534 };
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NPROC, &before), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NPROC, &none), 0);
    if (geteuid() == 0 && setuid(NOBODY) != 0)
        harness_skip("root is not limited: %s", strerror(errno));
    prctl(PR_SET_DUMPABLE, 1);
    return before;
}

/* What the kernel would have done on a thread of its own is done on the pool, where that has
 * one. */
BACKEND_TEST(promise_06_want_of_a_thread_is_no_cancel)
{
    struct harness_op working = {0};
    struct harness_op asking = {0};
    struct harness_op shutting = {0};
    struct harness_op reading = {0};
    struct statx status;
    char byte;
    int ends[2];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    harness_socket_pair(loop, ends);
    hark_work(loop, &working.op, do_work, harness_done);
    assert_result(harness_wait(loop, &working), 7);
    struct rlimit before = refuse_threads();
    hark_statx(loop, &asking.op, fd, "", AT_EMPTY_PATH, STATX_SIZE, &status, harness_done);
    hark_read(loop, &reading.op, fd, &byte, 1, HARK_AT_POSITION, harness_done);
    hark_shutdown(loop, &shutting.op, ends[0], SHUT_WR, harness_done);
    harness_run(loop);
    assert_result(asking.result, 0);
    assert_result(reading.result, 1);
    assert_result(shutting.result, 0);
    assert_int_equal(read(ends[1], &byte, 1), 0);
    assert_int_equal(setrlimit(RLIMIT_NPROC, &before), 0);
    harness_close(loop, fd);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

BACKEND_TEST(promise_06_want_of_every_thread_is_told_as_such)
{
    struct harness_op asking = {0};
    struct statx status;
    struct rlimit before = refuse_threads();
    refuse_each_thread();
    hark_statx(loop, &asking.op, AT_FDCWD, "/", 0, STATX_SIZE, &status, harness_done);
    assert_result(harness_wait(loop, &asking), -EAGAIN);
    assert_int_equal(setrlimit(RLIMIT_NPROC, &before), 0);
}

BACKEND_TEST(group_without_a_thread_gives_eagain_and_one_of_a_single_loop_needs_none)
{
    struct hark_group_options options = {.loop.backend = harness_backend(), .loops = 3};
    struct hark_group *group = NULL;
    int refused = refuse_each_thread();
    assert_result(hark_group_create(&options, &group), -EAGAIN);
    assert_null(group);
    options.loops = 1;
    assert_result(hark_group_create(&options, &group), 0);
    assert_result(hark_group_run(group, NULL, NULL), 0);
    assert_result(hark_group_destroy(group), 0);
    fault_end(refused);
    options.loops = 3;
    assert_result(hark_group_create(&options, &group), 0);
    assert_result(hark_group_destroy(group), 0);
}
