/* memory.c - see the header. */
#include "sim/world/memory.h"
#include "base/check.h"
#include "hark/base.h"
#include "sim/world/readable.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { MAPPED_BYTES = 128 * 1024 }; /* M_MMAP_THRESHOLD, mallopt(3) */

/* What the linker's --wrap leads to and from. */
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void __real_free(void *memory);

HARK_API void *__wrap_malloc(size_t bytes);
HARK_API void *__wrap_calloc(size_t count, size_t bytes);
HARK_API void *__wrap_realloc(void *memory, size_t bytes);
HARK_API void *__wrap_reallocarray(void *memory, size_t count, size_t bytes);
HARK_API void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
HARK_API int __wrap_posix_memalign(void **out_memory, size_t alignment, size_t bytes);
HARK_API void __wrap_free(void *memory);
HARK_API char *__wrap_strdup(const char *text);
HARK_API char *__wrap_strndup(const char *text, size_t most);

/* --- the world's own --- */

void *memory_own(size_t bytes)
{
    void *memory = __real_calloc(1, bytes);
    check(memory);
    return memory;
}

void *memory_own_resize(void *memory, size_t bytes)
{
    memory = __real_realloc(memory, bytes);
    check(memory);
    return memory;
}

/* What is large has pages of its own, that go. */
static void give_to_system(void *memory)
{
    size_t bytes = malloc_usable_size(memory);
    if (bytes >= MAPPED_BYTES)
        readable_forget(memory, bytes);
    __real_free(memory);
}

void memory_own_free(void *memory)
{
    give_to_system(memory);
}

/* --- sets --- */

static size_t home(const struct memory_set *set, const void *memory)
{
    return (size_t)((uintptr_t)memory * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (set->room - 1);
}

static void put(struct memory_set *set, void *memory)
{
    size_t place = home(set, memory);
    while (set->places[place])
        place = (place + 1) & (set->room - 1);
    set->places[place] = memory;
    set->count++;
}

static void add(struct memory_set *set, void *memory)
{
    if (set->count * 2 >= set->room) {
        struct memory_set larger = *set;
        larger.room = set->room ? set->room * 2 : 256;
        larger.count = 0;
        larger.places = memory_own(larger.room * sizeof *larger.places);
        for (size_t i = 0; i < set->room; i++)
            if (set->places[i])
                put(&larger, set->places[i]);
        memory_own_free(set->places);
        *set = larger;
    }
    put(set, memory);
}

/* What stood behind the gap because its own place was taken moves up. */
static void close_gap(struct memory_set *set, size_t gap)
{
    const size_t mask = set->room - 1;
    for (size_t at = (gap + 1) & mask; set->places[at]; at = (at + 1) & mask) {
        if (((at - home(set, set->places[at])) & mask) < ((at - gap) & mask))
            continue;
        set->places[gap] = set->places[at];
        gap = at;
    }
    set->places[gap] = NULL;
}

/* Gives whether it was in. */
static bool take_out(struct memory_set *set, const void *memory)
{
    if (set->count == 0)
        return false;
    size_t place = home(set, memory);
    while (set->places[place] && set->places[place] != memory)
        place = (place + 1) & (set->room - 1);
    if (!set->places[place])
        return false;
    close_gap(set, place);
    set->count--;
    return true;
}

/* --- malloc and its kin, for processes --- */

static struct memory_set *sets;  /* of all processes */
static struct memory_set *taker; /* who runs; NULL: none of them */

static bool (*is_lacking)(void);

void memory_ask(bool (*lacks)(void))
{
    is_lacking = lacks;
}

/* Nobody but a process meets it. */
static bool lacks(void)
{
    if (!taker || !is_lacking || !is_lacking())
        return false;
    errno = ENOMEM;
    return true;
}

void memory_of(struct memory_set *set)
{
    taker = set;
}

static void enrol(struct memory_set *set)
{
    if (set->enrolled)
        return;
    set->enrolled = true;
    set->next = sets;
    sets = set;
}

static void *taken(void *memory)
{
    if (taker && memory) {
        enrol(taker);
        add(taker, memory);
    }
    return memory;
}

/* What another process, or the scene, has taken may be freed by this one, too. */
static void given_back(const void *memory)
{
    if (taker && take_out(taker, memory))
        return;
    struct memory_set *set = sets;
    while (set && !take_out(set, memory))
        set = set->next;
}

size_t memory_in_use(const struct memory_set *set)
{
    size_t bytes = 0;
    for (size_t i = 0; i < set->room; i++)
        bytes += set->places[i] ? malloc_usable_size(set->places[i]) : 0;
    return bytes;
}

size_t memory_release(struct memory_set *set)
{
    size_t count = set->count;
    for (size_t i = 0; i < set->room; i++)
        give_to_system(set->places[i]);
    memory_own_free(set->places);
    for (struct memory_set **at = &sets; *at; at = &(*at)->next)
        if (*at == set) {
            *at = set->next;
            break;
        }
    *set = (struct memory_set){0};
    return count;
}

void *memory_taken(size_t bytes)
{
    return taken(memory_own(bytes));
}

void memory_give_back(void *memory)
{
    given_back(memory);
    give_to_system(memory);
}

void *__wrap_malloc(size_t bytes)
{
    return lacks() ? NULL : taken(__real_malloc(bytes));
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return lacks() ? NULL : taken(__real_calloc(count, bytes));
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    return lacks() ? NULL : taken(__real_aligned_alloc(alignment, bytes));
}

int __wrap_posix_memalign(void **out_memory, size_t alignment, size_t bytes)
{
    void *memory = __wrap_aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    if (!memory)
        return ENOMEM;
    *out_memory = memory;
    return 0;
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    if (!memory)
        return __wrap_malloc(bytes);
    if (bytes > 0 && lacks())
        return NULL;
    size_t before = malloc_usable_size(memory);
    if (before >= MAPPED_BYTES)
        readable_forget(memory, before);
    void *moved = __real_realloc(memory, bytes);
    if (moved || bytes == 0)
        given_back(memory);
    return taken(moved);
}

void *__wrap_reallocarray(void *memory, size_t count, size_t bytes)
{
    size_t total;
    if (!__builtin_mul_overflow(count, bytes, &total))
        return __wrap_realloc(memory, total);
    errno = ENOMEM;
    return NULL;
}

void __wrap_free(void *memory)
{
    if (!memory)
        return;
    given_back(memory);
    give_to_system(memory);
}

char *__wrap_strndup(const char *text, size_t most)
{
    size_t length = strnlen(text, most);
    char *copy = __wrap_malloc(length + 1);
    if (copy) {
        memcpy(copy, text, length);
        copy[length] = 0;
    }
    return copy;
}

char *__wrap_strdup(const char *text)
{
    return __wrap_strndup(text, SIZE_MAX);
}
