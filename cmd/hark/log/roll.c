/* roll.c - makes segments.
 *
 * What must hold: before an event in a segment is answered or shown, the segment's header and its
 * name in the directory are on the disk: the ids that a crashed log may have given are bounded by
 * it (see SEGMENT_SPAN). Its header says where the one before it ends, so that what a failed write
 * or sync left there never comes back: from the first try on, that one does not grow. A sequence
 * that named a file is never used again, also when the making failed. What a start has found lost
 * is in the table on the disk before the first segment after it: there the next start finds it.
 */
#include "log/roll.h"

#include "base/check.h"
#include "log/checkpoint.h"
#include "log/oldest.h"
#include "log/program.h"
#include "log/record.h"
#include "log/retention.h"
#include "log/seal.h"
#include "log/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

static void roll_end(struct log *log, int error)
{
    struct log_roll *roll = &log->roll;
    log->must_roll = error != 0;
    if (error != 0)
        segment_destroy(roll->segment);
    roll->segment = NULL;
    roll->done(log, error);
    pending_end(&log->pending);
}

/* --- what stands in it --- */

static void put_header(struct log *log)
{
    struct log_roll *roll = &log->roll;
    const struct log_segment *before =
        log->segment_count == 0 ? NULL : log->segments[log->segment_count - 1];
    struct log_segment_header header = {
        .version = SEGMENT_VERSION,
        .first = roll->segment->first,
        .created_ns = roll->segment->created_ns,
        .previous_first = !before ? 0 : before->first,
        .previous_end = !before ? 0 : before->end,
        .declared_end = SEGMENT_HEADER_BYTES,
    };
    segment_header_encode(roll->header, &header);
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
    table_list_begin(&log->table, segment->first);
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

static void written(struct log_transfer *transfer, int64_t result)
{
    struct log_roll *roll = hark_container_of(transfer, struct log_roll, transfer);
    struct log_segment *segment = roll->segment;
    if (result < 0) {
        give_up(roll, result);
        return;
    }
    segment->end = SEGMENT_HEADER_BYTES;
    hark_fdatasync(segment->log->loop, &roll->op, segment->fd, synced);
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
    transfer_write(op->loop, &roll->transfer, roll->segment->fd, roll->header, sizeof roll->header,
                   0, written);
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

static void make_segment(struct log *log)
{
    struct log_roll *roll = &log->roll;
    roll->segment = segment_create(log, log->next);
    if (!roll->segment || segment_reserve(log) != 0) {
        hark_defer(log->loop, &roll->op, memory_missing);
        return;
    }
    roll->segment->created_ns = hark_os_wall_clock(log->loop);
    log->next++;
    segment_name(roll->segment->name, roll->segment->first, SUFFIX_LOG);
    open_file(log);
}

static void table_written(struct log *log, int error)
{
    if (error != 0)
        roll_end(log, error);
    else
        make_segment(log);
}

void roll_begin(struct log *log, void (*done)(struct log *log, int error))
{
    pending_begin(&log->pending);
    log->roll.done = done;
    if (log->must_write_table)
        checkpoint_await(log, table_written);
    else
        make_segment(log);
}
