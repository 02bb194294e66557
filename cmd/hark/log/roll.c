/* roll.c - makes segments.
 *
 * What must hold: before an event in a segment is answered or shown, the segment's header and its
 * name in the directory are on the disk: the ids that a crashed log may have given are bounded by
 * it (see SEGMENT_SPAN). Its header says where the one before it ends, so that what a failed write
 * or sync left there never comes back: from the first try on, that one does not grow. A sequence
 * that named a file is never used again, also when the making failed. While a segment is made no
 * stream comes or goes: those who append wait for it.
 */
#include "log/roll.h"

#include "base/check.h"
#include "log/bytes.h"
#include "log/oldest.h"
#include "log/program.h"
#include "log/record.h"
#include "log/retention.h"
#include "log/seal.h"
#include "log/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define ROLL_BUFFER_BYTES (64u * 1024) /* what is encoded at once */

static void roll_end(struct log *log, int error)
{
    struct log_roll *roll = &log->roll;
    free(roll->bytes);
    roll->bytes = NULL;
    log->must_roll = error != 0;
    if (error != 0)
        segment_destroy(roll->segment);
    roll->segment = NULL;
    roll->done(log, error);
    pending_end(&log->pending);
}

/* --- what stands in it --- */

static void put_declaration(unsigned char *to, const struct log_row *stream,
                            const struct log_segment *segment, uint64_t offset)
{
    const struct log_notes *notes = stream->notes;
    unsigned char *payload = to + RECORD_HEADER_BYTES;
    const struct stream_entry *entry = stream->facts.entry;
    if (notes) {
        put32(payload, notes->length);
        memcpy(payload + 4, notes->bytes, notes->length);
        payload += 4 + notes->length;
    }
    put64(payload, stream->facts.last);
    put64(payload + 8, stream->facts.lost);
    memcpy(payload + RECORD_DECLARE_BYTES, entry->name, entry->name_length);
    struct log_record record = {
        .kind = RECORD_DECLARE,
        .length = RECORD_DECLARE_BYTES + entry->name_length,
        .sequence = segment->first,
        .time_ns = segment->created_ns,
        .stream = stream->facts.generation,
        .payload = payload,
        .notes = !notes ? NULL : notes->bytes,
        .notes_length = !notes ? 0 : notes->length,
    };
    memset(payload + record.length, 0,
           record_padding(record_with_notes(record.length, record.notes_length)));
    record_encode(to, &record, segment->first, offset);
}

static uint64_t declared_end(const struct log *log)
{
    return SEGMENT_HEADER_BYTES + log->table.declared_bytes;
}

static void put_header(struct log *log)
{
    struct log_roll *roll = &log->roll;
    const struct log_segment *before =
        log->segment_count == 0 ? NULL : log->segments[log->segment_count - 1];
    struct log_segment_header header = {
        .version = SEGMENT_VERSION,
        .declared = log->table.count,
        .first = roll->segment->first,
        .created_ns = roll->segment->created_ns,
        .previous_first = log->must_declare ? roll->segment->first
                          : !before         ? 0
                                            : before->first,
        .previous_end = !before ? 0 : before->end,
        .declared_end = declared_end(log),
    };
    segment_header_encode(roll->bytes, &header);
    roll->segment->end = 0;
    roll->count = SEGMENT_HEADER_BYTES;
}

/* As many declarations as there is room for, behind what the buffer has. */
static void put_declarations(struct log_roll *roll)
{
    const struct log_segment *segment = roll->segment;
    while (roll->next && roll->count + row_declaration_size(roll->next) <= ROLL_BUFFER_BYTES) {
        check(!roll->next->pending);
        put_declaration(roll->bytes + roll->count, roll->next, segment, segment->end + roll->count);
        roll->count += row_declaration_size(roll->next);
        roll->next = roll->next->after;
    }
}

/* --- it failed --- */

static void unlinked(struct hark_op *op, int64_t result)
{
    struct log_roll *roll = hark_container_of(op, struct log_roll, op);
    (void)result; /* what is left has no event in it, and recovery removes it */
    roll_end(roll->segment->log, roll->error);
}

static void unfinished_closed(struct hark_op *op, int64_t result)
{
    struct log_roll *roll = hark_container_of(op, struct log_roll, op);
    (void)result;
    hark_unlinkat(op->loop, op, roll->segment->log->directory, roll->segment->name, 0, unlinked);
}

