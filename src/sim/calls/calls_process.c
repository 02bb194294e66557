/* calls_process.c - what a process may have, and what it has used (getrlimit(2), getrusage(2)). */
#include "sim/calls/call.h"

#include <string.h>

static int get_limit(int resource, struct rlimit *out_limit)
{
    struct descriptors *descriptors = &process_current()->descriptors;
    if (resource < 0 || resource >= RLIM_NLIMITS)
        return -EINVAL;
    *out_limit = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    if (resource == RLIMIT_NOFILE)
        *out_limit = (struct rlimit){(rlim_t)descriptors->limit, (rlim_t)descriptors->limit_most};
    return 0;
}

int kernel_getrlimit(uint64_t *calls, int resource, struct rlimit *out_limit)
{
    return (int)CALL(calls, "getrlimit", -1, get_limit(resource, out_limit));
}

static int set_limit(int resource, const struct rlimit *limit)
{
    struct descriptors *descriptors = &process_current()->descriptors;
    if (resource < 0 || resource >= RLIM_NLIMITS || limit->rlim_cur > limit->rlim_max)
        return -EINVAL;
    if (resource != RLIMIT_NOFILE)
        return 0;
    if (limit->rlim_max > (rlim_t)descriptors->limit_most)
        return -EPERM;
    descriptors->limit = (int)limit->rlim_cur;
    descriptors->limit_most = (int)limit->rlim_max;
    return 0;
}

int kernel_setrlimit(uint64_t *calls, int resource, const struct rlimit *limit)
{
    return (int)CALL(calls, "setrlimit", -1, set_limit(resource, limit));
}

/* Every process has used the CPU for as long as the world has lasted. */
static int use(int who, struct rusage *out_usage)
{
    if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD)
        return -EINVAL;
    memset(out_usage, 0, sizeof *out_usage);
    out_usage->ru_utime.tv_sec = (time_t)(world->now_ns / 1000000000u);
    out_usage->ru_utime.tv_usec = (suseconds_t)(world->now_ns / 1000 % 1000000u);
    out_usage->ru_maxrss = 4096;
    return 0;
}

int kernel_getrusage(uint64_t *calls, int who, struct rusage *out_usage)
{
    return (int)CALL(calls, "getrusage", -1, use(who, out_usage));
}
