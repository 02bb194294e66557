/* kernel.c - the trace instances: made, read page by page, removed.
 *
 * Each CPU has a buffer of its own. Events of two CPUs come in the order of their times because all
 * that has been read is sorted, and what is younger than the moment at which reading began waits
 * for the next round: until then another CPU's buffer may still hold something older. */
#include "trace/kernel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <kbuffer.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tracefs.h>
#include <unistd.h>

enum { EVENTS_MAX = 1 << 21 };

/* Of all buffers together at most so much, and of the memory at most such a part; of each at least
 * what holds some thousands of events. */
static const uint64_t all_buffers_max = 256 << 20, buffer_max = 4 << 20, buffer_min = 256 << 10;
enum { MEMORY_PART = 64 };

/* Of all threads, or of those that are followed. */
enum { INSTANCE_ALL, INSTANCE_OWN, INSTANCES };

/* Where something stands in a record. */
struct kernel_field {
    int offset; /* -1: nowhere */
    int size;
    bool is_elsewhere; /* what stands there says where the text stands, and how long it is */
};

enum kernel_slot {
    SLOT_NUMBER,
    SLOT_CONTEXT,
    SLOT_DEVICE,
    SLOT_LENGTH,
    SLOT_VALUE,
    SLOT_TEXT,
    SLOTS
};

struct kernel_point {
    int id; /* -1: the kernel has no such tracepoint */
    struct kernel_field fields[SLOTS];
};

struct trace_kernel {
    struct tracefs_instance *instances[INSTANCES];
    struct tep_handle *formats;
    struct kbuffer *page;
    struct kernel_field thread;
    struct kernel_point points[TRACE_KERNEL_KINDS];
    uint8_t *by_id; /* 1 + enum trace_kernel_what; 0: not ours */
    int ids;
    int *fds; /* of the buffers: of all CPUs for each instance */
    int cpus;
    int fd_count;
    void *bytes; /* one page */
    size_t page_bytes;
    struct trace_kernel_event *events;
    size_t count, room;
    uint32_t order;
    uint64_t buffer_bytes; /* of each buffer */
    uint64_t left_out;     /* events for which there was no memory here */
    uint64_t overrun;      /* events that the kernel had no room for */
    double fill_most;
};

struct kernel_row {
    const char *system;
    const char *name;
    const char *fields[SLOTS];
    const char *filter; /* which of it are wanted; NULL: all */
    int instance;
};

/* NET_RX and BLOCK. */
#define SOFTIRQS "vec == 3 || vec == 4"

