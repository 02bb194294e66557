/* record.h - what calls of the kernel have given, for tests/drift/check: each different outcome a
 * line in the file that HARK_TEST_CALLS names. Nothing where it is not set.
 *
 *   recv tcp EAGAIN               what came of a call, by the kind of its descriptor (record_call)
 *   moved tcp in part             whether as many bytes as were asked for (moved.h)
 *   then tcp in part, in 0        what followed on what, on one descriptor (moved.h)
 *   spliced tcp pipe EAGAIN       what came of a splice, by the kinds of both ends (moved.c)
 *   RECV tcp some more            what came of a request of io_uring (rings.c) */
#ifndef DRIFT_RECORD_H
#define DRIFT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECORD_LINE_BYTES = 80 };

bool record_is_on(void);

/* Takes: kind: of the descriptor that the call is about; "-" where there is none.
 *   result: told as its error, as 0, or as "some". */
void record_call(const char *call, const char *kind, int64_t result);

void record_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One thread at a time: for what handlers of signals do not do. */
void record_lock(void);
void record_unlock(void);

/* --- of where the program runs: real.c, world.c --- */

/* The kind of an open descriptor, by the simulated kernel's names. */
const char *record_kind(int fd);

/* A number for what is open there, which nothing that is opened later has; 0: nothing is. */
uint64_t record_file(int fd);

uint64_t record_thread(void);

#endif
