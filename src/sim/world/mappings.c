/* mappings.c - see the header. */
#include "sim/world/mappings.h"
#include "core/checking_memory.h"

#include <errno.h>
#include <sys/mman.h>

struct mapping {
    struct mapping *next;
    void *memory;
    size_t bytes;
    struct file *file; /* whose memory it is, held; NULL: the process's own */
};

int mappings_add(struct process *process, struct file *file, size_t bytes, int flags,
                 int64_t offset, void **out_memory)
{
    void *memory = NULL;
    if (!file)
        memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    else if (file->kind->map)
        memory = file->kind->map(file, bytes, offset);
    if (!memory || memory == MAP_FAILED)
        return file ? -ENODEV : -ENOMEM;
    if (file)
        file_hold(file);
    struct mapping *mapping = memory_own(sizeof *mapping);
    *mapping =
        (struct mapping){.next = process->mappings, .memory = memory, .bytes = bytes, .file = file};
    process->mappings = mapping;
    *out_memory = memory;
    return 0;
}

static void release(struct mapping *mapping)
{
    /* Whoever was killed has left the marks of a checking build on it. */
    memory_allow(mapping->memory, mapping->bytes);
    if (mapping->file)
        file_release(mapping->file);
    else
        munmap(mapping->memory, mapping->bytes);
    memory_own_free(mapping);
}

void mappings_remove(struct process *process, const void *memory)
{
    struct mapping **at = &process->mappings;
    while (*at && (*at)->memory != memory)
        at = &(*at)->next;
    struct mapping *found = *at;
    if (!found)
        return;
    *at = found->next;
    release(found);
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
