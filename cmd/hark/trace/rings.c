/* rings.c - maps files of rings and reads them. Nothing that a file says of itself is believed
 * before it was looked at: it may be damaged, short, or something else. */
#include "trace/rings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/say.h"

enum { CAPACITY_MIN = 64, BATCH_EVENTS = 1024 };
static const uint64_t capacity_max = 1 << 26;

/* --- looking whether it is one --- */

/* Gives: NULL, or what is wrong with a ring for which there are so many bytes. */
static const char *wrong_with_ring(const struct hark_trace_ring *ring, size_t bytes)
{
    if (bytes < sizeof *ring)
        return "is too short";
    if (memcmp(ring->magic, "harktrc1", sizeof ring->magic) != 0)
        return "is no trace of this version of hark";
    if (ring->header_bytes < sizeof *ring || ring->header_bytes % 8 != 0 ||
        ring->event_bytes != sizeof(struct hark_trace_event) || ring->capacity < CAPACITY_MIN ||
        ring->capacity > capacity_max || (ring->capacity & (ring->capacity - 1)) != 0)
        return "is damaged: its header makes no sense";
    if (ring->header_bytes > bytes ||
        ring->capacity * ring->event_bytes > bytes - ring->header_bytes)
        return "is shorter than its header says";
    return NULL;
}

static const char *find_rings(struct trace_file *file)
{
    const char *at = file->memory;
    size_t left = file->bytes;
    for (;;) {
        const struct hark_trace_ring *ring = (const void *)at;
        const char *wrong = wrong_with_ring(ring, left);
        if (wrong)
            return wrong;
        if ((ring->is_pool != 0) != (file->count != 0))
            return "is damaged: its rings stand in the wrong order";
        file->rings[file->count++] = ring;
        if (ring->next == 0 || file->count == TRACE_RINGS_IN_FILE)
            return NULL;
        if (ring->next % 8 != 0 || ring->next > left)
            return "is damaged: its second ring is nowhere";
        at += ring->next;
        left -= ring->next;
    }
}

/* --- files --- */

static bool is_known(const struct trace_rings *rings, const struct stat *status)
{
    for (const struct trace_file *file = rings->files; file; file = file->next)
        if (file->inode == status->st_ino && file->device == status->st_dev)
            return true;
    return false;
}

static void drop_memory(struct trace_file *file)
{
    if (file->memory)
        munmap(file->memory, file->bytes);
    file->memory = NULL;
    file->count = 0;
}

static void insert(struct trace_rings *rings, struct trace_file *file)
{
    struct trace_file **at = &rings->files;
    while (*at)
        at = &(*at)->next;
    *at = file;
}

