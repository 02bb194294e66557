/* descriptors.c - the growth of the table of descriptors. */
#include "core/descriptors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROWS = 64 };

/* The heads of the lists have moved. */
static void link_again(struct descriptors *table)
{
    for (uint32_t i = 0; i < table->count; i++) {
        if (table->rows[i].ops)
            table->rows[i].ops->link = &table->rows[i].ops;
        if (table->ended[i])
            table->ended[i]->link = &table->ended[i];
    }
}

int descriptors_grow(struct descriptors *table, int fd)
{
    size_t count = table->count ? table->count : FIRST_ROWS;
    while (count <= (size_t)fd)
        count *= 2;
    if (count == table->count)
        return 0;
    if (sizeof count == sizeof(uint32_t) && count > SIZE_MAX / sizeof *table->rows)
        return -ENOMEM;
    struct hark_op **ended = realloc(table->ended, count * sizeof *ended);
    if (ended)
        table->ended = ended;
    struct descriptor *rows = ended ? realloc(table->rows, count * sizeof *rows) : NULL;
    if (rows)
        table->rows = rows;
    link_again(table);
    if (!rows)
        return -ENOMEM;
    memset(rows + table->count, 0, (count - table->count) * sizeof *rows);
    memset(ended + table->count, 0, (count - table->count) * sizeof *ended);
    table->count = (uint32_t)count;
    return 0;
}

void descriptors_done(struct descriptors *table)
{
    free(table->rows);
    free(table->ended);
    free(table->pairs);
    *table = (struct descriptors){0};
}
