/* bulk.h - what the bulk_ servers share: the block that they send, again and again, and the size of
 * their reads. See load_bulk.c.
 */
#ifndef BULK_H
#define BULK_H

#include <stdint.h>
#include <string.h>

enum { BLOCK_BYTES = 1 << 18, HEADER_BYTES = 8 };

static char block[BLOCK_BYTES];

/* How many bytes the client asks for, by the first bytes that it sent. */
static inline uint64_t wanted_by(const void *first_bytes)
{
    uint64_t wanted;
    memcpy(&wanted, first_bytes, sizeof wanted);
    return wanted;
}

static inline size_t next_block(uint64_t left)
{
    return left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
}

#endif