/* Gives: 0, or a negative errno and *out_wrong. */
static int map_file(struct trace_file *file, int fd, const struct stat *status,
                    const char **out_wrong)
{
    *out_wrong = "is too short";
    if (!S_ISREG(status->st_mode) || status->st_size < (off_t)sizeof(struct hark_trace_ring))
        return -EAGAIN;
    file->bytes = (size_t)status->st_size;
    file->memory = mmap(NULL, file->bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (file->memory == MAP_FAILED) {
        file->memory = NULL;
        *out_wrong = "cannot be mapped";
        return -errno;
    }
    *out_wrong = find_rings(file);
    if (!*out_wrong)
        return 0;
    bool unwritten = *(const char *)file->memory == '\0';
    drop_memory(file);
    return unwritten ? -EAGAIN : -EBADMSG;
}

int trace_rings_add(struct trace_rings *rings, int fd, const char *name, const char **out_wrong)
{
    struct stat status;
    *out_wrong = NULL;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (is_known(rings, &status))
        return 1;
    struct trace_file *file = calloc(1, sizeof *file);
    if (!file)
        return -ENOMEM;
    snprintf(file->name, sizeof file->name, "%s", name);
    file->device = status.st_dev;
    file->inode = status.st_ino;
    int error = map_file(file, fd, &status, out_wrong);
    if (error == -EAGAIN) {
        free(file);
        return error;
    }
    rings->refused += error != 0;
    rings->found += error == 0;
    insert(rings, file); /* one that is refused too: so that it is told of once */
    return error;
}

static void look_at(struct trace_rings *rings, const char *directory, int place, const char *name,
                    bool last)
{
    const char *wrong = NULL;
    int fd = openat(place, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    int error = fd < 0 ? -errno : trace_rings_add(rings, fd, name, &wrong);
    bool may_become_one = fd < 0 || error == -EAGAIN;
    if (error == 0 && rings->only_reader)
        unlinkat(place, name, 0);
    if (fd >= 0)
        close(fd);
    if (error < 0 && (last || !may_become_one)) {
        say("%s/%s %s%s; it is left out", directory, name,
            wrong ? wrong : "cannot be read: ", wrong ? "" : why(error));
        rings->refused += may_become_one;
    }
}

int trace_rings_look(struct trace_rings *rings, const char *directory, bool last)
{
    DIR *listing = opendir(directory);
    if (!listing)
        return -errno;
    const struct dirent *entry;
    while ((entry = readdir(listing)))
        if (fnmatch("hark-*.trace", entry->d_name, 0) == 0)
            look_at(rings, directory, dirfd(listing), entry->d_name, last);
    closedir(listing);
    return 0;
}

/* --- reading --- */

static uint64_t written_so_far(const struct hark_trace_ring *ring)
{
    return __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE);
}

static void note_fill(struct trace_rings *rings, const struct trace_file *file, size_t number)
{
    const struct hark_trace_ring *ring = file->rings[number];
    uint64_t unread = written_so_far(ring) - file->positions[number];
    double fill = (double)unread / (double)ring->capacity;
    if (fill > rings->fill_most)
        rings->fill_most = fill;
}

/* Reads what is there now: a ring that is written to faster than it is read must not keep the
 * reader for ever. */
static void read_ring(struct trace_file *file, size_t number, uint64_t until,
                      trace_rings_take *take, void *context)
{
    const struct hark_trace_ring *ring = file->rings[number];
    struct hark_trace_event events[BATCH_EVENTS];
    uint64_t lost;
    size_t count;
    while (file->positions[number] < until) {
        uint64_t left = until - file->positions[number];
        count = hark_trace_read(ring, events, left < BATCH_EVENTS ? (size_t)left : BATCH_EVENTS,
                                &file->positions[number], &lost);
        if (count + lost == 0)
            return;
        file->lost[number] += lost;
        take(context, &file->reader, ring, events, count, lost);
    }
}

/* A process that was killed has said nothing of its end. */
static bool has_ended(const struct trace_file *file)
{
    const struct hark_trace_ring *ring = file->rings[0];
    return __atomic_load_n(&ring->ended_ns, __ATOMIC_ACQUIRE) != 0 ||
           (kill((pid_t)ring->pid, 0) < 0 && errno == ESRCH);
}

static bool is_read(const struct trace_file *file)
{
    for (size_t number = 0; number < file->count; number++)
        if (file->positions[number] < written_so_far(file->rings[number]))
            return false;
    return true;
}

/* Of many short processes only those that run need memory. */
static void let_go_of_ended(struct trace_rings *rings)
{
    struct trace_file **at = &rings->files;
    while (*at) {
        struct trace_file *file = *at;
        if (file->count == 0 || !has_ended(file) || !is_read(file)) {
            at = &file->next;
            continue;
        }
        *at = file->next;
        drop_memory(file);
        free(file);
    }
}

void trace_rings_read(struct trace_rings *rings, trace_rings_take *take, void *context)
{
    rings->fill_most = 0;
    for (struct trace_file *file = rings->files; file; file = file->next) {
        if (file->count == 0)
            continue;
        uint64_t pool_until = file->count > 1 ? written_so_far(file->rings[1]) : 0;
        for (size_t number = 0; number < file->count; number++)
            note_fill(rings, file, number);
        read_ring(file, 0, written_so_far(file->rings[0]), take, context);
        if (file->count > 1)
            read_ring(file, 1, pool_until, take, context);
    }
    if (rings->only_reader)
        let_go_of_ended(rings);
}

void trace_rings_done(struct trace_rings *rings)
{
    while (rings->files) {
        struct trace_file *file = rings->files;
        rings->files = file->next;
        drop_memory(file);
        free(file);
    }
}
