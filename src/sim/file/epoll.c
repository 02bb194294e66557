/* epoll.c - epoll(7). What is registered is a file under a number, as in Linux: where the
 * number is closed while a copy of it lives on, the registration stays, and cannot be taken out by
 * that number any more. */
#include "sim/calls/call.h"

#include <poll.h>
#include <sys/epoll.h>

struct epoll {
    struct file file;
    struct watch *watches;
    struct watch *ready_first, *ready_last; /* those of which something was told */
};

struct watch {
    struct waiter waiter;
    struct epoll *epoll;
    struct watch *next;         /* of the epoll descriptor */
    struct watch *next_of_file; /* of the file */
    struct file *target;
    int fd;
    struct epoll_event event;
    struct watch *next_ready;
    bool is_ready; /* in the list */
};

static const uint32_t always = EPOLLERR | EPOLLHUP;
static const uint32_t behaviour = EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE;

static void make_ready(struct watch *watch)
{
    struct epoll *epoll = watch->epoll;
    if (watch->is_ready)
        return;
    watch->is_ready = true;
    watch->next_ready = NULL;
    *(epoll->ready_last ? &epoll->ready_last->next_ready : &epoll->ready_first) = watch;
    epoll->ready_last = watch;
}

static struct watch *take_ready(struct epoll *epoll)
{
    struct watch *watch = epoll->ready_first;
    if (!watch)
        return NULL;
    epoll->ready_first = watch->next_ready;
    if (!epoll->ready_first)
        epoll->ready_last = NULL;
    watch->is_ready = false;
    return watch;
}

static uint32_t wanted(const struct watch *watch)
{
    uint32_t events = watch->event.events & ~behaviour;
    return events ? events | always : 0;
}

static uint32_t holds(const struct watch *watch)
{
    return file_poll(watch->target) & wanted(watch);
}

static void told(struct waiter *waiter, uint32_t events)
{
    struct watch *watch = hark_container_of(waiter, struct watch, waiter);
    if (events && !(events & wanted(watch)))
        return;
    make_ready(watch);
    file_wake(&watch->epoll->file, POLLIN | POLLRDNORM);
}

static void look(struct watch *watch)
{
    if (!holds(watch))
        return;
    make_ready(watch);
    file_wake(&watch->epoll->file, POLLIN | POLLRDNORM);
}

/* --- registering --- */

static struct watch *find(const struct epoll *epoll, const struct file *target, int fd)
{
    struct watch *watch = epoll->watches;
    while (watch && (watch->target != target || watch->fd != fd))
        watch = watch->next;
    return watch;
}

static void remove_ready(struct watch *watch)
{
    struct epoll *epoll = watch->epoll;
    struct watch *before = NULL;
    struct watch *at = epoll->ready_first;
    for (; at != watch; at = at->next_ready)
        before = at;
    *(before ? &before->next_ready : &epoll->ready_first) = watch->next_ready;
    if (epoll->ready_last == watch)
        epoll->ready_last = before;
}

static void drop(struct watch *watch)
{
    struct watch **at = &watch->epoll->watches;
    while (*at != watch)
        at = &(*at)->next;
    *at = watch->next;
    at = &watch->target->watches;
    while (*at != watch)
        at = &(*at)->next_of_file;
    *at = watch->next_of_file;
    wait_remove(&watch->waiter);
    if (watch->is_ready)
        remove_ready(watch);
    memory_own_free(watch);
}

static void forget(struct file *file)
{
    while (file->watches)
        drop(file->watches);
}

static int add(struct epoll *epoll, struct file *target, int fd, const struct epoll_event *event)
{
    struct watch *watch = memory_own(sizeof *watch);
    *watch = (struct watch){
        .waiter.woken = told, .epoll = epoll, .target = target, .fd = fd, .event = *event};
    watch->next = epoll->watches;
    epoll->watches = watch;
    watch->next_of_file = target->watches;
    target->watches = watch;
    target->forget = forget;
    wait_add(&target->queue, &watch->waiter);
    look(watch);
    return 0;
}

/* --- the file --- */

static void epoll_release(struct file *file)
{
    struct epoll *epoll = (struct epoll *)file;
    while (epoll->watches)
        drop(epoll->watches);
    memory_own_free(epoll);
}

