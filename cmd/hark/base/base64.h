/* base64.h - bytes as text, and out of it (RFC 4648, 4 and 5). */
#ifndef HARK_COMMAND_BASE_BASE64_H
#define HARK_COMMAND_BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* What so many bytes become. */
static inline size_t base64_size(size_t count)
{
    return (count + 2) / 3 * 4;
}

/* Encodes, with = at the end where that is needed.
 * Takes: to: base64_size(count) bytes; no NUL follows them.
 * Gives: how many were written. */
size_t base64_encode(char *to, const void *bytes, size_t count);

/* Decodes base64url as tokens have it: no = at the end, and no bits behind the last byte, so that
 * no two texts are the same bytes.
 * Gives: the bytes.
 * Fails: -EINVAL it is none, or has no room. */
int64_t base64url_decode(const char *text, size_t count, void *to, size_t room);

#endif
