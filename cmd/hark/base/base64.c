/* base64.c - see the header. */
#include "base/base64.h"

#include <errno.h>

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

static int digit_of(char byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return byte - 'A';
    if (byte >= 'a' && byte <= 'z')
        return byte - 'a' + 26;
    if (byte >= '0' && byte <= '9')
        return byte - '0' + 52;
    return byte == '-' ? 62 : byte == '_' ? 63 : -1;
}

int64_t base64url_decode(const char *text, size_t count, void *to, size_t room)
{
    unsigned char *bytes = to;
    size_t length = 0;
    uint32_t held = 0;
    unsigned bits = 0;
    for (size_t at = 0; at < count; at++) {
        const int digit = digit_of(text[at]);
        if (digit < 0)
            return -EINVAL;
        held = held << 6 | (uint32_t)digit;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        if (length == room)
            return -EINVAL;
        bytes[length++] = (unsigned char)(held >> bits);
        held &= (1U << bits) - 1;
    }
    return bits >= 6 || held != 0 ? -EINVAL : (int64_t)length;
}
