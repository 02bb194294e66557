/* encoding.h - the ways in which events go out: one row for each protocol that has subscribers. */
#ifndef HUB_ENCODING_H
#define HUB_ENCODING_H

#include <stddef.h>
#include <stdint.h>

enum hub_encoding {
    HUB_SSE,   /* text/event-stream */
    HUB_LINES, /* ID<TAB>EVENT */
    HUB_ENCODINGS,
};

enum { HUB_GAP_BYTES_MAX = 96 };

/* "sse", "lines". */
const char *hub_encoding_name(enum hub_encoding encoding);

/* The bytes that an event takes. */
size_t hub_encoded_size(enum hub_encoding encoding, uint64_t id, const void *bytes, size_t count);

/* Encodes an event.
 * Takes: room of hub_encoded_size.
 * Gives: the bytes written. */
size_t hub_encode(enum hub_encoding encoding, char *to, uint64_t id, const void *bytes,
                  size_t count);

/* Encodes the report that nothing is kept between two ids.
 * Takes: room of HUB_GAP_BYTES_MAX.
 * Gives: the bytes written. */
size_t hub_encode_gap(enum hub_encoding encoding, char *to, uint64_t after, uint64_t first);

#endif
