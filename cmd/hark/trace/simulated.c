/* simulated.c - see the header. Nothing that the file says of itself is believed before it was
 * looked at. */
#include "trace/simulated.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hark.h"

enum { CPUS_MAX = 1 << 16 };

struct trace_simulated {
    struct trace_kernel_event *events; /* in the order of their times */
    size_t count, next;
    uint64_t lost;
};

_Static_assert((int)TRACE_KERNEL_SUBMIT == (int)HARK_TRACE_KERNEL_SUBMIT &&
                   (int)TRACE_KERNEL_SWITCH == (int)HARK_TRACE_KERNEL_SWITCH &&
                   (int)TRACE_KERNEL_WORK_END == (int)HARK_TRACE_KERNEL_WORK_END,
               "both enums have the same order");

/* --- the file --- */

static bool makes_sense(const struct hark_trace_ring *ring, size_t bytes)
{
    return bytes >= sizeof *ring && memcmp(ring->magic, "harkkrn1", sizeof ring->magic) == 0 &&
           ring->header_bytes >= sizeof *ring && ring->header_bytes % 8 == 0 &&
           ring->header_bytes <= bytes &&
           ring->event_bytes == sizeof(struct hark_trace_kernel_event) && ring->capacity > 0 &&
           ring->capacity <= (bytes - ring->header_bytes) / ring->event_bytes;
}

/* Gives: whether it is one that a join can take in. */
static bool convert(const struct hark_trace_kernel_event *from,
                    struct trace_kernel_event *out_event)
{
    if (from->what > HARK_TRACE_KERNEL_WORK_END || from->cpu < 0 || from->cpu >= CPUS_MAX)
        return false;
    *out_event = (struct trace_kernel_event){
        .time_ns = from->time_ns,
        .number = from->number,
        .context = from->context,
        .device = from->device,
        .cpu = from->cpu,
        .thread = from->thread,
        .length = from->length,
        .value = from->value,
        .what = (uint8_t)from->what,
    };
    snprintf(out_event->text, sizeof out_event->text, "%.*s", (int)sizeof out_event->text - 1,
             from->text);
    return true;
}

static int compare(const void *left, const void *right)
{
    const struct trace_kernel_event *one = left, *other = right;
    if (one->time_ns != other->time_ns)
        return one->time_ns < other->time_ns ? -1 : 1;
    return one->order < other->order ? -1 : one->order > other->order;
}

static int take_in(struct trace_simulated *simulated, const struct hark_trace_ring *ring)
{
    const char *at = (const char *)ring + ring->header_bytes;
    const struct hark_trace_kernel_event *events = (const void *)at;
    uint64_t written = ring->written;
    uint64_t kept = written < ring->capacity ? written : ring->capacity;
    simulated->lost = written - kept;
    simulated->events = calloc(kept ? (size_t)kept : 1, sizeof *simulated->events);
    if (!simulated->events)
        return -ENOMEM;
    for (uint64_t i = written - kept; i < written; i++) {
        struct trace_kernel_event *event = &simulated->events[simulated->count];
        if (!convert(&events[i % ring->capacity], event))
            return -EBADMSG;
        event->order = (uint32_t)simulated->count++;
    }
    qsort(simulated->events, simulated->count, sizeof *simulated->events, compare);
    return 0;
}

static int read_file(struct trace_simulated *simulated, int fd)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || status.st_size < (off_t)sizeof(struct hark_trace_ring))
        return -EBADMSG;
    size_t bytes = (size_t)status.st_size;
    void *memory = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    int error = makes_sense(memory, bytes) ? take_in(simulated, memory) : -EBADMSG;
    munmap(memory, bytes);
    return error;
}

int trace_simulated_open(const char *directory, struct trace_simulated **out_simulated)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/hark-kernel.events", directory) >= sizeof path)
        return -ENAMETOOLONG;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    struct trace_simulated *simulated = calloc(1, sizeof *simulated);
    int error = simulated ? read_file(simulated, fd) : -ENOMEM;
    close(fd);
    if (error)
        trace_simulated_close(simulated);
    else
        *out_simulated = simulated;
    return error;
}

void trace_simulated_close(struct trace_simulated *simulated)
{
    if (!simulated)
        return;
    free(simulated->events);
    free(simulated);
}

/* --- reading --- */

void trace_simulated_read(struct trace_simulated *simulated, uint64_t until_ns,
                          trace_kernel_take *take, void *context)
{
    while (simulated->next < simulated->count &&
           simulated->events[simulated->next].time_ns <= until_ns)
        take(context, &simulated->events[simulated->next++]);
}

void trace_simulated_rewind(struct trace_simulated *simulated)
{
    simulated->next = 0;
}

uint64_t trace_simulated_lost(const struct trace_simulated *simulated)
{
    return simulated->lost;
}
