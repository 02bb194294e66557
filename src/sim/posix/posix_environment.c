/* posix_environment.c - see posix.h: variables, CPUs, and how much memory a process has. */
#include "sim/disk/disk.h"
#include "sim/disk/names.h"
#include "sim/posix/posix.h"
#include "sim/world/mappings.h"
#include "sim/world/readable.h"

#include <malloc.h>
#include <string.h>
#include <sys/mman.h>

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

/* --- mapped memory --- */

POSIX(int, memfd_create, (const char *name, unsigned flags), (name, flags),
      kernel_memfd_create(NULL, name, flags))

/* Where it is to be is the real machine's to choose. */
static int map(size_t bytes, int protection, int flags, int fd, off64_t offset, void **out_memory)
{
    struct file *file = flags & MAP_ANONYMOUS ? NULL : call_file(fd);
    if (!(flags & MAP_ANONYMOUS) && !file)
        return -EBADF;
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
        return -EINVAL;
    return mappings_add(process_current(), file, bytes, protection, flags, offset, out_memory);
}

void *__real_mmap64(void *where, size_t bytes, int protection, int flags, int fd, off64_t offset);
HARK_API void *__wrap_mmap64(void *where, size_t bytes, int protection, int flags, int fd,
                             off64_t offset);
void *__wrap_mmap64(void *where, size_t bytes, int protection, int flags, int fd, off64_t offset)
{
    void *memory = MAP_FAILED;
    if (!posix_in_world())
        return __real_mmap64(where, bytes, protection, flags, fd, offset);
    (void)posix_told(CALL(NULL, "mmap", fd, map(bytes, protection, flags, fd, offset, &memory)));
    return memory;
}

int __real_munmap(void *memory, size_t bytes);

/* What the scene has mapped is the real machine's. */
static int unmap(void *memory, size_t bytes)
{
    int parts = mappings_cut(process_current(), memory, bytes);
    if (parts != 0)
        return parts < 0 ? parts : 0;
    if (mappings_remove(process_current(), memory))
        return 0;
    readable_forget(memory, bytes);
    return __real_munmap(memory, bytes) < 0 ? -errno : 0;
}

HARK_API int __wrap_munmap(void *memory, size_t bytes);
int __wrap_munmap(void *memory, size_t bytes)
{
    if (!posix_in_world())
        return __real_munmap(memory, bytes);
    (void)call_begin(NULL, "munmap", -1);
    return (int)posix_told(call_end("munmap", -1, unmap(memory, bytes)));
}

/* Of the whole file. */
static int sync_mapped(void *memory, int flags)
{
    struct file *file;
    if ((uintptr_t)memory % 4096 || flags & ~(MS_SYNC | MS_ASYNC | MS_INVALIDATE) ||
        (flags & MS_SYNC && flags & MS_ASYNC))
        return -EINVAL;
    if (!mappings_find(process_current(), memory, &file))
        return -ENOMEM;
    if (!file || !file->kind->map_content || !(flags & MS_SYNC))
        return 0;
    call_hold(file);
    call_delay(disk_sync_delay(file));
    return names_sync(file, true);
}

POSIX(int, msync, (void *memory, size_t bytes, int flags), (memory, bytes, flags),
      CALL(NULL, "msync", -1, sync_mapped(memory, flags)))

/* --- memory: what is in use, and no more of the statistics --- */

struct mallinfo2 __real_mallinfo2(void);
HARK_API struct mallinfo2 __wrap_mallinfo2(void);
struct mallinfo2 __wrap_mallinfo2(void)
{
    if (!posix_in_world())
        return __real_mallinfo2();
    return (struct mallinfo2){.uordblks = memory_in_use(&process_current()->memory)};
}
