/* line_end.h - finding the ends of lines: CR, LF and CR LF each end one. For the codecs of this
 * folder alone. */
#ifndef HARK_COMMAND_WIRE_LINE_END_H
#define HARK_COMMAND_WIRE_LINE_END_H

#include <stddef.h>
#include <string.h>

/* A walk over lines. The next CR is remembered: a text of many short lines with a CR at its far
 * end, or none, is searched once, not once a line. */
struct line_walk {
    const char *at;
    const char *end;
    const char *cr; /* the next CR at or after `at`, or `end` */
};

static inline const char *line_find(const char *from, const char *end, char byte)
{
    const char *found = from < end ? memchr(from, byte, (size_t)(end - from)) : NULL;

    return found ? found : end;
}

static inline struct line_walk line_walk_over(const char *bytes, size_t count)
{
    const char *end = count ? bytes + count : bytes;

    return (struct line_walk){bytes, end, line_find(bytes, end, '\r')};
}

/* The next CR or LF at or after walk->at, or the end. */
static inline const char *line_walk_find(struct line_walk *walk)
{
    if (walk->cr < walk->at)
        walk->cr = line_find(walk->at, walk->end, '\r');
    return line_find(walk->at, walk->cr, '\n');
}

#endif
