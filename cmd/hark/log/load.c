/* load.c - takes one segment into a log that is being opened: by its index, or by reading all of
 * it.
 *
 * What must hold: an index is believed only if it ends where the next segment's header says that
 * this one ends, and inside the file; what was read without an index is made durable before anyone
 * sees it (prove.c), then gets its index; only the last segment may be cut, and only what a crash
 * has interrupted. A last segment in whose making the log crashed goes; it cannot hold an event.
 * What is lost is told once, and no stream is silent of it. A damaged segment gets no index, which
 * would hide the damage from the next start, and keeps the one that it has, which may know of more
 * than can be read.
 */
#include "log/load.h"

#include "log/program.h"
#include "log/prove.h"
#include "log/replay.h"
#include "log/seal.h"
#include "log/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

static void read_all(struct log_recovery *recovery);

static struct log_found *found_now(const struct log_recovery *recovery)
{
    return &recovery->found[recovery->at];
}

/* Where a later segment says that this one ends. Gives: false: none does. */
static bool told_end(const struct log_recovery *recovery, uint64_t *out_end)
{
    for (size_t i = recovery->at + 1; i < recovery->count; i++) {
        const struct log_found *later = &recovery->found[i];
        if (!later->whole_header)
            continue;
        *out_end = later->header.previous_end;
        return later->header.previous_first == found_now(recovery)->first;
    }
    return false;
}

/* Whether no later segment was begun in order: a crash may have interrupted the writing of this
 * one. */
static bool was_last(const struct log_recovery *recovery)
{
    for (size_t i = recovery->at + 1; i < recovery->count; i++)
        if (recovery->found[i].whole_header || recovery->found[i].foreign ||
            recovery->found[i].missing)
            return false;
    return recovery->mark <= found_now(recovery)->first;
}

/* Whether its end may be what a crash has left of a write. */
static bool may_be_torn(const struct log_recovery *recovery)
{
    uint64_t end;
    return !told_end(recovery, &end) && was_last(recovery) && !recovery->sealed.bytes &&
           !found_now(recovery)->foreign;
}

/* Ids that may have been given in the segment end before this one. */
static uint64_t ids_end(const struct log_recovery *recovery)
{
    return recovery->at + 1 < recovery->count ? found_now(recovery)[1].first : recovery->high;
}

void load_tell_unopened(const struct log_recovery *recovery, int64_t error)
{
    if (error == -ELOOP)
        program_tell(recovery->log, LOG_ERROR,
                     "cannot open segment %s: it is a symbolic link, and none is followed: put the "
                     "file itself there, or remove the link",
                     recovery->name);
    else
        program_tell(recovery->log, LOG_ERROR, "cannot open segment %s: %s", recovery->name,
                     hark_error_text((int)error));
}

static void load_end(struct log_recovery *recovery, int error)
{
    recovery->loaded(recovery, error);
}

/* --- the declarations --- */

/* Without a gap before it, a segment's declarations say nothing new. */
static bool needs_declarations(const struct log_recovery *recovery)
{
    const struct log_found *found = found_now(recovery);
    if (!found->whole_header)
        return recovery->previous_damaged;
    return recovery->at == 0 || recovery->previous_damaged ||
           found->header.previous_first != found[-1].first;
}

/* What is missing before the segment is known where all declarations are there; else any stream may
 * have had events in it. */
static void declarations_end(struct log_recovery *recovery)
{
    const struct log_found *found = found_now(recovery);
    if (found->whole_header && recovery->declared == found->header.declared)
        replay_declared(recovery->log, found->first);
    else if (recovery->at > 0 && needs_declarations(recovery))
        replay_lose_all(recovery->log, found->first - 1);
}

static void count_damage(struct log_recovery *recovery)
{
    recovery->damaged = true;
    recovery->log->statistics.damaged++;
    segment_name(recovery->name, found_now(recovery)->first, SUFFIX_LOG);
}

