/* close.c - the end of a log.
 *
 * What must hold: a log goes only when nothing of it is under way; closing answers what was asked
 * before it, then seals, then writes the table of streams, then lets the descriptors go, the lock
 * last.
 */
#include "log/close.h"

#include "base/check.h"
#include "log/checkpoint.h"
#include "log/commit.h"
#include "log/program.h"
#include "log/retention.h"
#include "log/seal.h"
#include "log/segment.h"

#include <stdlib.h>

void close_free(struct log *log)
{
    for (size_t i = 0; i < log->segment_count; i++)
        segment_destroy(log->segments[i]);
    free(log->segments);
    table_done(&log->table);
    builder_done(&log->builder);
    commit_done(log);
    checkpoint_done(log);
    free(log->path);
    free(log);
}

static void step_ended(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, close.op);
    (void)result;
    pending_end(&log->pending);
}

static void close_descriptor(struct log *log, int fd)
{
    if (fd < 0)
        return;
    pending_begin(&log->pending);
    hark_close(log->loop, &log->close.op, fd, step_ended);
}

static void last_step(struct log *log)
{
    struct log_close close = log->close;
    close_free(log);
    close.closed(close.context, close.error);
}

/* Each step may start something, and the next comes when that has ended. */
static void next_step(struct pending *pending)
{
    struct log *log = hark_container_of(pending, struct log, pending);
    while (pending_none(pending)) {
        switch (log->close.step++) {
        case 0:
            if (log->active && seal_active(log) != 0)
                program_tell(log, LOG_WARNING, "out of memory: the log in %s is not ended in order",
                             log->path);
            break;
        case 1:
            checkpoint_at_end(log);
            break;
        case 2:
            segment_close_idle(log);
            break;
        case 3:
            if (log->active)
                close_descriptor(log, log->active->fd);
            break;
        case 4:
            close_descriptor(log, log->directory);
            break;
        case 5:
            close_descriptor(log, log->mark);
            break;
        case 6:
            close_descriptor(log, log->lock);
            break;
        default:
            last_step(log);
            return;
        }
    }
    pending_wait(pending, next_step);
}

void log_close(struct log *log, log_closed *closed, void *context)
{
    check(!log->closing);
    log->closing = true;
    log->close.closed = closed;
    log->close.context = context;
    commit_stop(log);
    retention_stop(log);
    checkpoint_stop(log);
    pending_begin(&log->pending);
    hark_defer(log->loop, &log->close.op, step_ended);
    pending_wait(&log->pending, next_step);
}
