/* seal.c - the end of a segment's writing: first no more is written to it, then, in the background,
 * it gets its index.
 *
 * What must hold: an index has its name only once its content is on the disk, and that only after
 * the segment's own content: the next start believes an index. A segment of which a sync has failed
 * is not synced again: the kernel would say that all is well.
 */
#include "log/seal.h"

#include "log/checkpoint.h"
#include "log/program.h"
#include "log/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

struct log_seal {
    struct hark_op op;
    struct log_transfer transfer;
    struct log_segment *segment;
    int fd;
    int error;
    char unfinished[SEGMENT_NAME_BYTES];
    char name[SEGMENT_NAME_BYTES];
};

static void seal_end(struct log_seal *seal)
{
    struct log_segment *segment = seal->segment;
    struct log *log = segment->log;
    if (seal->error != 0)
        program_tell(log, LOG_WARNING, "cannot write index %s: %s (it is made at the next start)",
                     seal->name, hark_error_text(seal->error));
    else
        segment->pinned = false;
    free(seal);
    segment_release(segment);
    pending_end(&log->pending);
}

static void name_synced(struct hark_op *op, int64_t result)
{
    struct log_seal *seal = hark_container_of(op, struct log_seal, op);
    (void)result; /* without the name the index is made anew */
    seal_end(seal);
}

static void unlinked(struct hark_op *op, int64_t result)
{
    (void)result;
    seal_end(hark_container_of(op, struct log_seal, op));
}

static void give_up(struct log_seal *seal, int64_t error)
{
    seal->error = (int)error;
    hark_unlinkat(seal->op.loop, &seal->op, seal->segment->log->directory, seal->unfinished, 0,
                  unlinked);
}

static void renamed(struct hark_op *op, int64_t result)
{
    struct log_seal *seal = hark_container_of(op, struct log_seal, op);
    if (result < 0)
        give_up(seal, result);
    else
        hark_fsync(op->loop, op, seal->segment->log->directory, name_synced);
}

static void closed(struct hark_op *op, int64_t result)
{
    struct log_seal *seal = hark_container_of(op, struct log_seal, op);
    int directory = seal->segment->log->directory;
    if (result < 0 || seal->error != 0)
        give_up(seal, seal->error != 0 ? seal->error : result);
    else
        hark_renameat(op->loop, op, directory, seal->unfinished, directory, seal->name, 0, renamed);
}

static void synced(struct hark_op *op, int64_t result)
{
    struct log_seal *seal = hark_container_of(op, struct log_seal, op);
    seal->error = (int)result;
    hark_close(op->loop, op, seal->fd, closed);
}

static void written(struct log_transfer *transfer, int64_t result)
{
    struct log_seal *seal = hark_container_of(transfer, struct log_seal, transfer);
    struct hark_loop *loop = seal->segment->log->loop;
    if (result < 0) {
        seal->error = (int)result;
        hark_close(loop, &seal->op, seal->fd, closed);
    } else {
        hark_fdatasync(loop, &seal->op, seal->fd, synced);
    }
}

static void write_index(struct log_seal *seal);

static void opened(struct hark_op *op, int64_t result)
{
    struct log_seal *seal = hark_container_of(op, struct log_seal, op);
    if (program_spare(seal->segment->log, result)) {
        write_index(seal);
        return;
    }
    if (result < 0) {
        seal->error = (int)result;
        seal_end(seal);
        return;
    }
    seal->fd = (int)result;
    const struct log_index *index = &seal->segment->index;
    transfer_write(op->loop, &seal->transfer, seal->fd, index->bytes, index->size, 0, written);
}

static void write_index(struct log_seal *seal)
{
    struct log *log = seal->segment->log;
    hark_openat(log->loop, &seal->op, log->directory, seal->unfinished,
                O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0640, opened);
}

static void events_synced(struct hark_op *op, int64_t result)
{
    struct log_seal *seal = hark_container_of(op, struct log_seal, op);
    struct log_segment *segment = seal->segment;
    if (result < 0) {
        char name[SEGMENT_NAME_BYTES];
        segment_name(name, segment->first, SUFFIX_LOG);
        segment->failed = true;
        segment->log->close.error = (int)result;
        program_tell(segment->log, LOG_ERROR,
                     "cannot sync segment %s: %s: its newest events may be lost", name,
                     hark_error_text(result));
    }
    checkpoint_segment_synced(segment->log);
    write_index(seal);
}

static void cut(struct hark_op *op, int64_t result)
{
    (void)result; /* the next segment's header and the index say where this one ends */
    write_index(hark_container_of(op, struct log_seal, op));
}

void seal_begin(struct log_segment *segment)
{
    struct log *log = segment->log;
    struct log_seal *seal = calloc(1, sizeof *seal);
    if (!seal) {
        program_tell(log, LOG_WARNING,
                     "out of memory: the index of a segment is made at the next start");
        return;
    }
    pending_begin(&log->pending);
    segment_hold(segment);
    seal->segment = segment;
    segment_name(seal->unfinished, segment->first, SUFFIX_UNFINISHED);
    segment_name(seal->name, segment->first, SUFFIX_INDEX);
    if (segment->failed) {
        hark_ftruncate(log->loop, &seal->op, segment->fd, (int64_t)segment->end, cut);
    } else if (log->options.sync == LOG_SYNC_ALWAYS) {
        write_index(seal);
    } else {
        log->checkpoint.unsynced_segments++;
        hark_fdatasync(log->loop, &seal->op, segment->fd, events_synced);
    }
}

int seal_active(struct log *log)
{
    struct log_segment *segment = log->active;
    if (index_make(&log->builder, &log->table, segment->end, log->next, &segment->index) != 0)
        return -ENOMEM;
    segment->pinned = true;
    segment->last_sequence = log->builder.last_sequence;
    segment->newest_ns = log->builder.newest_ns;
    builder_done(&log->builder);
    log->active = NULL;
    segment_hold(segment);
    segment_sealed(segment);
    seal_begin(segment);
    segment_release(segment);
    return 0;
}
