/* offset.h - offsets of the Durable Streams protocol: ids of events, in digits that sort as text
 * does.
 *
 * Thread, for every function here: any. */
#ifndef HARK_COMMAND_DURABLE_OFFSET_H
#define HARK_COMMAND_DURABLE_OFFSET_H

#include <stddef.h>
#include <stdint.h>

enum { OFFSET_DIGITS = 16, OFFSET_BYTES = OFFSET_DIGITS + 1 }; /* with its NUL */

/* Writes the offset behind an event.
 * Takes: id: below 10^16, as all of the log are. */
void offset_format(uint64_t id, char text[OFFSET_BYTES]);

/* What clients send that have the offsets of the protocol's own server in them. */
#define OFFSET_ZERO "0000000000000000_0000000000000000"

/* Where a read begins. */
enum offset_kind {
    OFFSET_AFTER, /* behind an id */
    OFFSET_START, /* "-1", or OFFSET_ZERO */
    OFFSET_NOW,   /* "now" */
};

/* Reads an offset.
 * Gives: 0, *out_kind and *out_id (0 but for OFFSET_AFTER).
 * Fails: -EINVAL it is none that offset_format has written, nor one of the two words. */
int offset_parse(const char *text, enum offset_kind *out_kind, uint64_t *out_id);

#endif
