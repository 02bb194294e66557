/* buffers.c - the pool of receive buffers: its memory, and hark_buffer_return. */
#include "core/buffers.h"
#include "core/loop.h"
#include "hark/buffer.h"

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

void hark_buffer_return(struct hark_loop *loop, void *buffer)
{
    if (!buffer)
        return;
    checking_thread(loop, NULL, -1);
    struct buffers *buffers = &loop->buffers;
    size_t index = (size_t)((char *)buffer - buffers->memory) / buffers->stride;
    bool lent = index < buffers->count && buffers_at(buffers, (uint32_t)index) == buffer;
    check_rule(lent, "a buffer was returned that is none of this loop's pool", NULL, -1);
    check_rule(buffers->free + buffers->offered < buffers->count, "a buffer was returned twice",
               NULL, -1);
    checking_buffer_back(loop, buffer);
    buffers->stack[buffers->free++] = (uint32_t)index;
}

size_t hark_buffer_size(const struct hark_loop *loop)
{
    return loop->buffers.bytes;
}
