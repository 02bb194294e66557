/* checkpoint.c - the table of streams, written while appends go on: a walk over all streams, a part
 * of them in each turn.
 *
 * What must hold: a part is encoded in one turn, between commits, so it is what the log was as of
 * one sequence. What it tells of is on the disk before the table has its name; the table has its
 * name only once it is whole and on the disk itself; and only once that name is on the disk, too,
 * it covers anything. Until then the one before it stays, and with it the segments that it needs.
 */
#include "log/checkpoint.h"

#include "base/check.h"
#include "log/program.h"
#include "log/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define PART_BYTES (128u * 1024)      /* a turn encodes so much */
#define SYNC_BYTES (8u * 1024 * 1024) /* goes to the disk at once: appends wait behind it */

static void write_part(struct log *log);

uint64_t checkpoint_estimate(const struct log *log)
{
    const uint64_t bytes = log->table.file_bytes;
    return log->checkpoint.size > bytes ? log->checkpoint.size : bytes;
}

static void checkpoint_end(struct log *log, int error)
{
    struct log_checkpoint *checkpoint = &log->checkpoint;
    void (*awaited)(struct log * log, int error) = checkpoint->awaited;
    const bool again = checkpoint->stopping && awaited && error == -ECANCELED;
    free(checkpoint->bytes);
    checkpoint->bytes = NULL;
    checkpoint->capacity = 0;
    checkpoint->running = checkpoint->waiting = checkpoint->stopping = false;
    log->table.walk = NULL;
    if (again) { /* it was stopped before somebody came who needs it */
        checkpoint_begin(log);
        pending_end(&log->pending);
        return;
    }
    checkpoint->awaited = NULL;
    if (error == 0) {
        checkpoint->covers = checkpoint->header.segment;
        checkpoint->from = checkpoint->header.from;
        checkpoint->size = checkpoint->offset;
        checkpoint->since = checkpoint->written - checkpoint->written_at_begin;
        checkpoint->failed = 0;
        log->must_write_table = false;
    } else if (error != -ECANCELED) {
        checkpoint->since = 0; /* it is tried again after as much */
        if (checkpoint->failed != error)
            program_tell(log, LOG_WARNING,
                         "cannot write the table of streams in %s: %s: a start has to read more "
                         "until it can be written",
                         log->path, hark_error_text(error));
        checkpoint->failed = error;
    }
    if (awaited)
        awaited(log, error);
    if (error == 0 && checkpoint->told)
        checkpoint->told(log);
    pending_end(&log->pending);
}

/* --- it failed --- */

static void unlinked(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, checkpoint.op);
    (void)result; /* nobody reads it, and the next one takes its place */
    checkpoint_end(log, log->checkpoint.error);
}

static void unfinished_closed(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, checkpoint.op);
    (void)result;
    hark_unlinkat(op->loop, op, log->directory, TABLE_NAME_UNFINISHED, 0, unlinked);
}

static void give_up(struct log *log, int64_t error)
{
    struct log_checkpoint *checkpoint = &log->checkpoint;
    checkpoint->error = (int)error;
    if (checkpoint->fd >= 0)
        hark_close(log->loop, &checkpoint->op, checkpoint->fd, unfinished_closed);
    else
        unfinished_closed(&checkpoint->op, 0);
}

/* --- its name --- */

static void name_synced(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, checkpoint.op);
    checkpoint_end(log, result == -EINVAL ? 0 : (int)result); /* some cannot sync a directory */
}

static void renamed(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, checkpoint.op);
    if (result < 0)
        give_up(log, result);
    else
        hark_fsync(op->loop, op, log->directory, name_synced);
}

static void closed(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, checkpoint.op);
    log->checkpoint.fd = -1;
    if (result < 0)
        give_up(log, result);
    else
        hark_renameat(op->loop, op, log->directory, TABLE_NAME_UNFINISHED, log->directory,
                      TABLE_NAME, 0, renamed);
}

static void table_synced(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, checkpoint.op);
    if (result < 0)
        give_up(log, result);
    else
        hark_close(op->loop, op, log->checkpoint.fd, closed);
}

/* --- what it tells of has to be on the disk --- */

static void events_synced(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, checkpoint.op);
    if (result < 0) {
        segment_sync_failed(log->checkpoint.syncing);
        program_tell(log, LOG_ERROR,
                     "cannot sync in %s: %s: events that were answered may not be on the disk",
                     log->path, hark_error_text(result));
    }
    segment_release(log->checkpoint.syncing);
    log->checkpoint.syncing = NULL;
    if (result < 0)
        give_up(log, result);
    else
        hark_fdatasync(op->loop, op, log->checkpoint.fd, table_synced);
}

static void sync_events(struct log *log)
{
    struct log_checkpoint *checkpoint = &log->checkpoint;
    checkpoint->waiting = checkpoint->unsynced_segments > 0;
    if (checkpoint->waiting)
        return;
    if (checkpoint->stopping) {
        give_up(log, -ECANCELED);
    } else if (log->options.sync == LOG_SYNC_ALWAYS || !log->active || log->active->failed) {
        hark_fdatasync(log->loop, &checkpoint->op, checkpoint->fd, table_synced);
    } else {
        checkpoint->syncing = log->active;
        segment_hold(log->active);
        hark_fdatasync(log->loop, &checkpoint->op, log->active->fd, events_synced);
    }
}

