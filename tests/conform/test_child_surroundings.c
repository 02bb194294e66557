/* test_child_surroundings.c - children: what they have of the program's (descriptors, environment,
 * directory, signals, user), and their input and output as streams. */
#include "conform/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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
    assert_true(child_spawn(&child, &options) >= 0);
    child_start_wait(loop, &child);
    child_expect_end(loop, &child, CLD_EXITED, 8);
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
    child_expect_text(loop, "exec ls /proc/self/fd", (struct hark_child_options){0},
                      "0\n1\n2\n3\n");
    child_expect_text(
        loop, "exec ls /proc/self/fd",
        (struct hark_child_options){.descriptors = descriptors, .descriptor_count = 2},
        "0\n1\n2\n3\n40\n9\n");
    child_expect_text(loop, "readlink /proc/self/fd/0", (struct hark_child_options){0},
                      "/dev/null\n");
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
    child_spawn_line(
        &child, line,
        (struct hark_child_options){.descriptors = descriptors, .descriptor_count = 3});
    child_start_wait(loop, &child);
    child_expect_end(loop, &child, CLD_EXITED, 0);
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
    child_expect_text(loop, "echo $GIVEN $OWN; pwd",
                      (struct hark_child_options){.environment = environment, .directory = "/proc"},
                      "this\n/proc\n");
    child_expect_text(loop, "echo $GIVEN $OWN", (struct hark_child_options){0}, "mine\n");
    unsetenv("OWN");
}

static void handle(int number)
{
    (void)number;
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
    signal(SIGUSR1, handle);
    /* Without sh, which unblocks all by itself. */
    const char *const words[] = {"grep", "-E", "Sig(Blk|Ign)", "/proc/self/status", NULL};
    child_expect_said(loop, (struct hark_child_options){.program = "grep", .arguments = words},
                      "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000001\n");
    struct sigaction action;
    assert_int_equal(sigaction(SIGUSR1, NULL, &action), 0);
    assert_true(action.sa_handler == handle); /* here nothing has changed */
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
    assert_true(child_spawn(&child, &options) >= 0);
    close(ends[1]);
    child_start_wait(loop, &child);
    child_expect_end(loop, &child, CLD_EXITED, 0);
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
    child_expect_text(loop, line, (struct hark_child_options){0}, "0\n");
    child_expect_text(loop, line,
                      (struct hark_child_options){.flags = HARK_CHILD_NO_NEW_PRIVILEGES}, "1\n");
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
    child_expect_text(
        loop, "grep -E '^(Uid|Gid|Groups)' /proc/self/status | tr -d ' '",
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
    assert_true(child_spawn(&child, &options) >= 0);
    close(in[0]);
    close(out[1]);
    assert_result(hark_stream_open_pair(loop, &talk.stream, out[0], in[1], NULL, &talk_events), 0);
    hark_stream_read_start(&talk.stream);
    assert_true(hark_stream_write(&talk.stream, sent, COUNT) >= 0);
    hark_stream_end(&talk.stream); /* cat ends with its input */
    child_start_wait(loop, &child);
    harness_run_until(loop, &talk.ended);
    child_expect_end(loop, &child, CLD_EXITED, 0);
    assert_int_equal(talk.count, COUNT);
    assert_true(harness_filled(got, COUNT, 4));
    hark_stream_close(&talk.stream);
    harness_run_until(loop, &talk.closed);
}
