/* calls_missing.c - the calls that this kernel has not got yet: it answers as kernels do that were
 * built without them. */
#include "sim/calls/call.h"

#define MISSING(calls, name, fd, error) CALL(calls, name, fd, error)

int kernel_isatty(uint64_t *calls, int fd)
{
    return (int)MISSING(calls, "isatty", fd, call_file(fd) ? -ENOTTY : -EBADF);
}

int kernel_tcgetattr(uint64_t *calls, int fd, struct termios *out_settings)
{
    (void)out_settings;
    return (int)MISSING(calls, "tcgetattr", fd, call_file(fd) ? -ENOTTY : -EBADF);
}

int kernel_tcsetattr(uint64_t *calls, int fd, const struct termios *settings)
{
    (void)settings;
    return (int)MISSING(calls, "tcsetattr", fd, call_file(fd) ? -ENOTTY : -EBADF);
}

/* --- fanotify(7), and the handles that it names files by --- */

int kernel_fanotify_init(uint64_t *calls, unsigned flags, unsigned flags_of_events)
{
    (void)flags;
    (void)flags_of_events;
    return (int)MISSING(calls, "fanotify_init", -1, -ENOSYS);
}

int kernel_fanotify_mark(uint64_t *calls, int fd, unsigned flags, uint64_t events, int directory,
                         const char *path)
{
    (void)flags;
    (void)events;
    (void)directory;
    (void)path;
    return (int)MISSING(calls, "fanotify_mark", fd, -ENOSYS);
}

int kernel_name_to_handle_at(uint64_t *calls, int directory, const char *path,
                             struct file_handle *handle, int *out_mount, int flags)
{
    (void)path;
    (void)handle;
    (void)out_mount;
    (void)flags;
    return (int)MISSING(calls, "name_to_handle_at", directory, -ENOSYS);
}

int kernel_open_by_handle_at(uint64_t *calls, int mount, struct file_handle *handle, int flags)
{
    (void)handle;
    (void)flags;
    return (int)MISSING(calls, "open_by_handle_at", mount, -ENOSYS);
}

/* --- other programs --- */

/* A world runs no other programs. */
int kernel_spawn(uint64_t *calls, const struct hark_child_options *options, pid_t *out_pid)
{
    (void)options;
    (void)out_pid;
    return (int)MISSING(calls, "clone", -1, -ENOSYS);
}

int kernel_waitid(uint64_t *calls, int pidfd, siginfo_t *out_end, int options)
{
    (void)out_end;
    (void)options;
    return (int)MISSING(calls, "waitid", pidfd, call_file(pidfd) ? -ENOSYS : -EBADF);
}

int kernel_pidfd_send_signal(uint64_t *calls, int pidfd, int number)
{
    (void)number;
    return (int)MISSING(calls, "pidfd_send_signal", pidfd, call_file(pidfd) ? -ENOSYS : -EBADF);
}
