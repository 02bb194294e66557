/* memory.c - a list of copies. */
#include "options/memory.h"

#include <stdlib.h>
#include <string.h>

struct options_copy {
    struct options_copy *next;
    char text[];
};

char *options_memory_copy(struct options_memory *memory, const char *text, size_t count)
{
    struct options_copy *copy = malloc(sizeof *copy + count + 1);
    if (!copy)
        return NULL;
    memcpy(copy->text, text, count);
    copy->text[count] = '\0';
    copy->next = memory->copies;
    memory->copies = copy;
    return copy->text;
}

void options_memory_done(struct options_memory *memory)
{
    while (memory->copies) {
        struct options_copy *copy = memory->copies;
        memory->copies = copy->next;
        free(copy);
    }
}
