/* quote.h - any bytes as a string of JSON. */
#ifndef HARK_COMMAND_BASE_QUOTE_H
#define HARK_COMMAND_BASE_QUOTE_H

#include <stddef.h>

/* Writes a text between quotation marks, as JSON has it (RFC 8259): what is no UTF-8, and what
 * controls a terminal, becomes a question mark.
 * Takes: out: of 2 * strlen(text) + 3 bytes at least.
 * Gives: how many were written, without the NUL. */
size_t quote_json(const char *text, char *out);

#endif
