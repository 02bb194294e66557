/* http_text.c - the bytes and words of RFC 9110. Locale plays no part: these are bytes. */
#include "wire/http_text.h"

#include <string.h>
#include <strings.h>

enum {
    TOKEN = 1,
    TEXT = 2,
};

/* One row of 16 bytes each, 0x00 to 0x7f; above it every byte is text. */
static const uint8_t kinds[128] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, /* tab */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* */
    2, 3, 2, 3, 3, 3, 3, 3, 2, 2, 3, 3, 2, 3, 3, 2, /*  !"#$%&'()*+,-./ */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, /* 0123456789:;<=>? */
    2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, /* @ABCDEFGHIJKLMNO */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2, 3, 3, /* PQRSTUVWXYZ[\]^_ */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, /* `abcdefghijklmno */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 3, 2, 3, 0, /* pqrstuvwxyz{|}~ */
};

bool http_token_byte(char byte)
{
    const unsigned char value = (unsigned char)byte;

    return value < sizeof(kinds) && (kinds[value] & TOKEN);
}

bool http_text_byte(char byte)
{
    const unsigned char value = (unsigned char)byte;

    return value >= sizeof(kinds) || (kinds[value] & TEXT);
}

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

bool http_span_is(struct http_span span, const char *word)
{
    return strlen(word) == span.count && strncasecmp(span.bytes, word, span.count) == 0;
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
