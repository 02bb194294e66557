/* query.h - answers that the server as a whole gives: documents, one stream's facts, its health. */
#ifndef HARK_COMMAND_HTTP_QUERY_H
#define HARK_COMMAND_HTTP_QUERY_H

#include "connection/query.h"
#include "http/http.h"

/* Answers the request that was read, now or later.
 * Takes: kind: QUERY_STREAM asks for the stream of its route. */
void http_query(struct http_connection *http, const struct exchange *exchange,
                enum query_kind kind);

#endif
