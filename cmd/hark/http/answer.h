/* answer.h - writing the answers of HTTP. Further header lines are a list as in struct http_head;
 * NULL: none. */
#ifndef HARK_COMMAND_HTTP_ANSWER_H
#define HARK_COMMAND_HTTP_ANSWER_H

#include "connection/document.h"
#include "http/http.h"

/* Lines that several answers have. */
extern const struct http_line answer_no_cache[];
extern const struct http_line answer_retry[];

/* Answers with a body that is copied. */
void answer_bytes(struct http_connection *http, const struct exchange *exchange, int status,
                  const char *type, const struct http_line *lines, const void *body, size_t count);

/* Answers with one line of JSON that says what is wrong. */
void answer_error(struct http_connection *http, const struct exchange *exchange, int status,
                  const struct http_line *lines, const char *reason);

/* The same, for want of memory. */
void answer_no_memory(struct http_connection *http, const struct exchange *exchange);

/* Answers with one line of plain text. */
void answer_line(struct http_connection *http, const struct exchange *exchange, int status,
                 const char *line);

/* Answers with a document, in pieces.
 * Takes: one use of it, which is the answer's. */
void answer_document(struct http_connection *http, const struct exchange *exchange,
                     const char *type, struct document *document);

/* Answers with bytes that stay for ever. */
void answer_static(struct http_connection *http, const struct exchange *exchange, const char *type,
                   const struct http_line *lines, const char *bytes, size_t count);

/* Answers OPTIONS.
 * Takes: allow: the value of Allow; methods: the same for pages of another origin, if they may
 *   ask. */
void answer_options(struct http_connection *http, const struct exchange *exchange,
                    const char *allow, const char *methods);

/* Answers with a head alone: HTTP_LENGTH_NONE, HTTP_LENGTH_UNTIL_CLOSE. The caller goes on. */
bool answer_head(struct http_connection *http, const struct exchange *exchange, int status,
                 int64_t length, const char *type, const struct http_line *lines);

/* The connection ends after this answer, if it has to. */
void answer_done(struct http_connection *http, const struct exchange *exchange);

#endif
