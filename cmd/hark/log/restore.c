/* restore.c - the table of streams, read back.
 *
 * What must hold: the table is used only if all of it is there and sound, up to its end; else no
 * row of it counts as what is known, and the whole log is read. Even then its names are better than
 * none: streams may be older than all segments that are kept.
 */
#include "log/restore.h"

#include "log/checkpoint.h"
#include "log/found.h"
#include "log/known.h"
#include "log/missing.h"
#include "log/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define READ_BYTES (1024u * 1024) /* at once */

static void open_table(struct log_recovery *recovery);
static void read_on(struct log_recovery *recovery);

static int add(struct log_restored_part **parts, size_t *count, size_t *capacity, uint64_t through,
               uint64_t as_of)
{
    if (*count == *capacity) {
        const size_t larger = *capacity == 0 ? 64 : *capacity * 2;
        struct log_restored_part *moved = reallocarray(*parts, larger, sizeof *moved);
        if (!moved)
            return -ENOMEM;
        *parts = moved;
        *capacity = larger;
    }
    (*parts)[(*count)++] = (struct log_restored_part){through, as_of};
    return 0;
}

void restore_free(struct log_recovery *recovery)
{
    struct log_restored *restored = &recovery->restored;
    free(restored->parts);
    free(restored->lasts);
    free(restored->end_bytes);
    free(restored->bytes);
}

/* --- rows --- */

/* Takes: a row that is newer than all before it. Of two with one name the older was deleted, after
 * its part was written. */
static struct log_row *add_stream(struct log *log, const struct table_row *row)
{
    struct stream_entry *entry = streams_get(&log->table.names, row->name, row->name_length);
    if (!entry)
        return NULL;
    if (entry->row) {
        entry = NULL;
        table_remove(&log->table, table_by_name(&log->table, row->name, row->name_length));
        entry = streams_get(&log->table.names, row->name, row->name_length);
    }
    return !entry ? NULL : table_add(&log->table, row->generation, entry);
}

static int add_spans(struct log_row *stream, const struct table_row *row)
{
    const unsigned char *at = row->spans;
    if (row->span_count == 0)
        return 0;
    stream->spans = reallocarray(NULL, row->span_count, sizeof *stream->spans);
    if (!stream->spans)
        return -ENOMEM;
    stream->span_capacity = row->span_count;
    for (uint32_t i = 0; i < row->span_count; i++) {
        stream->spans[i] = table_span_decode(&at, row, i == 0 ? NULL : &stream->spans[i - 1]);
        stream->facts.count += stream->spans[i].count;
        stream->facts.bytes += stream->spans[i].bytes;
    }
    stream->span_count = row->span_count;
    stream->facts.first = stream->spans[0].first;
    return 0;
}

static int take_row(struct log_recovery *recovery, const struct table_row *row)
{
    struct log *log = recovery->log;
    struct log_restored *restored = &recovery->restored;
    struct log_notes *notes = NULL;
    int error =
        row->notes_length == 0 ? 0 : notes_change(NULL, row->notes, row->notes_length, &notes);
    struct log_row *stream = error != 0 ? NULL : add_stream(log, row);
    if (!stream) {
        free(notes);
        return error == -E2BIG ? -EBADMSG : -ENOMEM;
    }
    if (notes)
        table_note(&log->table, stream, notes, 0);
    stream->facts.lost = row->lost;
    if (restored->salvages)
        return add(&restored->lasts, &restored->last_count, &restored->last_capacity,
                   row->generation, row->last);
    stream->facts.last = row->last;
    return add_spans(stream, row);
}

/* A few rows at once: what they hang on is fetched from memory meanwhile. */
enum { BATCH = 32 };

static int take_batch(struct log_recovery *recovery, const struct table_row *rows, uint32_t count)
{
    struct log_table *table = &recovery->log->table;
    uint64_t hash[BATCH];
    int error = 0;
    for (uint32_t i = 0; i < count; i++) {
        hash[i] = streams_prefetch(&table->names, rows[i].name, rows[i].name_length);
        map_prefetch(&table->by_generation, rows[i].generation);
    }
    for (uint32_t i = 0; i < count; i++)
        map_prefetch_member(&table->names.names, hash[i]);
    for (uint32_t i = 0; i < count && error == 0; i++)
        error = take_row(recovery, &rows[i]);
    return error;
}

