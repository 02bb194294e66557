/* lend.c - what a program does with a buffer that it was lent (hark/buffer.h). */
#include "core/loop.h"
#include "hark/buffer.h"

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
