/* load_whole.c - takes a segment by reading all of it: it has no index, or none that can be used.
 *
 * What must hold: what was read is made durable before anyone sees it (prove.c), then gets its
 * index; only the last segment may be cut, and only what a crash has interrupted. A last segment in
 * whose making the log crashed goes; it cannot hold an event. What is lost is told once, and no
 * stream is silent of it. A damaged segment gets no index, which would hide the damage from the
 * next start, and keeps the one that it has, which may know of more than can be read.
 */
#include "log/load_whole.h"

#include "log/found.h"
#include "log/known.h"
#include "log/program.h"
#include "log/prove.h"
#include "log/replay.h"
#include "log/seal.h"
#include "log/segment.h"

#include <fcntl.h>
#include <inttypes.h>

/* Which streams had events there nobody knows, so all are told; unless nothing was there, or, of
 * the end, the next segment or the index tells which. */
static void hole(struct log_scan *scan, uint64_t from, uint64_t end, uint64_t next)
{
    struct log_recovery *recovery = hark_container_of(scan, struct log_recovery, scan);
    uint64_t told, through = (next == 0 ? found_ids_end(recovery) : next) - 1;
    if (next == 0 && recovery->sealed.end > found_now(recovery)->size)
        return; /* it is where the file was cut short: lose_end tells */
    found_count_damage(recovery);
    if (through <= scan->last) {
        program_tell(recovery->log, LOG_ERROR,
                     "segment %s is damaged: bytes %" PRIu64 " to %" PRIu64
                     " are passed over, no event was there",
                     recovery->name, from, end);
        return;
    }
    program_tell(recovery->log, LOG_ERROR,
                 "segment %s is damaged: bytes %" PRIu64 " to %" PRIu64
                 " are passed over: events between ids %" PRIu64 " and %" PRIu64
                 " are lost, readers are told of a gap",
                 recovery->name, from, end, scan->last, through + 1);
    const bool is_told = recovery->sealed.bytes ||
                         (found_told_end(recovery, &told) && found_next_declares(recovery));
    if (next != 0 || !is_told)
        found_lose(recovery, through);
}

static void scan_failed(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    (void)result;
    builder_done(&recovery->log->builder);
    recovery->loaded(recovery, recovery->error);
}

static void give_up(struct log_recovery *recovery, int64_t error)
{
    recovery->error = (int)error;
    hark_close(recovery->log->loop, &recovery->op, recovery->fd, scan_failed);
}

/* The table knows of events in a damaged segment that cannot be read any more, and nobody knows in
 * which of its blocks they were: whoever looks for one reads all of it. */
static void synced(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    struct log *log = recovery->log;
    struct log_segment *segment = recovery->segment;
    uint64_t next = found_was_last(recovery) ? recovery->high : log->builder.last_sequence + 1;
    struct table_segment told;
    segment->end = recovery->scan.end;
    segment->newest_ns = log->builder.newest_ns;
    segment->last_sequence = log->builder.last_sequence;
    if (result == 0)
        result = index_make(&log->builder, &log->table, segment->end, next, &segment->index);
    if (result == 0)
        result = segment_list(segment);
    if (result < 0) {
        give_up(recovery, result);
        return;
    }
    builder_done(&log->builder);
    if (recovery->damaged && known_segment(recovery, segment->first, &told))
        index_free(&segment->index);
    recovery->segment = NULL;
    segment->fd = recovery->fd;
    segment->state = SEGMENT_OPEN;
    segment->pinned = true;
    segment->damaged = recovery->damaged;
    segment_hold(segment);
    segment_sealed(segment);
    if (!segment->damaged && !log->options.inspect)
        seal_begin(segment);
    segment_release(segment);
    recovery->loaded(recovery, 0);
}

static void cut(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    if (result < 0)
        give_up(recovery, result);
    else
        hark_fdatasync(op->loop, op, recovery->fd, synced);
}

static void dropped(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    (void)result;
    builder_done(&recovery->log->builder);
    segment_destroy(recovery->segment);
    recovery->segment = NULL;
    recovery->loaded(recovery, 0);
}

static void dropped_closed(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    (void)result;
    if (recovery->log->options.inspect) {
        dropped(op, 0);
        return;
    }
    segment_name(recovery->name, recovery->segment->first, SUFFIX_LOG);
    hark_unlinkat(op->loop, op, recovery->log->directory, recovery->name, 0, dropped);
}

/* The log crashed while it made this segment. The very first file stays: its name says which ids
 * were given. */
static bool is_unfinished(const struct log_recovery *recovery)
{
    const struct log_found *found = found_now(recovery);
    bool whole = found->whole_header && recovery->declared == found->header.declared;
    return recovery->at > 0 && found_may_be_torn(recovery) && recovery->events == 0 && !whole &&
           recovery->mark != found->first;
}

/* Not even its declarations are all there, and yet it was whole once: the lock file, or a later
 * segment, says so. */
static bool is_emptied(const struct log_recovery *recovery)
{
    const struct log_found *found = found_now(recovery);
    bool whole = found->whole_header && recovery->declared == found->header.declared;
    return recovery->events == 0 && !whole &&
           (recovery->mark == found->first || !found_was_last(recovery));
}

