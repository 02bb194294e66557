/* memory.c - see the header. */
#include "fault/memory.h"
#include "harness/harness.h"
#include "harness/sanitizer.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local struct {
    bool counts, for_ever;
    unsigned long number, asked, refused;
    size_t bytes;
} own;

static atomic_long alive;

void memory_begin(unsigned long number, bool for_ever)
{
    if (THREAD_SANITIZED)
        harness_skip("the thread sanitizer has the allocator to itself");
    own.number = number;
    own.for_ever = for_ever;
    own.asked = own.refused = 0;
    own.bytes = 0;
    own.counts = true;
}

void memory_end(void)
{
    own.counts = false;
}

unsigned long memory_asked(void)
{
    return own.asked;
}

size_t memory_bytes(void)
{
    return own.bytes;
}

unsigned long memory_refused(void)
{
    return own.refused;
}

long memory_alive(void)
{
    return atomic_load(&alive);
}

static bool refuse(size_t bytes)
{
    if (!own.counts)
        return false;
    own.asked++;
    own.bytes += bytes;
    if (own.number == 0 || (own.for_ever ? own.asked < own.number : own.asked != own.number))
        return false;
    own.refused++;
    errno = ENOMEM;
    return true;
}

bool memory_refuses(void)
{
    return refuse(0);
}

#if !THREAD_SANITIZED

/* The real ones: a sanitizer's where there is one, else the C library's. */
void *__interceptor_malloc(size_t size) __attribute__((weak));
void *__interceptor_calloc(size_t count, size_t size) __attribute__((weak));
void *__interceptor_realloc(void *memory, size_t size) __attribute__((weak));
void *__interceptor_aligned_alloc(size_t alignment, size_t size) __attribute__((weak));
int __interceptor_posix_memalign(void **out_memory, size_t alignment, size_t size)
    __attribute__((weak));
void __interceptor_free(void *memory) __attribute__((weak));
#ifdef __GLIBC__
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);
#else /* musl finds its own behind the program's, and allocates nothing for it */
static void *__libc_malloc(size_t size)
{
    return ((void *(*)(size_t))dlsym(RTLD_NEXT, "malloc"))(size);
}

static void *__libc_calloc(size_t count, size_t size)
{
    size_t bytes; /* not by its calloc, which asks the program's malloc */
    void *memory = __builtin_mul_overflow(count, size, &bytes) ? NULL : __libc_malloc(bytes);
    return memory ? memset(memory, 0, bytes) : NULL;
}

static void *__libc_realloc(void *memory, size_t size)
{
    return ((void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc"))(memory, size);
}

static void *__libc_memalign(size_t alignment, size_t size)
{
    return ((void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc"))(alignment, size);
}

static void __libc_free(void *memory)
{
    ((void (*)(void *))dlsym(RTLD_NEXT, "free"))(memory);
}
#endif

static void *count_alive(void *memory)
{
    if (memory)
        atomic_fetch_add(&alive, 1);
    return memory;
}

void *malloc(size_t size)
{
    if (refuse(size))
        return NULL;
    return count_alive(__interceptor_malloc ? __interceptor_malloc(size) : __libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    if (refuse(count * size))
        return NULL;
    return count_alive(__interceptor_calloc ? __interceptor_calloc(count, size)
                                            : __libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
    if (refuse(size))
        return NULL;
    void *moved =
        __interceptor_realloc ? __interceptor_realloc(memory, size) : __libc_realloc(memory, size);
    return memory ? moved : count_alive(moved);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    if (refuse(size))
        return NULL;
    return count_alive(__interceptor_aligned_alloc ? __interceptor_aligned_alloc(alignment, size)
                                                   : __libc_memalign(alignment, size));
}

int posix_memalign(void **out_memory, size_t alignment, size_t size)
{
    if (refuse(size))
        return ENOMEM;
    if (__interceptor_posix_memalign)
        return __interceptor_posix_memalign(out_memory, alignment, size);
    void *memory = count_alive(__libc_memalign(alignment, size));
    if (!memory)
        return ENOMEM;
    *out_memory = memory;
    return 0;
}

void free(void *memory)
{
    if (memory)
        atomic_fetch_sub(&alive, 1);
    if (__interceptor_free)
        __interceptor_free(memory);
    else
        __libc_free(memory);
}

#endif
