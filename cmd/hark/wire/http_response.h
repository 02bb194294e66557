/* http_response.h - HTTP/1.1 for a client: reading responses. No I/O is done here.
 *
 * The head is gathered; pieces of the body are handed on as they come, without a copy: an event
 * stream has no end.
 */
#ifndef HARK_COMMAND_WIRE_HTTP_RESPONSE_H
#define HARK_COMMAND_WIRE_HTTP_RESPONSE_H

#include "wire/http.h"

/* Called with a piece of the body; valid until it returns. The callback must not touch the
 * response. */
typedef void http_response_body(void *context, const char *bytes, size_t count);

/* A response that is being read, in the caller's memory. For reading from HTTP_HEAD_COMPLETE on,
 * but for reason. */
struct http_response {
    int status;         /* 200 to 599: interim responses (1xx) are passed over */
    bool keep_alive;    /* another request may be sent on the connection afterwards */
    bool until_close;   /* the body ends with the connection */
    const char *reason; /* at HTTP_REFUSED: why, for a person */

    /* --- private --- */
    struct http_response_parts *parts;
    http_response_body *body;
    void *context;
    bool to_head;
    unsigned step;
};

/* Makes ready to read a response.
 * Takes: body may be NULL: dropped; to_head: the request was a HEAD. Allocates nothing. */
void http_response_init(struct http_response *response, http_response_body *body, void *context,
                        bool to_head);

/* As http_request_feed. HTTP_HEAD_COMPLETE is told once for every response; then feed on, also with
 * 0 bytes: a response without a body is HTTP_COMPLETE there. HTTP_REFUSED: what came is no HTTP, or
 * its framing is in doubt. Interim heads are bounded together with the head by
 * HTTP_HEAD_BYTES_MAX. */
enum http_state http_response_feed(struct http_response *response, const void *bytes, size_t count,
                                   size_t *out_used);

/* The peer has ended the connection.
 * Gives: HTTP_COMPLETE if the response was complete or ends with the connection, else
 *   HTTP_REFUSED: the response was cut. */
enum http_state http_response_end(struct http_response *response);

/* A header's value, as http_request_header. */
const char *http_response_header(const struct http_response *response, const char *name);

/* Forgets the response and makes ready for the next on the connection. Keeps the memory.
 * Takes: to_head as in init. */
void http_response_next(struct http_response *response, bool to_head);

/* Frees all memory of the response; http_response_init makes it ready again. */
void http_response_done(struct http_response *response);

#endif
