/* test_child.c - children: started as they are asked for, waited for, sent signals; and nobody
 * else's are touched. */
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that is waited for. */
struct child {
    struct harness_op wait;
    siginfo_t end;
    int pidfd;
    pid_t pid;
};

static int spawn(struct child *child, const struct hark_child_options *options)
{
    child->pidfd = hark_os_spawn(options, &child->pid);
    return child->pidfd;
}

/* A line for sh, which gets these descriptors. */
static void spawn_line(struct child *child, const char *line, struct hark_child_options options)
{
    const char *const words[] = {"sh", "-c", line, NULL};
    options.program = "/bin/sh";
    options.arguments = words;
    assert_true(spawn(child, &options) >= 0);
}

static void start_wait(struct hark_loop *loop, struct child *child)
{
    harness_op_again(&child->wait);
    hark_waitid(loop, &child->wait.op, child->pidfd, &child->end, harness_done);
}

static void expect_end(struct hark_loop *loop, struct child *child, int code, int status)
{
    assert_result(harness_wait(loop, &child->wait), 0);
    assert_int_equal(child->end.si_code, code);
    assert_int_equal(child->end.si_status, status);
    assert_int_equal(child->end.si_pid, child->pid);
    harness_close(loop, child->pidfd);
}

static void expect_no_children(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
    assert_int_equal(errno, ECHILD);
}

/* What a program prints, and that it ends well. */
static void expect_said(struct hark_loop *loop, struct hark_child_options options,
                        const char *wanted)
{
    struct child child = {0};
    struct hark_child_descriptor descriptors[8];
    char got[4096];
    size_t count = 0;
    int out[2];
    harness_pipe(out, 0);
    for (size_t i = 0; i < options.descriptor_count; i++)
        descriptors[i] = options.descriptors[i];
    descriptors[options.descriptor_count++] = (struct hark_child_descriptor){out[1], 1};
    options.descriptors = descriptors;
    assert_true(spawn(&child, &options) >= 0);
    close(out[1]);
    for (ssize_t piece; (piece = read(out[0], got + count, sizeof got - 1 - count)) > 0;)
        count += (size_t)piece;
    got[count] = '\0';
    close(out[0]);
    assert_string_equal(got, wanted);
    start_wait(loop, &child);
    expect_end(loop, &child, CLD_EXITED, 0);
}

static void expect_text(struct hark_loop *loop, const char *line, struct hark_child_options options,
                        const char *wanted)
{
    const char *const words[] = {"sh", "-c", line, NULL};
    options.program = "/bin/sh";
    options.arguments = words;
    expect_said(loop, options, wanted);
}

/* --- how it ends --- */

BACKEND_TEST(child_that_exits_gives_its_code_whenever_it_is_waited_for)
{
    for (int late = 0; late < 2; late++) {
        struct child child = {0};
        spawn_line(&child, "exit 7", (struct hark_child_options){0});
        if (late) { /* it is a zombie, and stays one */
            siginfo_t end;
            assert_int_equal(waitid(P_PID, (id_t)child.pid, &end, WEXITED | WNOWAIT), 0);
        }
        start_wait(loop, &child);
        assert_true(hark_op_active(&child.wait.op));
        expect_end(loop, &child, CLD_EXITED, 7);
    }
    expect_no_children();
}

BACKEND_TEST(child_that_is_killed_gives_the_signal)
{
    struct child child = {0};
    spawn_line(&child, "kill -STOP $$; exit 0", (struct hark_child_options){0});
    start_wait(loop, &child);
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
    expect_no_children();
}

BACKEND_TEST(child_waited_for_twice_has_ended_once)
{
    struct child child = {0};
    struct harness_op other = {0};
    siginfo_t end;
    int in[2];
    harness_pipe(in, 0);
    const struct hark_child_descriptor standard = {in[0], 0};
    spawn_line(&child, "read line",
               (struct hark_child_options){.descriptors = &standard, .descriptor_count = 1});
    start_wait(loop, &child);
    hark_waitid(loop, &other.op, child.pidfd, &end, harness_done);
    harness_settle(loop);
    close(in[1]);
    close(in[0]);
    harness_run(loop);
    int64_t results[] = {child.wait.result, other.result};
    assert_true((results[0] == 0 && results[1] == -ECHILD) ||
                (results[1] == 0 && results[0] == -ECHILD));
    start_wait(loop, &child);
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
        spawn_line(&children[i], line, (struct hark_child_options){0});
        start_wait(loop, &children[i]);
    }
    harness_run(loop);
    for (int i = 0; i < CHILDREN; i++)
        expect_end(loop, &children[i], CLD_EXITED, i);
    expect_no_children();
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
    spawn_line(&child, "exit 4", (struct hark_child_options){0});
    start_wait(loop, &child);
    expect_end(loop, &child, CLD_EXITED, 4);
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
    start_wait(loop, &child);
    expect_end(loop, &child, CLD_EXITED, 9);
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
    start_wait(loop, &child);
    harness_settle(loop);
    assert_int_equal(child.wait.calls, 0);
    close(in[1]);
    close(in[0]);
    expect_end(loop, &child, CLD_EXITED, 6);
}

