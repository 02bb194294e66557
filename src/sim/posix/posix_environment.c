/* posix_environment.c - see posix.h: variables, CPUs, and how much memory a process has. */
#include "sim/posix/posix.h"

#include <malloc.h>
#include <string.h>

/* --- variables: they are the process's own, and those of the real machine are not seen --- */

static int set_variable(const char *name, const char *value, int replace)
{
    if (!*name || strchr(name, '='))
        return -EINVAL;
    if (replace || !process_variable(process_current(), name))
        process_set_variable(process_current(), name, value);
    return 0;
}

static int unset_variable(const char *name)
{
    if (!*name || strchr(name, '='))
        return -EINVAL;
    process_unset_variable(process_current(), name);
    return 0;
}

POSIX(int, setenv, (const char *name, const char *value, int replace), (name, value, replace),
      set_variable(name, value, replace))
POSIX(int, unsetenv, (const char *name), (name), unset_variable(name))

char *__real_getenv(const char *name);
HARK_API char *__wrap_getenv(const char *name);
char *__wrap_getenv(const char *name)
{
    if (!posix_in_world())
        return __real_getenv(name);
    return (char *)(uintptr_t)process_variable(process_current(), name);
}

/* --- CPUs: of the calling thread, whatever the process is called --- */

static int get_cpus(size_t bytes, cpu_set_t *out_cpus)
{
    return bytes < sizeof *out_cpus ? -EINVAL : kernel_sched_getaffinity(out_cpus);
}

static int set_cpus(size_t bytes, const cpu_set_t *cpus)
{
    return bytes < sizeof *cpus ? -EINVAL : kernel_sched_setaffinity(cpus);
}

POSIX(int, sched_getaffinity, (pid_t process, size_t bytes, cpu_set_t *out_cpus),
      (process, bytes, out_cpus), get_cpus(bytes, out_cpus))
POSIX(int, sched_setaffinity, (pid_t process, size_t bytes, const cpu_set_t *cpus),
      (process, bytes, cpus), set_cpus(bytes, cpus))

int __real_pthread_getaffinity_np(pthread_t thread, size_t bytes, cpu_set_t *out_cpus);
HARK_API int __wrap_pthread_getaffinity_np(pthread_t thread, size_t bytes, cpu_set_t *out_cpus);
int __wrap_pthread_getaffinity_np(pthread_t thread, size_t bytes, cpu_set_t *out_cpus)
{
    return posix_in_world() ? -get_cpus(bytes, out_cpus)
                            : __real_pthread_getaffinity_np(thread, bytes, out_cpus);
}

/* --- memory: what is in use, and no more of the statistics --- */

struct mallinfo2 __real_mallinfo2(void);
HARK_API struct mallinfo2 __wrap_mallinfo2(void);
struct mallinfo2 __wrap_mallinfo2(void)
{
    if (!posix_in_world())
        return __real_mallinfo2();
    return (struct mallinfo2){.uordblks = memory_in_use(&process_current()->memory)};
}
