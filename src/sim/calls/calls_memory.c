/* calls_memory.c - memory, time, chance and surroundings of kernel.h. */
#include "sim/calls/call.h"
#include "sim/world/mappings.h"
#include "sim/world/readable.h"
#include "sim/world/wall.h"

#include <string.h>
#include <sys/mman.h>

static int map(size_t count, int flags, int fd, off_t offset, void **out_memory)
{
    struct file *file = fd < 0 ? NULL : call_file(fd);
    if (fd >= 0 && !file)
        return -EBADF;
    return mappings_add(process_current(), file, count, PROT_READ | PROT_WRITE, flags, offset,
                        out_memory);
}

int kernel_mmap(uint64_t *calls, size_t count, int flags, int fd, off_t offset, void **out_memory)
{
    *out_memory = MAP_FAILED;
    return (int)CALL(calls, "mmap", fd, map(count, flags, fd, offset, out_memory));
}

void kernel_munmap(uint64_t *calls, void *memory, size_t count)
{
    (void)count;
    (void)call_begin(calls, "munmap", -1);
    (void)mappings_remove(process_current(), memory);
    (void)call_end("munmap", -1, 0);
}

int64_t kernel_process_vm_readv(uint64_t *calls, const struct iovec *local,
                                const struct iovec *remote)
{
    (void)calls;
    return readable_copy(local->iov_base, remote->iov_base, remote->iov_len);
}

uint64_t kernel_clock_gettime(clockid_t clock)
{
    world->calls++; /* whoever waits for a time by looking at the clock is to come to an end, too */
    schedule_advance(chance_between(&world->chance, 20, 60));
    struct machine *machine = process_current()->machine;
    if (clock == CLOCK_REALTIME_COARSE)
        return wall_coarse_ns(machine);
    return clock == CLOCK_REALTIME ? wall_read(machine) : world->now_ns;
}

/* A world's time is counted nowhere else. */
const char *kernel_ticks_source(void)
{
    return NULL;
}

uint64_t kernel_ticks(void)
{
    return 0;
}

static int64_t fill(unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (unsigned char)chance_next(&world->chance);
    return (int64_t)count;
}

int64_t kernel_getrandom(uint64_t *calls, void *bytes, size_t count)
{
    return CALL(calls, "getrandom", -1, fill(bytes, count));
}

/* Which backend a loop gets is the seed's choice where nobody says it. */
static const char *chosen_backend(void)
{
    static const char *const names[] = {"uring", "epoll", "poll", "select"};
    return names[chance_below(&world->chance, 4)];
}

const char *kernel_getenv(const char *name)
{
    const char *value = process_variable(process_current(), name);
    return value || strcmp(name, "HARK_BACKEND") != 0 ? value : chosen_backend();
}
