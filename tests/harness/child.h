/* child.h - between the runner (harness.c) and what happens in a test's own process (child.c,
 * fixture.c). Not for tests. */
#ifndef HARNESS_CHILD_H
#define HARNESS_CHILD_H

#include "harness/harness.h"
#include <sys/types.h>

/* The exit code of a test, or of a whole program, that was skipped; Meson knows it too. */
enum { HARNESS_SKIPPED = 77 };

/* Runs a test with all checks around it. Returns where it has passed; else the process ends. */
void harness_child_run(const struct harness_test *test);

/* Skips the test if it is in the list of those that cannot pass here. */
void harness_skip_gap(const char *name);

/* Whether the running test's backend must be usable: all but io_uring always, io_uring where it was
 * named. */
bool harness_backend_required(void);

/* The name of the running test, with its backend. */
const char *harness_name(void);

/* Removes the directory that the test in process `pid` made, if it made one. */
void harness_directory_remove(pid_t pid);

#endif
