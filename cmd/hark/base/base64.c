/* base64.c - see the header. */
#include "base/base64.h"

#include <stdint.h>

size_t base64_encode(char *to, const void *bytes, size_t count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = bytes;
    size_t out = 0;
    for (size_t at = 0; at < count; at += 3) {
        const size_t left = count - at;
        const uint32_t group = (uint32_t)from[at] << 16 |
                               (left > 1 ? (uint32_t)from[at + 1] << 8 : 0) |
                               (left > 2 ? (uint32_t)from[at + 2] : 0);
        to[out++] = digits[group >> 18 & 63];
        to[out++] = digits[group >> 12 & 63];
        to[out++] = left > 1 ? digits[group >> 6 & 63] : '=';
        to[out++] = left > 2 ? digits[group & 63] : '=';
    }
    return out;
}
