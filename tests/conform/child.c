/* child.c - see the header. */
#include "conform/child.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

int child_spawn(struct child *child, const struct hark_child_options *options)
{
    child->pidfd = hark_os_spawn(options, &child->pid);
    return child->pidfd;
}

void child_spawn_line(struct child *child, const char *line, struct hark_child_options options)
{
    const char *const words[] = {"sh", "-c", line, NULL};
    options.program = "/bin/sh";
    options.arguments = words;
    assert_true(child_spawn(child, &options) >= 0);
}

void child_start_wait(struct hark_loop *loop, struct child *child)
{
    harness_op_again(&child->wait);
    hark_waitid(loop, &child->wait.op, child->pidfd, &child->end, harness_done);
}

void child_expect_end(struct hark_loop *loop, struct child *child, int code, int status)
{
    assert_result(harness_wait(loop, &child->wait), 0);
    assert_int_equal(child->end.si_code, code);
    assert_int_equal(child->end.si_status, status);
    assert_int_equal(child->end.si_pid, child->pid);
    harness_close(loop, child->pidfd);
}

void child_expect_none(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
    assert_int_equal(errno, ECHILD);
}

void child_expect_said(struct hark_loop *loop, struct hark_child_options options,
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
    assert_true(child_spawn(&child, &options) >= 0);
    close(out[1]);
    for (ssize_t piece; (piece = read(out[0], got + count, sizeof got - 1 - count)) > 0;)
        count += (size_t)piece;
    got[count] = '\0';
    close(out[0]);
    assert_string_equal(got, wanted);
    child_start_wait(loop, &child);
    child_expect_end(loop, &child, CLD_EXITED, 0);
}

void child_expect_text(struct hark_loop *loop, const char *line, struct hark_child_options options,
                       const char *wanted)
{
    const char *const words[] = {"sh", "-c", line, NULL};
    options.program = "/bin/sh";
    options.arguments = words;
    child_expect_said(loop, options, wanted);
}
