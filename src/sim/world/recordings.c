/* recordings.c - see the header. Each loop's rings stand in a file of the real machine that is
 * mapped into this program: so what has been recorded is there however the program ends.
 *
 * What must hold: the run is the same as without. So nothing here lets time pass, draws a number,
 * takes memory that is a process's, or makes a call that is counted. */
#include "sim/world/recordings.h"
#include "base/check.h"
#include "sim/world/seen.h"
#include "sim/world/wall.h"
#include "trace/recorder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a ring. What is not written to takes no room on the disk. */
enum { EVENTS = 1 << 18 };

struct recording {
    struct recording *next; /* of its process */
    struct process *process;
    struct recorder recorder;
};

/* The real machine's: src/sim/posix/posix.h. */
int __real_openat64(int directory, const char *path, int flags, ...);
int __real_unlinkat(int directory, const char *path, int flags);
int __real_ftruncate64(int fd, off_t length);
int __real_close(int fd);
void *__real_mmap64(void *where, size_t bytes, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *memory, size_t bytes);

/* --- of a loop --- */

static uint64_t clock_seen(void)
{
    return world->now_ns;
}

static struct hark_trace_ring facts_of(const struct process *process, uint32_t loop, int backend)
{
    struct hark_trace_ring facts = {
        .pid = (uint32_t)process->id,
        .loop = loop,
        .backend = (uint16_t)backend,
        .started_ns = world->now_ns,
        .started_at = wall_ns(process->machine),
    };
    snprintf(facts.process, sizeof facts.process, "10.0.0.%d", process->machine->number);
    return facts;
}

/* Gives: NULL: there is no room for it on the real machine: that loop is not seen. */
static void *map_file(const char *name)
{
    int fd = __real_openat64(world->recordings_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                             (mode_t)0600);
    void *memory = MAP_FAILED;
    if (fd >= 0 && __real_ftruncate64(fd, (off_t)recorder_bytes(EVENTS)) == 0)
        memory =
            __real_mmap64(NULL, recorder_bytes(EVENTS), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        __real_close(fd);
    return memory == MAP_FAILED ? NULL : memory;
}

static struct recorder *open_one(uint32_t loop, int backend)
{
    struct process *process = world->thread->process;
    struct hark_trace_ring facts = facts_of(process, loop, backend);
    char name[48];
    if (world->recordings_fd < 0)
        return NULL;
    snprintf(name, sizeof name, "hark-%d-%u.trace", process->id, loop);
    void *memory = map_file(name);
    if (!memory)
        return NULL;
    struct recording *recording = memory_own(sizeof *recording);
    recording->process = process;
    recording->recorder.clock = clock_seen;
    recorder_lay_out(&recording->recorder, memory, EVENTS, &facts);
    recording->next = process->recordings;
    process->recordings = recording;
    return &recording->recorder;
}

static void release(struct recording *recording)
{
    __real_munmap(recording->recorder.memory, recording->recorder.bytes);
    memory_own_free(recording);
}

static void close_one(struct recorder *recorder)
{
    struct recording *recording = hark_container_of(recorder, struct recording, recorder);
    struct recording **at = &recording->process->recordings;
    while (*at != recording)
        at = &(*at)->next;
    *at = recording->next;
    recorder_end(recorder);
    release(recording);
}

/* The loops may be gone, with the memory of the process. */
void recordings_end(struct process *process)
{
    struct recording *recording;
    while ((recording = process->recordings)) {
        process->recordings = recording->next;
        recording->recorder.loop->ended_ns = recording->recorder.pool->ended_ns = world->now_ns;
        release(recording);
    }
}

/* --- of a world --- */

static const struct recorder_onlooker onlooker = {.open = open_one, .close = close_one};

void recordings_begin(void)
{
    world->recordings_fd = -1;
}

void recordings_done(void)
{
    recorder_onlooker = NULL;
    seen_done();
    if (world->recordings_fd >= 0)
        __real_close(world->recordings_fd);
}

/* What is read there is to be of this world alone. */
static int remove_former(int fd)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *listing = own >= 0 ? fdopendir(own) : NULL;
    int error = listing ? 0 : -errno;
    const struct dirent *entry;
    if (!listing && own >= 0)
        __real_close(own);
    while (listing && (entry = readdir(listing)))
        if (fnmatch("hark-*.trace", entry->d_name, 0) == 0 &&
            __real_unlinkat(fd, entry->d_name, 0) < 0)
            error = -errno;
    if (listing)
        closedir(listing);
    return error;
}

int hark_sim_trace(struct hark_sim *of, const char *directory)
{
    check(of == world && !world->thread);
    if (mkdir(directory, 0777) < 0 && errno != EEXIST)
        return -errno;
    int fd = __real_openat64(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = remove_former(fd);
    if (error) {
        __real_close(fd);
        return error;
    }
    if (world->recordings_fd >= 0)
        __real_close(world->recordings_fd);
    world->recordings_fd = fd;
    recorder_onlooker = &onlooker;
    seen_begin(fd);
    return 0;
}
