/* base64.h - bytes as text (RFC 4648, 4). */
#ifndef HARK_COMMAND_BASE_BASE64_H
#define HARK_COMMAND_BASE_BASE64_H

#include <stddef.h>

/* What so many bytes become. */
static inline size_t base64_size(size_t count)
{
    return (count + 2) / 3 * 4;
}

/* Encodes, with = at the end where that is needed.
 * Takes: to: base64_size(count) bytes; no NUL follows them.
 * Gives: how many were written. */
size_t base64_encode(char *to, const void *bytes, size_t count);

#endif
