/* inotify.c - each descriptor has a queue of events; each watch is a mark at an inode, one for each
 * descriptor. What must hold, as in Linux (fs/notify/inotify): an event that is the same as the
 * last in the queue is not added; a full queue takes one more, IN_Q_OVERFLOW, and drops the rest; a
 * mark that goes says IN_IGNORED, for which there always is room (inotify_ignored_and_remove_idr
 * goes the same way as others: a full queue drops that, too). */
#include "sim/disk/inotify.h"
#include "sim/file/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

/* fs.inotify.max_queued_events, fs.inotify.max_user_watches. */
enum { QUEUE_MAX = 16384, WATCHES_MAX = 65536 };

static const uint32_t behaviour =
    IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_ADD | IN_MASK_CREATE | IN_ONESHOT;

struct told {
    struct told *next;
    struct inotify_event event;
};

struct inotify {
    struct file file;
    struct machine *machine;
    struct told *first, *last;
    uint32_t count;
    int last_watch;
    struct inotify_mark *marks;
};

struct inotify_mark {
    struct inotify_mark *next;          /* of the inode */
    struct inotify_mark *next_of_queue; /* of the descriptor */
    struct inotify *queue;
    struct inode *inode;
    int watch;
    uint32_t events;
};

/* --- the queue --- */

static uint32_t queue_max(void)
{
    uint32_t most = world->options.inotify_events_max;
    return most ? most : QUEUE_MAX;
}

static struct told *create_told(int watch, uint32_t events, uint32_t cookie, const char *name)
{
    const size_t unit = sizeof(struct inotify_event);
    size_t room = name ? (strlen(name) + unit) / unit * unit : 0;
    struct told *told = memory_own(sizeof *told + room);
    told->event = (struct inotify_event){.wd = watch, .mask = events, .cookie = cookie};
    told->event.len = (uint32_t)room;
    if (name)
        memcpy(told->event.name, name, strlen(name));
    return told;
}

static bool is_same(const struct told *one, const struct told *other)
{
    return one && one->event.mask == other->event.mask && one->event.wd == other->event.wd &&
           one->event.len == other->event.len &&
           memcmp(one->event.name, other->event.name, one->event.len) == 0;
}

static void add(struct inotify *queue, struct told *told)
{
    *(queue->last ? &queue->last->next : &queue->first) = told;
    queue->last = told;
    queue->count++;
    file_wake(&queue->file, POLLIN | POLLRDNORM);
}

static void tell(struct inotify *queue, int watch, uint32_t events, uint32_t cookie,
                 const char *name)
{
    struct told *told = create_told(watch, events, cookie, name);
    bool is_full = queue->count >= queue_max();
    if (is_full) {
        memory_own_free(told);
        if (queue->last && queue->last->event.mask & IN_Q_OVERFLOW)
            return;
        add(queue, create_told(-1, IN_Q_OVERFLOW, 0, NULL));
    } else if (is_same(queue->last, told)) {
        memory_own_free(told);
    } else {
        add(queue, told);
    }
}

/* --- marks --- */

/* Takes it out of both lists, and says so. */
static void end_mark(struct inotify_mark *mark)
{
    struct inotify_mark **at = &mark->inode->marks;
    while (*at != mark)
        at = &(*at)->next;
    *at = mark->next;
    at = &mark->queue->marks;
    while (*at != mark)
        at = &(*at)->next_of_queue;
    *at = mark->next_of_queue;
    mark->queue->machine->watches--;
    tell(mark->queue, mark->watch, IN_IGNORED, 0, NULL);
    memory_own_free(mark);
}

static void tell_marks(struct inode *inode, uint32_t events, uint32_t cookie, const char *name,
                       bool is_unlinked)
{
    struct inotify_mark *next;
    for (struct inotify_mark *mark = inode->marks; mark; mark = next) {
        next = mark->next;
        if (!(events & mark->events & IN_ALL_EVENTS))
            continue;
        if (is_unlinked && mark->events & IN_EXCL_UNLINK)
            continue;
        bool is_kind_known = !(events & (IN_DELETE_SELF | IN_MOVE_SELF));
        tell(mark->queue, mark->watch, is_kind_known ? events : events & ~(uint32_t)IN_ISDIR,
             cookie, name);
        if (mark->events & IN_ONESHOT)
            end_mark(mark);
    }
}

uint32_t inotify_cookie(void)
{
    return ++world->move_cookie;
}

void inotify_tell_self(struct inode *inode, uint32_t events)
{
    tell_marks(inode, events, 0, NULL, false);
}

void inotify_tell_of(struct inode *directory, uint32_t events, uint32_t cookie, const char *name)
{
    tell_marks(directory, events, cookie, name, false);
}

