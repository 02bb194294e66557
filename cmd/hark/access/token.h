/* token.h - how tokens look: secrets that a client shows, of which the server keeps the SHA-256
 * alone.
 *
 * Thread: any. */
#ifndef HARK_COMMAND_ACCESS_TOKEN_H
#define HARK_COMMAND_ACCESS_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#define TOKEN_PREFIX "hark_" /* of those that `hark token` makes: a scanner of secrets finds them */

enum {
    TOKEN_RANDOM_BYTES = 32,
    TOKEN_MADE_BYTES = 5 + 43, /* of one that is made, without its NUL */
    TOKEN_BYTES_MIN = 32,      /* shorter ones could be guessed */
    TOKEN_BYTES_MAX = 4096,    /* one that is signed holds much */
};

/* The rule of token_valid, for messages. */
#define TOKEN_RULE "32 to 4096 of A-Z a-z 0-9 - . _ ~ + / ="

/* Whether the bytes may be a token: TOKEN_RULE, the token68 of RFC 7235. */
bool token_valid(const char *bytes, size_t count);

/* Writes a token. Takes: random bytes; room for TOKEN_MADE_BYTES and a NUL. */
void token_make(const unsigned char random[TOKEN_RANDOM_BYTES], char *out_text);

/* Bytes in hexadecimal, and back. Takes: room for two digits each, and a NUL.
 * Gives: false: not exactly so many digits. */
void hex_write(const unsigned char *bytes, size_t count, char *out_text);
bool hex_read(const char *text, size_t text_count, unsigned char *out_bytes, size_t count);

#endif
