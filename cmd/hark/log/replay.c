/* replay.c - what each kind of record means for the streams, as the log is opened.
 *
 * Segments come in order, but some may be missing or damaged, so: events may come before their
 * stream's name is known, a declaration may tell of a stream never heard of, or of later events
 * than were found, which then are lost; and a deletion may have been lost, so that a name comes
 * again.
 */
#include "log/replay.h"

#include "log/bytes.h"
#include "log/known.h"
#include "log/program.h"
#include "log/recovery_state.h"
#include "log/removal.h"

#include <errno.h>
#include <inttypes.h>

/* Up to which sequence the table has told all of the stream. */
static uint64_t known_through(const struct log *log, uint64_t generation)
{
    return known_as_of(log->recovery, generation);
}

/* The table knows that there is no such stream any more. */
static bool is_gone(const struct log *log, uint64_t generation)
{
    return known_through(log, generation) > 0 && !table_by_generation(&log->table, generation);
}

/* The stream of that generation, without a name where it is not known yet. */
static struct log_row *stream_by_generation(struct log *log, uint64_t generation)
{
    struct log_row *stream = table_by_generation(&log->table, generation);
    return stream ? stream : table_add(&log->table, generation, NULL);
}

static void bury(struct log *log, struct log_row *stream)
{
    (void)removal_bury(log, stream);
    table_remove(&log->table, stream);
}

/* The stream of that generation, which has this name. */
static struct log_row *stream_named(struct log *log, uint64_t generation, const char *name,
                                    size_t length)
{
    struct log_row *stream = table_by_generation(&log->table, generation);
    if (stream && stream->facts.entry)
        return stream;
    struct log_row *other = table_by_name(&log->table, name, length);
    if (other)
        bury(log, other); /* its deletion was lost */
    struct stream_entry *entry = streams_get(&log->table.names, name, length);
    if (!entry || !stream)
        return entry ? table_add(&log->table, generation, entry) : NULL;
    table_name(&log->table, stream, entry);
    return stream;
}

static int change_notes(struct log *log, struct log_row *stream, const struct log_record *record)
{
    struct log_notes *notes;
    if (record->notes_length == 0)
        return 0;
    int error = notes_change(stream->notes, record->notes, record->notes_length, &notes);
    if (error == 0)
        table_note(&log->table, stream, notes, log->builder.segment);
    return error == -E2BIG ? 0 : error; /* nobody wrote that */
}

/* All that is noted of the stream, whatever was known before. segment: which says so in its index;
 * 0: none has to. */
static int set_notes(struct log *log, struct log_row *stream, const unsigned char *bytes,
                     uint32_t length, uint64_t segment)
{
    struct log_notes *notes = NULL;
    int error = length == 0 ? 0 : notes_change(NULL, bytes, length, &notes);
    if (error == 0)
        table_note(&log->table, stream, notes, segment);
    return error == -E2BIG ? 0 : error;
}

static int replay_event(struct log *log, const struct log_record *record, uint64_t offset,
                        uint32_t block)
{
    bool known = table_by_generation(&log->table, record->stream);
    struct log_row *stream = stream_by_generation(log, record->stream);
    if (!stream || row_reserve(stream, log->builder.segment, block) != 0)
        return -ENOMEM;
    if (!known)
        row_lose(stream,
                 record->sequence -
                     1); /* its creation is not there: neither may be events before this one */
    builder_note(&log->builder, offset, record->sequence, record->time_ns);
    (void)row_note(stream, log->builder.segment, block, record->sequence, record->length);
    return change_notes(log, stream, record);
}

static int replay_note(struct log *log, const struct log_record *record)
{
    struct log_row *stream = stream_by_generation(log, record->stream);
    return stream ? change_notes(log, stream, record) : -ENOMEM;
}

