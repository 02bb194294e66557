/* shared.c - see the header. The memory is a file of the real machine that has no name: it is
 * mapped once for this kernel, and for each mmap(2) of a process once more. */
#include "sim/disk/shared.h"
#include "base/check.h"
#include "kernel/kernel.h"

#include <string.h>

/* The real machine's: src/sim/posix/posix.h. */
int __real_ftruncate64(int fd, off_t length);
int __real_close(int fd);
void *__real_mmap64(void *where, size_t bytes, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *memory, size_t bytes);
int __real_memfd_create(const char *name, unsigned flags);

struct shared {
    int fd;
    unsigned char *memory;
    size_t bytes;
    size_t mapped; /* pages, each as often as it is */
};

bool shared_grow(struct inode *inode, int64_t end)
{
    struct shared *shared = inode->shared;
    size_t bytes = ((size_t)end + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    if (!shared) {
        shared = inode->shared = memory_own(sizeof *shared);
        shared->fd = __real_memfd_create("shared", MFD_CLOEXEC);
        check(shared->fd >= 0); /* the world has no way to go on */
    }
    if (bytes <= shared->bytes)
        return true;
    if (__real_ftruncate64(shared->fd, (off_t)bytes) < 0)
        return false;
    unsigned char *memory =
        __real_mmap64(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, shared->fd, 0);
    if (memory == MAP_FAILED)
        return false;
    for (size_t i = 0; i < inode->page_count; i++)
        if (inode->pages[i]->shared)
            inode->pages[i]->bytes = memory + inode->pages[i]->index * PAGE_BYTES;
    if (shared->memory)
        __real_munmap(shared->memory, shared->bytes);
    shared->memory = memory;
    shared->bytes = bytes;
    return true;
}

bool shared_has(const struct inode *inode, int64_t at)
{
    return inode->shared && at >= 0 && (uint64_t)at < inode->shared->bytes;
}

void shared_take(struct inode *inode, struct page *page)
{
    const struct shared *shared = inode->shared;
    if (page->shared || !shared_has(inode, page->index * PAGE_BYTES))
        return;
    unsigned char *to = shared->memory + page->index * PAGE_BYTES;
    if (!page->stored) {
        page->stored = memory_own(PAGE_BYTES);
        if (page->bytes)
            memcpy(page->stored, page->bytes, PAGE_BYTES);
    }
    if (page->bytes)
        memcpy(to, page->bytes, PAGE_BYTES);
    memory_own_free(page->bytes);
    page->bytes = to;
    page->shared = page->resident = true;
    page->dirty = UINT8_MAX;
    page->lost = 0;
}

static size_t pages_of(size_t bytes)
{
    return (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
}

bool shared_map(struct inode *inode, int64_t offset, size_t bytes, int protection, int flags,
                void **out_memory)
{
    void *memory = __real_mmap64(NULL, bytes, protection, flags, inode->shared->fd, (off_t)offset);
    if (memory == MAP_FAILED)
        return false;
    inode->shared->mapped += pages_of(bytes);
    *out_memory = memory;
    return true;
}

/* It stays dirty: what of it was written nobody knows. */
static void stand_alone(struct page *page)
{
    unsigned char *bytes = memory_own(PAGE_BYTES);
    memcpy(bytes, page->bytes, PAGE_BYTES);
    page->bytes = bytes;
    page->shared = false;
}

void shared_end(struct inode *inode)
{
    struct shared *shared = inode->shared;
    if (!shared)
        return;
    for (size_t i = 0; i < inode->page_count; i++)
        if (inode->pages[i]->shared)
            stand_alone(inode->pages[i]);
    if (shared->memory)
        __real_munmap(shared->memory, shared->bytes);
    __real_close(shared->fd);
    memory_own_free(shared);
    inode->shared = NULL;
}

void shared_unmap(struct inode *inode, void *memory, size_t bytes)
{
    __real_munmap(memory, bytes);
    if (inode->shared && (inode->shared->mapped -= pages_of(bytes)) == 0)
        shared_end(inode);
}
