/* text.h - text that grows while it is written: bodies of answers. */
#ifndef HARK_COMMAND_BASE_TEXT_H
#define HARK_COMMAND_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* In the caller's memory, zeroed before its first use. Where memory is lacking it remembers that,
 * and stays empty. */
struct text {
    char *bytes;
    size_t count;
    size_t room;
    bool failed;
};

/* Adds as printf(3) does. */
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds another text.
 * Takes: one that may have failed: then this one has, too. */
void text_join(struct text *text, const struct text *other);

/* Frees it; the text is then empty. */
void text_done(struct text *text);

#endif