static void hole_in_declarations(struct log_scan *scan, uint64_t from, uint64_t end, uint64_t next)
{
    struct log_recovery *recovery = hark_container_of(scan, struct log_recovery, scan);
    (void)next;
    count_damage(recovery);
    program_tell(recovery->log, LOG_ERROR,
                 "segment %s is damaged: bytes %" PRIu64 " to %" PRIu64 " are passed over",
                 recovery->name, from, end);
}

/* Which streams had events there nobody knows, so all are told; unless nothing was there, or, of
 * the end, the next segment or the index tells which. */
static void hole(struct log_scan *scan, uint64_t from, uint64_t end, uint64_t next)
{
    struct log_recovery *recovery = hark_container_of(scan, struct log_recovery, scan);
    uint64_t told, through = (next == 0 ? ids_end(recovery) : next) - 1;
    if (next == 0 && recovery->sealed.end > found_now(recovery)->size)
        return; /* it is where the file was cut short: lose_end tells */
    count_damage(recovery);
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
    if (next != 0 || (!told_end(recovery, &told) && !recovery->sealed.bytes))
        replay_lose_all(recovery->log, through);
}

static int declaration(struct log_scan *scan, const struct log_record *record, uint64_t offset)
{
    struct log_recovery *recovery = hark_container_of(scan, struct log_recovery, scan);
    if (record->kind != RECORD_DECLARE)
        return 0;
    recovery->declared++;
    return replay_record(recovery->log, record, offset);
}

/* --- by its index --- */

static void index_used(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    struct log_segment *segment = recovery->segment;
    int error = replay_index(log, &segment->index);
    if (error == 0)
        error = segment_list(segment);
    if (error == 0) {
        bool newest = recovery->at + 1 == recovery->count && recovery->mark <= segment->first;
        if (newest && segment->index.next > segment->first)
            log->next = segment->index.next;
        index_free(&segment->index);
        segment->sealed = true;
        segment->damaged =
            recovery->damaged && log->options.inspect; /* all of it was looked at, and told */
        recovery->segment = NULL;
    }
    load_end(recovery, error);
}

static void declarations_closed(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    (void)result;
    if (recovery->error != 0)
        load_end(recovery, recovery->error);
    else
        index_used(recovery);
}

static void declarations_read(struct log_scan *scan, int error)
{
    struct log_recovery *recovery = hark_container_of(scan, struct log_recovery, scan);
    recovery->error = error;
    if (error == 0)
        declarations_end(recovery);
    hark_close(recovery->log->loop, &recovery->op, recovery->fd, declarations_closed);
}

static void declarations_opened(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    const struct log_found *found = found_now(recovery);
    const struct log *log = recovery->log;
    if (result < 0) {
        load_tell_unopened(recovery, result);
        load_end(recovery, (int)result);
        return;
    }
    recovery->fd = (int)result;
    recovery->scan = (struct log_scan){
        .fd = recovery->fd,
        .buffer = recovery->buffer,
        .first = found->first,
        .limit = log->options.inspect ? recovery->segment->index.end : found->header.declared_end,
        .record = declaration,
        .hole = hole_in_declarations,
        .done = declarations_read,
    };
    scan_begin(op->loop, &recovery->scan);
}

static void use_index(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    struct log_segment *segment = recovery->segment;
    segment->end = segment->index.end;
    segment->newest_ns = segment->index.newest_ns;
    segment->last_sequence = segment->index.last_sequence;
    if (!needs_declarations(recovery) && !log->options.inspect) {
        index_used(recovery);
        return;
    }
    segment_name(recovery->name, segment->first, SUFFIX_LOG);
    hark_openat(log->loop, &recovery->op, log->directory, recovery->name, O_RDONLY | O_NOFOLLOW, 0,
                declarations_opened);
}

/* Without its header, the segment's declarations have to be read one by one. */
static bool index_fits(const struct log_recovery *recovery)
{
    const struct log_index *index = &recovery->segment->index;
    const struct log_found *found = found_now(recovery);
    uint64_t end;
    return found->whole_header && index->end <= found->size &&
           (!told_end(recovery, &end) || end == index->end);
}