static int replay_delete(struct log *log, const struct log_record *record)
{
    if (builder_reserve_deleted(&log->builder) != 0)
        return -ENOMEM;
    builder_note_deleted(&log->builder, record->stream);
    struct log_row *stream = table_by_generation(&log->table, record->stream);
    if (stream)
        bury(log, stream);
    return 0;
}

static int replay_declare(struct log *log, const struct log_record *record)
{
    if (is_gone(log, record->stream))
        return 0;
    if (known_through(log, record->stream) >= record->sequence) {
        table_by_generation(&log->table, record->stream)->declared = record->sequence;
        return 0;
    }
    uint64_t last = get64(record->payload), lost = get64(record->payload + 8);
    bool known = table_by_generation(&log->table, record->stream);
    struct log_row *stream =
        stream_named(log, record->stream, (const char *)record->payload + RECORD_DECLARE_BYTES,
                     record->length - RECORD_DECLARE_BYTES);
    if (!stream)
        return -ENOMEM;
    stream->declared = record->sequence;
    if (!known)
        row_lose(stream, lost);
    const struct log_recovery *recovery = log->recovery;
    if (stream->facts.last < last && (known || recovery->at > 0) && !recovery->previous_damaged)
        stream->missed = true; /* what is damaged was told already */
    if (stream->facts.last < last)
        row_lose(stream, last); /* it had events that are not there any more */
    return set_notes(log, stream, record->notes, record->notes_length, 0);
}

/* What the table has told of already: but where in the segment it stands is to be in the index. */
static int replay_known(struct log *log, const struct log_record *record, uint64_t offset,
                        uint32_t block)
{
    struct log_row *stream = table_by_generation(&log->table, record->stream);
    if (record->kind == RECORD_DELETE && builder_reserve_deleted(&log->builder) != 0)
        return -ENOMEM;
    if (stream && record->kind == RECORD_EVENT &&
        row_reserve(stream, log->builder.segment, block) != 0)
        return -ENOMEM;
    builder_note(&log->builder, offset, record->sequence, record->time_ns);
    if (record->kind == RECORD_DELETE)
        builder_note_deleted(&log->builder, record->stream);
    if (stream && record->kind == RECORD_EVENT) {
        row_note_block(stream, block);
        log->recovery->known++;
    }
    if (stream && record->notes_length > 0)
        stream->noted_in = log->builder.segment;
    return 0;
}

static int take_record(struct log *log, const struct log_record *record, uint64_t offset)
{
    if (record->kind == RECORD_DECLARE)
        return replay_declare(log, record);
    uint32_t block = builder_plan(&log->builder, offset, record->sequence);
    if (block == UINT32_MAX)
        return -ENOMEM;
    if (is_gone(log, record->stream) || record->sequence <= known_through(log, record->stream))
        return replay_known(log, record, offset, block);
    if (record->kind == RECORD_EVENT)
        return replay_event(log, record, offset, block);
    builder_note(&log->builder, offset, record->sequence, record->time_ns);
    if (record->kind == RECORD_DELETE)
        return replay_delete(log, record);
    if (record->kind == RECORD_NOTE)
        return replay_note(log, record);
    return !stream_named(log, record->stream, (const char *)record->payload, record->length)
               ? -ENOMEM
               : 0;
}

/* Its segment tells of the stream: so does the index that is made of it. */
static int tell(struct log *log, uint64_t generation)
{
    struct log_row *stream = table_by_generation(&log->table, generation);
    return !stream ? 0 : table_list_row(&log->table, stream);
}

int replay_record(struct log *log, const struct log_record *record, uint64_t offset)
{
    int error = take_record(log, record, offset);
    return error != 0 || record->kind == RECORD_DECLARE ? error : tell(log, record->stream);
}

void replay_declared(struct log *log, uint64_t first)
{
    for (struct log_row *stream = log->table.oldest, *after; stream; stream = after) {
        after = stream->after;
        if (stream->facts.generation < first && stream->declared != first)
            bury(log, stream);
    }
}

