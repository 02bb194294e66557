/* http_text.c - the bytes and words of RFC 9110. Locale plays no part: these are bytes. */
#include "wire/http_text.h"

#include <string.h>

const uint8_t http_byte_kinds[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, /* 0x00: the tab */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 0x10 */
    2, 3, 2, 3, 3, 3, 3, 3, 2, 2, 3, 3, 2, 3, 3, 2, /* 0x20:  !"#$%&'()*+,-. and the slash */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, /* 0x30: 0123456789:;<=>? */
    2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, /* 0x40: @ABCDEFGHIJKLMNO */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2, 3, 3, /* 0x50: PQRSTUVWXYZ[\]^_ */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, /* 0x60: `abcdefghijklmno */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 3, 2, 3, 0, /* 0x70: pqrstuvwxyz{|}~ */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 0x80 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 0x90 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 0xa0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 0xb0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 0xc0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 0xd0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 0xe0 */
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, /* 0xf0 */
};

int http_hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

static char small_letter(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
}

bool http_span_is(struct http_span span, const char *word)
{
    for (size_t at = 0; at < span.count; at++) {
        if (word[at] == '\0' || small_letter(span.bytes[at]) != small_letter(word[at]))
            return false;
    }
    return word[span.count] == '\0';
}

static bool blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

struct http_span http_span_trim(struct http_span span)
{
    while (span.count > 0 && blank(span.bytes[0])) {
        span.bytes++;
        span.count--;
    }
    while (span.count > 0 && blank(span.bytes[span.count - 1]))
        span.count--;
    return span;
}

bool http_list_next(struct http_span *list, struct http_span *out_element)
{
    const char *comma;
    struct http_span element = *list;

    if (!list->bytes)
        return false;
    comma = memchr(list->bytes, ',', list->count);
    if (comma) {
        element.count = (size_t)(comma - list->bytes);
        list->bytes = comma + 1;
        list->count -= element.count + 1;
    } else {
        list->bytes = NULL;
        list->count = 0;
    }
    *out_element = http_span_trim(element);
    return true;
}

bool http_decimal(struct http_span span, uint64_t *out_number)
{
    uint64_t number = 0;

    if (span.count == 0 || span.count > 20)
        return false;
    for (size_t at = 0; at < span.count; at++) {
        const char byte = span.bytes[at];

        if (byte < '0' || byte > '9')
            return false;
        if (__builtin_mul_overflow(number, (uint64_t)10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(byte - '0'), &number))
            return false;
    }
    *out_number = number;
    return true;
}
