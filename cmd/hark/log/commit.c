/* commit.c - group commit: what was appended in one turn goes out in one write, is synced once, and
 * is then answered in order.
 *
 * While a commit is in flight the next one collects. How requests become bytes is batch.c's.
 *
 * What must hold: sequences are given in the order of the requests, and never again, also when the
 * write fails; nothing is counted, answered with success or readable before it is as durable as it
 * should be, and what is needed to count it was reserved before the write; after a failed write the
 * segment ends where it ended before; after a failed sync it takes no more, ever.
 */
#include "log/commit.h"

#include "base/check.h"
#include "log/batch.h"
#include "log/checkpoint.h"
#include "log/program.h"
#include "log/record.h"
#include "log/removal.h"
#include "log/retention.h"
#include "log/roll.h"
#include "log/segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static void turn_ended(struct hark_op *op, int64_t result);
static void collect(struct log *log);
static void write_on(struct log *log);

int commit_init(struct log *log)
{
    struct log_commit *commit = &log->commit;
    commit->queue_end = &commit->queue;
    commit->batch_end = &commit->batch;
    commit->buffer = malloc(BATCH_BUFFER_BYTES);
    return !commit->buffer ? -ENOMEM : 0;
}

void commit_done(struct log *log)
{
    free(log->commit.buffer);
}

void log_append(struct log *log, struct log_append *request)
{
    struct log_commit *commit = &log->commit;
    request->next = NULL;
    request->log = log;
    request->released = NULL;
    request->stream = NULL;
    request->id = 0;
    request->creates = false;
    request->error = log->closing ? -ESHUTDOWN : log->options.inspect ? -EROFS : 0;
    *commit->queue_end = request;
    commit->queue_end = &request->next;
    if (commit->running)
        return;
    commit->running = true;
    pending_begin(&log->pending);
    hark_defer(log->loop, &commit->turn, turn_ended);
}

/* --- answering --- */

static uint64_t tail_of(const struct log *log, const struct log_append *request)
{
    const struct log_row *stream = batch_stream(log, request);
    if (!stream || stream->pending)
        return 0;
    const struct log_stream *facts = &stream->facts;
    return facts->last > facts->generation ? facts->last : facts->generation;
}

/* A stream is told of as long as its deletion's callback runs. */
static void answer_one(struct log *log, struct log_append *request)
{
    struct log_row *gone = NULL;
    if (request->decide)
        request->tail = tail_of(log, request);
    if (request->error != 0) {
        log->statistics.append_errors += request->error != -ECANCELED || !request->decide;
    } else if (request->kind == LOG_DELETE) {
        gone = (struct log_row *)request->stream;
        request->stream = NULL;
        if (gone->base && gone->base->leaners == 1)
            request->released = &gone->base->facts;
        table_take(&log->table, gone);
    } else if (request->kind == LOG_EVENT) {
        log->statistics.appends++;
        log->statistics.append_bytes += request->length;
    }
    log->statistics.streams = log->table.count;
    request->done(request, request->error != 0 ? request->error : (int64_t)request->id);
    if (!gone)
        return;
    /* Else the next segment has to be there first: it proves the deletion. */
    if (removal_bury(log, gone) && log->options.sync == LOG_SYNC_ALWAYS)
        retention_drop_dead(log);
    row_free(gone);
}

static void answer(struct log *log)
{
    struct log_commit *commit = &log->commit;
    struct log_append *request = commit->batch;
    commit->batch = NULL;
    commit->batch_end = &commit->batch;
    while (request) {
        struct log_append *next = request->next;
        answer_one(log, request);
        request = next;
    }
    commit->running = commit->queue;
    if (commit->running)
        hark_defer(log->loop, &commit->turn, turn_ended);
    else
        pending_end(&log->pending);
}

/* Takes: NULL: it was refused. */
static void forget_notes(struct log_row *stream)
{
    if (!stream || !stream->changing)
        return;
    free(stream->next_notes);
    stream->changing = false;
}

/* Gives what failed back its state from before, and says why; those with errors of their own keep
 * them. */
static void answer_failure(struct log *log, int error)
{
    struct log_commit *commit = &log->commit;
    for (struct log_append *request = commit->batch; request; request = request->next)
        forget_notes((struct log_row *)request->stream);
    for (struct log_append *request = commit->batch; request; request = request->next) {
        if (request->creates)
            table_remove(&log->table, (struct log_row *)request->stream);
        request->stream = NULL;
        if (request->error == 0)
            request->error = error;
    }
    builder_forget(&log->builder);
    answer(log);
}

