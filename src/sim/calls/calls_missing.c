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
