/* load.c - takes one segment into a log that is being opened: by its index, or by reading all of it.
 *
 * What must hold: an index is believed only if it ends where the next segment's header says that this one ends, and inside the
 * file; what was read without an index is synced before anyone sees it, then gets its index; only the last segment may be cut,
 * and only what a crash has interrupted. A last segment in whose making the log crashed goes; it cannot hold an event.
 */
#include "log/recovery.h"

#include "log/replay.h"
#include "log/seal.h"
#include "log/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

static void read_all(struct recovery *recovery);

static struct found *found_now(const struct recovery *recovery)
{
    return &recovery->found[recovery->at];
}

/* Where a later segment says that this one ends. Gives: false: none does. */
static bool told_end(const struct recovery *recovery, uint64_t *out_end)
{
    for (size_t i = recovery->at + 1; i < recovery->count; i++) {
        const struct found *later = &recovery->found[i];
        if (!later->whole_header)
            continue;
        *out_end = later->header.previous_end;
        return later->header.previous_first == found_now(recovery)->first;
    }
    return false;
}

/* Whether no later segment was begun in order: a crash may have interrupted the writing of this one. */
static bool was_last(const struct recovery *recovery)
{
    for (size_t i = recovery->at + 1; i < recovery->count; i++)
        if (recovery->found[i].whole_header)
            return false;
    return true;
}

/* --- the declarations --- */

static void declarations_end(struct recovery *recovery)
{
    const struct found *found = found_now(recovery);
    if (found->whole_header && recovery->declared == found->header.declared)
        replay_declared(recovery->log, found->first);
}

/* Without a gap before it, a segment's declarations say nothing new. */
static bool needs_declarations(const struct recovery *recovery)
{
    const struct found *found = found_now(recovery);
    if (!found->whole_header)
        return false;
    return recovery->at == 0 || recovery->previous_damaged || found->header.previous_first != found[-1].first;
}

static void hole(struct scan *scan, uint64_t from, uint64_t end)
{
    struct recovery *recovery = hark_container_of(scan, struct recovery, scan);
    recovery->damaged = true;
    recovery->log->statistics.damaged++;
    segment_name(recovery->name, scan->first, SUFFIX_LOG);
    log_tell(recovery->log, LOG_ERROR,
             "segment %s is damaged: bytes %" PRIu64 " to %" PRIu64 " are passed over, readers are told of a gap", recovery->name,
             from, end);
}

static int declaration(struct scan *scan, const struct record *record, uint64_t offset)
{
    struct recovery *recovery = hark_container_of(scan, struct recovery, scan);
    if (record->kind != RECORD_DECLARE)
        return 0;
    recovery->declared++;
    return replay_record(recovery->log, record, offset);
}

/* --- by its index --- */

static void index_used(struct recovery *recovery)
{
    struct log *log = recovery->log;
    struct log_segment *segment = recovery->segment;
    int error = replay_index(log, &segment->index);
    if (error == 0)
        error = segment_list(segment);
    if (error == 0) {
        if (recovery->at + 1 == recovery->count && segment->index.next > segment->first)
            log->next = segment->index.next;
        index_free(&segment->index);
        segment->sealed = true;
        recovery->segment = NULL;
    }
    recovery_loaded(recovery, error);
}

static void declarations_closed(struct hark_op *op, int64_t result)
{
    struct recovery *recovery = hark_container_of(op, struct recovery, op);
    (void)result;
    if (recovery->error != 0)
        recovery_loaded(recovery, recovery->error);
    else
        index_used(recovery);
}

static void declarations_read(struct scan *scan, int error)
{
    struct recovery *recovery = hark_container_of(scan, struct recovery, scan);
    recovery->error = error;
    if (error == 0)
        declarations_end(recovery);
    hark_close(recovery->log->loop, &recovery->op, recovery->fd, declarations_closed);
}

static void declarations_opened(struct hark_op *op, int64_t result)
{
    struct recovery *recovery = hark_container_of(op, struct recovery, op);
    const struct found *found = found_now(recovery);
    if (result < 0) {
        recovery_tell_unopened(recovery, result);
        recovery_loaded(recovery, (int)result);
        return;
    }
    recovery->fd = (int)result;
    recovery->scan = (struct scan){
        .fd = recovery->fd,
        .buffer = recovery->buffer,
        .first = found->first,
        .limit = found->header.declared_end < found->size ? found->header.declared_end : found->size,
        .record = declaration,
        .hole = hole,
        .done = declarations_read,
    };
    scan_begin(op->loop, &recovery->scan);
}

