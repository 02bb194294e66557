/* offset.c - offsets, to and from text. */
#include "durable/offset.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

void offset_format(uint64_t id, char text[OFFSET_BYTES])
{
    for (int at = OFFSET_DIGITS; at-- > 0; id /= 10)
        text[at] = (char)('0' + id % 10);
    text[OFFSET_DIGITS] = '\0';
}

int offset_parse(const char *text, enum offset_kind *out_kind, uint64_t *out_id)
{
    *out_id = 0;
    const bool start = strcmp(text, "-1") == 0 || strcmp(text, OFFSET_ZERO) == 0;
    *out_kind = start ? OFFSET_START : OFFSET_NOW;
    if (start || strcmp(text, "now") == 0)
        return 0;
    *out_kind = OFFSET_AFTER;
    if (strlen(text) != OFFSET_DIGITS)
        return -EINVAL;
    for (const char *at = text; *at; at++) {
        if (*at < '0' || *at > '9')
            return -EINVAL;
        *out_id = *out_id * 10 + (uint64_t)(*at - '0');
    }
    return 0;
}
