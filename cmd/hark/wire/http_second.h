/* http_second.h - llhttp as the second reader of what the strict one has let through. For the
 * parsers of this folder alone. */
#ifndef HARK_COMMAND_WIRE_HTTP_SECOND_H
#define HARK_COMMAND_WIRE_HTTP_SECOND_H

#include "wire/http_chunks.h"

#include <llhttp.h>

/* Called with a piece of the decoded body.
 * Gives: 0, or -1 to refuse the message. */
typedef int http_second_body(void *context, const char *bytes, size_t count);

struct http_second {
    llhttp_t parser;
    http_second_body *body;
    void *context;
    bool no_body; /* the answer to a HEAD */
    bool head;    /* the head was complete */
    bool complete;
};

/* Begins a message.
 * Takes: type HTTP_REQUEST or HTTP_RESPONSE. */
void http_second_init(struct http_second *second, llhttp_type_t type, bool no_body,
                      http_second_body *give, void *context);

/* Reads on.
 * Gives: false if llhttp refuses, or finds the message's end before the last of these bytes. */
bool http_second_read(struct http_second *second, const char *bytes, size_t count);

/* Reads on in a chunked body: the strict reader first, then llhttp, as far as the strict one found
 * nothing.
 * Gives: 1 both see the end of the body; 0 more is needed; *out_used: the bytes taken.
 * Fails: -EBADMSG and *out_refusal. */
int http_second_read_chunks(struct http_second *second, struct http_chunks *chunks,
                            const char *bytes, size_t count, size_t *out_used,
                            struct http_refusal *out_refusal);

/* Why http_second_read gave false, in llhttp's words. */
const char *http_second_reason(const struct http_second *second);

#endif
