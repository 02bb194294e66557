/* publish.h - POST and DELETE on a stream. */
#ifndef HARK_COMMAND_HTTP_PUBLISH_H
#define HARK_COMMAND_HTTP_PUBLISH_H

#include "http/http.h"

/* Answer the request that was read. Owns: the stream of its route. */
void publish_event(struct http_connection *http, const struct exchange *exchange);
void publish_deletion(struct http_connection *http, const struct exchange *exchange);

#endif