static const struct kernel_row points[TRACE_KERNEL_KINDS] = {
    [TRACE_KERNEL_SUBMIT] = {.system = "io_uring",
                             .name = "io_uring_submit_req",
                             .fields = {"user_data", "ctx", [SLOT_LENGTH] = "opcode"},
                             .instance = INSTANCE_OWN},
    [TRACE_KERNEL_QUEUE_WORK] = {.system = "io_uring",
                                 .name = "io_uring_queue_async_work",
                                 .fields = {"user_data", "ctx"},
                                 .instance = INSTANCE_OWN},
    [TRACE_KERNEL_POLL_ARM] = {.system = "io_uring",
                               .name = "io_uring_poll_arm",
                               .fields = {"user_data", "ctx"},
                               .instance = INSTANCE_OWN},
    [TRACE_KERNEL_TASK_ADD] = {.system = "io_uring",
                               .name = "io_uring_task_add",
                               .fields = {"user_data", "ctx"}},
    [TRACE_KERNEL_COMPLETE] = {.system = "io_uring",
                               .name = "io_uring_complete",
                               .fields = {"user_data", "ctx", [SLOT_VALUE] = "res"},
                               .instance = INSTANCE_OWN},
    [TRACE_KERNEL_RING_WAIT] = {.system = "io_uring",
                                .name = "io_uring_cqring_wait",
                                .fields = {[SLOT_CONTEXT] = "ctx"},
                                .instance = INSTANCE_OWN},
    [TRACE_KERNEL_BLOCK_QUEUE] = {.system = "block",
                                  .name = "block_bio_queue",
                                  .fields = {"sector", NULL, "dev", "nr_sector", "rwbs", "comm"}},
    [TRACE_KERNEL_BLOCK_ISSUE] = {.system = "block",
                                  .name = "block_rq_issue",
                                  .fields = {"sector", NULL, "dev", "nr_sector", NULL, "rwbs"}},
    [TRACE_KERNEL_BLOCK_DONE] = {.system = "block",
                                 .name = "block_rq_complete",
                                 .fields = {"sector", NULL, "dev", "nr_sector", "error", "rwbs"}},
    [TRACE_KERNEL_IRQ_ENTRY] = {.system = "irq",
                                .name = "irq_handler_entry",
                                .fields = {"irq", [SLOT_TEXT] = "name"}},
    [TRACE_KERNEL_IRQ_EXIT] = {.system = "irq", .name = "irq_handler_exit", .fields = {"irq"}},
    [TRACE_KERNEL_SOFTIRQ_RAISE] = {.system = "irq",
                                    .name = "softirq_raise",
                                    .fields = {"vec"},
                                    .filter = SOFTIRQS},
    [TRACE_KERNEL_SOFTIRQ_ENTRY] = {.system = "irq",
                                    .name = "softirq_entry",
                                    .fields = {"vec"},
                                    .filter = SOFTIRQS},
    [TRACE_KERNEL_SOFTIRQ_EXIT] = {.system = "irq",
                                   .name = "softirq_exit",
                                   .fields = {"vec"},
                                   .filter = SOFTIRQS},
    [TRACE_KERNEL_RECEIVE] = {.system = "net",
                              .name = "netif_receive_skb",
                              .fields = {[SLOT_LENGTH] = "len", [SLOT_TEXT] = "name"}},
    [TRACE_KERNEL_WAKING] = {.system = "sched",
                             .name = "sched_waking",
                             .fields = {"pid"},
                             .instance = INSTANCE_OWN},
    [TRACE_KERNEL_SWITCH] = {.system = "sched",
                             .name = "sched_switch",
                             .fields = {"next_pid", [SLOT_VALUE] = "prev_pid"},
                             .instance = INSTANCE_OWN},
};

/* --- instances --- */

/* Whoever made it has ended. One that is read cannot be removed, whatever its number says. */
static void remove_stale(const char *tracing)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/instances", tracing);
    DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        char *end;
        if (strncmp(entry->d_name, "hark-", 5) != 0)
            continue;
        long pid = strtol(entry->d_name + 5, &end, 10);
        if ((*end && strcmp(end, "-own") != 0) || pid <= 0 ||
            (pid != getpid() && (kill((pid_t)pid, 0) == 0 || errno != ESRCH)))
            continue;
        snprintf(path, sizeof path, "%s/instances/%s", tracing, entry->d_name);
        (void)rmdir(path);
    }
    if (directory)
        closedir(directory);
}

static uint64_t choose_size(void)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * page / MEMORY_PART;
    if (all > all_buffers_max)
        all = all_buffers_max;
    uint64_t each = all / INSTANCES / (uint64_t)sysconf(_SC_NPROCESSORS_CONF);
    if (each > buffer_max)
        return buffer_max;
    return each < buffer_min ? buffer_min : each;
}

static int make_instance(struct trace_kernel *kernel, int which)
{
    char name[32];
    snprintf(name, sizeof name, "hark-%d%s", (int)getpid(), which == INSTANCE_OWN ? "-own" : "");
    struct tracefs_instance *instance = tracefs_instance_create(name);
    kernel->instances[which] = instance;
    if (!instance)
        return -(errno ? errno : EACCES);
    if (tracefs_instance_file_write(instance, "trace_clock", "mono") < 0 ||
        tracefs_instance_set_buffer_size(instance, (size_t)(kernel->buffer_bytes >> 10), -1) < 0)
        return -ENOMEM;
    if (which == INSTANCE_OWN &&
        tracefs_instance_file_write(instance, "options/event-fork", "1") < 0)
        return -ENOTSUP;
    return 0;
}

static int make_instances(struct trace_kernel *kernel, const char **out_missing)
{
    int error = 0;
    *out_missing = "only root may read tracefs";
    if (geteuid() != 0)
        return -EPERM;
    *out_missing = "there is no tracefs here";
    const char *tracing = tracefs_tracing_dir();
    if (!tracing)
        return -ENOENT;
    remove_stale(tracing);
    *out_missing = "no trace instance can be made in tracefs";
    for (int which = 0; which < INSTANCES && !error; which++)
        error = make_instance(kernel, which);
    return error;
}

