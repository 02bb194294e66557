/* document.c - writing documents in parts, and keeping count of those that clients have not taken
 * yet.
 *
 * A listing of 65,536 streams takes a tenth of a second to write. So a turn writes a part of it,
 * and what the streams have become meanwhile shows in the next part: a stream is told of once, as
 * it was when its part was written. Streams come in the order of their creation, so a new one is
 * met at the end, and one that goes is passed over.
 */
#include "status/document.h"
#include "broker/look.h"

#include <stdlib.h>

#include "connection/worker.h"

enum {
    PART_STREAMS = 256,
    DOCUMENT_BYTES_MAX = 12 * 1024 * 1024,  /* of one */
    DOCUMENTS_BYTES_MAX = 64 * 1024 * 1024, /* of all that are held */
};

void document_hold(struct document *document)
{
    atomic_fetch_add_explicit(&document->uses, 1, memory_order_relaxed);
}

void document_release(struct document *document)
{
    if (!document || atomic_fetch_sub_explicit(&document->uses, 1, memory_order_acq_rel) != 1)
        return;
    atomic_fetch_sub_explicit(&document->server->documents_bytes, document->count,
                              memory_order_relaxed);
    free(document->bytes);
    free(document);
}

/* --- writing --- */

static const struct {
    void (*begin)(struct worker *owner, struct edition *edition);
    void (*stream)(struct edition *edition, const struct broker_stream_view *view);
    void (*end)(struct edition *edition);
} writers[DOCUMENTS] = {
    [DOCUMENT_METRICS] = {metrics_begin, metrics_stream, metrics_end},
    [DOCUMENT_STATS] = {stats_begin, streams_stream, streams_end},
    [DOCUMENT_STREAMS] = {streams_begin, streams_stream, streams_end},
};

/* Looks whether what is written so far may be. */
static bool is_refused(struct worker *owner, struct edition *edition)
{
    size_t count = edition->text.count;
    bool failed = edition->text.failed;
    for (size_t i = 0; i < EDITION_LISTS; i++) {
        count += edition->lists[i].count;
        failed = failed || edition->lists[i].failed;
    }
    if (count > DOCUMENT_BYTES_MAX)
        edition->refused = 507;
    else if (failed ||
             count + atomic_load_explicit(&owner->server->documents_bytes, memory_order_relaxed) >
                 DOCUMENTS_BYTES_MAX)
        edition->refused = 503;
    return edition->refused != 0;
}

void edition_begin(struct worker *owner, struct edition *edition, enum document_kind kind)
{
    *edition = (struct edition){.kind = kind, .comma = ""};
    is_refused(owner, edition);
}

static void add_stream(void *context, const struct broker_stream_view *view)
{
    struct edition *edition = context;
    edition->streams++;
    writers[edition->kind].stream(edition, view);
}

bool edition_write(struct worker *owner, struct edition *edition)
{
    if (edition->refused != 0)
        return false;
    if (!edition->begun)
        writers[edition->kind].begin(owner, edition);
    edition->begun = true;
    edition->after =
        broker_streams_walk(owner->broker, edition->after, PART_STREAMS, add_stream, edition);
    bool more = edition->after != 0;
    if (!more)
        writers[edition->kind].end(edition);
    return !is_refused(owner, edition) && more;
}

struct document *edition_end(struct worker *owner, struct edition *edition)
{
    struct document *document = edition->refused == 0 ? malloc(sizeof *document) : NULL;
    if (document) {
        *document = (struct document){.uses = 1,
                                      .server = owner->server,
                                      .bytes = edition->text.bytes,
                                      .count = edition->text.count};
        atomic_fetch_add_explicit(&owner->server->documents_bytes, document->count,
                                  memory_order_relaxed);
        owner->counters.documents++;
        edition->text = (struct text){0};
    } else if (edition->refused == 0) {
        edition->refused = 503;
    }
    text_done(&edition->text);
    for (size_t i = 0; i < EDITION_LISTS; i++)
        text_done(&edition->lists[i]);
    return document;
}
