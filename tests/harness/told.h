/* told.h - programs that break a rule: each runs in a child, and what it says before it dies is
 * compared. */
#ifndef HARNESS_TOLD_H
#define HARNESS_TOLD_H

#include "harness/harness.h"

/* Breaks a rule.
 * Takes: a loop on the running test's backend, and the two ends of a connection, of which the first
 *   is the one that the line shall name. */
typedef void harness_misuse(struct hark_loop *loop, const int ends[2]);

/* Asserts that it is told in one line, "hark: rule broken: " and these words, and aborted.
 * Takes: names_descriptor: the words are followed by the number of ends[0]. */
void harness_assert_told(harness_misuse *misuse, const char *words, bool names_descriptor);

/* Asserts that AddressSanitizer ends it, with these words in its report. */
void harness_assert_reported(harness_misuse *misuse, const char *words);

/* Asserts that it comes to its end, and that nothing is said. */
void harness_assert_not_told(harness_misuse *misuse);

/* For what breaks rules: a callback that does nothing; a write of a text, whole. */
void harness_ignore(struct hark_op *op, int64_t result);
void harness_put(int fd, const char *text);

#endif
