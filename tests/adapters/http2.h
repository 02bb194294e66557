/* http2.h - both sides of an HTTP/2 connection, in the loop of the test, for test_nghttp2*.c. A
 * server gives N bytes for GET /N, nothing for GET /never, and for a POST as many bytes as it has
 * brought. Each side counts what it is told, and both what bodies hold. */
#ifndef ADAPTERS_HTTP2_H
#define ADAPTERS_HTTP2_H

#include "hark/adapters/nghttp2.h"
#include "harness/harness.h"

enum { HTTP2_STREAMS_MAX = 100 };

/* Where a hook is called: the callbacks of nghttp2. */
enum http2_moment {
    HTTP2_BEGAN_HEADERS,
    HTTP2_HAVE_HEADER,
    HTTP2_HAVE_DATA,
    HTTP2_HAVE_FRAME,
    HTTP2_GIVES_DATA,
    HTTP2_SENDS_FRAME,
    HTTP2_SENT_FRAME,
    HTTP2_STREAM_CLOSED,
    HTTP2_MOMENTS
};

struct http2_side;

/* A stream, freed with its end or the connection's. */
struct http2_exchange {
    struct http2_side *side;
    struct http2_exchange *next, **link;
    int32_t id;
    bool posts, never;
    uint64_t to_give, given; /* of the body that this side sends */
    uint64_t taken;          /* of the body that comes */
};

/* One side of a connection, zeroed but for what is wished. */
struct http2_side {
    struct hark_nghttp2 http2;
    struct hark_loop *loop;
    struct http2_exchange *open;
    int connected;
    bool closed;
    int error;         /* that `closed` told */
    int requests;      /* that came, to a server */
    int answers;       /* that came whole, with 200, to a client */
    int resets;        /* streams that ended with an error */
    uint32_t reset_by; /* the last of these */
    int goaways;       /* that came */
    uint32_t goaway_code;
    uint64_t bytes; /* of bodies, that came */
    int moments[HTTP2_MOMENTS];
    const struct hark_stream_options *options;
    const nghttp2_option *session_options;
    uint32_t window; /* of each stream and of the connection; 0: HTTP/2's */
    /* Called in each callback of the session's; what is not 0 is what that returns. */
    int (*hook)(struct http2_side *side, enum http2_moment moment, int32_t id);
    void (*on_connected)(struct http2_side *side);
    void (*on_answer)(struct http2_side *side);
    void (*on_closed)(struct http2_side *side);
    void *context;
};

/* Sides over a socket that is connected, and one that connects. */
void http2_serve(struct hark_loop *loop, struct http2_side *side, int fd);
void http2_talk(struct hark_loop *loop, struct http2_side *side, int fd);
int http2_connect(struct hark_loop *loop, struct http2_side *side,
                  const struct hark_address *address);

/* The session's part of it: for streams that are opened otherwise. */
void http2_start(struct http2_side *side, bool server);

/* Both sides, over TCP. */
void http2_pair(struct hark_loop *loop, struct http2_side *server, struct http2_side *client);

/* Requests, which hark_nghttp2_send sends. Give: the stream's number. */
int32_t http2_get(struct http2_side *client, const char *path);
int32_t http2_post(struct http2_side *client, uint64_t bytes);

/* Fills bytes with what a body holds. */
void http2_fill_body(uint8_t *bytes, size_t count);

/* No new streams, or no streams at all any more. */
void http2_end(struct http2_side *side);
void http2_terminate(struct http2_side *side);

#endif
