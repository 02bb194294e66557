/* watch_mount.c - what hark/watch_mount.h offers: the life of a watch of a mount.
 *
 * What fanotify tells is read by the loop, which does not wait; handles become paths on the pool,
 * which may; then all of it is told, and the next is read. So at any time one of the three is under
 * way, and the kernel keeps what comes meanwhile. */
#include "hark/watch_mount.h"
#include "core/loop.h"
#include "file/mount_events.h"
#include "hark/close.h"
#include "hark/file.h"
#include "hark/work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>

enum {
    KINDS = HARK_WATCH_CREATED | HARK_WATCH_REMOVED | HARK_WATCH_RENAMED | HARK_WATCH_MODIFIED |
            HARK_WATCH_WRITTEN | HARK_WATCH_ATTRIBUTES,
    BYTES = 32 * 1024,
};

struct hark_mount_reader {
    struct hark_watch_mount *watch;
    bool is_marked;
    bool is_telling;
    bool is_ending;
    bool is_closing;
    int error;
    uint32_t cancelled_all; /* the loop's, at the start */
    struct mount_events events;
    _Alignas(8) char bytes[BYTES];
};

/* --- the end --- */

static void free_reader(struct hark_mount_reader *reader)
{
    mount_events_done(&reader->events);
    free(reader);
}

static void closed(struct hark_op *op, int64_t result)
{
    struct hark_watch_mount *watch = hark_container_of(op, struct hark_watch_mount, close);
    const int error = watch->reader->error;
    (void)result;
    free_reader(watch->reader);
    watch->reader = NULL;
    watch->events->closed(watch, error);
}

static void end(struct hark_mount_reader *reader)
{
    struct hark_watch_mount *watch = reader->watch;
    if (reader->is_closing)
        return;
    hark_cancel(&watch->work);
    if (hark_op_active(&watch->work))
        return;
    reader->is_closing = true;
    hark_close(watch->loop, &watch->close, reader->events.fd, closed); /* and the read ends */
}

static void fail(struct hark_mount_reader *reader, int error)
{
    if (reader->is_ending)
        return;
    reader->is_ending = true;
    reader->error = error;
}

/* With all of the loop: also where what was under way has come to its end, as on a thread. */
static void notice_cancel(struct hark_mount_reader *reader)
{
    if (reader->cancelled_all != reader->watch->loop->cancelled_all)
        fail(reader, -ECANCELED);
}

/* --- telling --- */

static void tell(struct hark_mount_reader *reader, const struct mount_event *event, uint32_t kind)
{
    const char *text = reader->events.text;
    const struct hark_watch_mount_event told = {
        .kind = (enum hark_watch_kind)kind,
        .is_directory = event->is_directory,
        .process = event->process,
        .path = text + event->path,
        .from = kind == HARK_WATCH_RENAMED ? text + event->from : NULL,
    };
    if (!reader->is_ending)
        reader->watch->events->told(reader->watch, &told);
}

/* In the order in which it must have been: a file is written to after it was created, and before it
 * is removed. */
static void tell_all_of(struct hark_mount_reader *reader, const struct mount_event *event)
{
    uint32_t last = event->is_back ? 0 : event->kinds & HARK_WATCH_REMOVED;
    uint32_t rest = event->kinds & ~(uint32_t)HARK_WATCH_REMOVED;
    if (event->is_back)
        tell(reader, event, HARK_WATCH_REMOVED);
    for (uint32_t kind = 1; rest; kind <<= 1) {
        if (rest & kind)
            tell(reader, event, kind);
        rest &= ~kind;
    }
    if (last)
        tell(reader, event, HARK_WATCH_REMOVED);
}

static void tell_ready(struct hark_mount_reader *reader)
{
    const struct hark_watch_mount_event ready = {
        .kind = HARK_WATCH_READY, .is_directory = true, .path = ""};
    reader->watch->events->told(reader->watch, &ready);
}

