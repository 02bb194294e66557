/* tail.c - the tail as a whole: opening and closing it, and what inotify tells.
 *
 * One inotify descriptor serves all files. Its watches are by inode, so files in one directory
 * share one: an event is offered to every follower. What an event means is not read out of it, but
 * only where to look: at a file, or at the way to it.
 */
#include "tail/state.h"

#include "base/say.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "wire/name.h"

static const uint64_t let_go_default_ns = 60ULL * 1000 * 1000 * 1000;
static const uint64_t retry_default_ns = 1000ULL * 1000 * 1000;

/* --- for all files of the tail --- */

void tail_tell(const struct tail_follower *follower, enum log_severity severity, const char *format,
               ...)
{
    char text[768];
    va_list arguments;
    if (!follower->tail->report)
        return;
    int length = snprintf(text, sizeof text, "--tail %s: ", follower->path);
    if (length < 0 || (size_t)length >= sizeof text)
        length = 0;
    va_start(arguments, format);
    vsnprintf(text + length, sizeof text - (size_t)length, format, arguments);
    va_end(arguments);
    follower->tail->report(follower->tail->report_context, severity, text);
}

void tail_stop(struct tail_follower *follower, const char *state)
{
    follower->stopped = true;
    follower->state = state;
}

/* --- watches --- */

static bool watch_used(const struct tail *tail, int watch)
{
    for (size_t i = 0; i < tail->count; i++) {
        const struct tail_follower *follower = &tail->followers[i];
        for (const struct tail_source *source = follower->oldest; source; source = source->newer)
            if (source->watch == watch)
                return true;
        for (unsigned w = 0; w < follower->resolution->count; w++)
            if (follower->resolution->watches[w].watch == watch)
                return true;
    }
    for (size_t i = 0; i < tail->pattern_count; i++)
        for (unsigned w = 0; w < tail->patterns[i].way->count; w++)
            if (tail->patterns[i].way->watches[w].watch == watch)
                return true;
    return false;
}

void tail_drop_watch(struct tail *tail, int watch)
{
    if (watch < 0)
        return;
    if (tail->stale_count == tail->stale_room) {
        size_t room = tail->stale_room ? 2 * tail->stale_room : 16;
        int *larger = reallocarray(tail->stale, room, sizeof *larger);
        if (!larger)
            return; /* the watch stays until the inode goes: it only costs a wake-up now and then */
        tail->stale = larger;
        tail->stale_room = room;
    }
    tail->stale[tail->stale_count++] = watch;
}

void tail_trim_watches(struct tail *tail)
{
    bool walking = tail->resolving > 0;
    for (size_t i = 0; i < tail->count; i++)
        walking |= !tail->followers[i].ready && !tail->followers[i].stopped;
    if (walking || tail->closing)
        return; /* a walk may just have been given the same watch again, or soon will */
    for (size_t i = 0; i < tail->stale_count; i++)
        if (!watch_used(tail, tail->stale[i]))
            inotify_rm_watch(tail->inotify, tail->stale[i]);
    tail->stale_count = 0;
}

/* --- what inotify tells --- */

/* Offers an event to the files of a follower. */
static void event_for_sources(struct tail_follower *follower, const struct inotify_event *event,
                              bool *out_pump)
{
    for (struct tail_source *source = follower->oldest; source; source = source->newer) {
        if (source->watch != event->wd)
            continue;
        if (event->mask & IN_MODIFY) {
            source->left_ns = hark_now(follower->tail->loop);
            *out_pump = source->dirty = true;
        }
    }
}

/* Whether the way to the file may have changed. While it is being walked, any change of names may
 * concern it: the watches of that walk are not known yet. */
static bool event_for_path(const struct tail_follower *follower, const struct inotify_event *event)
{
    const struct resolution *way = follower->resolution;
    if (event->mask & IN_MOVE_SELF ||
        (hark_op_active(&follower->resolve) && !(event->mask & (IN_MODIFY | IN_IGNORED))))
        return true;
    for (unsigned i = 0; i < way->count; i++) {
        if (way->watches[i].watch != event->wd)
            continue;
        if (event->mask & (IN_DELETE_SELF | IN_UNMOUNT | IN_IGNORED))
            return true;
        if (event->len && strcmp(event->name, way->watches[i].name) == 0)
            return true;
    }
    return false;
}

