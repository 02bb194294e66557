/* encoding.h - the ways in which events go out: one row for each protocol that has readers.
 *
 * Thread, for every function here: any. */
#ifndef HARK_COMMAND_BROKER_ENCODING_H
#define HARK_COMMAND_BROKER_ENCODING_H

#include <stddef.h>
#include <stdint.h>

enum broker_encoding {
    BROKER_SSE,   /* text/event-stream */
    BROKER_LINES, /* ID<TAB>EVENT */
    BROKER_ENCODINGS,
    /* These two for broker_chunk_read alone; they tell of no gaps. */
    BROKER_BYTES = BROKER_ENCODINGS, /* events one after another */
    BROKER_JSON,                     /* of durable/json.h, each message with a comma behind it */
};

enum { BROKER_GAP_BYTES_MAX = 96 };

/* "sse", "lines". */
const char *broker_encoding_name(enum broker_encoding encoding);

/* The bytes that an event takes. */
size_t broker_encoded_size(enum broker_encoding encoding, uint64_t id, const void *bytes,
                           size_t count);

/* Encodes an event.
 * Takes: room of broker_encoded_size.
 * Gives: the bytes written. */
size_t broker_encode(enum broker_encoding encoding, char *to, uint64_t id, const void *bytes,
                     size_t count);

/* Encodes the report that nothing is kept between two ids.
 * Takes: room of BROKER_GAP_BYTES_MAX.
 * Gives: the bytes written. */
size_t broker_encode_gap(enum broker_encoding encoding, char *to, uint64_t after, uint64_t first);

#endif
