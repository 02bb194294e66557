/* http_target.h - the target of a request: what it asks for, of which host. For the parsers of this
 * folder alone. */
#ifndef HARK_COMMAND_WIRE_HTTP_TARGET_H
#define HARK_COMMAND_WIRE_HTTP_TARGET_H

#include "wire/http_fields.h"

struct http_target {
    struct http_span authority; /* of "http://host/path"; bytes NULL if the target has none */
    struct http_span path;      /* not decoded; of 0 bytes in "http://host" */
    struct http_span query;     /* without the "?"; bytes NULL if there is none */
};

/* Understands and checks a target: "/path?query", "http://host/path?query", or "*".
 * Takes: asterisk: whether "*" may stand alone (OPTIONS).
 * Gives: true, or false and *out_refusal. */
bool http_target_read(struct http_span bytes, bool asterisk, struct http_target *out_target,
                      struct http_refusal *out_refusal);

/* Whether a Host field's value, or an authority, is a host with or without a port, and is not
 * empty. */
bool http_host_valid(struct http_span host);

/* Decodes the escapes of a path that http_target_read has checked, in place.
 * Gives: the bytes that are left. */
size_t http_path_decode(char *bytes, size_t count);

#endif