static void replay_deletions(struct log *log, const struct log_index *index)
{
    for (uint32_t i = 0; i < index->deleted; i++) {
        struct log_row *stream = table_by_generation(&log->table, index_deleted(index, i));
        if (stream)
            bury(log, stream);
    }
}

static struct log_row *stream_of_entry(struct log *log, const struct log_index_entry *entry)
{
    return !entry->name ? stream_by_generation(log, entry->generation)
                        : stream_named(log, entry->generation, entry->name, entry->name_length);
}

static int note_entry(struct log *log, struct log_row *stream, const struct log_index_entry *entry)
{
    return entry->noted ? set_notes(log, stream, entry->notes, entry->notes_length, 0) : 0;
}

int replay_lost(struct log *log, const struct log_index *index, uint64_t *out_events)
{
    uint64_t events = 0;
    replay_deletions(log, index);
    for (uint32_t i = 0; i < index->entries; i++) {
        struct log_index_entry entry = index_entry(index, i);
        if (is_gone(log, entry.generation))
            continue;
        events += entry.span.count;
        if (known_through(log, entry.generation) >= index->last_sequence)
            continue;
        struct log_row *stream = stream_of_entry(log, &entry);
        if (!stream || note_entry(log, stream, &entry) != 0 ||
            (log->builder.segment == index->first && table_list_row(&log->table, stream) != 0))
            return -ENOMEM;
        for (uint32_t k = stream->span_count; k > 0 && stream->spans[k - 1].segment == index->first;
             k--)
            events -= stream->spans[k - 1].count;
        if (stream->facts.last < entry.span.last)
            row_lose(stream, entry.span.last);
    }
    *out_events = events;
    return 0;
}

int replay_index(struct log *log, const struct log_index *index)
{
    replay_deletions(log, index);
    for (uint32_t i = 0; i < index->entries; i++) {
        struct log_index_entry entry = index_entry(index, i);
        if (is_gone(log, entry.generation) ||
            known_through(log, entry.generation) >= index->last_sequence)
            continue;
        struct log_row *stream = stream_of_entry(log, &entry);
        if (!stream || (entry.span.count > 0 && row_add_span(stream, &entry.span) != 0) ||
            note_entry(log, stream, &entry) != 0)
            return -ENOMEM;
    }
    return 0;
}

void replay_lose_all(struct log *log, uint64_t through)
{
    table_lose(&log->table, through);
    log->must_write_table = true;
}

/* Streams whose later declarations tell of events that were not found, where nothing damaged has
 * been told of. */
static void tell_missed(struct log *log)
{
    uint64_t count = 0;
    const struct log_row *example = NULL;
    for (const struct log_row *stream = log->table.oldest; stream; stream = stream->after) {
        if (!stream->missed || !stream->facts.entry)
            continue;
        example = !example ? stream : example;
        count++;
    }
    if (!example)
        return;
    log->statistics.damaged++;
    log->must_write_table = true;
    program_tell(
        log, LOG_ERROR,
        "events of %" PRIu64
        " streams are missing, with the segment that held them: '%s' is one, up to id %" PRIu64
        ": readers are told of a gap",
        count, example->facts.entry->name, example->facts.lost);
}

void replay_end(struct log *log)
{
    const uint64_t now_ns = hark_os_wall_clock(log->loop);
    tell_missed(log);
    for (struct log_row *stream = log->table.oldest, *after; stream; stream = after) {
        after = stream->after;
        stream->facts.touched_ns = now_ns;
        if (stream->facts.entry)
            continue;
        log->statistics.damaged++;
        program_tell(log, LOG_ERROR,
                     "a stream's name is lost: %" PRIu64 " events from id %" PRIu64 " to %" PRIu64
                     " cannot be reached",
                     stream->facts.count, stream->facts.first, stream->facts.last);
        table_remove(&log->table, stream);
    }
}
