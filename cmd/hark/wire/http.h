/* http.h - HTTP/1.1 for a server: reading requests, writing heads of responses. No I/O is done
 * here.
 *
 * A request is read in pieces of any size. The head is gathered in one block and the body in
 * another, so that path, headers and body are contiguous; text in them ends with a NUL. Two readers
 * look at each message: llhttp, and a strict one of our own that refuses what RFC 9112 forbids or
 * leaves open. If the two do not agree, or a message could be understood in two ways, the request
 * is refused, and the connection has to be closed after the answer.
 *
 *     while (count > 0) {
 *         size_t used;
 *         enum http_state state = http_request_feed(&request, bytes, count, &used);
 *         bytes += used;
 *         count -= used;
 *         switch (state) {
 *         case HTTP_MORE: // every byte was taken
 *             break;
 *         case HTTP_HEAD_COMPLETE: // a body follows: answer "100 Continue", or refuse; feed on
 *             break;
 *         case HTTP_COMPLETE: // answer
 *             http_request_next(&request);
 *             break;
 *         case HTTP_REFUSED: // answer request.status, and close
 *             return;
 *         }
 *     }
 *
 * Which file reads and writes what:
 *
 *     http_request.c    a request, step by step, from its first byte to the last of its body
 *     http_fields.c     the head, line by line, and its header fields
 *     http_target.c     what is asked for: path, query, host
 *     http_framing.c    where the body ends, and whether the connection goes on
 *     http_chunks.c     the framing of a chunked body
 *     http_second.c     llhttp, the second reader
 *     http_accept.c     Accept: what a client takes
 *     http_text.c       the bytes and words of RFC 9110
 *     http_write.c      heads of responses and of requests, chunks, dates
 *     http_response.c   a response, for a client (http_response.h)
 */
#ifndef HARK_COMMAND_WIRE_HTTP_H
#define HARK_COMMAND_WIRE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_LINE_BYTES_MAX = 8 * 1024, /* request line with its CRLF; past it 414 */
    HTTP_HEAD_BYTES_MAX =
        16 * 1024, /* request line and headers; past it 431; also of a chunked body's trailers */
    HTTP_HEADERS_MAX = 100,            /* header lines; past it 431 */
    HTTP_BODY_BYTES_MAX = 1024 * 1024, /* after decoding; past it 413 */
    HTTP_EXTENSION_BYTES_MAX = 1024,   /* chunk extensions of one message together; past it 400 */
    HTTP_KEPT_BYTES =
        64 * 1024, /* http_request_next keeps blocks up to this size for the next request */
};

enum http_state {
    HTTP_MORE,          /* all bytes were taken, and more are needed */
    HTTP_HEAD_COMPLETE, /* the head is complete and a body follows; told once a request, never if
                           no body follows */
    HTTP_COMPLETE,      /* head and body are complete */
    HTTP_REFUSED, /* status and reason tell why; nothing more can be read on this connection */
};

/* The methods that are read. Others, known or not, are refused with 501. */
enum http_method {
    HTTP_METHOD_GET,
    HTTP_METHOD_HEAD,
    HTTP_METHOD_POST,
    HTTP_METHOD_PUT,
    HTTP_METHOD_DELETE,
    HTTP_METHOD_OPTIONS,
    HTTP_METHOD_PATCH,
    HTTP_METHODS,
};

/* "GET". */
const char *http_method_name(enum http_method method);

struct http_parts; /* private: the parser's own memory */

/* A request that is being read, in the caller's memory. The fields above the line are for reading:
 * the first group from HTTP_HEAD_COMPLETE on, the body at HTTP_COMPLETE, status and reason at
 * HTTP_REFUSED. Text is valid until http_request_next or http_request_done.
 */
struct http_request {
    enum http_method method;
    int version_minor; /* 0 or 1: HTTP/1.0, HTTP/1.1 */
    const char *path;  /* decoded; begins with "/", or is "*" with OPTIONS; no control bytes, and no
                          "/" that was an escape, but behind "/v1/stream/__ds/subscriptions/" */
    size_t path_count;
    const char *query;     /* what follows the "?", not decoded; "" if there is none */
    const char *host;      /* the target's, if it has one, else the Host field's; "" in HTTP/1.0
                              without one */
    bool keep_alive;       /* the client lets the connection live on after the answer */
    bool expects_continue; /* send "HTTP/1.1 100 Continue" before the body, if it is wanted */
    bool has_body;         /* the request is framed as one with a body, be it of 0 bytes */
    bool chunked;

    const char *body; /* never NULL at HTTP_COMPLETE */
    size_t body_count;

    int status;         /* what to answer: 400, 413, 414, 417, 431, 501, 503 (no memory), 505 */
    const char *reason; /* one constant line for a person: "whitespace before a colon" */

    /* --- private --- */
    struct http_parts *parts;
    char *body_block;
    size_t body_room;
    uint64_t body_length; /* by Content-Length */
    unsigned step;
};

/* Makes a request ready to be fed. Allocates nothing: memory is taken with the first byte. */
void http_request_init(struct http_request *request);

