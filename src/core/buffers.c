/* buffers.c - the pool of receive buffers: its memory. */
#include "core/buffers.h"
#include "core/checking.h"
#include "kernel/kernel.h"

#include <stdlib.h>

enum { CACHE_LINE = 64 };

int buffers_init(struct buffers *buffers, uint32_t count, uint32_t bytes)
{
    size_t stride = ((size_t)bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE + CACHE_LINE;
    size_t size = count * stride;
    uint32_t *stack = malloc(count * sizeof *stack);
    if (!stack)
        return -ENOMEM;
    void *memory = NULL;
    if (kernel_mmap(NULL, size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, &memory) < 0) {
        free(stack);
        return -ENOMEM;
    }
    *buffers = (struct buffers){.memory = memory,
                                .stride = stride,
                                .stack = stack,
                                .free = count,
                                .count = count,
                                .bytes = bytes};
    for (uint32_t i = 0; i < count; i++)
        stack[i] = count - 1 - i;
    return 0;
}

void buffers_done(struct buffers *buffers)
{
    if (buffers->memory) {
        checking_pool_done(buffers);
        kernel_munmap(NULL, buffers->memory, buffers->count * buffers->stride);
    }
    free(buffers->stack);
    *buffers = (struct buffers){0};
}
