/* os_process.c - the calls of os_process.h: each is the kernel's. */
#include "hark/os_process.h"
#include "kernel/kernel.h"

pid_t hark_os_getpid(void)
{
    return kernel_getpid();
}

int hark_os_getrlimit(int resource, struct rlimit *out_limit)
{
    return kernel_getrlimit(NULL, resource, out_limit);
}

int hark_os_setrlimit(int resource, const struct rlimit *limit)
{
    return kernel_setrlimit(NULL, resource, limit);
}

int hark_os_getrusage(int who, struct rusage *out_usage)
{
    return kernel_getrusage(NULL, who, out_usage);
}

const char *hark_os_getenv(const char *name)
{
    return kernel_getenv(name);
}

int hark_os_sigaction(int number, const struct sigaction *action, struct sigaction *out_former)
{
    return kernel_sigaction(number, action, out_former);
}

uint64_t hark_os_clock_gettime(int clock)
{
    return kernel_clock_gettime(clock);
}
