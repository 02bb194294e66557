/* stack.c - stacks, each with a page below it that nobody may touch. */
#include "sim/world/stack.h"
#include "base/check.h"
#include "sim/world/memory.h"
#include "sim/world/readable.h"
#include "sim/world/stack_switch.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define STACK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STACK_ASAN 1
#endif
#endif

#ifdef STACK_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

/* The real machine's: src/sim/posix/posix.h. */
void *__real_mmap64(void *where, size_t bytes, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *memory, size_t bytes);

struct stack {
    struct stack_place inside, outside;
    void *memory;
    size_t bytes; /* the page that nobody may touch included */
    size_t guard;
    void (*function)(void *);
    void *argument;
    int saved_errno;
#ifdef STACK_ASAN
    void *fake_inside, *fake_outside; /* what the sanitizer keeps of frames */
    const void *outside_bottom;
    size_t outside_bytes;
#endif
};

static struct stack *entered; /* last */

#ifdef STACK_ASAN
static void before_entering(struct stack *stack)
{
    __sanitizer_start_switch_fiber(&stack->fake_outside, (char *)stack->memory + stack->guard,
                                   stack->bytes - stack->guard);
}

static void after_entering(struct stack *stack)
{
    __sanitizer_finish_switch_fiber(stack->fake_inside, &stack->outside_bottom,
                                    &stack->outside_bytes);
}

static void before_leaving(struct stack *stack, int for_good)
{
    __sanitizer_start_switch_fiber(for_good ? NULL : &stack->fake_inside, stack->outside_bottom,
                                   stack->outside_bytes);
}

static void after_leaving(struct stack *stack)
{
    __sanitizer_finish_switch_fiber(stack->fake_outside, NULL, NULL);
}

static void forget(struct stack *stack)
{
    __asan_unpoison_memory_region(stack->memory, stack->bytes);
}
#else
static void before_entering(struct stack *stack)
{
    (void)stack;
}

static void after_entering(struct stack *stack)
{
    (void)stack;
}

static void before_leaving(struct stack *stack, int for_good)
{
    (void)stack;
    (void)for_good;
}

static void after_leaving(struct stack *stack)
{
    (void)stack;
}

static void forget(struct stack *stack)
{
    (void)stack;
}
#endif

/* The first that runs on a stack. */
static void begin(void)
{
    struct stack *stack = entered;
    after_entering(stack);
    stack->function(stack->argument);
    check(false);
}

struct stack *stack_create(size_t bytes, void (*function)(void *), void *argument)
{
    struct stack *stack = memory_own(sizeof *stack);
    stack->guard = (size_t)sysconf(_SC_PAGESIZE);
    stack->bytes = (bytes + 2 * stack->guard - 1) / stack->guard * stack->guard;
    stack->memory = __real_mmap64(NULL, stack->bytes, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (stack->memory == MAP_FAILED) {
        memory_own_free(stack);
        return NULL;
    }
    mprotect(stack->memory, stack->guard, PROT_NONE);
    stack->function = function;
    stack->argument = argument;
    stack_place_init(&stack->inside, (char *)stack->memory + stack->guard,
                     stack->bytes - stack->guard, begin);
    return stack;
}

void stack_enter(struct stack *stack)
{
    int outside_errno = errno;
    errno = stack->saved_errno;
    before_entering(stack);
    entered = stack;
    stack_switch(&stack->outside, &stack->inside);
    after_leaving(stack);
    errno = outside_errno;
}

void stack_leave(struct stack *stack, int for_good)
{
    stack->saved_errno = errno;
    before_leaving(stack, for_good);
    stack_switch(&stack->inside, &stack->outside);
    after_entering(stack);
}

void stack_destroy(struct stack *stack)
{
    forget(stack);
    __real_munmap(stack->memory, stack->bytes);
    readable_forget(stack->memory, stack->bytes);
    memory_own_free(stack);
}
