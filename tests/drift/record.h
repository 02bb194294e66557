/* record.h - what calls of the kernel have given, for tests/drift/check: each different outcome a
 * line in the file that HARK_TEST_CALLS names, "recv tcp EAGAIN". Nothing where it is not set. */
#ifndef DRIFT_RECORD_H
#define DRIFT_RECORD_H

#include <stdbool.h>
#include <stdint.h>

bool record_is_on(void);

/* Takes: kind: of the descriptor that the call is about; "-" where there is none.
 *   result: told as its error, as 0, or as "some". */
void record_call(const char *call, const char *kind, int64_t result);

/* The kind of an open descriptor of the real machine, by the simulated kernel's names. */
const char *record_kind(int fd);

#endif
