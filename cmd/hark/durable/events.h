/* events.h - a chunk of a stream as server-sent events: one "data" with what it holds, and one
 * "control" with where the reader then stands. And cursors, which both kinds of live reads give.
 *
 * Thread, for every function here: any. */
#ifndef HARK_COMMAND_DURABLE_EVENTS_H
#define HARK_COMMAND_DURABLE_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EVENTS_CONTROL_MAX = 192 };

/* Whether what a stream of that type holds goes out as base64: text and JSON go as they are. */
bool events_are_base64(const char *type);

/* The most bytes that events_encode writes. */
size_t events_size(const char *type, const char *bytes, size_t count);

/* Encodes a chunk.
 * Takes: bytes: events one after another; of JSON: messages with a comma behind each.
 * Gives: the bytes written. */
size_t events_encode(const char *type, const char *bytes, size_t count, char *to);

struct durable_control {
    uint64_t after; /* the last id that the reader has */
    uint64_t cursor;
    bool up_to_date;
    bool closed;
};

/* Encodes it. Takes: room of EVENTS_CONTROL_MAX. Gives: the bytes written. */
size_t events_control(const struct durable_control *control, char *to);

/* The cursor of an answer: time in steps of 20 seconds, and above what the client had.
 * Takes: now_ns: since 1970; had: 0: it had none. */
uint64_t durable_cursor(uint64_t now_ns, uint64_t had);

#endif
