/* test_child_limits.c - children where their surroundings are narrow: numbers up to the limit,
 * descriptors above it, a child that ended before it ran, a program that becomes nobody else. */
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What sh does with these descriptors: its exit code, or the error of its start. */
static int run_line(const char *line, const struct hark_child_descriptor *descriptors, size_t count)
{
    const char *const words[] = {"sh", "-c", line, NULL};
    const struct hark_child_options options = {.program = "/bin/sh",
                                               .arguments = words,
                                               .descriptors = descriptors,
                                               .descriptor_count = count};
    siginfo_t end;
    pid_t pid;
    int pidfd = hark_os_spawn(&options, &pid);
    if (pidfd < 0)
        return pidfd;
    assert_int_equal(waitid(P_PID, (id_t)pid, &end, WEXITED), 0);
    assert_int_equal(end.si_code, CLD_EXITED);
    close(pidfd);
    return end.si_status;
}

static struct rlimit limit_descriptors(rlim_t count)
{
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = count;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return before;
}

/* As a child that is killed between its clone and its exec: nobody is told of its end, and waits
 * of the plain kind pass it over. */
BACKEND_TEST(child_that_ended_before_it_ran_is_waited_for)
{
    struct harness_op wait = {0};
    siginfo_t end;
    int pidfd = -1, in[2];
    char byte;
    harness_pipe(in, 0);
    long pid = syscall(SYS_clone, (unsigned long)CLONE_PIDFD, NULL, &pidfd, NULL, NULL);
    assert_true(pid >= 0);
    if (pid == 0) {
        close(in[1]);
        _exit(read(in[0], &byte, 1) == 0 ? 11 : 1);
    }
    hark_waitid(loop, &wait.op, pidfd, &end, harness_done);
    harness_settle(loop);
    assert_int_equal(wait.calls, 0);
    close(in[1]);
    close(in[0]);
    assert_result(harness_wait(loop, &wait), 0);
    assert_int_equal(end.si_code, CLD_EXITED);
    assert_int_equal(end.si_status, 11);
    assert_int_equal(waitpid((pid_t)pid, NULL, WNOHANG | __WALL), -1); /* it is gone */
    assert_int_equal(errno, ECHILD);
    harness_close(loop, pidfd);
}

TEST(child_has_descriptors_at_numbers_up_to_the_limit)
{
    int own = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct rlimit before = limit_descriptors(64);
    const struct hark_child_descriptor highest[] = {{own, 63}, {own, 3}};
    const struct hark_child_descriptor beyond = {own, 64};
    int at_highest = run_line("test -e /proc/self/fd/63 -a -e /proc/self/fd/3", highest, 2);
    int above = run_line("exit 0", &beyond, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_result(at_highest, 0);
    assert_result(above, -EBADF);
    close(own);
}

/* The copy of the first gets the number that is free: it must not pass for the second. */
TEST(child_with_a_descriptor_that_is_not_open_is_refused_whatever_stands_before_it)
{
    int own = open("/dev/null", O_RDONLY | O_CLOEXEC), not_open = dup(own);
    close(not_open);
    const struct hark_child_descriptor descriptors[] = {{own, 40}, {not_open, 41}};
    assert_result(run_line("exit 0", descriptors, 2), -EBADF);
    close(own);
}

/* On their way all are copied to what is free: never to a number that another is to have. */
TEST(child_has_descriptors_at_the_numbers_that_are_free_here)
{
    char line[256];
    int first = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int second = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    int low = dup(first), high = dup(first); /* the next that are free */
    close(low);
    close(high);
    const struct hark_child_descriptor descriptors[] = {{first, high}, {second, low}};
    snprintf(line, sizeof line,
             "test $(readlink /proc/self/fd/%d) = /dev/null && "
             "test $(readlink /proc/self/fd/%d) = /dev/zero",
             high, low);
    assert_result(run_line(line, descriptors, 2), 0);
    close(first);
    close(second);
}

static void refuse_close_range(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        harness_skip("no seccomp filter can be set: %s", strerror(errno));
}

/* Linux before 5.11, and a limit that was lowered after it was opened. */
TEST(child_has_no_others_without_close_range_either)
{
    int own = open("/dev/null", O_RDONLY), high = fcntl(own, F_DUPFD, 200);
    assert_true(high >= 200);
    refuse_close_range();
    struct rlimit before = limit_descriptors(64);
    int others = run_line("exit $(ls /proc/self/fd | wc -l)", NULL, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_result(others, 4); /* ls has one more: the directory that it reads */
    close(own);
    close(high);
}

/* Whose memory may be dumped, and whose /proc belongs to whom, goes with the memory: that of the
 * child must not be that of the program then. */
TEST(child_that_runs_as_another_user_leaves_the_program_what_it_is)
{
    if (geteuid() != 0)
        harness_skip("only root may become another user");
    assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
    const char *const words[] = {"true", NULL};
    const struct hark_child_options options = {.program = "true",
                                               .arguments = words,
                                               .flags = HARK_CHILD_UID | HARK_CHILD_GID,
                                               .uid = 65534,
                                               .gid = 65534};
    pid_t pid;
    int status, pidfd = hark_os_spawn(&options, &pid);
    assert_true(pidfd >= 0);
    assert_int_equal(prctl(PR_GET_DUMPABLE), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(pidfd);
    struct hark_child_options wrong = options;
    wrong.program = "/no/such/program";
    assert_result(hark_os_spawn(&wrong, &pid), -ENOENT); /* it is told nevertheless */
    assert_int_equal(prctl(PR_GET_DUMPABLE), 1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
    assert_int_equal(errno, ECHILD);
}
