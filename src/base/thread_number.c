/* thread_number.c - see the header. */
#include "base/thread_number.h"
#include "kernel/kernel.h"

#include <stdatomic.h>

uint64_t thread_number(void)
{
    static _Atomic(uint64_t) last;
    uint64_t *own = kernel_thread_word();
    if (*own == 0)
        *own = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
    return *own;
}