/* Takes bytes up to the end of the head (if a body follows), the end of the message, or an error.
 * Gives: the state, and *out_used, the bytes that were taken: all of them with HTTP_MORE. The rest
 *   belongs to what comes next. After HTTP_COMPLETE call http_request_next first; after
 *   HTTP_REFUSED it gives HTTP_REFUSED again and takes nothing. */
enum http_state http_request_feed(struct http_request *request, const void *bytes, size_t count,
                                  size_t *out_used);

/* Whether a request has begun: a byte was taken and the request is not complete. For the head's
 * deadline, and for the end of a connection: quiet, or in the middle of a request. */
bool http_request_begun(const struct http_request *request);

/* Forgets the request and makes ready for the next on the connection. Blocks of memory that are
 * small are kept. */
void http_request_next(struct http_request *request);

/* Frees all memory of the request, which is then as after http_request_init and may be fed again.
 * For connections that are idle, have ended, or become event streams. */
void http_request_done(struct http_request *request);

/* A header's value, without the blanks around it.
 * Takes: the name in any case.
 * Gives: the first header of this name, NULL if there is none. Host, Content-Length,
 *   Transfer-Encoding, Content-Type, Expect, Authorization and Last-Event-ID are there once at
 *   most: a second one is refused. */
const char *http_request_header(const struct http_request *request, const char *name);

/* How the client takes a media type, by its Accept headers. */
enum http_accept {
    HTTP_ACCEPT_NO,       /* not at all, or with q=0 */
    HTTP_ACCEPT_WILDCARD, /* by a wildcard, or no Accept was sent */
    HTTP_ACCEPT_NAMED,    /* by its name */
};

/* Takes: the type in small letters: "text/event-stream". */
enum http_accept http_request_accepts(const struct http_request *request, const char *type);

/* A value out of the query, "5" for "after" in "a=1&after=5"; escapes and "+" are decoded.
 * Gives: 0 and the value in text, with a final NUL.
 * Fails: -ENOENT not there; -EINVAL there twice, a bad escape, a control byte, or not shorter than
 *   room. */
int http_request_query(const struct http_request *request, const char *name, char *text,
                       size_t room);

/* Values of http_head.length that are no length. */
enum {
    HTTP_LENGTH_CHUNKED = -1, /* chunked: not towards HTTP/1.0 */
    HTTP_LENGTH_UNTIL_CLOSE =
        -2, /* the end of the connection is the end of the body; keep_alive must be false */
    HTTP_LENGTH_NONE = -3, /* no body and no word of it: 1xx, 204, 304 */
};

/* A header line of a message. Lists of them end with a name that is NULL. */
struct http_line {
    const char *name; /* the program's own: it is not looked at */
    const char *value;
};

/* The head of a response. */
struct http_head {
    int status;
    int64_t length;                /* of the body, which HEAD does not get; or one of the above */
    bool keep_alive;               /* else "Connection: close" is said */
    const char *content_type;      /* NULL: none */
    const char *date;              /* from http_date; NULL: none */
    const struct http_line *lines; /* further ones: {{"Allow", "GET, HEAD"}, {0}}; NULL: none */
};

/* Writes a head with its empty line. Every answer forbids browsers to guess at its type.
 * Gives: the bytes written.
 * Fails: -ENOSPC room is too small (512 is enough without further lines), -EINVAL status outside of
 *   100 to 599, or a CR or LF in content_type, date or a further line. */
int64_t http_head_write(const struct http_head *head, char *bytes, size_t room);

/* Writes the line before a chunk's bytes; HTTP_CHUNK_END follows them.
 * Takes: count above 0; room of HTTP_CHUNK_HEAD_MAX.
 * Gives: the bytes written. */
size_t http_chunk_head_write(size_t count, char *bytes);

enum { HTTP_CHUNK_HEAD_MAX = 18 };
#define HTTP_CHUNK_END   "\r\n"
#define HTTP_CHUNKS_LAST "0\r\n\r\n"
#define HTTP_CONTINUE    "HTTP/1.1 100 Continue\r\n\r\n"

enum { HTTP_DATE_BYTES = 30 };

/* Writes seconds since 1970, UTC, as "Sun, 06 Nov 1994 08:49:37 GMT".
 * Takes: text of HTTP_DATE_BYTES; the years 1970 to 9999.
 * Gives: text. */
const char *http_date(int64_t seconds, char *text);

/* "Not Found" for 404; "Status" for one that is not known. */
const char *http_status_text(int status);

/* The head of a client's request. */
struct http_request_head {
    const char *method;
    const char *target;            /* "/streams/a?after=5", escaped already */
    const char *host;              /* "127.0.0.1:12345" */
    int64_t length;                /* HTTP_LENGTH_NONE: no body */
    const struct http_line *lines; /* as in struct http_head */
};

/* Writes the head of a request, keep-alive.
 * Gives: as http_head_write.
 * Fails: as http_head_write; -EINVAL also for blanks in method, target or host. */
int64_t http_request_head_write(const struct http_request_head *head, char *bytes, size_t room);

#endif
