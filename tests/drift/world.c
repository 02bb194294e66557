/* world.c - descriptors and threads of worlds, for record.h, and what each call of the simulated
 * kernel gives: the linker leads the beginning and the end of a call here (tests/meson.build). */
#include "drift/record.h"

#include "sim/calls/call.h"
#include <string.h>

int __real_call_begin(uint64_t *calls, const char *name, int fd);
int64_t __real_call_end(const char *name, int fd, int64_t result);
int __wrap_call_begin(uint64_t *calls, const char *name, int fd);
int64_t __wrap_call_end(const char *name, int fd, int64_t result);

enum { THREADS = 4096 };

static const char *closing[THREADS]; /* what a thread closes is gone when it has */

const char *record_kind(int fd)
{
    if (fd < 0)
        return "-";
    struct file *file = call_file(fd);
    if (!file)
        return "none";
    const char *name = file->kind->name;
    return strcmp(name, "console") == 0 || strcmp(name, "place") == 0 ? "other" : name;
}

uint64_t record_file(int fd)
{
    struct file *file = fd < 0 ? NULL : call_file(fd);
    return file ? file->number << 20 ^ world->options.seed : 0;
}

uint64_t record_thread(void)
{
    return world->thread->number;
}

int __wrap_call_begin(uint64_t *calls, const char *name, int fd)
{
    if (record_is_on())
        closing[world->thread->number % THREADS] = record_kind(fd);
    return __real_call_begin(calls, name, fd);
}

int64_t __wrap_call_end(const char *name, int fd, int64_t result)
{
    if (record_is_on()) {
        bool closes = strcmp(name, "close") == 0;
        record_call(name, closes ? closing[world->thread->number % THREADS] : record_kind(fd),
                    result);
    }
    return __real_call_end(name, fd, result);
}