/* A renaming inside one directory comes as two events with the same cookie. */
static void note_move(struct tail *tail, const struct inotify_event *event)
{
    if (event->len == 0)
        return;
    if (event->mask & IN_MOVED_FROM) {
        tail->move_watch = event->wd;
        tail->move_cookie = event->cookie;
        snprintf(tail->move_name, sizeof tail->move_name, "%s", event->name);
    } else if (event->mask & IN_MOVED_TO && event->cookie == tail->move_cookie &&
               event->wd == tail->move_watch) {
        for (size_t i = 0; i < tail->count; i++)
            tail_source_moved(&tail->followers[i], event->wd, tail->move_name, event->name);
    }
}

static void handle_event(struct tail *tail, const struct inotify_event *event)
{
    note_move(tail, event);
    bool overflow = (event->mask & IN_Q_OVERFLOW) != 0;
    if (overflow && tail->count)
        tail_tell(&tail->followers[0], LOG_WARNING,
                  "inotify's queue has overflowed (fs.inotify.max_queued_events): looking at all "
                  "files again");
    for (size_t i = 0; i < tail->count; i++) {
        struct tail_follower *follower = &tail->followers[i];
        bool pump = overflow;
        for (struct tail_source *source = follower->oldest; overflow && source;
             source = source->newer)
            source->dirty = true;
        event_for_sources(follower, event, &pump);
        if (overflow)
            tail_missed_look(follower);
        if (overflow || event_for_path(follower, event))
            tail_source_resolve(follower);
        if (pump)
            tail_read_pump(follower);
    }
    for (size_t i = 0; i < tail->pattern_count; i++)
        if (tail_pattern_concerned(&tail->patterns[i], event))
            tail_pattern_look(&tail->patterns[i]);
}

static void watch(struct tail *tail);

static void events_read(struct hark_op *op, int64_t count)
{
    struct tail *tail = hark_container_of(op, struct tail, watch);
    if (!tail->closing && count > 0) {
        for (int64_t at = 0; at < count;) {
            const struct inotify_event *event = (const void *)(tail->events + at);
            handle_event(tail, event);
            at += (int64_t)(sizeof *event + event->len);
        }
        watch(tail);
    } else if (!tail->closing) {
        for (size_t i = 0; i < tail->count; i++)
            tail_tell(&tail->followers[i], LOG_ERROR,
                      "inotify has failed: %s: it is not followed any more", why(count));
    }
    tail_end(tail);
}

static void watch(struct tail *tail)
{
    tail_begin(tail);
    hark_read(tail->loop, &tail->watch, tail->inotify, tail->events, sizeof tail->events,
              HARK_AT_POSITION, events_read);
}

/* --- opening --- */

static void follower_free(struct tail_follower *follower)
{
    broker_stream_close(follower->stream);
    free(follower->path);
    free(follower->stream_name);
    free(follower->resolution);
    free(follower->resolving);
    free(follower->moved);
    free(follower->opening);
    free(follower->early);
    free(follower->batch);
    free(follower->buffer.block);
}

static void tail_free(struct tail *tail)
{
    for (size_t i = 0; i < tail->count; i++)
        follower_free(&tail->followers[i]);
    for (size_t i = 0; i < tail->pattern_count; i++)
        tail_pattern_free(&tail->patterns[i]);
    free(tail->followers);
    free(tail->patterns);
    free(tail->directory);
    free(tail->stale);
    free(tail);
}

char *tail_absolute_path(const char *path)
{
    char directory[PATH_MAX];
    char *absolute;
    if (*path == '/')
        return strdup(path);
    if (!getcwd(directory, sizeof directory) || asprintf(&absolute, "%s/%s", directory, path) < 0)
        return NULL;
    return absolute;
}

void tail_records_name(const char *path, const char *stream, char *name)
{
    char key[PATH_MAX + NAME_BYTES_MAX + 2];
    int length = snprintf(key, sizeof key, "%s=%s", path, stream);
    snprintf(name, TAIL_RECORDS_NAME_BYTES, ".tail-%016" PRIx64,
             position_hash(key, length < (int)sizeof key ? (size_t)length : sizeof key - 1));
}

static int follower_init(struct tail *tail, struct tail_follower *follower,
                         const struct tail_file *file)
{
    follower->tail = tail;
    follower->slot_fd = -1;
    follower->path = tail_absolute_path(file->path);
    follower->stream_name = strdup(file->stream);
    follower->resolution = calloc(1, sizeof *follower->resolution);
    follower->resolving = calloc(1, sizeof *follower->resolving);
    if (!follower->path || !follower->stream_name || !follower->resolution || !follower->resolving)
        return -ENOMEM;
    follower->resolution->directory_watch = -1;
    tail_records_name(follower->path, follower->stream_name, follower->private_name);
    for (const struct tail_follower *other = tail->followers; other < follower; other++)
        if (strcmp(other->private_name, follower->private_name) == 0)
            return -EINVAL;
    return broker_stream_open(tail->broker, file->stream, strlen(file->stream), &follower->stream);
}

