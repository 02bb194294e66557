/* durable_write.h - PUT and POST of the Durable Streams protocol: a stream is made, appended to,
 * closed. */
#ifndef HARK_COMMAND_HTTP_DURABLE_WRITE_H
#define HARK_COMMAND_HTTP_DURABLE_WRITE_H

#include "http/http.h"

/* The name of the stream that PUT is to make a fork of, as it was said.
 * Gives: NULL: it is no fork. It may be no valid name. */
const char *durable_fork_source(const struct http_request *request);

/* Answer the request that was read. Owns: the stream of its route. */
void durable_put(struct http_connection *http, const struct exchange *exchange);
void durable_post(struct http_connection *http, const struct exchange *exchange);

#endif
