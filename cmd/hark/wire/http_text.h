/* http_text.h - the bytes and words of RFC 9110, for the parsers of this folder alone. */
#ifndef HARK_COMMAND_WIRE_HTTP_TEXT_H
#define HARK_COMMAND_WIRE_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A stretch of text that is not terminated. */
struct http_span {
    const char *bytes;
    size_t count;
};

enum {
    HTTP_TOKEN_BYTE = 1,
    HTTP_TEXT_BYTE = 2,
};

/* What each byte may be. */
extern const uint8_t http_byte_kinds[256];

/* A byte of a token: methods, names of headers, codings. */
static inline bool http_token_byte(char byte)
{
    return http_byte_kinds[(unsigned char)byte] & HTTP_TOKEN_BYTE;
}

/* A byte that may stand in a header's value, a reason or a chunk extension: visible, blank, tab, or
 * above ASCII. */
static inline bool http_text_byte(char byte)
{
    return http_byte_kinds[(unsigned char)byte] & HTTP_TEXT_BYTE;
}

/* The value of a hexadecimal digit, or -1. */
int http_hex_digit(char byte);

/* Whether a span is the word, in any case. */
bool http_span_is(struct http_span span, const char *word);

/* The span without blanks and tabs at both ends. */
struct http_span http_span_trim(struct http_span span);

/* Takes the next element out of a comma-separated list, trimmed; it may be empty.
 * Gives: false at the end of the list. */
bool http_list_next(struct http_span *list, struct http_span *out_element);

/* Reads decimal digits and nothing else, at most 20 of them.
 * Gives: true and *out_number; false if it is no such number or passes UINT64_MAX. */
bool http_decimal(struct http_span span, uint64_t *out_number);

#endif
