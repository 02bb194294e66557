/* block.c - growing blocks of memory. Whoever gathers bounds what is gathered: no limit is known
 * here. */
#include "wire/block.h"

#include <errno.h>
#include <stdlib.h>

enum { BLOCK_FIRST_BYTES = 512 };

int block_reserve(char **block, size_t *room, size_t needed)
{
    size_t wanted = *room ? *room : BLOCK_FIRST_BYTES;
    char *grown;

    if (needed < *room)
        return 0;
    while (wanted <= needed) {
        if (__builtin_mul_overflow(wanted, (size_t)2, &wanted))
            return -ENOMEM;
    }
    grown = realloc(*block, wanted);
    if (!grown)
        return -ENOMEM;
    *block = grown;
    *room = wanted;
    return 0;
}

void block_free(char **block, size_t *room)
{
    free(*block);
    *block = NULL;
    *room = 0;
}
