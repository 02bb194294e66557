/* test_os_process.c - os_process.h: what a process is, may have and has used. */
#include "harness/harness.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

TEST(os_limits_are_read_and_lowered)
{
    struct rlimit before, now;
    assert_result(hark_os_getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit lower = {before.rlim_cur - 1, before.rlim_max};
    assert_result(hark_os_setrlimit(RLIMIT_NOFILE, &lower), 0);
    assert_result(hark_os_getrlimit(RLIMIT_NOFILE, &now), 0);
    assert_int_equal(now.rlim_cur, lower.rlim_cur);
    assert_int_equal(now.rlim_max, before.rlim_max);
    struct rlimit wrong = {100, 99};
    assert_result(hark_os_setrlimit(RLIMIT_NOFILE, &wrong), -EINVAL);
    memset(&now, 0x5a, sizeof now);
    struct rlimit untouched = now;
    assert_result(hark_os_getrlimit(9999, &now), -EINVAL);
    assert_memory_equal(&now, &untouched, sizeof now);
    assert_result(hark_os_setrlimit(9999, &lower), -EINVAL);
}

TEST(os_usage_grows_with_what_is_used)
{
    struct rusage before, after;
    assert_result(hark_os_getrusage(RUSAGE_SELF, &before), 0);
    do {
        assert_result(hark_os_getrusage(RUSAGE_SELF, &after), 0);
    } while (after.ru_utime.tv_sec == before.ru_utime.tv_sec &&
             after.ru_utime.tv_usec == before.ru_utime.tv_usec &&
             after.ru_stime.tv_sec == before.ru_stime.tv_sec &&
             after.ru_stime.tv_usec == before.ru_stime.tv_usec);
    assert_true(after.ru_maxrss >= before.ru_maxrss && after.ru_maxrss > 0);
    assert_result(hark_os_getrusage(99, &after), -EINVAL);
}

TEST(os_environment_is_read)
{
    assert_int_equal(setenv("HARK_TEST_WORD", "here", 1), 0);
    assert_string_equal(hark_os_getenv("HARK_TEST_WORD"), "here");
    assert_int_equal(unsetenv("HARK_TEST_WORD"), 0);
    assert_null(hark_os_getenv("HARK_TEST_WORD"));
    assert_int_equal(hark_os_getpid(), getpid());
}

TEST(os_sigaction_sets_and_gives_the_former)
{
    struct sigaction ignored = {.sa_handler = SIG_IGN}, former;
    assert_result(hark_os_sigaction(SIGUSR1, NULL, &former), 0);
    assert_true(former.sa_handler == SIG_DFL);
    assert_result(hark_os_sigaction(SIGUSR1, &ignored, &former), 0);
    assert_true(former.sa_handler == SIG_DFL);
    assert_result(hark_os_sigaction(SIGUSR1, NULL, &former), 0);
    assert_true(former.sa_handler == SIG_IGN);
    assert_int_equal(raise(SIGUSR1), 0);
    assert_result(hark_os_sigaction(SIGKILL, &ignored, NULL), -EINVAL);
    assert_result(hark_os_sigaction(9999, NULL, &former), -EINVAL);
}

TEST(os_clocks_are_those_that_are_asked_for)
{
    static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_REALTIME_COARSE,
                                       CLOCK_BOOTTIME};
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        struct timespec before, after;
        clock_gettime(clocks[i], &before);
        uint64_t now = hark_os_clock_gettime(clocks[i]);
        clock_gettime(clocks[i], &after);
        assert_true(now >= (uint64_t)before.tv_sec * 1000000000 + (uint64_t)before.tv_nsec);
        assert_true(now <= (uint64_t)after.tv_sec * 1000000000 + (uint64_t)after.tv_nsec);
    }
}
