/* removal.c - what is dead in segments, and how one goes.
 *
 * What must hold: the files of a segment go only when nobody reads it, and those of the oldest only
 * when oldest.c lets them: first the index, then the segment, since an index alone is the trace of
 * a segment that was lost. Which segments go is retention.c's to know.
 */
#include "log/removal.h"

#include "log/oldest.h"
#include "log/program.h"
#include "log/record.h"
#include "log/segment.h"

#include <errno.h>

/* --- what is dead --- */

bool removal_bury(struct log *log, const struct log_row *stream)
{
    bool empty = false;
    for (uint32_t i = 0; i < stream->span_count; i++) {
        const struct log_span *span = &stream->spans[i];
        struct log_segment *segment = segment_by_first(log, span->segment);
        uint64_t bytes = span->bytes + span->count * RECORD_HEADER_BYTES;
        if (!segment)
            continue; /* recovery: it is being read */
        segment->dead += bytes;
        log->statistics.dead_bytes += bytes;
        if (segment->live > 0 && --segment->live == 0) {
            segment->dead_since = log->recovery ? 0 : log->builder.last_sequence;
            empty = true;
        }
    }
    return empty;
}

/* --- its files --- */

static void file_unlinked(struct hark_op *op, int64_t result)
{
    struct log_segment *segment = hark_container_of(op, struct log_segment, op);
    struct log *log = segment->log;
    if (result < 0 && result != -ENOENT)
        program_tell(log, LOG_ERROR,
                     "cannot remove segment %s: %s (it is tried again at the next start)",
                     segment->name, hark_error_text(result));
    if (segment->state == SEGMENT_OPEN)
        segment_close(segment); /* comes back to unused */
    else
        segment_destroy(segment);
    pending_end(&log->pending);
}

static void index_unlinked(struct hark_op *op, int64_t result)
{
    struct log_segment *segment = hark_container_of(op, struct log_segment, op);
    struct log *log = segment->log;
    (void)result; /* if it stays, so does the segment, most likely; else the next start says that
                     one is missing */
    segment_name(segment->name, segment->first, SUFFIX_LOG);
    hark_unlinkat(log->loop, op, log->directory, segment->name, 0, file_unlinked);
}

/* Nobody holds it. */
static void unused(struct log_segment *segment)
{
    struct log *log = segment->log;
    if (segment->unlinked) {
        segment_destroy(segment);
        return;
    }
    if (oldest_keeps(segment))
        return;
    pending_begin(&log->pending);
    segment->unlinked = true;
    segment_name(segment->name, segment->first, SUFFIX_INDEX);
    hark_unlinkat(log->loop, &segment->op, log->directory, segment->name, 0, index_unlinked);
}

/* --- out of the list --- */

void removal_begin(struct log *log, size_t at)
{
    struct log_segment *segment = log->segments[at];
    segment_unlist(log, at);
    for (struct log_row *stream = log->table.oldest; stream && segment->live > 0;
         stream = stream->after)
        for (; stream->span_count > 0 && stream->spans[0].segment == segment->first;
             segment->live--)
            row_drop_span(stream, 0);
    log->statistics.dead_bytes -= segment->dead;
    log->statistics.removed++;
    oldest_update(log);
    segment_when_unused(segment, unused);
}
