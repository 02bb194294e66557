/* permission.h - whether a request may have its answer, by the rules of --tokens; and what is said
 * where it may not. */
#ifndef HARK_COMMAND_HTTP_PERMISSION_H
#define HARK_COMMAND_HTTP_PERMISSION_H

#include "http/http.h"

/* What somebody has to be allowed. A route that says nothing is for admins. */
enum permission {
    PERMISSION_ADMIN,
    PERMISSION_SEE,  /* what is told of all streams together: admin, or read of all there are */
    PERMISSION_NONE, /* it is for everybody */
    PERMISSION_READ, /* these four: of the stream of the route */
    PERMISSION_APPEND,
    PERMISSION_CREATE,
    PERMISSION_DELETE,
};

/* Looks who asks, and what he may do. Notes in the route who it is, and whether an append may make
 * the stream.
 * Takes: a request that is routed, of a worker that has rules.
 * Gives: false and *out_why. */
bool permission_check(struct http_connection *http, enum permission needs,
                      enum access_refusal *out_why);

/* The answers of those who may not. */
void permission_stranger(struct http_connection *http, const struct exchange *exchange);
void permission_unknown(struct http_connection *http, const struct exchange *exchange);
void permission_expired(struct http_connection *http, const struct exchange *exchange);
void permission_forbidden(struct http_connection *http, const struct exchange *exchange);
void permission_limited(struct http_connection *http, const struct exchange *exchange);
void permission_flooded(struct http_connection *http, const struct exchange *exchange);

#endif