static void give_up(struct log_roll *roll, int64_t error)
{
    struct log *log = roll->segment->log;
    roll->error = (int)error;
    hark_close(log->loop, &roll->op, roll->segment->fd, unfinished_closed);
}

/* --- step by step --- */

static void marked(struct log_transfer *transfer, int64_t result)
{
    struct log_roll *roll = hark_container_of(transfer, struct log_roll, transfer);
    struct log *log = roll->segment->log;
    if (roll->names_oldest) /* else a trace less, should the segment's file be lost */
        oldest_wrote(log, result);
    oldest_update(log);
    log->must_declare = false;
    roll_end(log, 0);
}

static void name_synced(struct hark_op *op, int64_t result)
{
    struct log_roll *roll = hark_container_of(op, struct log_roll, op);
    struct log *log = roll->segment->log;
    if (result == -EINVAL)
        result = 0; /* some file systems cannot sync a directory */
    if (result == 0 && log->active)
        result = seal_active(log);
    if (result < 0) {
        give_up(roll, result);
        return;
    }
    struct log_segment *segment = roll->segment;
    segment->state = SEGMENT_OPEN;
    log->active = segment;
    log->statistics.open_segments = log->open + 1;
    log->builder = (struct log_builder){.segment = segment->first, .last_sequence = segment->first};
    int listed = segment_list(segment);
    check(listed == 0);
    log->commit.dirty = false; /* what was dirty is the seal's to sync now */
    retention_check(log);
    size_t newest = mark_encode(roll->mark, MARK_NEWEST, segment->first),
           oldest = oldest_add(log, roll->mark + newest);
    roll->names_oldest = oldest > 0;
    transfer_write(log->loop, &roll->transfer, log->mark, roll->mark, newest + oldest, 0, marked);
}

static void synced(struct hark_op *op, int64_t result)
{
    struct log_roll *roll = hark_container_of(op, struct log_roll, op);
    if (result < 0)
        give_up(roll, result);
    else
        hark_fsync(op->loop, op, roll->segment->log->directory, name_synced);
}

static void write_part(struct log_roll *roll);

static void written(struct log_transfer *transfer, int64_t result)
{
    struct log_roll *roll = hark_container_of(transfer, struct log_roll, transfer);
    struct log_segment *segment = roll->segment;
    segment->end += roll->count;
    roll->count = 0;
    if (result < 0) {
        give_up(roll, result);
    } else if (roll->next) {
        write_part(roll);
    } else {
        check(segment->end == declared_end(segment->log)); /* as its header says */
        hark_fdatasync(segment->log->loop, &roll->op, segment->fd, synced);
    }
}

/* A part of the declarations each: a turn of the loop does not encode all of them. */
static void write_part(struct log_roll *roll)
{
    struct log_segment *segment = roll->segment;
    put_declarations(roll);
    transfer_write(segment->log->loop, &roll->transfer, segment->fd, roll->bytes, roll->count,
                   segment->end, written);
}

static void open_file(struct log *log);

static void opened(struct hark_op *op, int64_t result)
{
    struct log_roll *roll = hark_container_of(op, struct log_roll, op);
    if (result < 0) {
        if (program_spare(roll->segment->log, result))
            open_file(roll->segment->log);
        else
            roll_end(roll->segment->log, (int)result);
        return;
    }
    roll->segment->fd = (int)result;
    put_header(roll->segment->log);
    roll->next = roll->segment->log->table.oldest;
    write_part(roll);
}

static void open_file(struct log *log)
{
    struct log_roll *roll = &log->roll;
    hark_openat(log->loop, &roll->op, log->directory, roll->segment->name,
                O_RDWR | O_CREAT | O_EXCL, 0640, opened);
}

static void memory_missing(struct hark_op *op, int64_t result)
{
    (void)result;
    struct log *log = hark_container_of(op, struct log, roll.op);
    roll_end(log, -ENOMEM);
}

void roll_begin(struct log *log, void (*done)(struct log *log, int error))
{
    struct log_roll *roll = &log->roll;
    pending_begin(&log->pending);
    roll->done = done;
    roll->segment = segment_create(log, log->next);
    roll->bytes = malloc(ROLL_BUFFER_BYTES);
    if (roll->segment)
        roll->segment->created_ns = hark_os_wall_clock(log->loop);
    if (!roll->segment || !roll->bytes || segment_reserve(log) != 0) {
        hark_defer(log->loop, &roll->op, memory_missing);
        return;
    }
    log->next++;
    segment_name(roll->segment->name, roll->segment->first, SUFFIX_LOG);
    open_file(log);
}