static uint32_t epoll_poll(struct file *file)
{
    for (struct watch *watch = ((struct epoll *)file)->ready_first; watch;
         watch = watch->next_ready)
        if (holds(watch))
            return POLLIN | POLLRDNORM;
    return 0;
}

static const struct file_kind kind = {
    .name = "epoll",
    .release = epoll_release,
    .poll = epoll_poll,
};

static int open_epoll(int flags)
{
    struct epoll *opened = file_create(&kind, sizeof *opened, O_RDWR);
    return descriptors_add_or_release(&process_current()->descriptors, &opened->file,
                                      (flags & EPOLL_CLOEXEC) != 0);
}

int kernel_epoll_create1(uint64_t *calls, int flags)
{
    return (int)CALL(calls, "epoll_create1", -1, open_epoll(flags));
}

static int control(int epoll_fd, int operation, int fd, const struct epoll_event *event)
{
    struct file *file = call_file(epoll_fd);
    struct file *target = call_file(fd);
    if (!file || !target)
        return -EBADF;
    if (file->kind != &kind || file == target)
        return -EINVAL;
    if (!target->kind->poll)
        return -EPERM;
    struct epoll *epoll = (struct epoll *)file;
    struct watch *watch = find(epoll, target, fd);
    if (operation == EPOLL_CTL_ADD)
        return watch ? -EEXIST : add(epoll, target, fd, event);
    if (!watch)
        return -ENOENT;
    if (operation == EPOLL_CTL_DEL) {
        drop(watch);
        return 0;
    }
    if (operation != EPOLL_CTL_MOD)
        return -EINVAL;
    watch->event = *event;
    look(watch);
    return 0;
}

/* Only what is added needs memory, and counts for max_user_watches. */
int kernel_epoll_ctl(uint64_t *calls, int epoll, int operation, int fd, struct epoll_event *event)
{
    if (operation == EPOLL_CTL_ADD)
        return (int)CALL(calls, "epoll_ctl", fd, control(epoll, operation, fd, event));
    return (int)CALL_WITH_FAULTS(calls, "epoll_ctl", fd, control(epoll, operation, fd, event));
}

/* --- waiting --- */

/* What holds of those that were told of. Level-triggered ones stay in the list, behind the
 * others. */
static int collect(struct epoll *epoll, struct epoll_event *events, int room)
{
    struct watch *again = NULL;
    struct watch *watch;
    int count = 0;
    while (count < room && (watch = take_ready(epoll))) {
        uint32_t now = holds(watch);
        if (!now)
            continue;
        events[count++] = (struct epoll_event){.events = now, .data = watch->event.data};
        if (watch->event.events & EPOLLONESHOT)
            watch->event.events &= behaviour;
        else if (!(watch->event.events & EPOLLET)) {
            watch->next_ready = again;
            again = watch;
        }
    }
    while ((watch = again)) {
        again = watch->next_ready;
        make_ready(watch);
    }
    return count;
}

static int wait_for_events(int fd, struct epoll_event *events, int room, uint64_t until_ns)
{
    struct file *file = call_file(fd);
    if (!file)
        return -EBADF;
    if (file->kind != &kind || room <= 0)
        return -EINVAL;
    for (;;) {
        int count = collect((struct epoll *)file, events, room);
        if (count > 0)
            return count;
        int result = until_ns <= world->now_ns ? -ETIME : call_block(file, POLLIN, until_ns);
        if (result)
            return result == -ETIME ? 0 : result;
        if (call_file(fd) != file)
            return -EBADF; /* closed by another thread while it slept */
    }
}

int kernel_epoll_pwait2(uint64_t *calls, int epoll, struct epoll_event *events, int room,
                        const struct timespec *timeout)
{
    return (int)CALL(calls, "epoll_pwait2", epoll,
                     wait_for_events(epoll, events, room, call_deadline(timeout)));
}

int kernel_epoll_wait(uint64_t *calls, int epoll, struct epoll_event *events, int room,
                      int timeout_ms)
{
    struct timespec timeout = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
    return (int)CALL(
        calls, "epoll_wait", epoll,
        wait_for_events(epoll, events, room, call_deadline(timeout_ms < 0 ? NULL : &timeout)));
}
