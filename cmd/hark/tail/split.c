/* split.c - lines, and parts of lines.
 *
 * A line up to an event's size is one unit. A longer one is cut into parts of a fixed size: the
 * first as soon as it is sure that the line is too long, the last, which may be empty, at its LF.
 */
#include "tail/split.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool split_next(const char *bytes, size_t count, uint32_t part, bool final,
                struct split_unit *out_unit)
{
    size_t limit = part ? SPLIT_PART_BYTES : SPLIT_LINE_BYTES_MAX;
    size_t window = count < limit + 1 ? count : limit + 1;
    const char *lf = window ? memchr(bytes, '\n', window) : NULL;
    if (lf) {
        size_t length = (size_t)(lf - bytes);
        *out_unit = (struct split_unit){length, length + 1, part ? part + 1 : 0, part != 0};
        return true;
    }
    if (window > limit) {
        *out_unit = (struct split_unit){SPLIT_PART_BYTES, SPLIT_PART_BYTES, part + 1, false};
        return true;
    }
    if (final && (count || part)) {
        *out_unit = (struct split_unit){count, count, part ? part + 1 : 0, part != 0};
        return true;
    }
    return false;
}

size_t split_mark(const struct split_unit *unit, char *text)
{
    int length = snprintf(text, SPLIT_MARK_BYTES_MAX, "{\"part\":%" PRIu32 ",\"last\":%s}\n",
                          unit->part, unit->last ? "true" : "false");
    return (size_t)length;
}