/* All that it tells stands in the segment as well, unless something of that is missing. */
static void do_without_index(struct log_recovery *recovery)
{
    struct log_segment *segment = recovery->segment;
    const struct log_found *found = found_now(recovery);
    if (segment->index.bytes && (segment->index.end > found->size || !found->whole_header)) {
        recovery->sealed = segment->index;
        segment->index = (struct log_index){0};
    } else {
        index_free(&segment->index);
        segment_name(recovery->name, segment->first, SUFFIX_INDEX);
        program_tell(recovery->log, LOG_WARNING, "index %s cannot be used: it %s made anew",
                     recovery->name, recovery->log->options.inspect ? "would be" : "is");
    }
    read_all(recovery);
}

/* --- where only the index is there --- */

static void trace_removed(struct hark_op *op, int64_t result)
{
    (void)result; /* it is tried again at the next start */
    load_end(hark_container_of(op, struct log_recovery, op), 0);
}

/* What was lost with the segment is known for as long as the index is there, and then from the
 * declarations of the next. */
static void trace_used(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    struct log_index *index = &recovery->segment->index;
    bool whole = index->bytes, newest = was_last(recovery);
    uint64_t first = found_now(recovery)->first, events = 0;
    int error = whole ? replay_lost(log, index, &events) : 0;
    if (whole || newest) {
        count_damage(recovery);
        log->must_declare = true;
        if (whole)
            program_tell(log, LOG_ERROR,
                         "segment %s is missing: its %" PRIu64
                         " events are lost, readers are told of a gap",
                         recovery->name, events);
        else
            program_tell(log, LOG_ERROR,
                         "segment %s is missing: what it held is lost, readers are told of a gap",
                         recovery->name);
    }
    if (!whole && newest)
        replay_lose_all(recovery->log, ids_end(recovery) - 1);
    index_free(index);
    segment_destroy(recovery->segment);
    recovery->segment = NULL;
    if (error != 0 || newest || log->options.inspect) {
        load_end(recovery, error);
        return;
    }
    segment_name(recovery->name, first, SUFFIX_INDEX);
    hark_unlinkat(log->loop, &recovery->op, log->directory, recovery->name, 0, trace_removed);
}

static void index_closed(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    (void)result;
    if (found_now(recovery)->missing)
        trace_used(recovery);
    else if (recovery->segment->index.bytes && index_fits(recovery))
        use_index(recovery);
    else
        do_without_index(recovery);
}

static void index_read(struct log_transfer *transfer, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(transfer, struct log_recovery, transfer);
    struct log_segment *segment = recovery->segment;
    if (result >= 0 &&
        index_parse(segment->loading, (size_t)result, segment->first, &segment->index) == 0)
        segment->loading = NULL; /* it is the index's now */
    free(segment->loading);
    segment->loading = NULL;
    hark_close(recovery->log->loop, &recovery->op, recovery->fd, index_closed);
}

static void index_header_read(struct log_transfer *transfer, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(transfer, struct log_recovery, transfer);
    size_t total = result == INDEX_HEADER_BYTES ? index_total(recovery->buffer) : 0;
    recovery->segment->loading = total == 0 ? NULL : malloc(total);
    if (!recovery->segment->loading)
        hark_close(recovery->log->loop, &recovery->op, recovery->fd, index_closed);
    else
        transfer_read(recovery->log->loop, transfer, recovery->fd, recovery->segment->loading,
                      total, 0, index_read);
}

static bool is_shortage(int64_t error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ECANCELED;
}

static void index_opened(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    if (result < 0) {
        if (is_shortage(result))
            load_end(recovery, (int)result);
        else if (found_now(recovery)->missing)
            trace_used(recovery);
        else
            do_without_index(recovery);
        return;
    }
    recovery->fd = (int)result;
    transfer_read(op->loop, &recovery->transfer, recovery->fd, recovery->buffer, INDEX_HEADER_BYTES,
                  0, index_header_read);
}

/* --- by reading all of it --- */

static void scan_failed(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    (void)result;
    builder_done(&recovery->log->builder);
    load_end(recovery, recovery->error);
}

static void give_up(struct log_recovery *recovery, int64_t error)
{
    recovery->error = (int)error;
    hark_close(recovery->log->loop, &recovery->op, recovery->fd, scan_failed);
}