/* What the segment's index knows of and is not there. */
static int lose_end(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    uint64_t events, end = recovery->sealed.end;
    int error = replay_lost(log, &recovery->sealed, &events);
    if (error != 0 || end <= found_now(recovery)->size)
        return error;
    events -= recovery->known < events ? recovery->known : events;
    found_count_damage(recovery);
    log->must_write_table = true;
    program_tell(log, LOG_ERROR,
                 "segment %s has lost its last %" PRIu64 " bytes: %" PRIu64
                 " events are lost, readers are told of a gap",
                 recovery->name, end - found_now(recovery)->size, events);
    return 0;
}

static void tell_end(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    const struct log_found *found = found_now(recovery);
    uint64_t end;
    struct table_segment told;
    segment_name(recovery->name, found->first, SUFFIX_LOG);
    if (found->foreign) {
        found_count_damage(recovery);
        program_tell(log, LOG_ERROR,
                     "segment %s holds another one, %020" PRIu64 SUFFIX_LOG
                     ": was it renamed or copied?",
                     recovery->name, found->header.first);
    } else if (!found->whole_header && found->size >= SEGMENT_HEADER_BYTES &&
               (recovery->events > 0 || recovery->sealed.bytes)) {
        found_count_damage(recovery);
        program_tell(log, LOG_ERROR, "segment %s has a damaged header", recovery->name);
    }
    if (recovery->scan.torn > 0) {
        log->statistics.cut_bytes += recovery->scan.torn;
        program_tell(log, LOG_WARNING,
                     "segment %s ended in an unfinished write: %" PRIu64 " bytes %s cut off",
                     recovery->name, recovery->scan.torn,
                     log->options.inspect ? "would be" : "are");
    }
    if (recovery->sealed.bytes || recovery->damaged)
        return;
    if (!found_told_end(recovery, &end))
        end = known_segment(recovery, found->first, &told) ? told.end : 0;
    if (recovery->scan.end < end) {
        found_count_damage(recovery);
        log->must_write_table = true;
        program_tell(log, LOG_ERROR,
                     "segment %s has lost its last %" PRIu64 " bytes: readers are told of a gap",
                     recovery->name, end - recovery->scan.end);
        if (!found_next_declares(recovery))
            found_lose(recovery, found_ids_end(recovery) - 1);
    } else if (is_emptied(recovery)) {
        found_count_damage(recovery);
        program_tell(log, LOG_ERROR,
                     "segment %s has lost all that it held: readers are told of a gap",
                     recovery->name);
        if (found_was_last(recovery) || !found_next_declares(recovery))
            found_lose(recovery, found_ids_end(recovery) - 1);
    }
}

static void all_read(struct log_scan *scan, int error)
{
    struct log_recovery *recovery = hark_container_of(scan, struct log_recovery, scan);
    struct hark_loop *loop = recovery->log->loop;
    if (error != 0) {
        give_up(recovery, error);
        return;
    }
    if (recovery->events == 0)
        found_declarations_end(recovery);
    if (is_unfinished(recovery)) {
        hark_close(loop, &recovery->op, recovery->fd, dropped_closed);
        return;
    }
    tell_end(recovery);
    if (recovery->sealed.bytes)
        error = lose_end(recovery);
    index_free(&recovery->sealed);
    if (error != 0)
        give_up(recovery, error);
    else if (recovery->log->options.inspect)
        synced(&recovery->op, 0);
    else if (scan->torn > 0)
        hark_ftruncate(loop, &recovery->op, recovery->fd, (int64_t)scan->end, cut);
    else
        hark_fdatasync(loop, &recovery->op, recovery->fd, synced);
}

static int any_record(struct log_scan *scan, const struct log_record *record, uint64_t offset)
{
    struct log_recovery *recovery = hark_container_of(scan, struct log_recovery, scan);
    if (record->kind == RECORD_DECLARE)
        recovery->declared++;
    else if (recovery->events++ == 0)
        found_declarations_end(recovery);
    return replay_record(recovery->log, record, offset);
}

static void replay(struct log_recovery *recovery, int error)
{
    if (error != 0) {
        give_up(recovery, error);
        return;
    }
    recovery->scan.record = any_record;
    recovery->scan.hole = hole;
    recovery->scan.done = all_read;
    scan_begin(recovery->log->loop, &recovery->scan);
}

static uint64_t limit(const struct log_recovery *recovery)
{
    uint64_t end, size = found_now(recovery)->size;
    if (found_told_end(recovery, &end) && end < size)
        return end;
    if (recovery->sealed.bytes && recovery->sealed.end < size)
        return recovery->sealed.end;
    return size;
}

static void all_opened(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    const struct log_found *found = found_now(recovery);
    if (result < 0) {
        found_tell_unopened(recovery, result);
        recovery->loaded(recovery, (int)result);
        return;
    }
    recovery->fd = (int)result;
    recovery->log->builder =
        (struct log_builder){.segment = found->first, .last_sequence = found->first};
    table_list_begin(&recovery->log->table, found->first);
    recovery->scan = (struct log_scan){
        .fd = recovery->fd,
        .buffer = recovery->buffer,
        .first = found->first,
        .limit = limit(recovery),
        .torn_allowed = found_may_be_torn(recovery),
    };
    if (recovery->log->options.inspect)
        replay(recovery, 0);
    else
        prove_begin(recovery, replay);
}

void load_whole_begin(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    int how = log->options.inspect ? O_RDONLY : O_RDWR;
    segment_name(recovery->name, found_now(recovery)->first, SUFFIX_LOG);
    hark_openat(log->loop, &recovery->op, log->directory, recovery->name, how | O_NOFOLLOW, 0,
                all_opened);
}
