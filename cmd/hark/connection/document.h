/* document.h - a long answer that is made once for all who wait for it, and sent to each from where
 * it is. */
#ifndef HARK_COMMAND_CONNECTION_DOCUMENT_H
#define HARK_COMMAND_CONNECTION_DOCUMENT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* It lives until all have given it back, from whatever thread. */
struct document {
    _Atomic(uint32_t) uses;
    _Atomic(uint64_t) *all_bytes; /* of all documents that somebody still needs */
    char *bytes;
    size_t count;
};

/* Makes one, with one use.
 * Owns: bytes, from malloc, if there is no error. all_bytes outlives it.
 * Gives: NULL: no memory. */
struct document *document_create(char *bytes, size_t count, _Atomic(uint64_t) *all_bytes);

/* One use more, one less.
 * Takes: NULL to release: nothing happens. */
void document_hold(struct document *document);
void document_release(struct document *document);

#endif