/* Takes: error: what happened; answer: what requests get for it. */
static void tell_failure(struct log *log, const char *what, int error, int answer)
{
    if (log->commit.reported == answer)
        return;
    log->commit.reported = answer;
    program_tell(log, LOG_ERROR, "cannot %s in %s: %s: events are refused until that is over", what,
                 log->path, hark_error_text(error));
}

/* --- counting what is written --- */

static void count_record(struct log *log, uint64_t *offset, uint64_t sequence, uint64_t length)
{
    builder_note(&log->builder, *offset, sequence, log->commit.time_ns);
    *offset += record_size(length);
}

static void count_request(struct log *log, struct log_append *request, uint64_t *offset)
{
    struct log_row *stream = (struct log_row *)request->stream;
    stream->facts.touched_ns = log->commit.time_ns;
    if (request->creates) {
        stream->pending = false;
        count_record(log, offset, stream->facts.generation, stream->facts.entry->name_length);
    }
    if (request->kind == LOG_CREATE)
        return;
    uint64_t place = *offset;
    count_record(log, offset, request->id, batch_payload(request));
    if (stream->changing) {
        stream->changing = false;
        table_note(&log->table, stream, stream->next_notes, log->active->first);
    }
    if (request->kind == LOG_ONLY_NOTES)
        return;
    if (request->kind == LOG_DELETE)
        builder_note_deleted(&log->builder, stream->facts.generation);
    else if (row_note(stream, log->active->first, builder_block(&log->builder, place), request->id,
                      request->length))
        log->active->live++;
}

static void succeed(struct log *log)
{
    struct log_commit *commit = &log->commit;
    uint64_t offset = log->active->end;
    for (struct log_append *request = commit->batch; request; request = request->next)
        if (request->error == 0)
            count_request(log, request, &offset);
    check(offset == log->active->end + commit->bytes);
    log->active->end = offset;
    log->active->last_sequence = log->builder.last_sequence;
    log->active->newest_ns = log->builder.newest_ns;
    log->statistics.bytes += commit->bytes;
    log->statistics.commits++;
    if (commit->reported != 0)
        program_tell(log, LOG_NOTE, "events are taken again in %s", log->path);
    commit->reported = 0;
    checkpoint_count(log, commit->bytes);
    answer(log);
}

/* --- syncing --- */

static void synced(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, commit.op);
    log->statistics.syncs++;
    if (result < 0) {
        segment_sync_failed(log->active);
        tell_failure(log, "sync", (int)result, -EIO);
        answer_failure(log, -EIO);
    } else {
        succeed(log);
    }
}

static void interval_ended(struct hark_op *op, int64_t result);

static void arm_interval(struct log *log)
{
    pending_begin(&log->pending);
    hark_sleep(log->loop, &log->commit.timer, log->options.sync_interval_ns, interval_ended);
}

static void interval_synced(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, commit.sync);
    struct log_segment *segment = log->commit.syncing;
    log->statistics.syncs++;
    if (result < 0) {
        segment_sync_failed(segment);
        program_tell(log, LOG_ERROR,
                     "cannot sync in %s: %s: events from id %" PRIu64
                     " on were answered and may not be on the disk",
                     log->path, hark_error_text(result), log->commit.syncing_id);
    }
    segment_release(segment);
    pending_end(&log->pending);
}

static void interval_ended(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, commit.timer);
    struct log_commit *commit = &log->commit;
    if (result == 0 && commit->dirty && !log->closing) {
        if (hark_op_active(&commit->sync)) {
            arm_interval(log); /* a slow disk */
        } else {
            commit->dirty = false;
            commit->syncing = log->active;
            commit->syncing_id = commit->dirty_id;
            segment_hold(commit->syncing);
            pending_begin(&log->pending);
            hark_fdatasync(log->loop, &commit->sync, commit->syncing->fd, interval_synced);
        }
    }
    pending_end(&log->pending);
}

static void become_dirty(struct log *log)
{
    struct log_commit *commit = &log->commit;
    if (log->options.sync != LOG_SYNC_INTERVAL || commit->dirty)
        return;
    commit->dirty = true;
    commit->dirty_id = log->builder.last_sequence + 1;
    if (!hark_op_active(&commit->timer) && !log->closing)
        arm_interval(log);
}