/* The kernel keeps no ends then: that it has ended is told, not how. */
BACKEND_TEST(child_of_a_program_that_ignores_sigchld_gives_echild_once_it_has_ended)
{
    struct child child = {0};
    int in[2];
    assert_true(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    harness_pipe(in, 0);
    const struct hark_child_descriptor standard = {in[0], 0};
    spawn_line(&child, "read line; exit 5",
               (struct hark_child_options){.descriptors = &standard, .descriptor_count = 1});
    start_wait(loop, &child);
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
    spawn_line(&child, "kill -STOP $$", (struct hark_child_options){0});
    for (int way = 0; way < 4; way++) {
        start_wait(loop, &child);
        if (way % 2)
            harness_settle(loop);
        if (way / 2 == 0)
            hark_cancel(&child.wait.op);
        else
            hark_op_deadline(&child.wait.op, hark_now(loop) + 1000000);
        assert_result(harness_wait(loop, &child.wait), way / 2 == 0 ? -ECANCELED : -ETIMEDOUT);
    }
    int copy = dup(child.pidfd);
    start_wait(loop, &child);
    harness_settle(loop);
    harness_close(loop, child.pidfd);
    assert_result(child.wait.result, -ECANCELED);
    child.pidfd = copy;
    assert_result(hark_os_kill(child.pidfd, SIGKILL), 0);
    start_wait(loop, &child);
    expect_end(loop, &child, CLD_KILLED, SIGKILL);
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
    expect_no_children();
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
    expect_no_children();
}

/* --- its surroundings --- */

BACKEND_TEST(child_is_found_in_path_as_the_shell_finds_it)
{
    const char *before = getenv("PATH");
    char kept[4096];
    struct child child = {0};
    const char *const words[] = {"sh", "-c", "exit 8", NULL};
    const struct hark_child_options options = {.program = "sh", .arguments = words};
    snprintf(kept, sizeof kept, "%s", before ? before : "/bin:/usr/bin");
    setenv("PATH", "/no/such:/dev/null:/bin:/usr/bin", 1);
    assert_true(spawn(&child, &options) >= 0);
    start_wait(loop, &child);
    expect_end(loop, &child, CLD_EXITED, 8);
    int file = open(harness_path("sh"), O_RDONLY | O_CREAT | O_CLOEXEC, 0600); /* not to be run */
    char path[4096];
    snprintf(path, sizeof path, "%.*s", (int)(strlen(harness_path("sh")) - 3), harness_path("sh"));
    setenv("PATH", path, 1);
    assert_result(hark_os_spawn(&options, NULL), -EACCES);
    setenv("PATH", kept, 1);
    close(file);
    unlink(harness_path("sh"));
}

/* ls has one more: the directory that it reads. */
BACKEND_TEST(child_has_the_descriptors_that_it_was_given_and_no_others)
{
    int inherited = open("/dev/null", O_RDONLY), own = open("/dev/null", O_RDWR | O_CLOEXEC);
    const struct hark_child_descriptor descriptors[] = {{own, 9}, {own, 40}};
    expect_text(loop, "exec ls /proc/self/fd", (struct hark_child_options){0}, "0\n1\n2\n3\n");
    expect_text(loop, "exec ls /proc/self/fd",
                (struct hark_child_options){.descriptors = descriptors, .descriptor_count = 2},
                "0\n1\n2\n3\n40\n9\n");
    expect_text(loop, "readlink /proc/self/fd/0", (struct hark_child_options){0}, "/dev/null\n");
    assert_int_equal(fcntl(inherited, F_GETFD), 0); /* here nothing has changed */
    assert_int_equal(fcntl(own, F_GETFD), FD_CLOEXEC);
    close(inherited);
    close(own);
}

BACKEND_TEST(child_descriptors_change_places)
{
    int one[2], two[2];
    struct child child = {0};
    char line[64], got[3] = {0};
    harness_pipe(one, 0);
    harness_pipe(two, 0);
    const struct hark_child_descriptor descriptors[] = {
        {one[1], two[1]}, {two[1], one[1]}, {STDERR_FILENO, STDERR_FILENO}};
    snprintf(line, sizeof line, "echo 1 >&%d; echo 2 >&%d", one[1], two[1]);
    if (one[1] > 9 || two[1] > 9) /* sh has no more */
        harness_skip("numbers of two digits");
    spawn_line(&child, line,
               (struct hark_child_options){.descriptors = descriptors, .descriptor_count = 3});
    start_wait(loop, &child);
    expect_end(loop, &child, CLD_EXITED, 0);
    assert_int_equal(read(two[0], got, 2), 2);
    assert_string_equal(got, "1\n");
    assert_int_equal(read(one[0], got, 2), 2);
    assert_string_equal(got, "2\n");
    for (int i = 0; i < 2; i++) {
        close(one[i]);
        close(two[i]);
    }
}

BACKEND_TEST(child_has_the_environment_and_the_directory_that_it_was_given)
{
    const char *const environment[] = {"GIVEN=this", NULL};
    setenv("OWN", "mine", 1);
    expect_text(loop, "echo $GIVEN $OWN; pwd",
                (struct hark_child_options){.environment = environment, .directory = "/proc"},
                "this\n/proc\n");
    expect_text(loop, "echo $GIVEN $OWN", (struct hark_child_options){0}, "mine\n");
    unsetenv("OWN");
}

/* Blocked here, handled here, and SIGPIPE ignored here: of that the child sees nothing. */
BACKEND_TEST(child_has_no_signal_blocked_and_only_those_ignored_that_the_program_ignores)
{
    sigset_t some, before;
    sigemptyset(&some);
    sigaddset(&some, SIGTERM);
    sigaddset(&some, SIGPIPE);
    assert_int_equal(sigprocmask(SIG_BLOCK, &some, &before), 0);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR1, note_child);
    /* Without sh, which unblocks all by itself. */
    const char *const words[] = {"grep", "-E", "Sig(Blk|Ign)", "/proc/self/status", NULL};
    expect_said(loop, (struct hark_child_options){.program = "grep", .arguments = words},
                "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000001\n");
    struct sigaction action;
    assert_int_equal(sigaction(SIGUSR1, NULL, &action), 0);
    assert_true(action.sa_handler == note_child); /* here nothing has changed */
    signal(SIGPIPE, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGUSR1, SIG_DFL);
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, &some), 0);
    assert_int_equal(sigismember(&some, SIGTERM), 1);
}