static void use_index(struct recovery *recovery)
{
    struct log *log = recovery->log;
    struct log_segment *segment = recovery->segment;
    segment->end = segment->index.end;
    segment->newest_ns = segment->index.newest_ns;
    segment->last_sequence = segment->index.last_sequence;
    if (!needs_declarations(recovery)) {
        index_used(recovery);
        return;
    }
    segment_name(recovery->name, segment->first, SUFFIX_LOG);
    hark_openat(log->loop, &recovery->op, log->directory, recovery->name, O_RDONLY, 0, declarations_opened);
}

static bool index_fits(const struct recovery *recovery)
{
    const struct index *index = &recovery->segment->index;
    uint64_t end;
    return index->end <= found_now(recovery)->size && (!told_end(recovery, &end) || end == index->end);
}

/* All that it tells stands in the segment as well. */
static void do_without_index(struct recovery *recovery)
{
    struct log_segment *segment = recovery->segment;
    index_free(&segment->index);
    segment_name(recovery->name, segment->first, SUFFIX_INDEX);
    log_tell(recovery->log, LOG_WARNING, "index %s cannot be used: it is made anew", recovery->name);
    read_all(recovery);
}

static void index_closed(struct hark_op *op, int64_t result)
{
    struct recovery *recovery = hark_container_of(op, struct recovery, op);
    (void)result;
    if (recovery->segment->index.bytes != NULL && index_fits(recovery))
        use_index(recovery);
    else
        do_without_index(recovery);
}

static void index_read(struct transfer *transfer, int64_t result)
{
    struct recovery *recovery = hark_container_of(transfer, struct recovery, transfer);
    struct log_segment *segment = recovery->segment;
    if (result >= 0 && index_parse(segment->loading, (size_t)result, segment->first, &segment->index) == 0)
        segment->loading = NULL; /* it is the index's now */
    free(segment->loading);
    segment->loading = NULL;
    hark_close(recovery->log->loop, &recovery->op, recovery->fd, index_closed);
}

static void index_header_read(struct transfer *transfer, int64_t result)
{
    struct recovery *recovery = hark_container_of(transfer, struct recovery, transfer);
    size_t total = result == INDEX_HEADER_BYTES ? index_total(recovery->buffer) : 0;
    recovery->segment->loading = total == 0 ? NULL : malloc(total);
    if (recovery->segment->loading == NULL)
        hark_close(recovery->log->loop, &recovery->op, recovery->fd, index_closed);
    else
        transfer_read(recovery->log->loop, transfer, recovery->fd, recovery->segment->loading, total, 0, index_read);
}

static bool is_shortage(int64_t error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ECANCELED;
}

static void index_opened(struct hark_op *op, int64_t result)
{
    struct recovery *recovery = hark_container_of(op, struct recovery, op);
    if (result < 0) {
        if (is_shortage(result))
            recovery_loaded(recovery, (int)result);
        else
            do_without_index(recovery);
        return;
    }
    recovery->fd = (int)result;
    transfer_read(op->loop, &recovery->transfer, recovery->fd, recovery->buffer, INDEX_HEADER_BYTES, 0, index_header_read);
}

/* --- by reading all of it --- */

static void scan_failed(struct hark_op *op, int64_t result)
{
    struct recovery *recovery = hark_container_of(op, struct recovery, op);
    (void)result;
    builder_done(&recovery->log->builder);
    recovery_loaded(recovery, recovery->error);
}

static void give_up(struct recovery *recovery, int64_t error)
{
    recovery->error = (int)error;
    hark_close(recovery->log->loop, &recovery->op, recovery->fd, scan_failed);
}

static void synced(struct hark_op *op, int64_t result)
{
    struct recovery *recovery = hark_container_of(op, struct recovery, op);
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
    segment_hold(segment);
    segment_sealed(segment);
    seal_begin(segment);
    segment_release(segment);
    recovery_loaded(recovery, 0);
}

static void cut(struct hark_op *op, int64_t result)
{
    struct recovery *recovery = hark_container_of(op, struct recovery, op);
    if (result < 0)
        give_up(recovery, result);
    else
        hark_fdatasync(op->loop, op, recovery->fd, synced);
}

