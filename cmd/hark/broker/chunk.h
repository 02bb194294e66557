/* chunk.h - a part of a stream, read once: for who asks for it and goes, and follows nothing.
 *
 * Thread, for every function here: the broker's.
 */
#ifndef HARK_COMMAND_BROKER_CHUNK_H
#define HARK_COMMAND_BROKER_CHUNK_H

#include "broker/reader_disk.h"

struct broker_chunk;

/* A chunk was read.
 * Takes: result: the bytes of it, 0: nothing follows; or a negative errno: -ENOENT the stream was
 *   deleted; -ENOMEM, -EIO: try again later. The chunk is no longer in use. */
typedef void broker_chunk_done(struct broker_chunk *chunk, int64_t result);

/* In the caller's memory. Zeroed before its first use. */
struct broker_chunk {
    /* Set when done is called with a result above 0: */
    char *bytes;   /* from malloc, and the caller's */
    uint64_t last; /* the id of the last event in it */
    bool gap;      /* something before it is not kept */
    /* Private: */
    struct broker_bookmark mark;
    struct broker_disk_read disk;
    broker_chunk_done *done;
    struct list place; /* among those that wait to be read */
};

/* What is to be read. */
struct broker_part {
    enum broker_encoding encoding;
    uint64_t generation; /* of a stream */
    uint64_t after;      /* events behind this id */
    uint64_t limit;      /* up to this one; 0: there is no limit */
    bool one;            /* one of them */
};

/* Reads events, some 64 KiB, one at least.
 * Takes: stream: of the broker; which one does not matter, as `part` says it.
 * Fails: -ENOMEM, and done is not called.
 * Owns: chunk, and the caller's handle on the stream, stay until `done`, which is never called from
 *   inside this call. */
int broker_chunk_read(struct broker_chunk *chunk, struct broker_stream *stream,
                      const struct broker_part *part, broker_chunk_done *done);

#endif
