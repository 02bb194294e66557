/* http_framing.h - where the body of a message ends, and whether the connection goes on after the
 * body, by its header fields. For the parsers of this folder alone. */
#ifndef HARK_COMMAND_WIRE_HTTP_FRAMING_H
#define HARK_COMMAND_WIRE_HTTP_FRAMING_H

#include "wire/http_fields.h"

/* How the body is framed (RFC 9112, 6), from either side. */
struct http_framing {
    bool chunked;
    bool has_length;
    uint64_t length;
};

/* Reads how the body is framed. Refuses what two readers could take for two different lengths.
 * Gives: true and *out_framing, or false and *out_refusal. */
bool http_framing_read(const struct http_fields *fields, int version_minor,
                       struct http_framing *out_framing, struct http_refusal *out_refusal);

/* Whether the connection may live on after the message, by version and Connection fields. */
bool http_keep_alive_read(const struct http_fields *fields, int version_minor);

#endif
