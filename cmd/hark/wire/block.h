/* block.h - growing blocks of memory, for the parsers of this folder alone. */
#ifndef HARK_COMMAND_WIRE_BLOCK_H
#define HARK_COMMAND_WIRE_BLOCK_H

#include <stddef.h>

/* Sees to it that a block has room for `needed` bytes and one more, a final NUL. It grows by
 * doubling, so that gathering byte by byte stays linear, and takes no more than an attacker has
 * sent, twice over.
 * Takes: *block NULL with *room 0 at first.
 * Fails: -ENOMEM; the block is then as it was. */
int block_reserve(char **block, size_t *room, size_t needed);

/* Frees a block; *block is then NULL and *room 0. */
void block_free(char **block, size_t *room);

#endif
