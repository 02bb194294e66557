/* memory.h - texts that live as long as the options that they are values of. */
#ifndef HARK_COMMAND_OPTIONS_MEMORY_H
#define HARK_COMMAND_OPTIONS_MEMORY_H

#include <stddef.h>

/* Keeps copies of texts (from the configuration file) for as long as the options are used. Zeroed
 * before its first use. */
struct options_memory {
    struct options_copy *copies;
};

/* Takes: count bytes, without their end.
 * Gives: a copy that lives until options_memory_done; NULL out of memory. */
char *options_memory_copy(struct options_memory *memory, const char *text, size_t count);

/* Frees all copies. */
void options_memory_done(struct options_memory *memory);

#endif
