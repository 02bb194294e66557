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
