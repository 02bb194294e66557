/* http_chunks.h - the framing of a chunked body, read strictly. For the parsers of this folder
 * alone. */
#ifndef HARK_COMMAND_WIRE_HTTP_CHUNKS_H
#define HARK_COMMAND_WIRE_HTTP_CHUNKS_H

#include "wire/http_fields.h"

struct http_chunks {
    uint64_t size;     /* of the chunk: what is left of it */
    uint64_t allowed;  /* bytes of data that may still come in this body */
    size_t extensions; /* bytes of extensions and of trailers so far */
    size_t trailers;
    unsigned digits;
    unsigned step;
};

/* Begins a body.
 * Takes: allowed: the most bytes of data; UINT64_MAX: no limit. */
void http_chunks_init(struct http_chunks *chunks, uint64_t allowed);

/* Steps over bytes up to the end of the body, trailers included.
 * Gives: 1 the body is complete; 0 more is needed; *out_used: the bytes stepped over.
 * Fails: -EBADMSG and *out_refusal. */
int http_chunks_scan(struct http_chunks *chunks, const char *bytes, size_t count, size_t *out_used,
                     struct http_refusal *out_refusal);

#endif
