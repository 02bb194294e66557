/* calls_inotify.c - the calls of inotify(7) in kernel.h. */
#include "sim/calls/call.h"
#include "sim/disk/inotify.h"
#include "sim/disk/names.h"
#include "sim/world/faults.h"

static int create(int flags)
{
    struct process *process = process_current();
    if (flags & ~(IN_CLOEXEC | IN_NONBLOCK))
        return -EINVAL;
    struct file *file = inotify_create(process->machine, flags);
    return descriptors_add_or_release(&process->descriptors, file, (flags & IN_CLOEXEC) != 0);
}

int kernel_inotify_init1(uint64_t *calls, int flags)
{
    return (int)CALL(calls, "inotify_init1", -1, create(flags));
}

static int watch(int fd, const char *path, uint32_t events)
{
    struct process *process = process_current();
    struct file *file = call_file(fd);
    if (!file)
        return -EBADF;
    int error = faults_of_path(process, "inotify_add_watch", AT_FDCWD, path);
    return error ? error : names_watch(process, file, path, events);
}

int kernel_inotify_add_watch(uint64_t *calls, int fd, const char *path, uint32_t events)
{
    return (int)CALL_WITH_FAULTS(calls, "inotify_add_watch", fd, watch(fd, path, events));
}

static int unwatch(int fd, int number)
{
    struct file *file = call_file(fd);
    return file ? inotify_unwatch(file, number) : -EBADF;
}

int kernel_inotify_rm_watch(uint64_t *calls, int fd, int watch_number)
{
    return (int)CALL(calls, "inotify_rm_watch", fd, unwatch(fd, watch_number));
}
