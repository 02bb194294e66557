/* batch.h - the requests of one commit, made into what is written. */
#ifndef HARK_COMMAND_LOG_BATCH_H
#define HARK_COMMAND_LOG_BATCH_H

#include "log/state.h"

#define BATCH_BUFFER_BYTES (1024u * 1024) /* of commit.buffer: what is copied in one commit */

/* What a request can be refused for.
 * Gives: 0 and *out_stream, NULL where it has to be made; a negative errno. */
int batch_check(const struct log *log, const struct log_append *request,
                struct log_row **out_stream);

/* Whether the segment cannot take the request, and the next one should. A segment without any
 * record takes everything. */
bool batch_must_roll(const struct log *log, const struct log_append *request, bool creates);

/* Whether the request has to wait for the next commit. An empty batch takes every request. */
bool batch_is_full(const struct log *log, const struct log_append *request);

/* Adds a request: it has its id from now on, and what the write needs stands in log->commit.
 * Takes: stream: NULL to make it.
 * Gives: 0; -ENOMEM, and then nothing has changed. */
int batch_add(struct log *log, struct log_append *request, struct log_row *stream);

#endif
