/* coverage.h - what a process has reached is kept though it ends by _exit(2), where that is
 * measured (scripts/coverage); in other builds there is nothing to keep. */
#ifndef HARNESS_COVERAGE_H
#define HARNESS_COVERAGE_H

/* gcc's, of libgcov. */
extern void __gcov_dump(void) __attribute__((weak)); /* NOLINT(bugprone-reserved-identifier) */

static inline void coverage_keep(void)
{
    if (__gcov_dump)
        __gcov_dump();
}

#endif
