/* tail.c - the tail as a whole: opened, closed, looked at. */
#include "tail/tail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tail/events.h"
#include "tail/follower.h"
#include "tail/pattern.h"
#include "tail/source.h"
#include "tail/state.h"
#include "tail/watches.h"

static const uint64_t let_go_default_ns = 60ULL * 1000 * 1000 * 1000;
static const uint64_t retry_default_ns = 1000ULL * 1000 * 1000;

/* --- opening --- */

static void tail_free(struct tail *tail)
{
    for (size_t i = 0; i < tail->count; i++)
        tail_follower_free(&tail->followers[i]);
    for (size_t i = 0; i < tail->pattern_count; i++)
        tail_pattern_free(&tail->patterns[i]);
    free(tail->followers);
    free(tail->patterns);
    free(tail->directory);
    free(tail->stale);
    free(tail);
}

/* Makes what there is room for in the memory that files and patterns take. */
static int add_files(struct tail *tail, const struct tail_options *options)
{
    struct tail_follower *follower;
    size_t patterns = 0;
    for (size_t i = 0; i < options->count; i++)
        patterns += tail_is_pattern(options->files[i].path);
    /* Followers stay where they are: what is under way points at them. Memory that none has used
     * yet is not touched. */
    tail->followers =
        calloc(options->count + patterns * TAIL_PATTERN_FILES_MAX + 1, sizeof *tail->followers);
    tail->patterns = calloc(patterns + 1, sizeof *tail->patterns);
    int error = tail->directory && tail->followers && tail->patterns ? 0 : -ENOMEM;
    for (size_t i = 0; i < options->count && !error; i++) {
        const struct tail_file *file = &options->files[i];
        if (tail_is_pattern(file->path))
            error = tail_pattern_init(tail, &tail->patterns[tail->pattern_count++], file->path,
                                      file->stream);
        else
            error = tail_follower_add(tail, file->path, file->stream, NULL, &follower);
    }
    return error;
}

/* The newest event of all streams. */
static uint64_t newest_id(const struct log *log)
{
    uint64_t newest = 0;
    for (const struct log_stream *stream = log_stream_next(log, NULL); stream;
         stream = log_stream_next(log, stream))
        if (stream->last > newest)
            newest = stream->last;
    return newest;
}

int tail_open(struct hark_loop *loop, struct broker *broker, struct log *log,
              const struct tail_options *options, struct tail **out_tail)
{
    struct tail *tail = calloc(1, sizeof *tail);
    if (!tail)
        return -ENOMEM;
    tail->loop = loop;
    tail->broker = broker;
    tail->log = log;
    tail->report = options->report;
    tail->spare = options->spare;
    tail->report_context = options->report_context;
    tail->let_go_ns = options->let_go_ns ? options->let_go_ns : let_go_default_ns;
    tail->retry_ns = options->retry_ns ? options->retry_ns : retry_default_ns;
    tail->inotify = -1;
    tail->directory = strdup(options->directory ? options->directory : ".");
    int error = add_files(tail, options);
    tail->opened_id = tail->pattern_count ? newest_id(log) : UINT64_MAX;
    if (!error && options->count) {
        tail->inotify = hark_os_inotify_init();
        error = tail->inotify < 0 ? tail->inotify : 0;
    }
    if (error) {
        tail_free(tail);
        return error;
    }
    if (options->count)
        tail_events_begin(tail);
    for (size_t i = 0; i < tail->count; i++)
        tail_follower_begin(&tail->followers[i]);
    for (size_t i = 0; i < tail->pattern_count; i++) {
        tail_watches_early(tail, tail->patterns[i].path);
        tail_pattern_look(&tail->patterns[i]);
    }
    *out_tail = tail;
    return 0;
}

/* --- closing --- */

static void nothing_left(struct pending *pending)
{
    struct tail *tail = hark_container_of(pending, struct tail, pending);
    void (*closed)(void *context) = tail->closed;
    void *context = tail->closed_context;
    tail_free(tail);
    closed(context);
}

static void slot_closed(struct hark_op *op, int64_t result)
{
    (void)result;
    pending_end(&hark_container_of(op, struct tail_follower, slot_op)->tail->pending);
}

static void inotify_closed(struct hark_op *op, int64_t result)
{
    (void)result;
    pending_end(&hark_container_of(op, struct tail, close)->pending);
}

static void close_all(struct tail *tail)
{
    for (size_t i = 0; i < tail->count; i++) {
        struct tail_follower *follower = &tail->followers[i];
        while (follower->oldest)
            tail_source_close(follower->oldest);
        if (follower->slot_fd >= 0) {
            pending_begin(&tail->pending);
            hark_close(tail->loop, &follower->slot_op, follower->slot_fd, slot_closed);
        }
    }
    if (tail->inotify >= 0) {
        pending_begin(&tail->pending);
        hark_close(tail->loop, &tail->close, tail->inotify, inotify_closed);
    }
}

/* Nothing is read or published any more: the descriptors go. */
static void emptied(struct pending *pending)
{
    struct tail *tail = hark_container_of(pending, struct tail, pending);
    close_all(tail);
    pending_wait(pending, nothing_left);
}

static void settle(struct hark_op *op, int64_t result)
{
    (void)result;
    pending_end(&hark_container_of(op, struct tail, settle)->pending);
}

void tail_close(struct tail *tail, void (*closed)(void *context), void *context)
{
    tail->closing = true;
    tail->closed = closed;
    tail->closed_context = context;
    hark_cancel(&tail->watch);
    for (size_t i = 0; i < tail->count; i++) {
        hark_cancel(&tail->followers[i].read);
        hark_cancel(&tail->followers[i].retry);
        hark_cancel(&tail->followers[i].let_go);
        hark_cancel(&tail->followers[i].walk);
        hark_cancel(&tail->followers[i].again.op);
    }
    for (size_t i = 0; i < tail->pattern_count; i++) {
        hark_cancel(&tail->patterns[i].look);
        hark_cancel(&tail->patterns[i].again.op);
    }
    pending_begin(&tail->pending);
    hark_defer(tail->loop, &tail->settle, settle);
    pending_wait(&tail->pending, emptied);
}

void tail_each(const struct tail *tail, void (*each)(void *context, const struct tail_view *view),
               void *context)
{
    for (size_t i = 0; tail && i < tail->count; i++) {
        const struct tail_follower *follower = &tail->followers[i];
        const struct tail_source *newest = tail_source_newest(follower);
        const struct tail_view view = {
            .path = follower->path,
            .stream = follower->stream_name,
            .state = follower->state,
            .offset = newest ? newest->offset : 0,
            .lines = follower->lines,
            .bytes = follower->bytes,
            .split = follower->split,
            .rotations = follower->rotations,
            .truncations = follower->truncations,
        };
        each(context, &view);
    }
}
