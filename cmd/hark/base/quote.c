/* quote.c - see the header. UTF-8 is read as RFC 3629 has it: the shortest form, no surrogates,
 * nothing past U+10FFFF. */
#include "base/quote.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool continues(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Gives: how many bytes the character has; 0: it is none. A NUL ends the text, and continues
 * nothing. */
static size_t character(const unsigned char *at)
{
    const unsigned char second = at[0] ? at[1] : 0;
    if (at[0] < 0x80)
        return 1;
    if (at[0] < 0xc2 || at[0] > 0xf4 || !continues(second))
        return 0;
    if (at[0] < 0xe0)
        return 2;
    if (!continues(at[2]) || (at[0] == 0xe0 && second < 0xa0) || (at[0] == 0xed && second > 0x9f))
        return 0;
    if (at[0] < 0xf0)
        return 3;
    bool in_range = !(at[0] == 0xf0 && second < 0x90) && !(at[0] == 0xf4 && second > 0x8f);
    return in_range && continues(at[3]) ? 4 : 0;
}

size_t quote_json(const char *text, char *out)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t count = 0;
    out[count++] = '"';
    while (*at) {
        size_t length = character(at);
        if (length == 0 || *at < ' ' || *at == 0x7f) {
            out[count++] = '?';
            at++;
            continue;
        }
        if (*at == '"' || *at == '\\')
            out[count++] = '\\';
        memcpy(out + count, at, length);
        count += length;
        at += length;
    }
    out[count++] = '"';
    out[count] = '\0';
    return count;
}
