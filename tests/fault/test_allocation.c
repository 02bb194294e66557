/* test_allocation.c - the nth allocation fails, n = 1, 2, ... until a run in which none did; once
 * each, and then for ever.
 *
 * The program's own malloc and its relatives stand before libc's (or the sanitizer's), so that
 * every allocation of the library, of libc for it, and of its threads is counted, and can be
 * refused. mmap counts as well: rings and pools come from it. */
#include "fault/faults.h"
#include "harness/sanitizer.h"
#include "harness/scenario.h"

#include <stdlib.h>

#if THREAD_SANITIZED

/* ThreadSanitizer allocates before it is ready to be called from here. */
BACKEND_TEST(each_allocation_fails_and_nothing_is_lost)
{
    harness_skip("the thread sanitizer has the allocator to itself");
}

#else

/* The real ones: a sanitizer's where there is one, else libc's. */
void *__interceptor_malloc(size_t size) __attribute__((weak));
void *__interceptor_calloc(size_t count, size_t size) __attribute__((weak));
void *__interceptor_realloc(void *memory, size_t size) __attribute__((weak));
void *__interceptor_aligned_alloc(size_t alignment, size_t size) __attribute__((weak));
int __interceptor_posix_memalign(void **out_memory, size_t alignment, size_t size)
    __attribute__((weak));
void __interceptor_free(void *memory) __attribute__((weak));
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static atomic_bool armed;
static atomic_bool for_ever;
static atomic_ulong fail_at; /* this one, counted from 1; 0: none */
static atomic_ulong seen;
static atomic_ulong refused;
static pthread_t loop_thread;
static atomic_long alive; /* allocations that were not freed */

/* Only the loop's thread is refused: a sanitizer allocates in each new thread and ends the program
 * where it gets nothing. */
static bool refuse(void)
{
    if (!atomic_load(&armed) || !pthread_equal(pthread_self(), loop_thread))
        return false;
    unsigned long number = atomic_fetch_add(&seen, 1) + 1;
    unsigned long at = atomic_load(&fail_at);
    if (at == 0 || (atomic_load(&for_ever) ? number < at : number != at))
        return false;
    atomic_fetch_add(&refused, 1);
    errno = ENOMEM;
    return true;
}

static void *count_alive(void *memory)
{
    if (memory)
        atomic_fetch_add(&alive, 1);
    return memory;
}

void *malloc(size_t size)
{
    if (refuse())
        return NULL;
    return count_alive(__interceptor_malloc ? __interceptor_malloc(size) : __libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    if (refuse())
        return NULL;
    return count_alive(__interceptor_calloc ? __interceptor_calloc(count, size)
                                            : __libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
    if (refuse())
        return NULL;
    void *moved =
        __interceptor_realloc ? __interceptor_realloc(memory, size) : __libc_realloc(memory, size);
    return memory ? moved : count_alive(moved);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    if (refuse())
        return NULL;
    return count_alive(__interceptor_aligned_alloc ? __interceptor_aligned_alloc(alignment, size)
                                                   : __libc_memalign(alignment, size));
}

int posix_memalign(void **out_memory, size_t alignment, size_t size)
{
    if (refuse())
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

static int no_mapping; /* the fault of mmap */

static void arm(void)
{
    no_mapping = FAULT(.calls = "kernel_mmap", .error = -ENOMEM, .chooses = refuse);
    loop_thread = pthread_self();
    atomic_store(&seen, 0);
    atomic_store(&refused, 0);
    atomic_store(&armed, true);
}

static void disarm(void)
{
    atomic_store(&armed, false);
    fault_end(no_mapping);
}

static const struct scenario_faults faults = {.arm = arm, .disarm = disarm, .patience = 40};

/* Runs the scenario with each allocation failing in turn. */
static void fail_each(bool ever)
{
    enum { ENOUGH = 5000 };
    assert_true(scenario_undisturbed() > 200);
    atomic_store(&fail_at, 0);
    assert_true(scenario_run(&faults) > 200);
    assert_true(atomic_load(&seen) > 10); /* it does see the library's */
    long alive_before = atomic_load(&alive);
    atomic_store(&for_ever, ever);
    unsigned long number = 1;
    for (; number < ENOUGH; number++) {
        atomic_store(&fail_at, number);
        scenario_run(&faults);
        if (atomic_load(&refused) == 0)
            break;
        long left = atomic_load(&alive) - alive_before;
        if (left > 0)
            fail_msg("%ld allocations are left after the failure of number %lu", left, number);
    }
    assert_true(number > 10 && number < ENOUGH);
}

BACKEND_TEST_TIMEOUT(each_allocation_fails_once_and_nothing_is_lost, 120)
{
    fail_each(false);
}

BACKEND_TEST_TIMEOUT(each_allocation_fails_for_ever_and_nothing_is_lost, 120)
{
    fail_each(true);
}

BACKEND_TEST(promise_07_deadline_that_there_is_no_memory_for_ends_its_op_with_enomem)
{
    int ends[2];
    char byte[1];
    struct harness_op receive = {0};
    harness_socket_pair(loop, ends);
    hark_recv(loop, &receive.op, ends[0], byte, 1, 0, harness_done);
    harness_settle(loop);
    atomic_store(&for_ever, true);
    atomic_store(&fail_at, 1);
    arm();
    hark_op_deadline(&receive.op, HARK_NEVER - 1);
    disarm();
    assert_true(atomic_load(&refused) > 0);
    harness_run(loop);
    assert_result(receive.result, -ENOMEM);
    harness_close(loop, ends[0]);
    harness_close(loop, ends[1]);
}

#endif