void inotify_tell(struct inode *inode, uint32_t events)
{
    if (inode->parent)
        tell_marks(inode->parent, events, 0, inode->name, !inode->linked);
    tell_marks(inode, events, 0, NULL, !inode->linked);
}

void inotify_tell_always(struct inode *inode, uint32_t events)
{
    if (inode->parent)
        tell_marks(inode->parent, events, 0, inode->name, false);
    tell_marks(inode, events, 0, NULL, false);
}

void inotify_tell_gone(struct inode *inode)
{
    inotify_tell_self(inode, IN_DELETE_SELF);
    while (inode->marks)
        end_mark(inode->marks);
}

void inotify_forget(struct inode *inode)
{
    while (inode->marks)
        end_mark(inode->marks);
}

/* --- the descriptor --- */

static void inotify_release(struct file *file)
{
    struct inotify *queue = (struct inotify *)file;
    struct told *told;
    while (queue->marks)
        end_mark(queue->marks);
    while ((told = queue->first)) {
        queue->first = told->next;
        memory_own_free(told);
    }
    memory_own_free(queue);
}

static int64_t inotify_read(struct file *file, const struct iovec *vector, int count,
                            int64_t offset, int flags)
{
    (void)offset;
    (void)flags;
    struct inotify *queue = (struct inotify *)file;
    size_t room = vector_bytes(vector, count), done = 0;
    struct told *told;
    if (!queue->first)
        return -EAGAIN;
    while ((told = queue->first)) {
        size_t bytes = sizeof told->event + told->event.len;
        if (bytes > room - done)
            break;
        vector_put(vector, count, done, &told->event, bytes);
        done += bytes;
        queue->first = told->next;
        queue->count--;
        if (!queue->first)
            queue->last = NULL;
        memory_own_free(told);
    }
    return done > 0 ? (int64_t)done : -EINVAL;
}

static uint32_t inotify_poll(struct file *file)
{
    return ((struct inotify *)file)->first ? (uint32_t)(POLLIN | POLLRDNORM) : 0;
}

static int inotify_ioctl(struct file *file, unsigned long request, void *argument)
{
    if (request != FIONREAD)
        return -ENOTTY;
    size_t bytes = 0;
    for (const struct told *told = ((struct inotify *)file)->first; told; told = told->next)
        bytes += sizeof told->event + told->event.len;
    *(int *)argument = (int)bytes;
    return 0;
}

static const struct file_kind inotify = {
    .name = "inotify",
    .has_borders = true,
    .release = inotify_release,
    .read = inotify_read,
    .poll = inotify_poll,
    .ioctl = inotify_ioctl,
};

struct file *inotify_create(struct machine *machine, int flags)
{
    struct inotify *queue = file_create(&inotify, sizeof *queue, O_RDONLY | (flags & IN_NONBLOCK));
    queue->machine = machine;
    return &queue->file;
}

/* --- watches --- */

static struct inotify_mark *find_mark(const struct inotify *queue, const struct inode *inode)
{
    struct inotify_mark *mark = inode->marks;
    while (mark && mark->queue != queue)
        mark = mark->next;
    return mark;
}

static int add_mark(struct inotify *queue, struct inode *inode, uint32_t events)
{
    uint32_t most = world->options.inotify_watches_max;
    if (queue->machine->watches >= (most ? most : WATCHES_MAX))
        return -ENOSPC;
    queue->machine->watches++;
    struct inotify_mark *mark = memory_own(sizeof *mark);
    *mark = (struct inotify_mark){.next = inode->marks,
                                  .next_of_queue = queue->marks,
                                  .queue = queue,
                                  .inode = inode,
                                  .watch = ++queue->last_watch,
                                  .events = events};
    inode->marks = queue->marks = mark;
    return mark->watch;
}

int inotify_watch(struct file *file, struct inode *inode, uint32_t events)
{
    struct inotify *queue = (struct inotify *)file;
    if (file->kind != &inotify || !(events & (IN_ALL_EVENTS | behaviour)) ||
        (events & IN_MASK_ADD && events & IN_MASK_CREATE))
        return -EINVAL;
    struct inotify_mark *mark = find_mark(queue, inode);
    if (!mark)
        return add_mark(queue, inode, events);
    if (events & IN_MASK_CREATE)
        return -EEXIST;
    mark->events = events & IN_MASK_ADD ? mark->events | events : events;
    return mark->watch;
}

int inotify_unwatch(struct file *file, int watch)
{
    struct inotify *queue = (struct inotify *)file;
    if (file->kind != &inotify)
        return -EINVAL;
    struct inotify_mark *mark = queue->marks;
    while (mark && mark->watch != watch)
        mark = mark->next_of_queue;
    if (!mark)
        return -EINVAL;
    end_mark(mark);
    return 0;
}
