/* world.c - records what calls of the simulated kernel give: the linker leads the beginning and
 * the end of a call here (tests/meson.build). */
#include "drift/record.h"

#include "sim/calls/call.h"
#include <string.h>

int __real_call_begin(uint64_t *calls, const char *name, int fd);
int64_t __real_call_end(const char *name, int fd, int64_t result);
int __wrap_call_begin(uint64_t *calls, const char *name, int fd);
int64_t __wrap_call_end(const char *name, int fd, int64_t result);

enum { THREADS = 4096 };

static const char *closing[THREADS]; /* what a thread closes is gone when it has */

static const char *kind_in_world(int fd)
{
    if (fd < 0)
        return "-";
    struct file *file = call_file(fd);
    if (!file)
        return "none";
    const char *name = file->kind->name;
    return strcmp(name, "console") == 0 || strcmp(name, "place") == 0 ? "other" : name;
}

int __wrap_call_begin(uint64_t *calls, const char *name, int fd)
{
    if (record_is_on())
        closing[world->thread->number % THREADS] = kind_in_world(fd);
    return __real_call_begin(calls, name, fd);
}

int64_t __wrap_call_end(const char *name, int fd, int64_t result)
{
    if (record_is_on()) {
        bool closes = strcmp(name, "close") == 0;
        record_call(name, closes ? closing[world->thread->number % THREADS] : kind_in_world(fd),
                    result);
    }
    return __real_call_end(name, fd, result);
}