/* Watches the file's directory from now on, before the first walk: so nothing that happens once the
 * tail is open is missed. */
static void watch_early(struct tail *tail, const char *path)
{
    char directory[PATH_MAX];
    snprintf(directory, sizeof directory, "%s", path);
    char *slash = strrchr(directory, '/');
    slash[slash == directory ? 1 : 0] = '\0';
    uint32_t events =
        IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR | IN_MASK_ADD;
    tail_drop_watch(tail, inotify_add_watch(tail->inotify, directory, events));
}

int tail_follow(struct tail *tail, const struct tail_file *file, const struct tail_pattern *pattern,
                struct tail_follower **out_follower)
{
    struct tail_follower *follower = &tail->followers[tail->count];
    int error = follower_init(tail, follower, file);
    if (error) {
        follower_free(follower);
        memset(follower, 0, sizeof *follower);
        return error;
    }
    follower->pattern = pattern;
    tail->count++;
    *out_follower = follower;
    return 0;
}

void tail_follow_begin(struct tail_follower *follower)
{
    watch_early(follower->tail, follower->path);
    tail_start_begin(follower);
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
        if (tail_is_pattern(options->files[i].path))
            error =
                tail_pattern_init(tail, &tail->patterns[tail->pattern_count++], &options->files[i]);
        else
            error = tail_follow(tail, &options->files[i], NULL, &follower);
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
        tail->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        error = tail->inotify < 0 ? -errno : 0;
    }
    if (error) {
        tail_free(tail);
        return error;
    }
    if (options->count)
        watch(tail);
    for (size_t i = 0; i < tail->count; i++)
        tail_follow_begin(&tail->followers[i]);
    for (size_t i = 0; i < tail->pattern_count; i++) {
        watch_early(tail, tail->patterns[i].path);
        tail_pattern_look(&tail->patterns[i]);
    }
    *out_tail = tail;
    return 0;
}

/* --- closing --- */

void tail_begin(struct tail *tail)
{
    tail->under_way++;
}

static void nothing_left(struct tail *tail)
{
    void (*closed)(void *context) = tail->closed;
    void *context = tail->closed_context;
    tail_free(tail);
    closed(context);
}

static void slot_closed(struct hark_op *op, int64_t result)
{
    (void)result;
    tail_end(hark_container_of(op, struct tail_follower, slot_op)->tail);
}

static void inotify_closed(struct hark_op *op, int64_t result)
{
    (void)result;
    tail_end(hark_container_of(op, struct tail, close));
}

/* Nothing is read or published any more: the descriptors go. */
static void close_all(struct tail *tail)
{
    for (size_t i = 0; i < tail->count; i++) {
        struct tail_follower *follower = &tail->followers[i];
        while (follower->oldest)
            tail_source_close(follower->oldest);
        if (follower->slot_fd >= 0) {
            tail_begin(tail);
            hark_close(tail->loop, &follower->slot_op, follower->slot_fd, slot_closed);
        }
    }
    if (tail->inotify >= 0) {
        tail_begin(tail);
        hark_close(tail->loop, &tail->close, tail->inotify, inotify_closed);
    }
}

void tail_end(struct tail *tail)
{
    if (--tail->under_way > 0 || !tail->closing)
        return;
    if (!tail->emptied) {
        tail->emptied = true;
        tail_begin(
            tail); /* held while closing, so that what ends meanwhile is not taken for the last */
        close_all(tail);
        if (--tail->under_way > 0)
            return;
    }
    nothing_left(tail);
}

static void settle(struct hark_op *op, int64_t result)
{
    (void)result;
    tail_end(hark_container_of(op, struct tail, settle));
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
        hark_cancel(&tail->followers[i].resolve);
        hark_cancel(&tail->followers[i].again.op);
    }
    for (size_t i = 0; i < tail->pattern_count; i++) {
        hark_cancel(&tail->patterns[i].look);
        hark_cancel(&tail->patterns[i].again.op);
    }
    tail_begin(tail);
    hark_defer(tail->loop, &tail->settle, settle);
}

void tail_each(const struct tail *tail, void (*each)(void *context, const struct tail_view *view),
               void *context)
{
    for (size_t i = 0; tail && i < tail->count; i++) {
        const struct tail_follower *follower = &tail->followers[i];
        const struct tail_source *newest = follower->oldest;
        while (newest && newest->newer)
            newest = newest->newer;
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
