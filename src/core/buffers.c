/* buffers.c - the pool of receive buffers: its memory, and hark_buffer_keep and _return. */
#include "core/buffers.h"
#include "core/loop.h"
#include "hark/buffer.h"

#include <stdlib.h>
#include <sys/mman.h>

int buffers_init(struct buffers *buffers, uint32_t count, uint32_t bytes)
{
    size_t size = (size_t)count * bytes;
    uint32_t *stack = malloc(count * sizeof *stack);
    if (!stack)
        return -ENOMEM;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        free(stack);
        return -ENOMEM;
    }
    *buffers = (struct buffers){.memory = memory, .stack = stack, .free = count, .count = count, .bytes = bytes};
    for (uint32_t i = 0; i < count; i++)
        stack[i] = count - 1 - i;
    return 0;
}

void buffers_done(struct buffers *buffers)
{
    if (buffers->memory)
        munmap(buffers->memory, (size_t)buffers->count * buffers->bytes);
    free(buffers->stack);
    *buffers = (struct buffers){0};
}

void *hark_buffer_keep(struct hark_op *op)
{
    if (op->code != HARK_OP_RECV_EACH || !op->with.io.buffer)
        return NULL;
    op->with.io.buffer = 0;
    return op->with.io.bytes;
}

void hark_buffer_return(struct hark_loop *loop, void *buffer)
{
    if (!buffer)
        return;
    const struct buffers *buffers = &loop->buffers;
    size_t offset = (size_t)((char *)buffer - buffers->memory);
    check(offset < (size_t)buffers->count * buffers->bytes);
    loop->backend->buffer_returned(loop, (uint32_t)(offset / buffers->bytes));
}

size_t hark_buffer_size(const struct hark_loop *loop)
{
    return loop->buffers.bytes;
}