static void dropped(struct hark_op *op, int64_t result)
{
    struct recovery *recovery = hark_container_of(op, struct recovery, op);
    (void)result;
    builder_done(&recovery->log->builder);
    segment_destroy(recovery->segment);
    recovery->segment = NULL;
    recovery_loaded(recovery, 0);
}

static void dropped_closed(struct hark_op *op, int64_t result)
{
    struct recovery *recovery = hark_container_of(op, struct recovery, op);
    (void)result;
    segment_name(recovery->name, recovery->segment->first, SUFFIX_LOG);
    hark_unlinkat(op->loop, op, recovery->log->directory, recovery->name, 0, dropped);
}

/* The log crashed while it made this segment. The very first file stays: its name says which ids were given. */
static bool is_unfinished(const struct recovery *recovery)
{
    const struct found *found = found_now(recovery);
    bool whole = found->whole_header && recovery->declared == found->header.declared;
    return recovery->at > 0 && was_last(recovery) && recovery->events == 0 && !whole;
}

static void tell_end(struct recovery *recovery)
{
    struct log *log = recovery->log;
    const struct found *found = found_now(recovery);
    uint64_t end;
    segment_name(recovery->name, found->first, SUFFIX_LOG);
    if (!found->whole_header && recovery->events > 0)
        log_tell(log, LOG_ERROR, "segment %s has a damaged header", recovery->name);
    if (recovery->scan.torn > 0)
        log_tell(log, LOG_WARNING, "segment %s ended in an unfinished write: %" PRIu64 " bytes are cut off", recovery->name,
                 recovery->scan.torn);
    if (told_end(recovery, &end) && recovery->scan.end < end) {
        recovery->damaged = true;
        log_tell(log, LOG_ERROR, "segment %s has lost its last %" PRIu64 " bytes", recovery->name, end - recovery->scan.end);
    }
}

static void all_read(struct scan *scan, int error)
{
    struct recovery *recovery = hark_container_of(scan, struct recovery, scan);
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
    if (scan->torn > 0)
        hark_ftruncate(loop, &recovery->op, recovery->fd, (int64_t)scan->end, cut);
    else
        hark_fdatasync(loop, &recovery->op, recovery->fd, synced);
}

static int any_record(struct scan *scan, const struct record *record, uint64_t offset)
{
    struct recovery *recovery = hark_container_of(scan, struct recovery, scan);
    if (record->kind == RECORD_DECLARE)
        recovery->declared++;
    else if (recovery->events++ == 0)
        declarations_end(recovery);
    return replay_record(recovery->log, record, offset);
}

static void all_opened(struct hark_op *op, int64_t result)
{
    struct recovery *recovery = hark_container_of(op, struct recovery, op);
    const struct found *found = found_now(recovery);
    uint64_t end;
    if (result < 0) {
        recovery_tell_unopened(recovery, result);
        recovery_loaded(recovery, (int)result);
        return;
    }
    bool told = told_end(recovery, &end);
    recovery->fd = (int)result;
    recovery->log->builder = (struct builder){.segment = found->first, .last_sequence = found->first};
    recovery->scan = (struct scan){
        .fd = recovery->fd,
        .buffer = recovery->buffer,
        .first = found->first,
        .limit = told && end < found->size ? end : found->size,
        .torn_allowed = !told && was_last(recovery),
        .record = any_record,
        .hole = hole,
        .done = all_read,
    };
    scan_begin(op->loop, &recovery->scan);
}

static void read_all(struct recovery *recovery)
{
    struct log *log = recovery->log;
    segment_name(recovery->name, found_now(recovery)->first, SUFFIX_LOG);
    hark_openat(log->loop, &recovery->op, log->directory, recovery->name, O_RDWR, 0, all_opened);
}

void load_begin(struct recovery *recovery)
{
    struct log *log = recovery->log;
    const struct found *found = found_now(recovery);
    recovery->declared = recovery->events = 0;
    recovery->damaged = false;
    recovery->segment = segment_create(log, found->first);
    if (recovery->segment == NULL) {
        recovery_loaded(recovery, -ENOMEM);
        return;
    }
    recovery->segment->created_ns = found->whole_header ? found->header.created_ns : 0;
    if (!found->has_index) {
        read_all(recovery);
        return;
    }
    segment_name(recovery->name, found->first, SUFFIX_INDEX);
    hark_openat(log->loop, &recovery->op, log->directory, recovery->name, O_RDONLY, 0, index_opened);
}