/* Rows are in order, in all parts. */
static int take_rows(struct log_recovery *recovery, const unsigned char *bytes,
                     const struct table_part *part)
{
    struct log_restored *restored = &recovery->restored;
    const struct log_row *newest = recovery->log->table.newest;
    const unsigned char *at = bytes, *end = bytes + part->length;
    const uint64_t after = newest ? newest->facts.generation : 0;
    struct table_row rows[BATCH];
    uint64_t before = 0;
    for (uint32_t i = 0, count = 0; i < part->rows; i++) {
        struct table_row *row = &rows[count++];
        if (!table_row_decode(&at, end, before, row) || row->generation > part->through ||
            row->generation <= after)
            return -EBADMSG;
        before = row->generation;
        if (count < BATCH && i + 1 < part->rows)
            continue;
        int error = take_batch(recovery, rows, count);
        if (error != 0)
            return error;
        count = 0;
    }
    restored->rows += part->rows;
    if (at != end || part->as_of < restored->header.from)
        return -EBADMSG;
    return add(&restored->parts, &restored->part_count, &restored->part_capacity, part->through,
               part->as_of);
}

static int take_end(struct log_recovery *recovery, const unsigned char *bytes,
                    const struct table_part *part)
{
    struct log_restored *restored = &recovery->restored;
    if (!table_end_decode(bytes, part->length, &restored->end))
        return -EBADMSG;
    if (restored->salvages)
        return 0;
    const struct table_header *header = &restored->header;
    if (restored->end.rows != restored->rows || restored->part_count == 0 ||
        restored->end.next <= header->from || restored->end.next < header->segment ||
        restored->end.next > SEGMENT_FIRST_MAX + SEGMENT_SPAN)
        return -EBADMSG;
    restored->end_bytes = malloc(part->length);
    if (!restored->end_bytes)
        return -ENOMEM;
    memcpy(restored->end_bytes, bytes, part->length);
    for (restored->listed = 0; restored->listed < restored->end.segments; restored->listed++)
        if ((table_end_segment(bytes, restored->listed).flags & TABLE_SEGMENT_MISSING) != 0)
            break;
    restored->whole = true;
    return 0;
}

/* --- parts --- */

/* Gives: whether a whole part stands there, or none can; *out_part. */
static bool has_part(const struct log_restored *restored, size_t at, struct table_part *out_part)
{
    *out_part = (struct table_part){0};
    if (restored->filled - at < TABLE_PART_HEADER_BYTES)
        return false;
    if (table_part_decode(restored->bytes + at, out_part))
        return restored->filled - at - TABLE_PART_HEADER_BYTES >= out_part->length;
    *out_part = (struct table_part){0};
    return true;
}

static int take_part(struct log_recovery *recovery, size_t at, const struct table_part *part)
{
    struct log_restored *restored = &recovery->restored;
    const unsigned char *bytes = restored->bytes + at;
    if (part->kind == 0 ||
        !table_part_is_whole(bytes, part, &restored->header, restored->offset + at)) {
        restored->parts_missing = true;
        return restored->salvages ? 0 : -EBADMSG;
    }
    bytes += TABLE_PART_HEADER_BYTES;
    return part->kind == TABLE_ROWS ? take_rows(recovery, bytes, part)
                                    : take_end(recovery, bytes, part);
}

/* All parts that are in the buffer. Gives: 0 and *out_ended: there is no more to read. */
static int take_parts(struct log_recovery *recovery, bool *out_ended)
{
    struct log_restored *restored = &recovery->restored;
    struct table_part part;
    size_t at = 0;
    int error = 0;
    *out_ended = false;
    while (error == 0 && !*out_ended && has_part(restored, at, &part)) {
        error = take_part(recovery, at, &part);
        *out_ended = part.kind != TABLE_ROWS;
        at += TABLE_PART_HEADER_BYTES + part.length;
    }
    if (*out_ended && restored->offset + at != restored->size && !restored->salvages)
        error = error == 0 ? -EBADMSG : error;
    at = at < restored->filled ? at : restored->filled;
    restored->filled -= at;
    memmove(restored->bytes, restored->bytes + at, restored->filled);
    restored->offset += at;
    return error;
}

/* --- what becomes of it --- */

/* The very first segment that is there. Gives: NULL: none has a sound header. */
static const struct log_found *oldest_whole(const struct log_recovery *recovery)
{
    for (size_t i = 0; i < recovery->count; i++)
        if (recovery->found[i].whole_header)
            return &recovery->found[i];
    return NULL;
}

/* Without the table, streams are known from the segments alone: if the first of them is there, or
 * one that names them all. */
static bool names_are_missing(const struct log_recovery *recovery)
{
    const struct log_found *oldest = oldest_whole(recovery);
    const struct log_restored *restored = &recovery->restored;
    return oldest && oldest->header.version >= SEGMENT_UNDECLARED &&
           oldest->header.previous_first != 0 && (!restored->salvages || restored->parts_missing);
}

