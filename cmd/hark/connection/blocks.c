/* blocks.c - a list of blocks, its links inside of them. */
#include "connection/blocks.h"

#include <stdlib.h>

struct block {
    struct block *next;
};

void *blocks_take(struct blocks *blocks)
{
    struct block *block = blocks->first;
    if (!block)
        return NULL;
    blocks->first = block->next;
    blocks->count--;
    return block;
}

void blocks_give(struct blocks *blocks, void *block, size_t count_max)
{
    struct block *kept = block;
    if (blocks->count >= count_max) {
        free(kept);
        return;
    }
    kept->next = blocks->first;
    blocks->first = kept;
    blocks->count++;
}

void blocks_done(struct blocks *blocks)
{
    void *block;
    while ((block = blocks_take(blocks)))
        free(block);
}
