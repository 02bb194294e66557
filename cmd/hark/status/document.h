/* document.h - answers that tell of all streams: made once for all who wait for one, a part in each
 * turn of the loop.
 *
 * All of it is the owner's, but for giving back what was handed out.
 */
#ifndef STATUS_DOCUMENT_H
#define STATUS_DOCUMENT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct worker;
struct server;
struct broker_stream_view;

/* The kinds of them. */
enum document_kind { DOCUMENT_METRICS, DOCUMENT_STATS, DOCUMENT_STREAMS, DOCUMENTS };

/* One that is made: it lives until all have given it back, from whatever thread. */
struct document {
    _Atomic(uint32_t) uses;
    struct server *server;
    char *bytes;
    size_t count;
};

enum { EDITION_LISTS = 4 };

/* One that is being written. */
struct edition {
    enum document_kind kind;
    struct text text;
    struct text lists[EDITION_LISTS]; /* parts that become one after the other, but are written side
                                         by side */
    const char *comma;
    uint64_t streams; /* seen so far */
    uint64_t after;   /* the last of them, by log_stream.generation */
    bool begun;
    int refused; /* the status that there is instead; 0: none */
};

/* Begins to write one. Where there is no room for it, it is refused and nothing is written. */
void edition_begin(struct worker *owner, struct edition *edition, enum document_kind kind);

/* Writes a part.
 * Gives: true: there is more to write. */
bool edition_write(struct worker *owner, struct edition *edition);

/* Ends it.
 * Gives: the document, with one use; NULL: it is refused. */
struct document *edition_end(struct worker *owner, struct edition *edition);

/* One use more, one less. */
void document_hold(struct document *document);
void document_release(struct document *document);

/* --- metrics.c, stats.c: the beginning, a stream, the end --- */

void metrics_begin(struct worker *owner, struct edition *edition);
void metrics_stream(struct edition *edition, const struct broker_stream_view *view);
void metrics_end(struct edition *edition);

void stats_begin(struct worker *owner, struct edition *edition);
void streams_begin(struct worker *owner, struct edition *edition);
void streams_stream(struct edition *edition, const struct broker_stream_view *view);
void streams_end(struct edition *edition);

#endif