/* --- taking turns --- */

static void read_on(struct hark_mount_reader *reader);

static int64_t run(struct hark_op *op)
{
    struct hark_mount_reader *reader = hark_container_of(op, struct hark_watch_mount, work)->reader;
    return reader->is_marked ? mount_events_take(&reader->events)
                             : mount_events_begin(&reader->events);
}

static void went(struct hark_op *op, int64_t result)
{
    struct hark_mount_reader *reader = hark_container_of(op, struct hark_watch_mount, work)->reader;
    if (result < 0)
        fail(reader, (int)result);
    notice_cancel(reader);
    reader->is_telling = true;
    if (!reader->is_ending && !reader->is_marked)
        tell_ready(reader);
    else
        for (size_t i = 0; i < reader->events.count && !reader->is_ending; i++)
            tell_all_of(reader, &reader->events.found[i]);
    reader->is_telling = false;
    reader->is_marked = true;
    read_on(reader);
}

static void came(struct hark_op *op, int64_t count)
{
    struct hark_watch_mount *watch = hark_container_of(op, struct hark_watch_mount, read);
    struct hark_mount_reader *reader = watch->reader;
    if (reader->is_closing)
        return;
    if (count <= 0)
        fail(reader, count == 0 ? -EIO : (int)count);
    notice_cancel(reader);
    reader->events.filled = count > 0 ? (size_t)count : 0;
    if (reader->is_ending)
        end(reader);
    else
        hark_work(watch->loop, &watch->work, run, went);
}

static void read_on(struct hark_mount_reader *reader)
{
    struct hark_watch_mount *watch = reader->watch;
    notice_cancel(reader); /* its owner has been called since */
    if (reader->is_ending)
        end(reader);
    else
        hark_read(watch->loop, &watch->read, reader->events.fd, reader->bytes, sizeof reader->bytes,
                  HARK_AT_POSITION, came);
}

/* --- what its owner calls --- */

static int make(struct hark_mount_reader *reader, const char *path, uint32_t kinds)
{
    const unsigned how = FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_NONBLOCK | FAN_CLOEXEC;
    struct mount_events *events = &reader->events;
    events->directory = events->known_fd = -1;
    events->kinds = kinds ? kinds : (uint32_t)KINDS & ~(uint32_t)HARK_WATCH_ATTRIBUTES;
    events->kinds |= HARK_WATCH_OVERFLOW;
    events->bytes = reader->bytes;
    events->path = strdup(path);
    if (!events->path)
        return -ENOMEM;
    events->fd = kernel_fanotify_init(calls_of(reader->watch->loop), how, O_RDONLY | O_CLOEXEC);
    if (events->fd == -EINVAL)
        return -ENOSYS; /* a kernel that does not know how */
    return events->fd < 0 ? events->fd : 0;
}

int hark_watch_mount_open(struct hark_loop *loop, struct hark_watch_mount *watch, const char *path,
                          uint32_t kinds, const struct hark_watch_mount_events *events)
{
    check_rule(!watch->reader, "a watch of a mount was opened that is open, or not zeroed", NULL,
               -1);
    if (kinds & ~(uint32_t)KINDS)
        return -EINVAL;
    if (*path == '\0')
        return -ENOENT;
    struct hark_mount_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return -ENOMEM;
    watch->loop = loop;
    watch->events = events;
    reader->watch = watch;
    reader->cancelled_all = loop->cancelled_all;
    int error = make(reader, path, kinds);
    if (error) {
        free_reader(reader);
        return error;
    }
    watch->reader = reader;
    hark_work(loop, &watch->work, run, went);
    return 0;
}

void hark_watch_mount_close(struct hark_watch_mount *watch)
{
    struct hark_mount_reader *reader = watch->reader;
    if (!reader || reader->is_ending)
        return;
    reader->is_ending = true;
    if (!reader->is_telling)
        end(reader);
}