/* --- formats --- */

static void find_field(struct kernel_field *field, struct tep_event *event, const char *name)
{
    struct tep_format_field *format = name ? tep_find_any_field(event, name) : NULL;
    field->offset = -1;
    if (!format)
        return;
    field->offset = format->offset;
    field->size = format->size;
    field->is_elsewhere = (format->flags & TEP_FIELD_IS_DYNAMIC) != 0;
}

/* Of a text where a number is to be, the first letter. */
static void find_fields(struct kernel_field fields[SLOTS], struct tep_event *event,
                        const char *const names[SLOTS])
{
    for (int slot = 0; slot < SLOTS; slot++) {
        find_field(&fields[slot], event, names[slot]);
        struct tep_format_field *format =
            names[slot] ? tep_find_any_field(event, names[slot]) : NULL;
        if (format && slot != SLOT_TEXT && format->flags & TEP_FIELD_IS_ARRAY)
            fields[slot].size = 1;
    }
}

static bool note_id(struct trace_kernel *kernel, int id, int what)
{
    if (id < 0)
        return false;
    if (id >= kernel->ids || !kernel->by_id) {
        uint8_t *grown = realloc(kernel->by_id, (size_t)id + 1);
        if (!grown)
            return false;
        memset(grown + kernel->ids, 0, (size_t)(id + 1 - kernel->ids));
        kernel->by_id = grown;
        kernel->ids = id + 1;
    }
    kernel->by_id[id] = (uint8_t)(what + 1);
    return true;
}

/* Of each tracepoint its own format alone: a whole system has dozens. */
static struct tep_event *read_format(struct trace_kernel *kernel, const struct kernel_row *row)
{
    int length;
    char *text = tracefs_event_file_read(kernel->instances[row->instance], row->system, row->name,
                                         "format", &length);
    if (text && length > 0)
        (void)tep_parse_event(kernel->formats, text, (unsigned long)length, row->system);
    free(text);
    return tep_find_event_by_name(kernel->formats, row->system, row->name);
}

static int find_points(struct trace_kernel *kernel, const char **out_missing)
{
    int found = 0;
    *out_missing = "the formats of the tracepoints cannot be read";
    kernel->formats = tep_alloc();
    if (!kernel->formats)
        return -ENOMEM;
    for (int what = 0; what < TRACE_KERNEL_KINDS; what++) {
        struct tep_event *event = read_format(kernel, &points[what]);
        if (!event || !note_id(kernel, event->id, what))
            continue;
        find_fields(kernel->points[what].fields, event, points[what].fields);
        find_field(&kernel->thread, event, "common_pid");
        found++;
    }
    return found ? 0 : -ENOENT;
}

static int enable_points(struct trace_kernel *kernel, const char **out_missing)
{
    int enabled = 0;
    *out_missing = "no tracepoint can be enabled";
    for (int what = 0; what < TRACE_KERNEL_KINDS; what++) {
        struct tracefs_instance *instance = kernel->instances[points[what].instance];
        if (points[what].filter)
            tracefs_event_file_write(instance, points[what].system, points[what].name, "filter",
                                     points[what].filter);
        enabled += tracefs_event_enable(instance, points[what].system, points[what].name) == 0;
    }
    return enabled ? 0 : -EACCES;
}

/* --- opening and closing --- */

