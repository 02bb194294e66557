/* trace.c - turning a loop's recorder on and off. Where the stages are recorded: stages.c, which
 * op.h and call.h call, the turn (run.c), and the pool's threads (work_pool.c). */
#include "core/trace.h"
#include "base/power_of_two.h"
#include "core/loop.h"
#include "core/work_pool.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EVENTS_DEFAULT = 65536,
    EVENTS_MIN = 64,
    EVENTS_MAX = 1 << 26,
};

static uint32_t loop_number(const struct hark_loop *loop)
{
    return (uint32_t)(loop->last_id >> LOOP_NUMBER_SHIFT);
}

/* Gives: 0 and *out_fd, a new file; -1: there is no directory, the rings are kept in memory. A file
 * that is there already may be read by somebody: it loses its name, and nothing else. */
static int make_file(const struct hark_loop *loop, const char *directory, int *out_fd)
{
    char path[PATH_MAX];
    *out_fd = -1;
    if (!directory)
        return 0;
    int length = snprintf(path, sizeof path, "%s/hark-%d-%u.trace", directory, (int)kernel_getpid(),
                          loop_number(loop));
    if (length < 0 || (size_t)length >= sizeof path)
        return -ENAMETOOLONG;
    (void)kernel_unlinkat(NULL, AT_FDCWD, path, 0);
    int fd = kernel_openat(NULL, AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fd;
    *out_fd = fd;
    return 0;
}

static void read_process_name(char name[16])
{
    int fd = kernel_openat(NULL, AT_FDCWD, "/proc/self/comm", O_RDONLY | O_CLOEXEC, 0);
    int64_t count = fd < 0 ? fd : kernel_read(NULL, fd, name, 16);
    if (fd >= 0)
        kernel_close(NULL, fd);
    name[count > 0 ? count - 1 : 0] = '\0'; /* it ends with a newline */
}

/* --- the recorder, there while anybody wants it --- */

/* Completions of io_uring come at any time, unless the kernel keeps their work for the loop's next
 * entry. Where the loop asks for readiness a result is that of a call of its own. */
static bool returns_any_time(const struct hark_loop *loop)
{
    const struct hark_feature *features;
    size_t count = loop->backend->features ? loop->backend->features(loop, &features) : 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(features[i].name, "defer_taskrun") == 0)
            return !features[i].used;
    return false;
}

static void attach(struct recorder *recorder, struct hark_loop *loop)
{
    recorder->loop_ns = &loop->now_ns;
    recorder->calls = calls_of(loop);
    recorder->now_calls = *calls_of(loop) - 1;
    recorder->returns_any_time = returns_any_time(loop);
}

struct recorder *trace_recorder(struct hark_loop *loop)
{
    if (loop->recorder)
        return loop->recorder;
    loop->recorder = calloc(1, sizeof *loop->recorder);
    if (!loop->recorder)
        return NULL;
    attach(loop->recorder, loop);
    ticks_init(&loop->recorder->ticks);
    return loop->recorder;
}

void trace_let_go(struct hark_loop *loop)
{
    struct recorder *recorder = loop->recorder;
    if (!recorder || recorder->loop || recorder->watch || recorder->probed)
        return;
    loop->recorder = NULL;
    free(recorder);
}

/* --- recording --- */

static bool records(const struct hark_loop *loop)
{
    return loop->recorder && loop->recorder->loop;
}

static int check_events(uint32_t events)
{
    return events != 0 && (events < EVENTS_MIN || events > EVENTS_MAX) ? -EINVAL : 0;
}

/* Rings in place of others, which stay if there can be no new ones. */
static int open_rings(struct hark_loop *loop, struct recorder *recorder, uint32_t events, int fd,
                      const struct hark_trace_ring *facts)
{
    struct recorder fresh = *recorder;
    int error = recorder_open(&fresh, events, fd, facts);
    if (error)
        return error;
    if (recorder->loop) {
        work_pool_record(loop, NULL);
        recorder_close(recorder);
    }
    fresh.yields = false;
    *recorder = fresh;
    work_pool_record(loop, recorder);
    return 0;
}

