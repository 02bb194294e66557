/* document.c - keeping count of documents that clients have not taken yet. */
#include "connection/document.h"

#include <stdlib.h>

struct document *document_create(char *bytes, size_t count, _Atomic(uint64_t) *all_bytes)
{
    struct document *document = malloc(sizeof *document);
    if (!document)
        return NULL;
    *document =
        (struct document){.uses = 1, .all_bytes = all_bytes, .bytes = bytes, .count = count};
    atomic_fetch_add_explicit(all_bytes, count, memory_order_relaxed);
    return document;
}

void document_hold(struct document *document)
{
    atomic_fetch_add_explicit(&document->uses, 1, memory_order_relaxed);
}

void document_release(struct document *document)
{
    if (!document || atomic_fetch_sub_explicit(&document->uses, 1, memory_order_acq_rel) != 1)
        return;
    atomic_fetch_sub_explicit(document->all_bytes, document->count, memory_order_relaxed);
    free(document->bytes);
    free(document);
}
