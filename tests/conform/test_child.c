/* test_child.c - children: waited for, sent signals, refused at their start; and nobody else's are
 * touched. */
#include "conform/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- how it ends --- */

BACKEND_TEST(child_that_exits_gives_its_code_whenever_it_is_waited_for)
{
    for (int late = 0; late < 2; late++) {
        struct child child = {0};
        child_spawn_line(&child, "exit 7", (struct hark_child_options){0});
        if (late) { /* it is a zombie, and stays one */
            siginfo_t end;
            assert_int_equal(waitid(P_PID, (id_t)child.pid, &end, WEXITED | WNOWAIT), 0);
        }
        child_start_wait(loop, &child);
        assert_true(hark_op_active(&child.wait.op));
        child_expect_end(loop, &child, CLD_EXITED, 7);
    }
    child_expect_none();
}

BACKEND_TEST(child_that_is_killed_gives_the_signal)
{
    struct child child = {0};
    child_spawn_line(&child, "kill -STOP $$; exit 0", (struct hark_child_options){0});
    child_start_wait(loop, &child);
    harness_settle(loop);
    assert_int_equal(child.wait.calls, 0); /* a child that stands still has not ended */
    assert_result(hark_os_kill(child.pidfd, 0), 0);
    assert_result(hark_os_kill(child.pidfd, SIGKILL), 0);
    assert_result(harness_wait(loop, &child.wait), 0);
    assert_int_equal(child.end.si_code, CLD_KILLED);
    assert_int_equal(child.end.si_status, SIGKILL);
    assert_result(hark_os_kill(child.pidfd, SIGKILL), -ESRCH);
    assert_result(hark_os_kill(child.pidfd, 0), -ESRCH);
    harness_close(loop, child.pidfd);
    child_expect_none();
}

BACKEND_TEST(child_waited_for_twice_has_ended_once)
{
    struct child child = {0};
    struct harness_op other = {0};
    siginfo_t end;
    int in[2];
    harness_pipe(in, 0);
    const struct hark_child_descriptor standard = {in[0], 0};
    child_spawn_line(&child, "read line",
                     (struct hark_child_options){.descriptors = &standard, .descriptor_count = 1});
    child_start_wait(loop, &child);
    hark_waitid(loop, &other.op, child.pidfd, &end, harness_done);
    harness_settle(loop);
    close(in[1]);
    close(in[0]);
    harness_run(loop);
    int64_t results[] = {child.wait.result, other.result};
    assert_true((results[0] == 0 && results[1] == -ECHILD) ||
                (results[1] == 0 && results[0] == -ECHILD));
    child_start_wait(loop, &child);
    assert_result(harness_wait(loop, &child.wait), -ECHILD);
    harness_close(loop, child.pidfd);
}

BACKEND_TEST(child_many_at_once_give_each_its_own_code)
{
    enum { CHILDREN = 40 };
    static struct child children[CHILDREN];
    memset(children, 0, sizeof children);
    for (int i = 0; i < CHILDREN; i++) {
        char line[32];
        snprintf(line, sizeof line, "exit %d", i);
        child_spawn_line(&children[i], line, (struct hark_child_options){0});
        child_start_wait(loop, &children[i]);
    }
    harness_run(loop);
    for (int i = 0; i < CHILDREN; i++)
        child_expect_end(loop, &children[i], CLD_EXITED, i);
    child_expect_none();
}

BACKEND_TEST(child_of_another_part_of_the_program_is_left_alone)
{
    struct child child = {0};
    int status;
    pid_t other = fork();
    assert_true(other >= 0);
    if (other == 0)
        _exit(3);
    siginfo_t end;
    assert_int_equal(waitid(P_PID, (id_t)other, &end, WEXITED | WNOWAIT), 0);
    child_spawn_line(&child, "exit 4", (struct hark_child_options){0});
    child_start_wait(loop, &child);
    child_expect_end(loop, &child, CLD_EXITED, 4);
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(WEXITSTATUS(status), 3);
}

BACKEND_TEST(child_that_another_started_is_waited_for_by_its_pidfd)
{
    struct child child = {0};
    child.pid = fork();
    assert_true(child.pid >= 0);
    if (child.pid == 0)
        _exit(9);
    child.pidfd =
        (int)syscall(SYS_pidfd_open, child.pid, O_NONBLOCK); /* it does not block: and yet */
    assert_true(child.pidfd >= 0);
    child_start_wait(loop, &child);
    child_expect_end(loop, &child, CLD_EXITED, 9);
}

/* A pidfd that does not block, while there is no end yet. */
BACKEND_TEST(child_is_waited_for_also_where_its_pidfd_does_not_block)
{
    struct child child = {0};
    int in[2];
    char byte;
    harness_pipe(in, 0);
    child.pid = fork();
    assert_true(child.pid >= 0);
    if (child.pid == 0) {
        close(in[1]);
        _exit(read(in[0], &byte, 1) == 0 ? 6 : 1);
    }
    child.pidfd = (int)syscall(SYS_pidfd_open, child.pid, O_NONBLOCK);
    child_start_wait(loop, &child);
    harness_settle(loop);
    assert_int_equal(child.wait.calls, 0);
    close(in[1]);
    close(in[0]);
    child_expect_end(loop, &child, CLD_EXITED, 6);
}