int trace_open(struct hark_loop *loop, uint32_t events, int fd)
{
    if (records(loop) && !loop->recorder->yields)
        return -EALREADY;
    int error = check_events(events);
    if (error)
        return error;
    struct hark_trace_ring facts = {
        .pid = (uint32_t)kernel_getpid(),
        .loop = loop_number(loop),
        .backend = (uint16_t)loop->backend->kind,
        .started_ns = kernel_clock_gettime(CLOCK_MONOTONIC),
        .started_at = kernel_clock_gettime(CLOCK_REALTIME),
    };
    if (fd >= 0) /* others read a file, and may want to know whose it is */
        read_process_name(facts.process);
    struct recorder *recorder = trace_recorder(loop);
    events = power_of_two_from(events ? events : EVENTS_DEFAULT);
    error = recorder ? open_rings(loop, recorder, events, fd, &facts) : -ENOMEM;
    if (error)
        trace_let_go(loop);
    return error;
}

int hark_trace_start(struct hark_loop *loop, const struct hark_trace_options *options)
{
    uint32_t events = options ? options->events : 0;
    int fd;
    int error = records(loop) ? -EALREADY : check_events(events);
    if (!error)
        error = make_file(loop, options ? options->directory : NULL, &fd);
    if (error)
        return error;
    error = trace_open(loop, events, fd);
    if (fd >= 0)
        kernel_close(NULL, fd);
    if (!error)
        loop->recorder->yields = options && options->yields;
    return error;
}

void hark_trace_stop(struct hark_loop *loop)
{
    if (loop->wish_fd < 0) /* else it is whose wish it was */
        trace_close(loop);
}

void trace_close(struct hark_loop *loop)
{
    if (!records(loop))
        return;
    work_pool_record(loop, NULL);
    recorder_close(loop->recorder);
    loop->recorder->yields = false;
    trace_let_go(loop);
    if (loop->wish_fd >= 0)
        kernel_close(NULL, loop->wish_fd);
    loop->wish_fd = -1;
}

const struct hark_trace_ring *hark_loop_trace(const struct hark_loop *loop)
{
    return records(loop) ? loop->recorder->loop : NULL;
}

#ifdef HARK_KERNEL_APART
void trace_let_look_on(struct hark_loop *loop)
{
    if (!recorder_onlooker)
        return;
    loop->onlooker = recorder_onlooker->open(loop_number(loop), (int)loop->backend->kind);
    if (loop->onlooker)
        attach(loop->onlooker, loop);
}

void trace_end_look_on(struct hark_loop *loop)
{
    if (loop->onlooker)
        recorder_onlooker->close(loop->onlooker);
    loop->onlooker = NULL;
}
#else
void trace_let_look_on(struct hark_loop *loop)
{
    (void)loop;
}

void trace_end_look_on(struct hark_loop *loop)
{
    (void)loop;
}
#endif

/* Gives: 0 and *out_events; -EINVAL: it is no number, or none that hark_trace_start takes. */
static int events_from_environment(uint32_t *out_events)
{
    const char *text = kernel_getenv("HARK_TRACE_EVENTS");
    char *end;
    *out_events = 0;
    if (!text || !*text)
        return 0;
    unsigned long events = strtoul(text, &end, 10);
    if (*end || events < EVENTS_MIN || events > EVENTS_MAX)
        return -EINVAL;
    *out_events = (uint32_t)events;
    return 0;
}

int trace_from_environment(struct hark_loop *loop)
{
    struct hark_trace_options options = {.directory = kernel_getenv("HARK_TRACE")};
    if (!options.directory || !*options.directory)
        return 0;
    int error = events_from_environment(&options.events);
    if (!error)
        error = hark_trace_start(loop, &options);
    /* Whoever traced may be gone with his directory: the program goes on without. */
    return error == -ENOENT ? 0 : error;
}