static void synced(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    struct log *log = recovery->log;
    struct log_segment *segment = recovery->segment;
    uint64_t next = was_last(recovery) ? recovery->high : log->builder.last_sequence + 1;
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
    load_end(recovery, 0);
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
    load_end(recovery, 0);
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
    return recovery->at > 0 && may_be_torn(recovery) && recovery->events == 0 && !whole &&
           recovery->mark != found->first;
}

/* Not even its declarations are all there, and yet it was whole once: the lock file, or a later
 * segment, says so. */
static bool is_emptied(const struct log_recovery *recovery)
{
    const struct log_found *found = found_now(recovery);
    bool whole = found->whole_header && recovery->declared == found->header.declared;
    return recovery->events == 0 && !whole &&
           (recovery->mark == found->first || !was_last(recovery));
}

/* What the segment's index knows of and is not there. */
static int lose_end(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    uint64_t events, end = recovery->sealed.end;
    int error = replay_lost(log, &recovery->sealed, &events);
    if (error != 0 || end <= found_now(recovery)->size)
        return error;
    count_damage(recovery);
    log->must_declare = true;
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
    segment_name(recovery->name, found->first, SUFFIX_LOG);
    if (found->foreign) {
        count_damage(recovery);
        program_tell(log, LOG_ERROR,
                     "segment %s holds another one, %020" PRIu64 SUFFIX_LOG
                     ": was it renamed or copied?",
                     recovery->name, found->header.first);
    } else if (!found->whole_header && found->size >= SEGMENT_HEADER_BYTES &&
               (recovery->events > 0 || recovery->sealed.bytes)) {
        count_damage(recovery);
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
    if (told_end(recovery, &end) && recovery->scan.end < end) {
        count_damage(recovery);
        log->must_declare = true;
        program_tell(log, LOG_ERROR,
                     "segment %s has lost its last %" PRIu64 " bytes: readers are told of a gap",
                     recovery->name, end - recovery->scan.end);
    } else if (is_emptied(recovery)) {
        count_damage(recovery);
        program_tell(log, LOG_ERROR,
                     "segment %s has lost all that it held: readers are told of a gap",
                     recovery->name);
        if (was_last(recovery))
            replay_lose_all(recovery->log, ids_end(recovery) - 1);
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
        declarations_end(recovery);
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
        declarations_end(recovery);
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
    if (told_end(recovery, &end) && end < size)
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
        load_tell_unopened(recovery, result);
        load_end(recovery, (int)result);
        return;
    }
    recovery->fd = (int)result;
    recovery->log->builder =
        (struct log_builder){.segment = found->first, .last_sequence = found->first};
    recovery->scan = (struct log_scan){
        .fd = recovery->fd,
        .buffer = recovery->buffer,
        .first = found->first,
        .limit = limit(recovery),
        .torn_allowed = may_be_torn(recovery),
    };
    if (recovery->log->options.inspect)
        replay(recovery, 0);
    else
        prove_begin(recovery, replay);
}

static void read_all(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    int how = log->options.inspect ? O_RDONLY : O_RDWR;
    segment_name(recovery->name, found_now(recovery)->first, SUFFIX_LOG);
    hark_openat(log->loop, &recovery->op, log->directory, recovery->name, how | O_NOFOLLOW, 0,
                all_opened);
}

void load_begin(struct log_recovery *recovery,
                void (*loaded)(struct log_recovery *recovery, int error))
{
    struct log *log = recovery->log;
    const struct log_found *found = found_now(recovery);
    recovery->loaded = loaded;
    recovery->declared = recovery->events = 0;
    recovery->damaged = false;
    recovery->segment = segment_create(log, found->first);
    if (!recovery->segment) {
        load_end(recovery, -ENOMEM);
        return;
    }
    recovery->segment->created_ns = found->whole_header ? found->header.created_ns : 0;
    if (!found->has_index) {
        read_all(recovery);
        return;
    }
    segment_name(recovery->name, found->first, SUFFIX_INDEX);
    hark_openat(log->loop, &recovery->op, log->directory, recovery->name, O_RDONLY | O_NOFOLLOW, 0,
                index_opened);
}