void commit_stop(struct log *log)
{
    hark_cancel(&log->commit.timer);
}

/* --- writing --- */

static void cut_synced(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, commit.op);
    if (result < 0)
        segment_sync_failed(log->active);
    answer_failure(log, result < 0 && log->commit.written > 0 ? -EIO : log->commit.error);
}

/* When there is space again, the segment can go on. After anything else, another file may do
 * better. */
static void cut(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, commit.op);
    int error = log->commit.error;
    if (result < 0 || (error != -ENOSPC && error != -EDQUOT))
        log->active->failed = true;
    if (result < 0)
        answer_failure(log, log->commit.written > 0
                                ? -EIO
                                : error); /* the next segment says where this one ended */
    else
        hark_fdatasync(log->loop, op, log->active->fd, cut_synced);
}

/* The file gets its length from before again; synced, so that what was refused does not come back
 * after a crash. */
static void write_failed(struct log *log, int error)
{
    log->commit.error = error;
    tell_failure(log, "write", error, error);
    hark_ftruncate(log->loop, &log->commit.op, log->active->fd, (int64_t)log->active->end, cut);
}

static void written(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, commit.op);
    struct log_commit *commit = &log->commit;
    if (result <= 0) {
        write_failed(log, result < 0 ? (int)result : -EIO);
        return;
    }
    commit->written += (uint64_t)result;
    if (commit->written < commit->bytes) {
        size_t moved = (size_t)result;
        while (moved >= commit->vector[commit->first_vector].iov_len)
            moved -= commit->vector[commit->first_vector++].iov_len;
        struct iovec *part = &commit->vector[commit->first_vector];
        part->iov_base = (char *)part->iov_base + moved;
        part->iov_len -= moved;
        write_on(log);
    } else if (log->options.sync == LOG_SYNC_ALWAYS) {
        hark_fdatasync(log->loop, op, log->active->fd, synced);
    } else {
        become_dirty(log);
        succeed(log);
    }
}

static void write_on(struct log *log)
{
    struct log_commit *commit = &log->commit;
    hark_writev(log->loop, &commit->op, log->active->fd, commit->vector + commit->first_vector,
                commit->vectors - commit->first_vector,
                (int64_t)(log->active->end + commit->written), written);
}

/* --- making the batch --- */

static void rolled(struct log *log, int error)
{
    struct log_commit *commit = &log->commit;
    if (error == 0) {
        collect(log);
        return;
    }
    /* Each of those that wait would fail for the same reason. Nothing was written for any of them,
     * which -EIO leaves open. */
    int answer = error == -EIO ? -EREMOTEIO : error;
    tell_failure(log, "make a segment", error, answer);
    *commit->batch_end = commit->queue;
    commit->batch_end = commit->queue_end;
    commit->queue = NULL;
    commit->queue_end = &commit->queue;
    answer_failure(log, answer);
}

static void collect(struct log *log)
{
    struct log_commit *commit = &log->commit;
    while (commit->queue) {
        struct log_append *request = commit->queue;
        struct log_row *stream = batch_stream(log, request);
        if (batch_must_wait(log, request, stream))
            break;
        int error = batch_check(log, request, stream);
        if (batch_depends(request, stream, error))
            break;
        if (error == 0) {
            if (batch_must_roll(log, request, stream)) {
                if (commit->bytes > 0)
                    break;
                roll_begin(log, rolled);
                return;
            }
            error = batch_add(log, request, stream);
            if (error == -E2BIG && stream && stream->changing)
                break; /* what takes the room may not come */
        }
        request->error = error;
        commit->queue = request->next;
        if (!commit->queue)
            commit->queue_end = &commit->queue;
        request->next = NULL;
        *commit->batch_end = request;
        commit->batch_end = &request->next;
    }
    if (commit->bytes > 0)
        write_on(log);
    else
        answer(log);
}

static void turn_ended(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, commit.turn);
    struct log_commit *commit = &log->commit;
    commit->used = commit->vectors = commit->first_vector = 0;
    commit->bytes = commit->written = 0;
    commit->closes = false;
    commit->leans = false;
    commit->time_ns = hark_os_wall_clock(log->loop);
    if (result < 0)
        rolled(log, (int)result); /* the program cancels everything */
    else
        collect(log);
}
