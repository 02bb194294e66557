/* durable_live.h - GET of the Durable Streams protocol that waits: a long poll, or an event
 * stream. */
#ifndef HARK_COMMAND_HTTP_DURABLE_LIVE_H
#define HARK_COMMAND_HTTP_DURABLE_LIVE_H

#include "durable/offset.h"
#include "http/http.h"

struct durable_live;

/* What the request asks for. */
struct durable_live_request {
    bool events; /* an event stream; else a long poll */
    enum offset_kind from;
    uint64_t after;
    uint64_t cursor; /* the client's; 0: none */
};

/* Answers the request that was read. Owns: the stream of its route. */
void durable_live_open(struct http_connection *http, const struct exchange *exchange,
                       const struct durable_live_request *request);

/* Other rules hold: who waits and may not read it any more is cut off.
 * Takes: a connection that may have none. */
void durable_live_check(struct http_connection *http);

/* The connection ends, or the server does: what waits is answered now.
 * Takes: a connection that may have none. */
void durable_live_finish(struct http_connection *http);

#endif
