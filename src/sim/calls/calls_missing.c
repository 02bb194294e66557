/* calls_missing.c - the calls that this kernel has not got yet: it answers as kernels do that were
 * built without them. */
#include "sim/calls/call.h"

#define MISSING(calls, name, fd, error) CALL(calls, name, fd, error)

int kernel_isatty(uint64_t *calls, int fd)
{
    return (int)MISSING(calls, "isatty", fd, call_file(fd) ? -ENOTTY : -EBADF);
}
