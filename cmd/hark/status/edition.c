/* edition.c - writing documents in parts.
 *
 * A listing of 10,000 streams takes hundredths of a second to write. So a turn writes a part of it,
 * and what the streams have become meanwhile shows in the next part: a stream is told of once, as
 * it was when its part was written. Streams come in the order of their creation, so a new one is
 * met at the end, and one that goes is passed over.
 */
#include "status/edition.h"
#include "broker/look.h"
#include "log/log.h"

#include <string.h>

enum {
    PART_STREAMS = 256,
    LOOKED_MAX = 65536,                     /* for one page */
    DOCUMENT_BYTES_MAX = 12 * 1024 * 1024,  /* of one */
    DOCUMENTS_BYTES_MAX = 64 * 1024 * 1024, /* of all that are held */
};

/* Looks whether what is written so far may be. */
static bool is_refused(struct edition *edition)
{
    size_t count = edition->text.count;
    bool failed = edition->text.failed;
    for (size_t i = 0; i < EDITION_LISTS; i++) {
        count += edition->lists[i].count;
        failed = failed || edition->lists[i].failed;
    }
    uint64_t all = atomic_load_explicit(edition->all_bytes, memory_order_relaxed);
    if (count > DOCUMENT_BYTES_MAX)
        edition->outcome = QUERY_TOO_LONG;
    else if (failed || count + all > DOCUMENTS_BYTES_MAX)
        edition->outcome = QUERY_NO_MEMORY;
    return edition->outcome != QUERY_DONE;
}

void edition_begin(struct edition *edition, const struct edition_writer *writer,
                   struct status *status, _Atomic(uint64_t) *all_bytes)
{
    *edition =
        (struct edition){.writer = writer, .status = status, .all_bytes = all_bytes, .comma = ""};
    edition->limit = writer->streams_max;
    is_refused(edition);
}

void edition_page(struct edition *edition, const char *prefix, uint64_t after, uint32_t limit)
{
    edition->prefix = prefix;
    edition->after = edition->last = after;
    if (edition->limit > limit)
        edition->limit = limit;
}

static bool is_wanted(const struct edition *edition, const char *name)
{
    return !edition->prefix || strncmp(name, edition->prefix, strlen(edition->prefix)) == 0;
}

static void add_stream(void *context, const struct broker_stream_view *view)
{
    struct edition *edition = context;
    const bool wanted = is_wanted(edition, view->name);
    edition->full = edition->full || (wanted && edition->streams == edition->limit);
    if (edition->full)
        return;
    edition->last = view->log->generation;
    if (!wanted)
        return;
    edition->streams++;
    edition->writer->stream(edition, view);
}

bool edition_write(struct edition *edition, struct broker *broker)
{
    if (edition->outcome != QUERY_DONE)
        return false;
    if (!edition->begun)
        edition->writer->begin(edition, edition->status);
    edition->begun = true;
    edition->after = broker_streams_walk(broker, edition->after, PART_STREAMS, add_stream, edition);
    edition->looked += PART_STREAMS;
    if (edition->full)
        edition->next = edition->last;
    else if (edition->prefix && edition->looked >= LOOKED_MAX)
        edition->next = edition->after;
    bool more = edition->after != 0 && edition->next == 0;
    if (!more)
        edition->writer->end(edition);
    return !is_refused(edition) && more;
}

struct document *edition_end(struct edition *edition)
{
    struct document *document = NULL;
    if (edition->outcome == QUERY_DONE) {
        document = document_create(edition->text.bytes, edition->text.count, edition->all_bytes);
        if (document)
            edition->text = (struct text){0}; /* its bytes are the document's */
        else
            edition->outcome = QUERY_NO_MEMORY;
    }
    text_done(&edition->text);
    for (size_t i = 0; i < EDITION_LISTS; i++)
        text_done(&edition->lists[i]);
    return document;
}
