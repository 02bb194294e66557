/* batch.h - the requests of one commit, made into what is written. */
#ifndef HARK_COMMAND_LOG_BATCH_H
#define HARK_COMMAND_LOG_BATCH_H

#include "log/record.h"
#include "log/state.h"

#define BATCH_BUFFER_BYTES (1024u * 1024) /* of commit.buffer: what is copied in one commit */

/* The stream that a request is about, as those before it leave it; NULL: there is none. */
struct log_row *batch_stream(const struct log *log, const struct log_append *request);

/* Whether the request has to wait for the next commit: the batch is full, or what the request
 * depends on is not on the disk yet. An empty batch takes every request.
 * Takes: stream: as batch_stream gives it, here and below. */
bool batch_must_wait(const struct log *log, const struct log_append *request,
                     const struct log_row *stream);

/* What a request is refused for; its own decision is asked.
 * Gives: 0; a negative errno. */
int batch_check(const struct log *log, struct log_append *request, const struct log_row *stream);

/* Whether the segment cannot take the request, and the next one should. A segment without any
 * record takes everything. */
bool batch_must_roll(const struct log *log, const struct log_append *request,
                     const struct log_row *stream);

/* The bytes of a request's event; 0: it has none. */
static inline uint32_t batch_length(const struct log_append *request)
{
    return request->kind == LOG_EVENT ? request->length : 0;
}

/* Whether that refusal rests on what the same commit is writing, and may not be so after all. */
bool batch_depends(const struct log_append *request, const struct log_row *stream, int refusal);

/* The payload of a request's own record, with its notes. */
static inline uint64_t batch_payload(const struct log_append *request)
{
    return record_with_notes(batch_length(request), request->notes_length);
}

/* Adds a request: it has its id from now on, and what the write needs stands in log->commit.
 * Gives: 0; -ENOMEM, -E2BIG, and then nothing has changed. */
int batch_add(struct log *log, struct log_append *request, struct log_row *stream);

#endif