static int open_buffers(struct trace_kernel *kernel, const char **out_missing)
{
    *out_missing = "the buffers of the trace instance cannot be read";
    kernel->cpus = (int)sysconf(_SC_NPROCESSORS_CONF);
    kernel->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    kernel->bytes = malloc(kernel->page_bytes);
    kernel->fds = calloc((size_t)kernel->cpus * INSTANCES, sizeof *kernel->fds);
    kernel->page = kbuffer_alloc(KBUFFER_LSIZE_SAME_AS_HOST, KBUFFER_ENDIAN_SAME_AS_HOST);
    if (!kernel->bytes || !kernel->fds || !kernel->page)
        return -ENOMEM;
    int opened = 0;
    for (; kernel->fd_count < kernel->cpus * INSTANCES; kernel->fd_count++) {
        char name[64];
        int fd = kernel->fd_count;
        snprintf(name, sizeof name, "per_cpu/cpu%d/trace_pipe_raw", fd % kernel->cpus);
        kernel->fds[fd] = tracefs_instance_file_open(kernel->instances[fd / kernel->cpus], name,
                                                     O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        opened += kernel->fds[fd] >= 0;
    }
    return opened ? 0 : -EACCES;
}

int trace_kernel_open(uint64_t buffer_bytes, struct trace_kernel **out_kernel,
                      const char **out_missing)
{
    struct trace_kernel *kernel = calloc(1, sizeof *kernel);
    *out_kernel = NULL;
    *out_missing = "out of memory";
    if (!kernel)
        return -ENOMEM;
    kernel->buffer_bytes = buffer_bytes ? buffer_bytes : choose_size();
    int error = make_instances(kernel, out_missing);
    if (!error)
        error = find_points(kernel, out_missing);
    if (!error)
        error = open_buffers(kernel, out_missing);
    if (!error)
        error = enable_points(kernel, out_missing);
    if (error) {
        trace_kernel_close(kernel);
        return error;
    }
    *out_kernel = kernel;
    return 0;
}

void trace_kernel_close(struct trace_kernel *kernel)
{
    if (!kernel)
        return;
    for (int fd = 0; fd < kernel->fd_count; fd++)
        if (kernel->fds[fd] >= 0)
            close(kernel->fds[fd]);
    if (kernel->page)
        kbuffer_free(kernel->page);
    if (kernel->formats)
        tep_free(kernel->formats);
    for (int which = 0; which < INSTANCES; which++)
        if (kernel->instances[which]) {
            tracefs_instance_destroy(kernel->instances[which]);
            tracefs_instance_free(kernel->instances[which]);
        }
    free(kernel->by_id);
    free(kernel->fds);
    free(kernel->bytes);
    free(kernel->events);
    free(kernel);
}

/* --- reading --- */

static uint64_t load(const struct kernel_field *field, const char *record)
{
    uint64_t eight = 0;
    uint32_t four = 0;
    uint16_t two = 0;
    if (field->offset < 0)
        return 0;
    const char *at = record + field->offset;
    switch (field->size) {
    case 8:
        memcpy(&eight, at, sizeof eight);
        return eight;
    case 4:
        memcpy(&four, at, sizeof four);
        return four;
    case 2:
        memcpy(&two, at, sizeof two);
        return two;
    default:
        return (unsigned char)*at;
    }
}

static void load_text(const struct kernel_field *field, const char *record, char *text, size_t room)
{
    text[0] = '\0';
    if (field->offset < 0)
        return;
    const char *at = record + field->offset;
    size_t length = (size_t)field->size;
    if (field->is_elsewhere) {
        uint32_t where = (uint32_t)load(field, record);
        at = record + (where & 0xffff);
        length = where >> 16;
    }
    snprintf(text, room, "%.*s", (int)length, at);
}

static void take_record(struct trace_kernel *kernel, int cpu, uint64_t time_ns, const char *record)
{
    uint16_t id;
    memcpy(&id, record, sizeof id);
    if (id >= kernel->ids || kernel->by_id[id] == 0)
        return;
    if (kernel->count == kernel->room) {
        size_t room = kernel->room ? 2 * kernel->room : 1024;
        struct trace_kernel_event *grown =
            room > EVENTS_MAX ? NULL : realloc(kernel->events, room * sizeof *grown);
        if (!grown) {
            kernel->left_out++;
            return;
        }
        kernel->events = grown;
        kernel->room = room;
    }
    int what = kernel->by_id[id] - 1;
    const struct kernel_field *fields = kernel->points[what].fields;
    struct trace_kernel_event *event = &kernel->events[kernel->count++];
    event->time_ns = time_ns;
    event->cpu = cpu;
    event->order = kernel->order++;
    event->what = (uint8_t)what;
    event->thread = (int32_t)load(&kernel->thread, record);
    event->number = load(&fields[SLOT_NUMBER], record);
    event->context = load(&fields[SLOT_CONTEXT], record);
    event->device = load(&fields[SLOT_DEVICE], record);
    event->length = (uint32_t)load(&fields[SLOT_LENGTH], record);
    event->value = (int32_t)load(&fields[SLOT_VALUE], record);
    load_text(&fields[SLOT_TEXT], record, event->text, sizeof event->text);
}

/* Gives: whether some were overwritten before they were read. */
static bool read_buffer(struct trace_kernel *kernel, int fd)
{
    uint64_t bytes = 0;
    bool missed = false;
    /* What is written to faster than it is read must not keep the reader for ever. */
    while (bytes < 2 * kernel->buffer_bytes &&
           read(kernel->fds[fd], kernel->bytes, kernel->page_bytes) > 0) {
        unsigned long long time_ns;
        bytes += kernel->page_bytes;
        kbuffer_load_subbuffer(kernel->page, kernel->bytes);
        missed = missed || kbuffer_missed_events(kernel->page) != 0;
        const char *record = kbuffer_read_event(kernel->page, &time_ns);
        for (; record; record = kbuffer_next_event(kernel->page, NULL)) {
            time_ns = kbuffer_timestamp(kernel->page);
            take_record(kernel, fd % kernel->cpus, time_ns, record);
        }
    }
    double fill = (double)bytes / (double)kernel->buffer_bytes;
    if (fill > kernel->fill_most)
        kernel->fill_most = fill;
    return missed;
}

/* A page says only that something is missing where its end has no room for how much. */
static void count_overrun(struct trace_kernel *kernel)
{
    uint64_t overrun = 0;
    for (int fd = 0; fd < kernel->cpus * INSTANCES; fd++) {
        char name[64];
        snprintf(name, sizeof name, "per_cpu/cpu%d/stats", fd % kernel->cpus);
        char *text = tracefs_instance_file_read(kernel->instances[fd / kernel->cpus], name, NULL);
        const char *at = text ? strstr(text, "overrun: ") : NULL;
        if (at)
            overrun += strtoull(at + strlen("overrun: "), NULL, 10);
        free(text);
    }
    kernel->overrun = overrun > kernel->overrun ? overrun : kernel->overrun + 1;
}

static int by_time(const void *a, const void *b)
{
    const struct trace_kernel_event *one = a, *other = b;
    if (one->time_ns != other->time_ns)
        return one->time_ns < other->time_ns ? -1 : 1;
    return one->order < other->order ? -1 : one->order > other->order;
}

void trace_kernel_read(struct trace_kernel *kernel, uint64_t until_ns, trace_kernel_take *take,
                       void *context)
{
    size_t taken = 0;
    bool missed = false;
    kernel->fill_most = 0;
    for (int fd = 0; fd < kernel->fd_count; fd++)
        if (kernel->fds[fd] >= 0 && read_buffer(kernel, fd))
            missed = true;
    if (missed)
        count_overrun(kernel);
    if (kernel->count == 0)
        return;
    qsort(kernel->events, kernel->count, sizeof *kernel->events, by_time);
    while (taken < kernel->count && kernel->events[taken].time_ns <= until_ns)
        take(context, &kernel->events[taken++]);
    kernel->count -= taken;
    memmove(kernel->events, kernel->events + taken, kernel->count * sizeof *kernel->events);
}

/* --- whom it follows --- */

int trace_kernel_follow(struct trace_kernel *kernel, pid_t pid)
{
    char path[64];
    int error = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *directory = opendir(path);
    struct dirent *entry;
    if (!directory)
        return -ESRCH;
    while ((entry = readdir(directory)))
        if (entry->d_name[0] != '.' &&
            tracefs_instance_file_append(kernel->instances[INSTANCE_OWN], "set_event_pid",
                                         entry->d_name) < 0)
            error = -(errno ? errno : EIO);
    closedir(directory);
    return error;
}

uint64_t trace_kernel_lost(const struct trace_kernel *kernel)
{
    return kernel->overrun + kernel->left_out;
}

uint64_t trace_kernel_buffer(const struct trace_kernel *kernel)
{
    return kernel->buffer_bytes;
}

double trace_kernel_fill(const struct trace_kernel *kernel)
{
    return kernel->fill_most;
}
