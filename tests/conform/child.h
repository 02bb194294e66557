/* child.h - a child (hark/child.h) that is waited for, and what it prints. */
#ifndef CONFORM_CHILD_H
#define CONFORM_CHILD_H

#include "harness/harness.h"

#include <signal.h>

/* A child that is waited for. */
struct child {
    struct harness_op wait;
    siginfo_t end;
    int pidfd;
    pid_t pid;
};

/* Gives: its pidfd, or why it cannot run. */
int child_spawn(struct child *child, const struct hark_child_options *options);

/* A line for sh, which gets these descriptors. */
void child_spawn_line(struct child *child, const char *line, struct hark_child_options options);

void child_start_wait(struct hark_loop *loop, struct child *child);

/* Waits for its end, which is that one, and closes its pidfd. */
void child_expect_end(struct hark_loop *loop, struct child *child, int code, int status);

void child_expect_none(void);

/* What a program, or a line for sh, prints, and that it ends well. */
void child_expect_said(struct hark_loop *loop, struct hark_child_options options,
                       const char *wanted);
void child_expect_text(struct hark_loop *loop, const char *line, struct hark_child_options options,
                       const char *wanted);

#endif
