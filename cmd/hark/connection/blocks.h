/* blocks.h - memory of one size that is kept for the next who needs it. */
#ifndef HARK_COMMAND_CONNECTION_BLOCKS_H
#define HARK_COMMAND_CONNECTION_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed at first; all private. */
struct blocks {
    struct block *first;
    size_t count;
};

/* Gives: a block, its contents undefined; NULL: none is kept. */
void *blocks_take(struct blocks *blocks);

/* Keeps a block from malloc, or frees it if there are so many already. */
void blocks_give(struct blocks *blocks, void *block, size_t count_max);

/* Frees all. */
void blocks_done(struct blocks *blocks);

#endif
