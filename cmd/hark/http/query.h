/* query.h - answers that the server as a whole gives: documents, one stream's facts, its health. */
#ifndef HARK_COMMAND_HTTP_QUERY_H
#define HARK_COMMAND_HTTP_QUERY_H

#include "connection/query.h"
#include "http/http.h"

/* Answers the request that was read, now or later.
 * Takes: kind: QUERY_STREAM asks for the stream of its route. */
void http_query(struct http_connection *http, const struct exchange *exchange,
                enum query_kind kind);

/* The same of some streams.
 * Takes: prefix: NAME_BYTES_MAX bytes at most; after: the token of the page before, or 0. */
void http_query_page(struct http_connection *http, const struct exchange *exchange,
                     const char *prefix, uint64_t after, uint32_t limit);

#endif