/* The kernel keeps no ends then: that it has ended is told, not how. */
BACKEND_TEST(child_of_a_program_that_ignores_sigchld_gives_echild_once_it_has_ended)
{
    struct child child = {0};
    int in[2];
    assert_true(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    harness_pipe(in, 0);
    const struct hark_child_descriptor standard = {in[0], 0};
    child_spawn_line(&child, "read line; exit 5",
                     (struct hark_child_options){.descriptors = &standard, .descriptor_count = 1});
    child_start_wait(loop, &child);
    harness_settle(loop);
    assert_int_equal(child.wait.calls, 0);
    close(in[1]);
    close(in[0]);
    assert_result(harness_wait(loop, &child.wait), -ECHILD);
    harness_close(loop, child.pidfd);
    signal(SIGCHLD, SIG_DFL);
}

BACKEND_TEST(child_wait_on_what_is_no_pidfd_gives_ebadf)
{
    struct harness_op wait = {0};
    siginfo_t end;
    int ends[2];
    harness_pipe(ends, 0);
    hark_waitid(loop, &wait.op, ends[0], &end, harness_done);
    assert_result(harness_wait(loop, &wait), -EBADF);
    assert_result(hark_os_kill(ends[0], 0), -EBADF);
    assert_result(hark_os_kill(-1, 0), -EBADF);
    harness_close(loop, ends[0]);
    close(ends[1]);
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    harness_op_again(&wait);
    hark_waitid(loop, &wait.op, self, &end, harness_done);
    assert_result(harness_wait(loop, &wait), -ECHILD); /* no child of its own */
    assert_result(hark_os_kill(self, -1), -EINVAL);
    harness_close(loop, self);
}

/* --- ends of the wait --- */

BACKEND_TEST(child_wait_ends_by_cancel_deadline_and_close_and_takes_nothing)
{
    struct child child = {0};
    child_spawn_line(&child, "kill -STOP $$", (struct hark_child_options){0});
    for (int way = 0; way < 4; way++) {
        child_start_wait(loop, &child);
        if (way % 2)
            harness_settle(loop);
        if (way / 2 == 0)
            hark_cancel(&child.wait.op);
        else
            hark_op_deadline(&child.wait.op, hark_now(loop) + 1000000);
        assert_result(harness_wait(loop, &child.wait), way / 2 == 0 ? -ECANCELED : -ETIMEDOUT);
    }
    int copy = dup(child.pidfd);
    child_start_wait(loop, &child);
    harness_settle(loop);
    harness_close(loop, child.pidfd);
    assert_result(child.wait.result, -ECANCELED);
    child.pidfd = copy;
    assert_result(hark_os_kill(child.pidfd, SIGKILL), 0);
    child_start_wait(loop, &child);
    child_expect_end(loop, &child, CLD_KILLED, SIGKILL);
}

/* --- what cannot be run --- */

static void expect_refusal(struct hark_child_options options, int error)
{
    const char *const words[] = {"word", NULL};
    pid_t pid = 77;
    options.arguments = words;
    if (!options.program)
        options.program = "/bin/true";
    assert_result(hark_os_spawn(&options, &pid), error);
    assert_int_equal(pid, 77); /* written on success alone */
    child_expect_none();
}

static bool told_of_child;

static void note_child(int number)
{
    (void)number;
    told_of_child = true;
}

TEST(child_that_cannot_be_run_is_told_of_at_once_and_leaves_nothing)
{
    struct hark_child_descriptor wrong = {INT_MAX, 3}, negative = {0, -1};
    struct hark_child_descriptor many[HARK_CHILD_DESCRIPTORS_MAX + 1] = {{0, 0}};
    told_of_child = false;
    signal(SIGCHLD, note_child);
    expect_refusal((struct hark_child_options){.program = "/no/such/program"}, -ENOENT);
    expect_refusal((struct hark_child_options){.program = "no-such-program-in-path"}, -ENOENT);
    expect_refusal((struct hark_child_options){.program = ""}, -ENOENT);
    expect_refusal((struct hark_child_options){.program = "/dev/null"}, -EACCES);
    expect_refusal((struct hark_child_options){.program = "/"}, -EACCES);
    expect_refusal((struct hark_child_options){.directory = "/no/such/directory"}, -ENOENT);
    expect_refusal((struct hark_child_options){.directory = "/dev/null"}, -ENOTDIR);
    expect_refusal((struct hark_child_options){.descriptors = &wrong, .descriptor_count = 1},
                   -EBADF);
    expect_refusal((struct hark_child_options){.descriptors = &negative, .descriptor_count = 1},
                   -EINVAL);
    expect_refusal((struct hark_child_options){.descriptors = many,
                                               .descriptor_count = HARK_CHILD_DESCRIPTORS_MAX + 1},
                   -EINVAL);
    expect_refusal((struct hark_child_options){.flags = 1u << 20}, -EINVAL);
    expect_refusal((struct hark_child_options){.flags = HARK_CHILD_GROUP, .group = INT_MAX},
                   -EPERM);
    expect_refusal((struct hark_child_options){.death_signal = 1000}, -EINVAL);
    if (geteuid() != 0)
        expect_refusal((struct hark_child_options){.flags = HARK_CHILD_UID}, -EPERM);
    assert_false(told_of_child); /* there was no child */
    signal(SIGCHLD, SIG_DFL);
}

TEST(child_without_descriptors_left_is_refused)
{
    struct rlimit limit, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    const char *const words[] = {"true", NULL};
    const struct hark_child_options options = {.program = "/bin/true", .arguments = words};
    int pidfd = hark_os_spawn(&options, NULL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_result(pidfd, -EMFILE);
    child_expect_none();
}
