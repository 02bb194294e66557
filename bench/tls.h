/* tls.h - what the tls_ servers share: the requests that they are sent, and the block that they
 * send, again and again.
 *
 * A request is the first record of a connection. "GET /BYTES HTTP/1.0" wants so many bytes and then
 * the end: a web server takes it too. "PUT ..." is followed by bytes that are only taken, until the
 * client ends; then the server ends. All else is sent back, and all that follows it. */
#ifndef TLS_H
#define TLS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 1 << 18 };

static char block[BLOCK_BYTES];

enum wish { WISH_UNKNOWN, WISH_GET, WISH_PUT, WISH_ECHO };

/* What the first record of a connection wants. */
static inline enum wish wish_of(const char *bytes, size_t count, uint64_t *out_wanted)
{
    char text[32] = {0};
    memcpy(text, bytes, count < sizeof text - 1 ? count : sizeof text - 1);
    if (strncmp(text, "PUT ", 4) == 0)
        return WISH_PUT;
    if (strncmp(text, "GET /", 5) != 0)
        return WISH_ECHO;
    *out_wanted = strtoull(text + 5, NULL, 10);
    return WISH_GET;
}

static inline size_t next_block(uint64_t left)
{
    return left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
}

#endif
