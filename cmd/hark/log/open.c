/* open.c - the beginning of a log: its options, and the recovery of what its directory holds.
 *
 * What must hold: a log that cannot be opened is closed like any other before that is told.
 */
#include "log/close.h"
#include "log/commit.h"
#include "log/recovery.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT_BYTES_DEFAULT (UINT64_C(64) << 20)
#define TABLE_BYTES_DEFAULT   (UINT64_C(4) << 20)

/* Who is told. Outlives the log that was not opened. */
struct opening {
    log_opened *opened;
    void *context;
    int error;
};

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
        own->streams_max = UINT32_MAX;
    if (own->table_bytes == 0)
        own->table_bytes = TABLE_BYTES_DEFAULT;
    if (own->segment_bytes < LOG_SEGMENT_BYTES_MIN || own->segment_bytes > LOG_SEGMENT_BYTES_MAX ||
        own->sync > LOG_SYNC_NEVER)
        return -EINVAL;
    return 0;
}

static struct log *create(struct hark_loop *loop, const char *directory)
{
    struct log *log = calloc(1, sizeof *log);
    if (!log)
        return NULL;
    log->loop = loop;
    log->directory = log->lock = log->mark = -1;
    log->starved.end = &log->starved.head;
    log->path = strdup(directory);
    if (!log->path || commit_init(log) != 0) {
        close_free(log);
        return NULL;
    }
    return log;
}

static void tell(struct opening *opening, struct log *log)
{
    struct opening own = *opening;
    free(opening);
    own.opened(own.context, own.error, log);
}

static void closed_after_failure(void *context, int result)
{
    (void)result; /* why it was not opened says more */
    tell(context, NULL);
}

static void recovered(struct log *log, int error, void *context)
{
    struct opening *opening = context;
    opening->error = error;
    if (error != 0)
        log_close(log, closed_after_failure, opening);
    else
        tell(opening, log);
}

static int begin(struct log *log, const struct log_options *options, log_opened *opened,
                 void *context)
{
    int error = set_options(log, options);
    if (error != 0)
        return error;
    struct opening *opening = malloc(sizeof *opening);
    if (!opening)
        return -ENOMEM;
    *opening = (struct opening){.opened = opened, .context = context};
    error = recovery_begin(log, recovered, opening);
    if (error != 0)
        free(opening);
    return error;
}

int log_open(struct hark_loop *loop, const char *directory, const struct log_options *options,
             log_opened *opened, void *context)
{
    if (strlen(directory) >= PATH_MAX)
        return -ENAMETOOLONG;
    struct log *log = create(loop, directory);
    if (!log)
        return -ENOMEM;
    int error = begin(log, options, opened, context);
    if (error != 0)
        close_free(log);
    return error;
}