void checkpoint_segment_synced(struct log *log)
{
    check(log->checkpoint.unsynced_segments > 0);
    if (--log->checkpoint.unsynced_segments == 0 && log->checkpoint.waiting)
        sync_events(log);
}

/* --- its parts --- */

/* The sequence that what is in memory stands for, as long as no callback has run. */
static uint64_t as_of(const struct log *log)
{
    return log->active ? log->builder.last_sequence : log->next - 1;
}

static int reserve(struct log_checkpoint *checkpoint, size_t more)
{
    if (checkpoint->count + more <= checkpoint->capacity)
        return 0;
    size_t capacity = checkpoint->count + more + PART_BYTES;
    unsigned char *bytes = realloc(checkpoint->bytes, capacity);
    if (!bytes)
        return -ENOMEM;
    checkpoint->bytes = bytes;
    checkpoint->capacity = capacity;
    return 0;
}

static void end_part(struct log_checkpoint *checkpoint, size_t at, struct table_part *part)
{
    part->length = (uint32_t)(checkpoint->count - at - TABLE_PART_HEADER_BYTES);
    table_part_encode(checkpoint->bytes + at, part, &checkpoint->header, checkpoint->offset + at);
}

/* Whether the walk ends before that stream. It was made after the walk began, as are all behind it:
 * the walk does not run after those who make streams. A start finds them in the segments. */
static bool is_newer(const struct log_checkpoint *checkpoint, const struct log_row *stream)
{
    return !stream || stream->facts.generation > checkpoint->header.from;
}

/* As many streams as fit. Gives: whether it was the last; -ENOMEM. */
static int put_rows(struct log *log)
{
    struct log_checkpoint *checkpoint = &log->checkpoint;
    struct log_table *table = &log->table;
    const size_t at = checkpoint->count;
    struct table_part part = {.kind = TABLE_ROWS, .as_of = as_of(log)};
    if (reserve(checkpoint, TABLE_PART_HEADER_BYTES) != 0)
        return -ENOMEM;
    checkpoint->count += TABLE_PART_HEADER_BYTES;
    for (; !is_newer(checkpoint, table->walk); table->walk = table->walk->after) {
        const size_t bound = table_row_bound(table->walk);
        if (part.rows > 0 && checkpoint->count + bound > at + PART_BYTES)
            break;
        if (reserve(checkpoint, bound) != 0)
            return -ENOMEM;
        checkpoint->count +=
            table_row_encode(checkpoint->bytes + checkpoint->count, table->walk, part.through);
        part.through = table->walk->facts.generation;
        part.rows++;
    }
    const bool is_last = is_newer(checkpoint, table->walk);
    if (is_last)
        part.through = checkpoint->header.from;
    checkpoint->rows += part.rows;
    end_part(checkpoint, at, &part);
    return is_last;
}

static int put_end(struct log *log)
{
    struct log_checkpoint *checkpoint = &log->checkpoint;
    const size_t at = checkpoint->count;
    struct table_part part = {.kind = TABLE_END, .as_of = as_of(log)};
    const struct table_end end = {checkpoint->rows, log->next,
                                  log->segment_count + checkpoint->missing_count};
    if (reserve(checkpoint, TABLE_PART_HEADER_BYTES + TABLE_END_BYTES +
                                (size_t)end.segments * TABLE_SEGMENT_BYTES) != 0)
        return -ENOMEM;
    checkpoint->count += TABLE_PART_HEADER_BYTES;
    table_end_encode(checkpoint->bytes + checkpoint->count, &end);
    checkpoint->count += TABLE_END_BYTES;
    for (uint64_t i = 0; i < end.segments; i++) {
        struct table_segment one;
        if (i < log->segment_count) {
            const struct log_segment *segment = log->segments[i];
            one = (struct table_segment){
                .first = segment->first,
                .end = segment->end,
                .created_ns = segment->created_ns,
                .newest_ns = segment->newest_ns,
                .last_sequence = segment->last_sequence,
                .dead = segment->dead,
                .flags = segment->damaged || segment->index_damaged ? TABLE_SEGMENT_DAMAGED : 0,
            };
        } else {
            one = checkpoint->missing[i - log->segment_count];
        }
        table_segment_encode(checkpoint->bytes + checkpoint->count, &one);
        checkpoint->count += TABLE_SEGMENT_BYTES;
    }
    end_part(checkpoint, at, &part);
    return 0;
}

static void part_synced(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, checkpoint.op);
    log->checkpoint.unsynced = 0;
    if (result < 0)
        give_up(log, result);
    else
        write_part(log);
}

