/* log.c - the log as a whole: its options, its opening and closing, and the questions that need no
 * I/O.
 *
 * What must hold: a log goes only when nothing of it is under way; closing answers what was asked
 * before it, then seals, then lets the descriptors go, the lock last. Each part has its own file:
 * commit.c appends, cursor.c reads, recovery.c opens.
 */
#include "log/log.h"
#include "base/check.h"

#include "log/commit.h"
#include "log/recovery.h"
#include "log/retention.h"
#include "log/roll.h"
#include "log/segment.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SEGMENT_BYTES_DEFAULT (UINT64_C(64) << 20)
#define REPORT_BYTES          512

bool log_spare(struct log *log, int64_t result)
{
    bool lacking = result == -EMFILE || result == -ENFILE;
    return lacking && log->options.spare && log->options.spare(log->options.report_context);
}

void log_tell(struct log *log, enum log_severity severity, const char *format, ...)
{
    char text[REPORT_BYTES];
    va_list arguments;
    if (!log->options.report)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log->options.report(log->options.report_context, severity, text);
}

void log_begin(struct log *log)
{
    log->busy++;
}

void log_end(struct log *log)
{
    check(log->busy > 0);
    if (--log->busy == 0 && log->settled)
        log->settled(log);
}

void log_free(struct log *log)
{
    for (size_t i = 0; i < log->segment_count; i++)
        segment_destroy(log->segments[i]);
    free(log->segments);
    table_done(&log->table);
    builder_done(&log->builder);
    commit_done(log);
    free(log->path);
    free(log);
}

/* --- opening --- */

static int set_options(struct log *log, const struct log_options *options)
{
    struct log_options *own = &log->options;
    if (options)
        *own = *options;
    if (own->sync_interval_ns == 0)
        own->sync_interval_ns = UINT64_C(1000000000);
    if (own->segment_bytes == 0)
        own->segment_bytes = SEGMENT_BYTES_DEFAULT;
    if (own->open_segments_max == 0)
        own->open_segments_max = 16;
    if (own->streams_max == 0)
        own->streams_max = 65536;
    if (own->segment_bytes < LOG_SEGMENT_BYTES_MIN || own->segment_bytes > LOG_SEGMENT_BYTES_MAX ||
        own->sync > LOG_SYNC_NEVER)
        return -EINVAL;
    return 0;
}

static struct log *log_create(struct hark_loop *loop, const char *directory)
{
    struct log *log = calloc(1, sizeof *log);
    if (!log)
        return NULL;
    log->loop = loop;
    log->directory = log->lock = log->mark = -1;
    log->starved.end = &log->starved.head;
    log->path = strdup(directory);
    if (!log->path || commit_init(log) != 0) {
        log_free(log);
        return NULL;
    }
    return log;
}

int log_open(struct hark_loop *loop, const char *directory, const struct log_options *options,
             log_opened *opened, void *context)
{
    if (strlen(directory) >= PATH_MAX)
        return -ENAMETOOLONG;
    struct log *log = log_create(loop, directory);
    if (!log)
        return -ENOMEM;
    int error = set_options(log, options);
    if (error == 0)
        error = recovery_begin(log, opened, context);
    if (error != 0)
        log_free(log);
    return error;
}

/* --- closing --- */

static void close_step(struct log *log);

static void step_ended(struct hark_op *op, int64_t result)
{
    struct log *log = hark_container_of(op, struct log, close_op);
    (void)result;
    log_end(log);
}

static void close_descriptor(struct log *log, int fd)
{
    if (fd < 0)
        return;
    log_begin(log);
    hark_close(log->loop, &log->close_op, fd, step_ended);
}

static void last_step(struct log *log)
{
    log_closed *closed = log->closed;
    void *context = log->closed_context;
    int error = log->close_error;
    log_free(log);
    closed(context, error);
}

/* Each step may start something, and the next comes when that has ended. */
static void close_step(struct log *log)
{
    while (log->busy == 0) {
        switch (log->close_step++) {
        case 0:
            if (log->active && roll_seal_active(log) != 0)
                log_tell(log, LOG_WARNING, "out of memory: the log in %s is not ended in order",
                         log->path);
            break;
        case 1:
            segment_close_idle(log);
            break;
        case 2:
            if (log->active)
                close_descriptor(log, log->active->fd);
            break;
        case 3:
            close_descriptor(log, log->directory);
            break;
        case 4:
            close_descriptor(log, log->mark);
            break;
        case 5:
            close_descriptor(log, log->lock);
            break;
        default:
            last_step(log);
            return;
        }
    }
}

void log_close(struct log *log, log_closed *closed, void *context)
{
    check(!log->closing);
    log->closing = true;
    log->closed = closed;
    log->closed_context = context;
    log->settled = close_step;
    commit_stop(log);
    retention_stop(log);
    log_begin(log);
    hark_defer(log->loop, &log->close_op, step_ended);
}

/* --- questions --- */

const struct log_stream *log_stream_find(const struct log *log, const char *name,
                                         size_t name_length)
{
    const struct log_row *stream = table_by_name(&log->table, name, name_length);
    return !stream || stream->pending ? NULL : &stream->facts;
}

const struct log_stream *log_stream_next(const struct log *log, const struct log_stream *after)
{
    const struct log_row *stream =
        !after ? log->table.oldest : ((const struct log_row *)after)->after;
    while (stream && stream->pending)
        stream = stream->after;
    return !stream ? NULL : &stream->facts;
}

const struct log_stream *log_stream_above(const struct log *log, uint64_t generation)
{
    const struct log_row *stream =
        generation == 0 ? NULL : table_by_number(&log->table, generation);
    if (stream)
        return log_stream_next(log, &stream->facts);
    const struct log_stream *next = log_stream_next(log, NULL);
    while (next && next->generation <= generation) /* that one is gone */
        next = log_stream_next(log, next);
    return next;
}

int log_trouble(const struct log *log)
{
    return log->commit.reported;
}

const struct log_statistics *log_statistics(const struct log *log)
{
    return &log->statistics;
}
