/* disk.h - a disk that breaks, or is slow. What io_uring does is no call: not on that backend. */
#ifndef TESTS_LOG_DISK_H
#define TESTS_LOG_DISK_H

#include "fault/faults.h"
#include "log/fixture.h"

void not_on_uring(void);

/* --- it breaks --- */

/* From now on these calls fail with EIO on that descriptor. */
void fail_calls(const char *names, int fd);
void fail_write(int fd);
void fail_read(int fd);

/* The descriptor of the newest file in a directory that ends so. */
int descriptor_of(const char *path, const char *suffix);

/* --- it is slow: syncs say that they have begun, and wait until they are let go --- */

struct slow_disk {
    int began[2], goes_on[2]; /* pipes */
    struct harness_op op;
    char byte;
};

/* A sync, on any thread. For a program that makes the syncs itself: before each. */
void slow_sync(void *unused);

/* Takes: slow stays until slow_close. */
void slow_begin(struct slow_disk *slow);

/* Turns the loop until a sync has begun. */
void slow_await(struct hark_loop *loop, struct slow_disk *slow);

/* Lets one sync go on. */
void slow_let_go(struct slow_disk *slow);

/* Those that begin from now on do not wait. */
void slow_end(void);

/* Takes: none waits any more. */
void slow_close(struct slow_disk *slow);

#endif