static void tell_unusable(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    log->must_write_table = recovery->restored.found;
    if (names_are_missing(recovery)) {
        log->must_write_table = true;
        log->statistics.damaged++;
        program_tell(log, LOG_ERROR,
                     "the table of streams in %s is %s: the whole log is read, and streams may be "
                     "missing whose beginning it does not hold any more",
                     log->path, recovery->restored.found ? "damaged" : "missing");
    } else if (recovery->restored.found) {
        program_tell(log, LOG_WARNING,
                     "the table of streams in %s cannot be used: the whole log is read", log->path);
    }
}

static bool is_found(const struct log_recovery *recovery, uint64_t first)
{
    for (size_t i = 0; i < recovery->count; i++)
        if (recovery->found[i].first == first)
            return !recovery->found[i].missing;
    return false;
}

/* Whether a segment that was lost is there again: then its events are to be read. */
static bool has_returned(const struct log_recovery *recovery)
{
    const struct log_restored *restored = &recovery->restored;
    for (uint64_t i = 0; i < restored->end.segments; i++) {
        const struct table_segment segment = table_end_segment(restored->end_bytes, i);
        if ((segment.flags & TABLE_SEGMENT_MISSING) != 0 && is_found(recovery, segment.first))
            return true;
    }
    return false;
}

static int take_missing(struct log_recovery *recovery)
{
    const struct log_restored *restored = &recovery->restored;
    int error = 0;
    for (uint64_t i = 0; i < restored->end.segments && error == 0; i++) {
        const struct table_segment segment = table_end_segment(restored->end_bytes, i);
        if ((segment.flags & TABLE_SEGMENT_MISSING) == 0)
            continue;
        missing_tell(recovery, &segment);
        error = checkpoint_note_missing(recovery->log, segment.first, segment.events);
    }
    return error;
}

static void forget_rows(struct log_recovery *recovery)
{
    struct log_restored *restored = &recovery->restored;
    while (recovery->log->table.newest)
        table_remove(&recovery->log->table, recovery->log->table.newest);
    restored->part_count = 0;
    restored->rows = 0;
    restored->whole = false;
    free(restored->end_bytes);
    restored->end_bytes = NULL;
}

/* A name that is not on the disk may be gone with the power, and the table before it is back, to
 * which more segments belong. */
static void name_synced(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    if (result < 0 && result != -EINVAL)
        recovery->log->checkpoint.covers = 0;
    recovery->restored.done(recovery, 0);
}

static void ended(struct log_recovery *recovery, int error)
{
    struct log_restored *restored = &recovery->restored;
    free(restored->bytes);
    restored->bytes = NULL;
    restored->capacity = restored->filled = 0;
    if (error == 0 && restored->whole) {
        const uint64_t newest =
            recovery->count == 0 ? 0 : recovery->found[recovery->count - 1].first;
        recovery->log->checkpoint.covers = restored->header.segment;
        recovery->log->checkpoint.from = restored->header.from;
        recovery->log->checkpoint.size = restored->size;
        if (newest < restored->header.segment && recovery->mark < restored->header.segment)
            recovery->high = recovery->log->next = restored->end.next;
        error = take_missing(recovery);
        if (error == 0 && !recovery->log->options.inspect) {
            hark_fsync(recovery->log->loop, &recovery->op, recovery->log->directory, name_synced);
            return;
        }
    } else if (error == 0) {
        tell_unusable(recovery);
    }
    restored->done(recovery, error);
}

static void table_closed(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    struct log_restored *restored = &recovery->restored;
    (void)result;
    recovery->fd = -1;
    if (restored->error != 0 && restored->error != -EBADMSG) {
        ended(recovery, restored->error);
    } else if (restored->salvages || (restored->error == 0 && !has_returned(recovery))) {
        ended(recovery, 0);
    } else {
        forget_rows(recovery);
        restored->salvages = true;
        open_table(recovery);
    }
}

static void close_table(struct log_recovery *recovery, int error)
{
    recovery->restored.error = error;
    hark_close(recovery->log->loop, &recovery->op, recovery->fd, table_closed);
}

/* --- reading it --- */

static void part_read(struct log_transfer *transfer, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(transfer, struct log_recovery, transfer);
    struct log_restored *restored = &recovery->restored;
    bool all = false;
    if (result < 0) {
        close_table(recovery, (int)result);
        return;
    }
    restored->filled += (size_t)result;
    int error = take_parts(recovery, &all);
    if (error == 0 && !all && result == 0) {
        restored->parts_missing = true;
        error = -EBADMSG;
    }
    if (error != 0 || all)
        close_table(recovery, error);
    else
        read_on(recovery);
}

