/* durable_control.h - /v1/stream/__ds/...: subscriptions of the Durable Streams protocol, asked of
 * the thread that has them.
 *
 *     GET               jwks.json                       the keys that webhooks are signed with
 *     PUT, GET, DELETE  subscriptions/ID
 *     POST              subscriptions/ID/streams        adds streams
 *     DELETE            subscriptions/ID/streams/PATH   removes one
 *     POST              subscriptions/ID/ACTION         callback, claim, ack, release
 */
#ifndef HARK_COMMAND_HTTP_DURABLE_CONTROL_H
#define HARK_COMMAND_HTTP_DURABLE_CONTROL_H

#include "http/http.h"

/* Whether a request is for everybody: for the keys, or one that shows the token of a wake, which
 * says what it may. */
bool durable_control_is_open(const struct http_request *request);

void durable_control(struct http_connection *http, const struct exchange *exchange);

#endif
