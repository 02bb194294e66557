/* lacking.h - what tests use though not every C library has it: musl, above all. */
#ifndef HARNESS_LACKING_H
#define HARNESS_LACKING_H

#include "base/statx.h"
#include "harness/harness.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RENAME_EXCHANGE
#define RENAME_NOREPLACE 1u
#define RENAME_EXCHANGE  2u
#endif

static inline int harness_renameat2(int from, const char *old, int to, const char *new,
                                    unsigned flags)
{
#ifdef __GLIBC__
    return renameat2(from, old, to, new, flags);
#else
    return (int)syscall(SYS_renameat2, from, old, to, new, flags);
#endif
}

/* The bytes that the program has from malloc(3). Where nobody counts them the test is skipped. */
static inline size_t harness_memory_held(void)
{
#ifdef __GLIBC__
    return mallinfo2().uordblks;
#else
    harness_skip("this C library does not count the memory that it gives");
#endif
}

#endif
