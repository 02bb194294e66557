/* numbered.h - events whose contents tell their number, in small segments. */
#ifndef TESTS_LOG_NUMBERED_H
#define TESTS_LOG_NUMBERED_H

#include "log/fixture.h"

enum { SMALL_SEGMENT_BYTES = 64 * 1024 };

extern const struct log_options small_segments;

/* Appends events of a stream, `bytes` each.
 * Takes: ids: where their ids are kept by their numbers; NULL: nowhere. */
void append_numbered(struct hark_loop *loop, struct log *log, const char *name, int from, int count,
                     size_t bytes, uint64_t *ids);

/* Asserts that the events of a history are these and no other; gaps are passed over. */
void assert_numbered(const struct history *history, int from, int count, size_t bytes,
                     const uint64_t *ids);

#endif
