/* durable_read.h - GET and HEAD of the Durable Streams protocol. */
#ifndef HARK_COMMAND_HTTP_DURABLE_READ_H
#define HARK_COMMAND_HTTP_DURABLE_READ_H

#include "http/http.h"

/* Answers the request that was read. Owns: the stream of its route. */
void durable_get(struct http_connection *http, const struct exchange *exchange);

#endif
