/* mappings.c - see the header. */
#include "sim/world/mappings.h"
#include "core/checking_memory.h"
#include "sim/world/readable.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

struct mapping {
    struct mapping *next;
    void *memory;
    size_t bytes;      /* whole pages, but for what a file lends of its own (file_kind.map) */
    struct file *file; /* whose memory it is, held; NULL: the process's own */
};

/* The real machine's: src/sim/posix/posix.h. */
void *__real_mmap64(void *where, size_t bytes, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *memory, size_t bytes);

static int map_own(size_t bytes, int protection, int flags, void **out_memory)
{
    *out_memory = __real_mmap64(NULL, bytes, protection, flags, -1, 0);
    return *out_memory == MAP_FAILED ? -errno : 0;
}

static int map_file(struct file *file, size_t bytes, int protection, int flags, int64_t offset,
                    void **out_memory)
{
    if (bytes == 0 || offset % PAGE || !(flags & (MAP_SHARED | MAP_PRIVATE)))
        return -EINVAL;
    if (file->flags & O_PATH)
        return -EBADF;
    if (file->kind->map_content)
        return file->kind->map_content(file, bytes, protection, flags, offset, out_memory);
    *out_memory = file->kind->map ? file->kind->map(file, bytes, offset) : NULL;
    return *out_memory ? 0 : -ENODEV;
}

static void insert(struct mapping **at, void *memory, size_t bytes, struct file *file)
{
    struct mapping *mapping = memory_own(sizeof *mapping);
    *mapping = (struct mapping){.next = *at, .memory = memory, .bytes = bytes, .file = file};
    *at = mapping;
    if (file)
        file_hold(file);
}

int mappings_add(struct process *process, struct file *file, size_t bytes, int protection,
                 int flags, int64_t offset, void **out_memory)
{
    void *memory;
    int error = file ? map_file(file, bytes, protection, flags, offset, &memory)
                     : map_own(bytes, protection, flags, &memory);
    if (error)
        return error;
    if (!file || file->kind->map_content)
        bytes = (bytes + PAGE - 1) / PAGE * PAGE;
    insert(&process->mappings, memory, bytes, file);
    *out_memory = memory;
    return 0;
}

static void release(struct mapping *mapping)
{
    /* Whoever was killed has left the marks of a checking build on it. */
    memory_allow(mapping->memory, mapping->bytes);
    struct file *file = mapping->file;
    if (!file)
        __real_munmap(mapping->memory, mapping->bytes);
    else if (file->kind->unmap)
        file->kind->unmap(file, mapping->memory, mapping->bytes);
    if (file)
        file_release(file);
    readable_forget(mapping->memory, mapping->bytes);
    memory_own_free(mapping);
}

bool mappings_remove(struct process *process, const void *memory)
{
    struct mapping **at = &process->mappings;
    while (*at && (*at)->memory != memory)
        at = &(*at)->next;
    struct mapping *found = *at;
    if (!found)
        return false;
    *at = found->next;
    release(found);
    return true;
}

/* Its part between the two goes; what is left on either side stands by itself. */
static void take_part(struct mapping **at, char *begin, char *end)
{
    struct mapping *whole = *at;
    char *first = whole->memory, *behind = first + whole->bytes;
    *at = whole->next;
    if (end < behind)
        insert(at, end, (size_t)(behind - end), whole->file);
    else
        end = behind;
    if (begin > first)
        insert(at, first, (size_t)(begin - first), whole->file);
    else
        begin = first;
    whole->memory = begin;
    whole->bytes = (size_t)(end - begin);
    release(whole);
}

int mappings_cut(struct process *process, void *memory, size_t bytes)
{
    char *begin = memory, *end = begin + (bytes + PAGE - 1) / PAGE * PAGE;
    int parts = 0;
    if ((uintptr_t)memory % PAGE || bytes == 0 || bytes > SIZE_MAX / 2)
        return -EINVAL;
    for (struct mapping **at = &process->mappings; *at;) {
        char *first = (*at)->memory;
        bool is_lent = (*at)->file && !(*at)->file->kind->map_content;
        if (is_lent || first >= end || first + (*at)->bytes <= begin) {
            at = &(*at)->next;
            continue;
        }
        take_part(at, begin, end);
        parts++;
    }
    return parts;
}

bool mappings_find(const struct process *process, const void *memory, struct file **out_file)
{
    const struct mapping *at = process->mappings;
    while (at && (uintptr_t)memory - (uintptr_t)at->memory >= at->bytes)
        at = at->next;
    *out_file = at ? at->file : NULL;
    return at;
}

size_t mappings_count(const struct process *process)
{
    size_t count = 0;
    for (const struct mapping *mapping = process->mappings; mapping; mapping = mapping->next)
        count++;
    return count;
}

void mappings_release(struct process *process)
{
    struct mapping *mapping;
    while ((mapping = process->mappings)) {
        process->mappings = mapping->next;
        release(mapping);
    }
}
