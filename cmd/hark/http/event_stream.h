/* event_stream.h - GET on a stream, as text/event-stream. */
#ifndef HARK_COMMAND_HTTP_EVENT_STREAM_H
#define HARK_COMMAND_HTTP_EVENT_STREAM_H

#include "broker/reader.h"
#include "http/http.h"

/* Answers the request that was read, with the events of its route's stream. */
void event_stream_open(struct http_connection *http, const struct exchange *exchange,
                       enum broker_from from, uint64_t after);

/* Tells the client that the server ends, and closes. */
void event_stream_finish(struct http_connection *http);

/* Other rules hold: ends it if who asked for it may not read it any more. */
void event_stream_check(struct http_connection *http);

/* Its deadline has passed: ends it if the token of who asked for it is over. */
void event_stream_timed_out(struct http_connection *http);

/* The connection is gone. */
void event_stream_close(struct http_connection *http);

#endif
