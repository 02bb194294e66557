/* missing.c - see the header. What must hold: no stream has a span of a segment that is not there,
 * and a reader is told of a gap where it was. */
#include "log/missing.h"

#include "log/checkpoint.h"
#include "log/program.h"
#include "log/segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

void missing_tell(const struct log_recovery *recovery, const struct table_segment *segment)
{
    struct log *log = recovery->log;
    const char *which = segment->first == recovery->oldest ? ", the oldest," : "";
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, segment->first, SUFFIX_LOG);
    log->statistics.damaged++;
    if (segment->events > 0)
        program_tell(log, LOG_ERROR,
                     "segment %s%s is missing: its %" PRIu64
                     " events are lost, readers are told of a gap",
                     name, which, segment->events);
    else
        program_tell(log, LOG_ERROR,
                     "segment %s%s is missing: what it held is lost, readers are told of a gap",
                     name, which);
}

/* The segments that the table tells of and that are not there. */
struct losses {
    struct table_segment *all;
    size_t count, capacity;
};

static int lose(struct losses *losses, const struct log_span *span)
{
    for (size_t i = losses->count; i-- > 0;)
        if (losses->all[i].first == span->segment) {
            losses->all[i].events += span->count;
            return 0;
        }
    if (losses->count == losses->capacity) {
        const size_t larger = losses->capacity == 0 ? 16 : losses->capacity * 2;
        struct table_segment *moved = reallocarray(losses->all, larger, sizeof *moved);
        if (!moved)
            return -ENOMEM;
        losses->all = moved;
        losses->capacity = larger;
    }
    losses->all[losses->count++] =
        (struct table_segment){.first = span->segment, .events = span->count};
    return 0;
}

static int count_stream(struct log *log, struct log_row *stream, struct losses *losses)
{
    for (uint32_t i = 0; i < stream->span_count;) {
        struct log_segment *segment = segment_by_first(log, stream->spans[i].segment);
        if (segment) {
            segment->live++;
            i++;
            continue;
        }
        if (lose(losses, &stream->spans[i]) != 0)
            return -ENOMEM;
        row_drop_span(stream, i);
    }
    return 0;
}

static bool is_noted(const struct log *log, uint64_t first)
{
    for (size_t i = 0; i < log->checkpoint.missing_count; i++)
        if (log->checkpoint.missing[i].first == first)
            return true;
    return false;
}

int missing_count_live(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    struct losses losses = {0};
    int error = 0;
    for (struct log_row *stream = log->table.oldest; stream && error == 0; stream = stream->after)
        error = count_stream(log, stream, &losses);
    for (size_t i = 0; i < losses.count && error == 0; i++) {
        const struct table_segment *segment = &losses.all[i];
        if (segment->first < recovery->oldest || is_noted(log, segment->first))
            continue; /* retention has taken it, or it was told */
        missing_tell(recovery, segment);
        log->must_write_table = true;
        error = checkpoint_note_missing(log, segment->first, segment->events);
    }
    free(losses.all);
    return error;
}

void missing_end(struct log_recovery *recovery)
{
    const struct log_restored *restored = &recovery->restored;
    for (size_t i = 0; i < restored->last_count; i++) {
        struct log_row *stream =
            table_by_generation(&recovery->log->table, restored->lasts[i].through);
        if (!stream || stream->facts.last >= restored->lasts[i].as_of)
            continue;
        row_lose(stream, restored->lasts[i].as_of);
    }
}