static void read_stat(struct hark_loop *loop, struct hark_child_options options, int out[3])
{
    char text[64];
    int ends[2];
    struct child child = {0};
    const char *const words[] = {"cut", "-d ", "-f1,5,6", "/proc/self/stat", NULL};
    harness_pipe(ends, 0);
    const struct hark_child_descriptor descriptor = {ends[1], 1};
    options.program = "cut";
    options.arguments = words;
    options.descriptors = &descriptor;
    options.descriptor_count = 1;
    assert_true(spawn(&child, &options) >= 0);
    close(ends[1]);
    start_wait(loop, &child);
    expect_end(loop, &child, CLD_EXITED, 0);
    ssize_t count = read(ends[0], text, sizeof text - 1);
    assert_true(count > 0);
    text[count] = '\0';
    assert_int_equal(sscanf(text, "%d %d %d", &out[0], &out[1], &out[2]), 3);
    assert_int_equal(out[0], child.pid);
    close(ends[0]);
}

BACKEND_TEST(child_leads_a_group_or_a_session_or_joins_one)
{
    int numbers[3]; /* pid, group, session */
    read_stat(loop, (struct hark_child_options){0}, numbers);
    assert_int_equal(numbers[1], getpgrp());
    assert_int_equal(numbers[2], getsid(0));
    read_stat(loop, (struct hark_child_options){.flags = HARK_CHILD_GROUP}, numbers);
    assert_int_equal(numbers[1], numbers[0]);
    assert_int_equal(numbers[2], getsid(0));
    read_stat(loop, (struct hark_child_options){.flags = HARK_CHILD_GROUP, .group = getpgrp()},
              numbers);
    assert_int_equal(numbers[1], getpgrp());
    read_stat(loop, (struct hark_child_options){.flags = HARK_CHILD_SESSION}, numbers);
    assert_int_equal(numbers[1], numbers[0]);
    assert_int_equal(numbers[2], numbers[0]);
}

