/* test_harness.c - the checkers check: a test that misbehaves is reported, one that behaves is
 * not. */
#include "harness/harness.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The misbehaving tests sleep until this program is started again with this variable naming one of
 * them. */
static bool asked_to(const char *what)
{
    const char *wanted = getenv("HARK_TEST_MISBEHAVE");
    return wanted && strcmp(wanted, what) == 0;
}

TEST(misbehave_open_descriptor)
{
    if (asked_to("open_descriptor"))
        assert_true(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

TEST(misbehave_failed_assert)
{
    if (asked_to("failed_assert"))
        assert_int_equal(1, 2);
}

TEST(misbehave_crash)
{
    if (asked_to("crash"))
        raise(SIGSEGV);
}

TEST(misbehave_skip)
{
    if (asked_to("skip"))
        harness_skip("%s", "it was asked for");
}

TEST(misbehave_never_ends)
{
    while (asked_to("never_ends"))
        pause();
}

/* The program's exit code when one of its tests misbehaves. */
static int outcome(const char *misbehaviour, const char *test)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int silence = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(silence, STDOUT_FILENO);
        dup2(silence, STDERR_FILENO);
        setenv("HARK_TEST_MISBEHAVE", misbehaviour, 1);
        unsetenv("HARK_TEST_ONLY");
        unsetenv("CMOCKA_TEST_ABORT");
        execl("/proc/self/exe", "test_harness", test, (char *)NULL);
        _exit(99);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(runner_reports_a_descriptor_left_open)
{
    assert_int_equal(outcome("nothing", "misbehave_open_descriptor"), 0);
    assert_int_equal(outcome("open_descriptor", "misbehave_open_descriptor"), 1);
}

TEST(runner_reports_a_failed_assert)
{
    assert_int_equal(outcome("nothing", "misbehave_failed_assert"), 0);
    assert_int_equal(outcome("failed_assert", "misbehave_failed_assert"), 1);
}

TEST(runner_reports_a_crash)
{
    assert_int_equal(outcome("crash", "misbehave_crash"), 1);
}

TEST(runner_reports_a_test_that_never_ends)
{
    setenv("HARK_TEST_TIMEOUT", "1", 1);
    assert_int_equal(outcome("never_ends", "misbehave_never_ends"), 1);
}

TEST(runner_counts_a_skipped_test_as_no_failure)
{
    assert_int_equal(outcome("skip", "misbehave_skip"), 0);
}

TEST(runner_says_that_nothing_matched)
{
    assert_int_equal(outcome("nothing", "no_such_test"), 77);
}

TEST(fill_differs_by_seed_and_is_recognised)
{
    char one[100];
    char other[100];
    harness_fill(one, sizeof one, 1);
    harness_fill(other, sizeof other, 2);
    assert_true(harness_filled(one, sizeof one, 1));
    assert_false(harness_filled(one, sizeof one, 2));
    assert_false(harness_filled(other, sizeof other, 1));
}

TEST(directory_exists_and_holds_a_file)
{
    struct stat status;
    int fd = harness_file("some", "text", 4);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_size, 4);
    assert_int_equal(access(harness_path("some"), F_OK), 0);
    close(fd);
}

BACKEND_TEST(recorder_records_a_call)
{
    struct harness_op nop = {0};
    hark_nop(loop, &nop.op, harness_done);
    assert_result(harness_wait(loop, &nop), 0);
    assert_int_equal(nop.calls, 1);
    assert_true(nop.ended);
}