static void written(struct log_transfer *transfer, int64_t result)
{
    struct log *log = hark_container_of(transfer, struct log, checkpoint.transfer);
    struct log_checkpoint *checkpoint = &log->checkpoint;
    checkpoint->offset += checkpoint->count;
    checkpoint->unsynced += checkpoint->count;
    checkpoint->count = 0;
    if (result < 0)
        give_up(log, result);
    else if (checkpoint->stopping)
        give_up(log, -ECANCELED);
    else if (checkpoint->ended)
        sync_events(log);
    else if (checkpoint->unsynced >= SYNC_BYTES)
        hark_fdatasync(log->loop, &checkpoint->op, checkpoint->fd, part_synced);
    else
        write_part(log);
}

static void write_part(struct log *log)
{
    struct log_checkpoint *checkpoint = &log->checkpoint;
    int last = put_rows(log);
    checkpoint->ended = last == 1;
    if (last == 1)
        last = put_end(log);
    if (last < 0)
        give_up(log, last);
    else
        transfer_write(log->loop, &checkpoint->transfer, checkpoint->fd, checkpoint->bytes,
                       checkpoint->count, checkpoint->offset, written);
}

/* --- its beginning --- */

static void put_header(struct log *log)
{
    struct log_checkpoint *checkpoint = &log->checkpoint;
    const struct log_segment *first = log->active ? log->active : log->roll.segment;
    checkpoint->header = (struct table_header){
        .version = TABLE_VERSION,
        .rows = log->table.count,
        .from = as_of(log),
        .segment = first ? first->first : log->next,
        .created_ns = hark_os_wall_clock(log->loop),
    };
    checkpoint->offset = checkpoint->unsynced = checkpoint->rows = 0;
    checkpoint->written_at_begin = checkpoint->written;
    table_header_encode(checkpoint->bytes, &checkpoint->header);
    checkpoint->count = TABLE_HEADER_BYTES;
    log->table.walk = log->table.oldest;
}

static void open_file(struct log *log);

static void opened(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, checkpoint.op);
    if (program_spare(log, result)) {
        open_file(log);
        return;
    }
    if (result < 0) {
        checkpoint_end(log, (int)result);
        return;
    }
    log->checkpoint.fd = (int)result;
    if (log->checkpoint.stopping) {
        give_up(log, -ECANCELED);
        return;
    }
    put_header(log);
    write_part(log);
}

static void open_file(struct log *log)
{
    hark_openat(log->loop, &log->checkpoint.op, log->directory, TABLE_NAME_UNFINISHED,
                O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0640, opened);
}

static void begun(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, checkpoint.op);
    struct log_checkpoint *checkpoint = &log->checkpoint;
    checkpoint->count = 0;
    if (result == 0 && checkpoint->stopping)
        result = -ECANCELED;
    if (result == 0)
        result = reserve(checkpoint, 2 * PART_BYTES);
    if (result < 0)
        checkpoint_end(log, (int)result);
    else
        open_file(log);
}

void checkpoint_begin(struct log *log)
{
    struct log_checkpoint *checkpoint = &log->checkpoint;
    if (checkpoint->running)
        return;
    checkpoint->running = true;
    checkpoint->fd = -1;
    pending_begin(&log->pending);
    hark_defer(log->loop, &checkpoint->op, begun);
}

void checkpoint_count(struct log *log, uint64_t bytes)
{
    struct log_checkpoint *checkpoint = &log->checkpoint;
    checkpoint->written += bytes;
    checkpoint->since += bytes;
    if (checkpoint->since >= log->options.table_bytes &&
        checkpoint->since >= checkpoint_estimate(log) && !log->closing)
        checkpoint_begin(log);
}

void checkpoint_await(struct log *log, void (*done)(struct log *log, int error))
{
    check(!log->checkpoint.awaited);
    log->checkpoint.awaited = done;
    checkpoint_begin(log);
}

void checkpoint_stop(struct log *log)
{
    log->checkpoint.stopping = log->checkpoint.running && !log->checkpoint.awaited;
}

void checkpoint_at_end(struct log *log)
{
    if (log->recovered && !log->options.inspect &&
        (log->checkpoint.since > 0 || log->checkpoint.failed != 0 || log->must_write_table))
        checkpoint_begin(log);
}

/* --- what is missing --- */

int checkpoint_note_missing(struct log *log, uint64_t first, uint64_t events)
{
    struct log_checkpoint *checkpoint = &log->checkpoint;
    for (size_t i = 0; i < checkpoint->missing_count; i++)
        if (checkpoint->missing[i].first == first)
            return 0;
    struct table_segment *missing =
        reallocarray(checkpoint->missing, checkpoint->missing_count + 1, sizeof *missing);
    if (!missing)
        return -ENOMEM;
    checkpoint->missing = missing;
    missing[checkpoint->missing_count++] =
        (struct table_segment){.first = first, .events = events, .flags = TABLE_SEGMENT_MISSING};
    return 0;
}

void checkpoint_forget_missing(struct log *log, uint64_t before)
{
    struct log_checkpoint *checkpoint = &log->checkpoint;
    size_t kept = 0;
    for (size_t i = 0; i < checkpoint->missing_count; i++)
        if (checkpoint->missing[i].first > before)
            checkpoint->missing[kept++] = checkpoint->missing[i];
    checkpoint->missing_count = kept;
}

void checkpoint_done(struct log *log)
{
    free(log->checkpoint.missing);
    free(log->checkpoint.bytes);
}