BACKEND_TEST(child_gains_no_privileges_where_that_was_asked)
{
    const char *line = "grep NoNewPrivs /proc/self/status | cut -f2";
    expect_text(loop, line, (struct hark_child_options){0}, "0\n");
    expect_text(loop, line, (struct hark_child_options){.flags = HARK_CHILD_NO_NEW_PRIVILEGES},
                "1\n");
}

BACKEND_TEST(child_runs_as_another_user_and_in_no_other_group)
{
    if (geteuid() != 0)
        harness_skip("only root may become another user");
    gid_t before[64];
    const gid_t one_more = 65532;
    int count = getgroups(64, before);
    assert_true(count >= 0);
    assert_int_equal(setgroups(1, &one_more), 0);
    expect_text(loop, "grep -E '^(Uid|Gid|Groups)' /proc/self/status | tr -d ' '",
                (struct hark_child_options){
                    .flags = HARK_CHILD_UID | HARK_CHILD_GID, .uid = 65534, .gid = 65533},
                "Uid:\t65534\t65534\t65534\t65534\nGid:\t65533\t65533\t65533\t65533\nGroups:\t\n");
    assert_int_equal(geteuid(), 0);
    assert_int_equal(setgroups((size_t)count, before), 0);
}

/* The program that started it ends; it has the pipe open until it ends, too. */
BACKEND_TEST(child_is_sent_its_death_signal_when_the_program_ends)
{
    int out[2], status;
    char byte;
    harness_pipe(out, 0);
    pid_t program = fork();
    assert_true(program >= 0);
    if (program == 0) {
        const char *const words[] = {"sleep", "1000", NULL};
        const struct hark_child_descriptor descriptor = {out[1], 1};
        const struct hark_child_options options = {.program = "sleep",
                                                   .arguments = words,
                                                   .descriptors = &descriptor,
                                                   .descriptor_count = 1,
                                                   .death_signal = SIGKILL};
        _exit(hark_os_spawn(&options, NULL) >= 0 ? 0 : 1);
    }
    close(out[1]);
    assert_int_equal(waitpid(program, &status, 0), program);
    assert_int_equal(status, 0);
    assert_int_equal(read(out[0], &byte, 1), 0);
    close(out[0]);
    assert_int_equal(hark_loop_active(loop), 0);
}

/* --- its input and output as streams --- */

struct talk {
    struct hark_stream stream;
    char *bytes;
    size_t count;
    bool ended, closed;
};

static void talk_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct talk *talk = hark_container_of(stream, struct talk, stream);
    assert_true(count >= 0);
    if (count > 0)
        memcpy(talk->bytes + talk->count, bytes, (size_t)count);
    talk->count += (size_t)count;
    talk->ended |= count == 0;
}

static void talk_closed(struct hark_stream *stream)
{
    hark_container_of(stream, struct talk, stream)->closed = true;
}

static const struct hark_stream_events talk_events = {.received = talk_received,
                                                      .closed = talk_closed};

BACKEND_TEST(child_is_fed_and_read_through_a_stream)
{
    enum { COUNT = 600000 };
    static char sent[COUNT], got[COUNT];
    struct talk talk = {.bytes = got};
    struct child child = {0};
    int in[2], out[2];
    const char *const words[] = {"cat", NULL};
    harness_fill(sent, COUNT, 4);
    harness_pipe(in, 0);
    harness_pipe(out, 0);
    const struct hark_child_descriptor descriptors[] = {{in[0], 0}, {out[1], 1}};
    const struct hark_child_options options = {
        .program = "cat", .arguments = words, .descriptors = descriptors, .descriptor_count = 2};
    assert_true(spawn(&child, &options) >= 0);
    close(in[0]);
    close(out[1]);
    assert_result(hark_stream_open_pair(loop, &talk.stream, out[0], in[1], NULL, &talk_events), 0);
    hark_stream_read_start(&talk.stream);
    assert_true(hark_stream_write(&talk.stream, sent, COUNT) >= 0);
    hark_stream_end(&talk.stream); /* cat ends with its input */
    start_wait(loop, &child);
    harness_run_until(loop, &talk.ended);
    expect_end(loop, &child, CLD_EXITED, 0);
    assert_int_equal(talk.count, COUNT);
    assert_true(harness_filled(got, COUNT, 4));
    hark_stream_close(&talk.stream);
    harness_run_until(loop, &talk.closed);
}
