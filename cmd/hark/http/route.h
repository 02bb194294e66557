/* route.h - which answer a request gets, by its path and method. A request is routed once, when its
 * head is complete; what was found stands in http->route until it is answered. */
#ifndef HARK_COMMAND_HTTP_ROUTE_H
#define HARK_COMMAND_HTTP_ROUTE_H

#include "http/http.h"

/* Finds where the request leads, and opens the stream that it names. */
void route_find(struct http_connection *http);

/* The same of a request that was let in, as other rules hold now. */
void route_find_again(struct http_connection *http);

/* Whether the request may be answered while others are pending: its answer comes in their order by
 * itself. */
bool route_is_ordered(const struct http_connection *http);

/* Whether the body of the request is of use. */
bool route_wants_body(const struct http_connection *http);

/* Answers the request, now or later, and forgets where it led. */
void route_answer(struct http_connection *http);

/* The same, with an exchange of the caller's. */
void route_answer_as(struct http_connection *http, const struct exchange *exchange);

/* Forgets where the request led.
 * Takes: one that may not have been routed. */
void route_done(struct http_connection *http);

#endif