/* A part that is larger than the buffer needs a larger one. */
static void read_on(struct log_recovery *recovery)
{
    struct log_restored *restored = &recovery->restored;
    struct table_part part = {0};
    size_t wanted = READ_BYTES;
    if (restored->filled >= TABLE_PART_HEADER_BYTES && table_part_decode(restored->bytes, &part) &&
        part.length <= restored->size - restored->offset)
        wanted = (size_t)part.length + TABLE_PART_HEADER_BYTES;
    if (wanted < READ_BYTES)
        wanted = READ_BYTES;
    if (restored->capacity < wanted) {
        unsigned char *bytes = realloc(restored->bytes, wanted);
        if (!bytes) {
            close_table(recovery, -ENOMEM);
            return;
        }
        restored->bytes = bytes;
        restored->capacity = wanted;
    }
    if (restored->filled == restored->capacity) { /* a length that cannot be */
        restored->parts_missing = true;
        close_table(recovery, -EBADMSG);
        return;
    }
    transfer_read(recovery->log->loop, &recovery->transfer, recovery->fd,
                  restored->bytes + restored->filled, restored->capacity - restored->filled,
                  restored->offset + restored->filled, part_read);
}

static void header_read(struct log_transfer *transfer, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(transfer, struct log_recovery, transfer);
    struct log_restored *restored = &recovery->restored;
    if (result < 0) {
        close_table(recovery, (int)result);
        return;
    }
    if (result < (int64_t)TABLE_HEADER_BYTES ||
        !table_header_decode(recovery->buffer, &restored->header)) {
        restored->parts_missing = true;
        close_table(recovery, -EBADMSG);
        return;
    }
    if (restored->header.version > TABLE_VERSION) {
        close_table(recovery, -EPROTO);
        return;
    }
    restored->offset = TABLE_HEADER_BYTES;
    restored->filled = 0;
    const uint64_t most = restored->size / TABLE_ROW_BYTES_MIN; /* whatever the header says */
    const uint32_t rows = restored->header.rows < most ? restored->header.rows : (uint32_t)most;
    (void)map_reserve(&recovery->log->table.by_generation, rows);
    (void)map_reserve(&recovery->log->table.names.names, rows);
    read_on(recovery);
}

static void sized(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    if (result < 0) {
        close_table(recovery, (int)result);
        return;
    }
    recovery->restored.size = ((const struct statx *)(void *)recovery->buffer)->stx_size;
    transfer_read(op->loop, &recovery->transfer, recovery->fd, recovery->buffer, TABLE_HEADER_BYTES,
                  0, header_read);
}

static void table_opened(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    struct log_restored *restored = &recovery->restored;
    if (result == -ENOENT) {
        ended(recovery, 0);
        return;
    }
    if (result == -ELOOP)
        program_tell(recovery->log, LOG_ERROR,
                     "%s/" TABLE_NAME " is a symbolic link, and none is followed: put the file "
                     "itself there, or remove the link",
                     recovery->log->path);
    if (result < 0) {
        ended(recovery, (int)result);
        return;
    }
    restored->found = true;
    recovery->fd = (int)result;
    hark_statx(op->loop, op, recovery->fd, "", AT_EMPTY_PATH, STATX_SIZE,
               (struct statx *)(void *)recovery->buffer, sized);
}

static void open_table(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    hark_openat(log->loop, &recovery->op, log->directory, TABLE_NAME, O_RDONLY | O_NOFOLLOW, 0,
                table_opened);
}

void restore_begin(struct log_recovery *recovery,
                   void (*done)(struct log_recovery *recovery, int error))
{
    recovery->restored.done = done;
    open_table(recovery);
}

/* --- what it means for the segments --- */

bool restore_lists(struct log_recovery *recovery)
{
    const struct log_found *found = found_now(recovery);
    struct log_segment *segment = recovery->segment;
    if (!known_covers(recovery, found->first) || found->missing)
        return false;
    struct table_segment told;
    if (!known_segment(recovery, found->first,
                       &told)) { /* one that was removed, and is back: nothing in it is anybody's */
        segment->end = found->size;
        segment->newest_ns = segment->created_ns;
        segment->sealed = true;
        return true;
    }
    segment->dead = told.dead;
    segment->log->statistics.dead_bytes += told.dead;
    if ((told.flags & TABLE_SEGMENT_DAMAGED) != 0 || !found->has_index || !found->whole_header ||
        found->size < told.end || recovery->log->options.inspect)
        return false;
    segment->end = told.end;
    segment->created_ns = told.created_ns;
    segment->newest_ns = told.newest_ns;
    segment->last_sequence = told.last_sequence;
    segment->sealed = true;
    return true;
}
