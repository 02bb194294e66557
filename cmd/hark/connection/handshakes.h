/* handshakes.h - what becomes of TLS handshakes, in numbers. */
#ifndef HARK_COMMAND_CONNECTION_HANDSHAKES_H
#define HARK_COMMAND_CONNECTION_HANDSHAKES_H

#include "connection/worker.h"

/* Counts one that has ended.
 * Takes: error: 0, or a negative errno of hark/tls.h. */
void handshakes_count(struct worker_counters *counters, const struct hark_stream *stream,
                      int error);

/* Tells a client that speaks HTTP without TLS what is wrong, in its own words: -EPROTOTYPE. */
void handshakes_answer(const struct hark_stream *stream);

/* Why a handshake has failed, in a word. */
const char *handshakes_name(enum handshake_failure failure);

#endif
