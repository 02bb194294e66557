/* kernel_none.c - in place of kernel.c where hark was built without libtracefs. */
#include "trace/kernel.h"

#include <errno.h>

int trace_kernel_open(uint64_t buffer_bytes, struct trace_kernel **out_kernel,
                      const char **out_missing)
{
    (void)buffer_bytes;
    *out_kernel = NULL;
    *out_missing = "this hark was built without libtracefs";
    return -ENOSYS;
}

void trace_kernel_read(struct trace_kernel *kernel, uint64_t until_ns, trace_kernel_take *take,
                       void *context)
{
    (void)kernel, (void)until_ns, (void)take, (void)context;
}

int trace_kernel_follow(struct trace_kernel *kernel, pid_t pid)
{
    (void)kernel, (void)pid;
    return -ENOSYS;
}

uint64_t trace_kernel_lost(const struct trace_kernel *kernel)
{
    (void)kernel;
    return 0;
}

uint64_t trace_kernel_buffer(const struct trace_kernel *kernel)
{
    (void)kernel;
    return 0;
}

double trace_kernel_fill(const struct trace_kernel *kernel)
{
    (void)kernel;
    return 0;
}

void trace_kernel_close(struct trace_kernel *kernel)
{
    (void)kernel;
}
