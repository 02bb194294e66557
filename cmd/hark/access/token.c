/* token.c - a token is its prefix, and 256 random bits in the alphabet of base64url. */
#include "access/token.h"

#include <stdint.h>
#include <string.h>

bool token_valid(const char *bytes, size_t count)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
    if (count < TOKEN_BYTES_MIN || count > TOKEN_BYTES_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (bytes[i] == '\0' || !strchr(letters, bytes[i]))
            return false;
    return true;
}

void token_make(const unsigned char random[TOKEN_RANDOM_BYTES], char *out_text)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *to = stpcpy(out_text, TOKEN_PREFIX);
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < TOKEN_RANDOM_BYTES; i++) {
        bits = bits << 8 | random[i];
        for (held += 8; held >= 6; held -= 6)
            *to++ = letters[bits >> (held - 6) & 63];
    }
    *to++ = letters[bits << (6 - held) & 63];
    *to = '\0';
}

void hex_write(const unsigned char *bytes, size_t count, char *out_text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *out_text++ = digits[bytes[i] >> 4];
        *out_text++ = digits[bytes[i] & 15];
    }
    *out_text = '\0';
}

static int value_of(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

bool hex_read(const char *text, size_t text_count, unsigned char *out_bytes, size_t count)
{
    if (text_count != 2 * count)
        return false;
    for (size_t i = 0; i < count; i++) {
        int high = value_of(text[2 * i]);
        int low = value_of(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out_bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}
