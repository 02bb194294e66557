/* durable_part.h - the event behind an offset of a stream, for a fork that has a part of it. */
#ifndef HARK_COMMAND_HTTP_DURABLE_PART_H
#define HARK_COMMAND_HTTP_DURABLE_PART_H

#include "broker/chunk.h"
#include "connection/query.h"
#include "connection/worker.h"

struct durable_part;

/* Takes: result: the bytes of the event, in part->chunk.bytes (from malloc); 0: there is none, nor
 * such a stream; or a negative errno: -ENOMEM, -EIO. */
typedef void durable_part_done(struct durable_part *part, int64_t result);

/* In the caller's memory. Zeroed before its first use; all private but for the chunk. */
struct durable_part {
    struct broker_chunk chunk;
    struct query query;
    struct worker *worker;
    struct broker_stream *stream;
    durable_part_done *done;
};

/* Reads it.
 * Takes: stream: any of the worker's broker, on which the caller keeps a handle; name: of the one
 *   that is read, at most NAME_BYTES_MAX.
 * Gives: to done: it may be called from inside of this call. */
void durable_part_read(struct durable_part *part, struct worker *worker,
                       struct broker_stream *stream, const char *name, uint64_t after,
                       durable_part_done *done);

/* How many bytes of an event of that type so many units are: messages of JSON, else bytes.
 * Gives: -EINVAL: it has fewer. */
int64_t durable_part_bytes(const char *type, const char *event, size_t count, uint64_t units);

#endif
