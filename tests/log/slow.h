/* slow.h - a disk that is slow: syncs say that they have begun, and wait until they are let go. For
 * programs with a stand-in for fdatasync, which calls slow_sync: not on io_uring. */
#ifndef TESTS_LOG_SLOW_H
#define TESTS_LOG_SLOW_H

#include "fixture.h"

#include <stdatomic.h>

struct slow_disk {
    int began[2], goes_on[2]; /* pipes */
    struct harness_op op;
    char byte;
};

static struct slow_disk *_Atomic slow_disk;

/* In the stand-in, on any thread. */
static inline void slow_sync(void)
{
    struct slow_disk *slow = slow_disk;
    char byte = 0;
    if (slow && (write(slow->began[1], &byte, 1) != 1 || read(slow->goes_on[0], &byte, 1) != 1))
        abort();
}

/* Takes: slow stays until slow_end. */
static inline void slow_begin(struct slow_disk *slow)
{
    *slow = (struct slow_disk){0};
    assert_int_equal(pipe2(slow->began, O_CLOEXEC), 0);
    assert_int_equal(pipe2(slow->goes_on, O_CLOEXEC), 0);
    slow_disk = slow;
}

/* Turns the loop until a sync has begun. */
static inline void slow_await(struct hark_loop *loop, struct slow_disk *slow)
{
    harness_op_again(&slow->op);
    hark_read(loop, &slow->op.op, slow->began[0], &slow->byte, 1, -1, harness_done);
    harness_run_until(loop, &slow->op.ended);
}

/* Lets one sync go on. */
static inline void slow_let_go(struct slow_disk *slow)
{
    assert_int_equal(write(slow->goes_on[1], "", 1), 1);
}

/* Those that begin from now on do not wait. */
static inline void slow_end(void)
{
    slow_disk = NULL;
}

/* Takes: none waits any more. */
static inline void slow_close(struct slow_disk *slow)
{
    for (int i = 0; i < 2; i++) {
        close(slow->began[i]);
        close(slow->goes_on[i]);
    }
}

#endif
