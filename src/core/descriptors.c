/* descriptors.c - the growth of the table of descriptors. */
#include "core/descriptors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROWS = 64 };

int descriptors_grow(struct descriptors *table, int fd)
{
    uint64_t count = table->count ? table->count : FIRST_ROWS;
    while (count <= (uint64_t)fd)
        count *= 2;
    if (count == table->count)
        return 0;
    struct descriptor *rows = realloc(table->rows, count * sizeof *rows);
    if (!rows)
        return -ENOMEM;
    memset(rows + table->count, 0, (count - table->count) * sizeof *rows);
    for (uint32_t i = 0; rows != table->rows && i < table->count; i++)
        if (rows[i].ops)
            rows[i].ops->link = &rows[i].ops;
    table->rows = rows;
    table->count = (uint32_t)count;
    return 0;
}

void descriptors_done(struct descriptors *table)
{
    free(table->rows);
    *table = (struct descriptors){0};
}
