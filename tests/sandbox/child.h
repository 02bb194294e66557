/* child.h - a body in a process of its own, since from a sandbox there is no way back, and the
 * harness has to look around after each test. */
#ifndef SANDBOX_CHILD_H
#define SANDBOX_CHILD_H

#include "harness/harness.h"

#include <sys/wait.h>
#include <unistd.h>

/* Inside of the body: its line is the exit code, but for whole 255s. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            _exit(__LINE__ % 255 + 1);                                                             \
    } while (0)

static inline int child_status(void (*body)(void))
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static inline void in_child(void (*body)(void))
{
    int status = child_status(body);
    if (!WIFEXITED(status))
        fail_msg("a signal ended the child: %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        fail_msg("not so in line %d (or 255 more)", WEXITSTATUS(status) - 1);
}

#endif
