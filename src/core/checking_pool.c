/* checking_pool.c - the lent buffers: what is back in the pool is filled with a pattern, and must
 * have it when it goes out again, in all that the kernel has not filled. AddressSanitizer forbids
 * it as well, so that it tells who touches it. For the checking build alone.
 *
 * Behind each buffer there is room before the next begins (buffers.h): there a note says where it
 * is. */
#include "core/checking_list.h"
#include "core/loop.h"
#include "core/message.h"
#include "hark/buffer.h"

#include <string.h>

enum { PATTERN = 0xa5, NOTE_ROOM = 64 };

enum note_mark {
    NOTE_NEW = 0,
    NOTE_LENT = 0x6c656e74,
    NOTE_BACK = 0x6261636b,
};

struct note {
    uint32_t mark;
    int32_t fd; /* whom it was lent to last */
};

static struct note *note_of(const struct buffers *buffers, const void *buffer)
{
    return (struct note *)((uintptr_t)buffer + buffers->stride - NOTE_ROOM);
}

CHECKING_UNSEEN static struct note read_note(const struct buffers *buffers, const void *buffer)
{
    return *note_of(buffers, buffer);
}

CHECKING_UNSEEN static void write_note(const struct buffers *buffers, const void *buffer,
                                       struct note note)
{
    *note_of(buffers, buffer) = note;
}

static _Noreturn void tell(struct note note, const char *rule)
{
    const struct hark_op receiver = {.code = HARK_OP_RECV_EACH};
    rule_broken(rule, &receiver, note.fd);
}

/* How much of a buffer has the pattern: of a large one the beginning. */
static size_t patterned(const struct buffers *buffers)
{
    return buffers->bytes < MEMORY_BYTES_MAX ? buffers->bytes : MEMORY_BYTES_MAX;
}

static bool has_pattern(const unsigned char *bytes, size_t count)
{
    return count == 0 || (bytes[0] == PATTERN && memcmp(bytes, bytes + 1, count - 1) == 0);
}

/* Has the pattern from there on, if it has been lent before. */
static void compare(const struct hark_loop *loop, const unsigned char *buffer, size_t from)
{
    const struct buffers *buffers = &loop->buffers;
    struct note note = read_note(buffers, buffer);
    size_t end = patterned(buffers);
    if (note.mark == NOTE_BACK && !loop->checking->pool_inexact && from < end &&
        !has_pattern(buffer + from, end - from))
        tell(note, "a lent buffer was written to after it had been returned");
}

void checking_buffer_out(const struct hark_loop *loop, void *buffer)
{
    memory_allow(buffer, loop->buffers.bytes);
    compare(loop, buffer, 0);
}

void checking_buffer_filled(const struct hark_loop *loop, void *buffer)
{
    memory_allow(buffer, loop->buffers.bytes);
}

void checking_buffer_unused(const struct buffers *buffers, void *buffer)
{
    memory_forbid(buffer, buffers->bytes);
}

static bool is_free(const struct buffers *buffers, const void *buffer)
{
    for (uint32_t i = 0; i < buffers->free; i++)
        if (buffers_at(buffers, buffers->stack[i]) == buffer)
            return true;
    return false;
}

void checking_buffer_back(const struct hark_loop *loop, void *buffer)
{
    const struct buffers *buffers = &loop->buffers;
    struct note note = read_note(buffers, buffer);
    if (note.mark != NOTE_NEW && note.mark != NOTE_LENT && note.mark != NOTE_BACK)
        rule_broken("a lent buffer was written to beyond its end", NULL, -1);
    if (note.mark != NOTE_LENT && is_free(buffers, buffer))
        tell(note, "a buffer was returned twice");
    write_note(buffers, buffer, (struct note){NOTE_BACK, note.fd});
    memory_allow(buffer, buffers->bytes);
    memset(buffer, PATTERN, patterned(buffers));
    memory_forbid(buffer, buffers->stride);
}

void checking_lends(struct hark_loop *loop, const struct hark_op *op, int64_t received)
{
    const struct buffers *buffers = &loop->buffers;
    void *buffer = hark_op_buffer(op);
    if (!buffer)
        return;
    memory_allow(buffer, buffers->bytes);
    const size_t head = op->code == HARK_OP_RECVMSG_EACH ? message_head_bytes(op) : 0;
    compare(loop, buffer, head + (size_t)received);
    write_note(buffers, buffer, (struct note){NOTE_LENT, op->fd});
    memory_forbid(note_of(buffers, buffer), NOTE_ROOM);
}

void checking_pool_done(const struct buffers *buffers)
{
    for (uint32_t i = 0; i < buffers->count; i++)
        if (read_note(buffers, buffers_at(buffers, i)).mark != NOTE_NEW)
            memory_allow(buffers_at(buffers, i), buffers->stride);
}
