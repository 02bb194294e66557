/* durable_answer.h - what answers of the Durable Streams protocol have in common. */
#ifndef HARK_COMMAND_HTTP_DURABLE_ANSWER_H
#define HARK_COMMAND_HTTP_DURABLE_ANSWER_H

#include "durable/facts.h"
#include "durable/offset.h"
#include "http/http.h"

enum { DURABLE_LINES_MAX = 12 };

/* Lines of an answer, gathered; ends with a name that is NULL. */
struct durable_lines {
    struct http_line lines[DURABLE_LINES_MAX];
    size_t count;
    char offset[OFFSET_BYTES];
};

/* Begins with what every answer has. */
void durable_lines_begin(struct durable_lines *lines);

/* Takes: value: stays until the answer is written; NULL: the line is left out. */
void durable_line(struct durable_lines *lines, const char *name, const char *value);

/* Stream-Next-Offset. */
void durable_next_offset(struct durable_lines *lines, uint64_t id);

/* A read that is answered. */
struct durable_reading {
    const struct durable_facts *facts; /* as the stream was when it was asked about */
    uint64_t from;                     /* the ids behind which it began, and behind which it ends */
    uint64_t to;
    uint64_t cursor; /* of a live read; 0: it is none */
    bool now;        /* it began at the end: nothing of it is to be kept by caches */
    char tag[80];    /* set by durable_reading_lines */
    char cursor_text[24];
};

/* Begins with the lines of its answer.
 * Takes: reading: stays until the answer is written. */
void durable_reading_lines(struct durable_reading *reading, struct durable_lines *lines);

/* Answers with a chunk.
 * Takes: bytes: count of them: events one after another; of JSON: messages with a comma behind
 *   each. */
void durable_send_chunk(struct http_connection *http, const struct exchange *exchange,
                        const struct durable_reading *reading, const struct durable_lines *lines,
                        const char *bytes, size_t count);

#endif
