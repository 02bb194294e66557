/* attached.c - a lease that is renewed at each round, and the memfds of the loops that record. */
#include "trace/attached.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/say.h"

static const uint64_t lease_ns = 2000000000;

static uint64_t lease_end(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + lease_ns;
}

/* --- beginning --- */

static void say_refused(pid_t pid, int error)
{
    switch (error) {
    case -ESRCH:
        say("trace: there is no process %d", (int)pid);
        return;
    case -ENOENT:
        say("trace: process %d has no libhark in it that can be told to record: it is no program "
            "of hark, or one with an older libhark",
            (int)pid);
        return;
    case -EPERM:
    case -EACCES:
        say("trace: process %d is not ours to trace: be its user or root, and where "
            "/proc/sys/kernel/yama/ptrace_scope is not 0, root",
            (int)pid);
        return;
    case -EBUSY:
        say("trace: process %d is being traced already", (int)pid);
        return;
    default:
        say("trace: process %d cannot be traced: %s", (int)pid, why(error));
    }
}

static int begin(struct trace_attached *attached, pid_t pid, uint32_t events)
{
    struct trace_controls_state state;
    int error = trace_controls_find(&attached->controls, pid);
    if (!error)
        error = trace_controls_look(&attached->controls, &state);
    if (error)
        return error;
    if (state.traced)
        return -EBUSY;
    attached->before = attached->seen = state.started;
    attached->loops = state.loops;
    return trace_controls_begin(&attached->controls, lease_end(), events);
}

int trace_attached_begin(struct trace_attached *attached, pid_t pid, uint32_t events,
                         struct trace_rings *rings)
{
    attached->rings = rings;
    int error = begin(attached, pid, events);
    if (error)
        say_refused(pid, error);
    return error;
}

/* --- rings --- */

static void add_ring(struct trace_attached *attached, int directory, const char *number)
{
    static const char prefix[] = "/memfd:hark-";
    char target[PATH_MAX], name[TRACE_RINGS_NAME_MAX];
    const char *wrong;
    ssize_t length = readlinkat(directory, number, target, sizeof target - 1);
    if (length < (ssize_t)sizeof prefix || memcmp(target, prefix, sizeof prefix - 1) != 0)
        return;
    target[length] = '\0';
    int fd = openat(directory, number, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(target + 7, " "), target + 7);
    if (trace_rings_add(attached->rings, fd, name, &wrong) == -EBADMSG)
        say("trace: %s %s; it is left out", name, wrong);
    close(fd);
}

static void look_for_rings(struct trace_attached *attached)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)attached->controls.pid);
    DIR *listing = opendir(path);
    const struct dirent *entry;
    if (!listing)
        return;
    while ((entry = readdir(listing)))
        if (entry->d_name[0] != '.')
            add_ring(attached, dirfd(listing), entry->d_name);
    closedir(listing);
}

bool trace_attached_round(struct trace_attached *attached, bool last)
{
    struct trace_controls_state state;
    attached->gone = attached->gone || trace_controls_look(&attached->controls, &state) < 0;
    if (attached->gone)
        return false;
    attached->loops = state.loops;
    attached->refused = state.refused;
    if (state.started != attached->seen)
        look_for_rings(attached);
    attached->seen = state.started;
    if (last)
        trace_controls_end(&attached->controls);
    else
        attached->gone = trace_controls_go_on(&attached->controls, lease_end()) < 0;
    return !attached->gone;
}

uint64_t trace_attached_begun(const struct trace_attached *attached)
{
    return attached->seen - attached->before;
}
