/* http_fields.h - the head of a message while it is gathered, line by line, and its header fields
 * afterwards. For requests and responses; for the parsers of this folder alone. */
#ifndef HARK_COMMAND_WIRE_HTTP_FIELDS_H
#define HARK_COMMAND_WIRE_HTTP_FIELDS_H

#include "wire/http.h"
#include "wire/http_text.h"

#include <errno.h>

/* What refuses a message: the status to answer and why. A status of 0: nothing does. */
struct http_refusal {
    int status;
    const char *reason;
};

/* Says what refuses a message. Gives: false, for the caller to give on. */
static inline bool http_refuse(struct http_refusal *out_refusal, int status, const char *reason)
{
    out_refusal->status = status;
    out_refusal->reason = reason;
    return false;
}

/* The same. Gives: -EBADMSG. */
static inline int http_refuse_with_error(struct http_refusal *out_refusal, int status,
                                         const char *reason)
{
    http_refuse(out_refusal, status, reason);
    return -EBADMSG;
}

/* A field's place in the head: offsets, since the head may move while it grows. */
struct http_field {
    uint16_t name;
    uint16_t name_count;
    uint16_t value;
    uint16_t value_count;
};

struct http_fields {
    char *bytes; /* the head so far, line ends included */
    size_t count;
    size_t room;
    size_t line;     /* where the line that is being gathered begins */
    size_t spent;    /* bytes of heads before this one, counted towards the limit */
    size_t examined; /* bytes that were looked at */
    unsigned lines;  /* complete lines */
    unsigned fields; /* of them fields */
    bool after_cr;
    struct http_field field[HTTP_HEADERS_MAX];
};

/* Gathers up to the end of a line, and refuses what may not stand in a head, wherever pieces end.
 * Gives: 1 a line is complete, in *out_line without CR LF; 0 more is needed; *out_used: the bytes
 *   taken.
 * Fails: -EBADMSG and *out_refusal. */
int http_fields_gather(struct http_fields *fields, const char *bytes, size_t count,
                       size_t *out_used, struct http_span *out_line,
                       struct http_refusal *out_refusal);

/* Takes the line just gathered in as a field.
 * Gives: true, or false and *out_refusal. */
bool http_fields_add(struct http_fields *fields, struct http_span line,
                     struct http_refusal *out_refusal);

/* A field's name and value. */
struct http_span http_fields_name(const struct http_fields *fields, unsigned index);
struct http_span http_fields_value(const struct http_fields *fields, unsigned index);

/* How many fields have the name, in any case; *out_first is the value of the first. */
unsigned http_fields_find(const struct http_fields *fields, const char *name,
                          struct http_span *out_first);

/* Ends each value with a NUL, in the place of the CR or blank after it: the head can be read by no
 * parser afterwards. */
void http_fields_terminate(struct http_fields *fields);

/* A value as text, after http_fields_terminate.
 * Gives: the text; NULL if there is none. */
const char *http_fields_text(const struct http_fields *fields, const char *name);

/* Forgets the head.
 * Takes: spent as above. */
void http_fields_reset(struct http_fields *fields, size_t spent);

#endif
