/* split.h - bytes of a file into what is published: lines, and parts of lines that are too long. No
 * I/O is done here. */
#ifndef HARK_COMMAND_TAIL_SPLIT_H
#define HARK_COMMAND_TAIL_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SPLIT_LINE_BYTES_MAX = 1024 * 1024, /* a longer line is published in parts */
    SPLIT_MARK_BYTES_MAX = 64,          /* what stands before a part's bytes */
    SPLIT_PART_BYTES =
        SPLIT_LINE_BYTES_MAX - SPLIT_MARK_BYTES_MAX, /* of the line in each part but the last */
    SPLIT_ENOUGH_BYTES = SPLIT_LINE_BYTES_MAX + 1,   /* with so many bytes there is always a unit */
};

/* What becomes one event. */
struct split_unit {
    size_t length;   /* its bytes, from the beginning of what was looked at */
    size_t consumed; /* with the LF */
    uint32_t part;   /* 0: a whole line; else which part of one, from 1 */
    bool last;       /* the last part */
};

/* Finds the unit at the beginning of bytes. Where units begin and end depends on the bytes alone,
 * not on the pieces in which they were read: so units can be counted again after a restart.
 * Takes: part: how many parts of the line at hand came before. final: nothing will ever follow:
 *   what has no LF is a unit too.
 * Gives: true and *out_unit; false: more bytes are needed, or there is none. */
bool split_next(const char *bytes, size_t count, uint32_t part, bool final,
                struct split_unit *out_unit);

/* Writes what stands before a part's bytes: {"part":1,"last":false} and an LF.
 * Takes: text of SPLIT_MARK_BYTES_MAX.
 * Gives: the bytes written. */
size_t split_mark(const struct split_unit *unit, char *text);

#endif
