/* readable.c - see the header. The real machine is asked, a page at a time, by process_vm_readv(2);
 * a page that was there once stays until memory goes back, so its bytes are copied here from then
 * on: a world reads its programs' memory thousands of times. */
#include "sim/world/readable.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define ASKS_ALWAYS 1 /* its allocator gives memory back when it likes */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASKS_ALWAYS 1
#endif
#endif

static int64_t ask(void *to, const void *from, size_t count)
{
    struct iovec local = {to, count}, remote = {(void *)(uintptr_t)from, count};
    long got = syscall(SYS_process_vm_readv, syscall(SYS_getpid), &local, 1L, &remote, 1L, 0L);
    return got < 0 ? -(int64_t)errno : got;
}

#ifdef ASKS_ALWAYS

void readable_forget(const void *memory, size_t bytes)
{
    (void)memory, (void)bytes;
}

int64_t readable_copy(void *to, const void *from, size_t count)
{
    return ask(to, from, count);
}

#else

enum { PAGE_BITS = 12, KNOWN = 1024 };

static uintptr_t known[KNOWN]; /* numbers of pages, by their last bits; 0: none */
static char *heap_end;         /* when they were got to know */

static uintptr_t page_of(const void *memory)
{
    return (uintptr_t)memory >> PAGE_BITS;
}

void readable_forget(const void *memory, size_t bytes)
{
    uintptr_t first = page_of(memory), last = page_of((const char *)memory + bytes);
    for (uintptr_t page = first; page <= last && page - first < KNOWN; page++)
        if (known[page % KNOWN] >= first && known[page % KNOWN] <= last)
            known[page % KNOWN] = 0;
}

/* What free(3) gives back from the heap's end is seen by that. */
static int64_t is_there(const char *at)
{
    char byte = 0, *end = sbrk(0);
    uintptr_t page = page_of(at);
    if (end < heap_end)
        readable_forget(end, (size_t)(heap_end - end));
    heap_end = end;
    if (known[page % KNOWN] == page && page != 0)
        return 1;
    int64_t result = ask(&byte, at, 1);
    if (result > 0)
        known[page % KNOWN] = page;
    return result;
}

int64_t readable_copy(void *to, const void *from, size_t count)
{
    size_t done = 0;
    while (done < count) {
        const char *at = (const char *)from + done;
        size_t left = ((size_t)1 << PAGE_BITS) - ((uintptr_t)at & (((size_t)1 << PAGE_BITS) - 1));
        size_t step = count - done < left ? count - done : left;
        int64_t there = is_there(at);
        if (there < 0)
            return done > 0 ? (int64_t)done : there;
        memcpy((char *)to + done, at, step);
        done += step;
    }
    return (int64_t)done;
}

#endif
