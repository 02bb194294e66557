/* load.c - takes one segment into a log that is being opened: by its index, or, if there is none
 * that can be used, by reading all of it (load_whole.c).
 *
 * What must hold: an index is believed only if it ends where the next segment's header says that
 * this one ends, and inside the file. What is lost is told once, and no stream is silent of it.
 */
#include "log/load.h"

#include "log/checkpoint.h"
#include "log/found.h"
#include "log/known.h"
#include "log/load_whole.h"
#include "log/program.h"
#include "log/replay.h"
#include "log/restore.h"
#include "log/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

/* --- the declarations --- */

static void hole_in_declarations(struct log_scan *scan, uint64_t from, uint64_t end, uint64_t next)
{
    struct log_recovery *recovery = hark_container_of(scan, struct log_recovery, scan);
    (void)next;
    found_count_damage(recovery);
    program_tell(recovery->log, LOG_ERROR,
                 "segment %s is damaged: bytes %" PRIu64 " to %" PRIu64 " are passed over",
                 recovery->name, from, end);
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
        bool newest = recovery->at + 1 == recovery->count && recovery->mark <= segment->first &&
                      !known_covers(recovery, segment->first);
        if (newest && segment->index.next > segment->first)
            log->next = segment->index.next;
        index_free(&segment->index);
        segment->sealed = true;
        segment->damaged =
            recovery->damaged && log->options.inspect; /* all of it was looked at, and told */
        recovery->segment = NULL;
    }
    recovery->loaded(recovery, error);
}

static void declarations_closed(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    (void)result;
    if (recovery->error != 0)
        recovery->loaded(recovery, recovery->error);
    else
        index_used(recovery);
}

static void declarations_read(struct log_scan *scan, int error)
{
    struct log_recovery *recovery = hark_container_of(scan, struct log_recovery, scan);
    recovery->error = error;
    if (error == 0)
        found_declarations_end(recovery);
    hark_close(recovery->log->loop, &recovery->op, recovery->fd, declarations_closed);
}

static void declarations_opened(struct hark_op *op, int64_t result)
{
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    const struct log_found *found = found_now(recovery);
    const struct log *log = recovery->log;
    if (result < 0) {
        found_tell_unopened(recovery, result);
        recovery->loaded(recovery, (int)result);
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
    if (!found_needs_declarations(recovery) && !log->options.inspect) {
        if (found_now(recovery)->header.version >= SEGMENT_UNDECLARED)
            found_declarations_end(recovery);
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
           (!found_told_end(recovery, &end) || end == index->end);
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
    load_whole_begin(recovery);
}

/* --- where only the index is there --- */

static void trace_removed(struct hark_op *op, int64_t result)
{
    (void)result; /* it is tried again at the next start */
    struct log_recovery *recovery = hark_container_of(op, struct log_recovery, op);
    recovery->loaded(recovery, 0);
}

static void forget_trace(struct log_recovery *recovery)
{
    index_free(&recovery->segment->index);
    segment_destroy(recovery->segment);
    recovery->segment = NULL;
}

/* The table knows more than it does: it goes, unless it is of a segment that is kept. */
static void trace_known(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    const uint64_t first = found_now(recovery)->first;
    struct table_segment told;
    forget_trace(recovery);
    if (log->options.inspect ||
        (known_segment(recovery, first, &told) && recovery->oldest <= first)) {
        recovery->loaded(recovery, 0);
        return;
    }
    segment_name(recovery->name, first, SUFFIX_INDEX);
    hark_unlinkat(log->loop, &recovery->op, log->directory, recovery->name, 0, trace_removed);
}

/* What was lost with the segment is known for as long as the index is there, and then from the
 * declarations of the next, or from the table. */
static void trace_used(struct log_recovery *recovery)
{
    struct log *log = recovery->log;
    struct log_index *index = &recovery->segment->index;
    if (known_covers(recovery, found_now(recovery)->first)) {
        trace_known(recovery);
        return;
    }
    bool whole = index->bytes, newest = found_was_last(recovery);
    bool silent = found_next_is_silent(recovery);
    uint64_t first = found_now(recovery)->first, events = 0;
    int error = whole ? replay_lost(log, index, &events) : 0;
    if (error == 0 && (silent || newest))
        error = checkpoint_note_missing(log, first, events);
    if (whole || newest || silent) {
        found_count_damage(recovery);
        log->must_write_table = true;
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
    if (!whole && (newest || silent))
        found_lose(recovery, found_ids_end(recovery) - 1);
    forget_trace(recovery);
    if (error != 0 || newest || silent || log->options.inspect) {
        recovery->loaded(recovery, error);
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
            recovery->loaded(recovery, (int)result);
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

void load_begin(struct log_recovery *recovery,
                void (*loaded)(struct log_recovery *recovery, int error))
{
    struct log *log = recovery->log;
    const struct log_found *found = found_now(recovery);
    recovery->loaded = loaded;
    recovery->declared = recovery->events = recovery->known = 0;
    recovery->damaged = false;
    recovery->segment = segment_create(log, found->first);
    if (!recovery->segment) {
        recovery->loaded(recovery, -ENOMEM);
        return;
    }
    recovery->segment->created_ns = found->whole_header ? found->header.created_ns : 0;
    if (restore_lists(recovery)) {
        const int error = segment_list(recovery->segment);
        if (error == 0)
            recovery->segment = NULL;
        recovery->loaded(recovery, error);
        return;
    }
    if (!found->has_index) {
        load_whole_begin(recovery);
        return;
    }
    segment_name(recovery->name, found->first, SUFFIX_INDEX);
    hark_openat(log->loop, &recovery->op, log->directory, recovery->name, O_RDONLY | O_NOFOLLOW, 0,
                index_opened);
}
