/* checking_memory.c - hashes of what ops were given.
 *
 * All is read by process_vm_readv(2): it says of memory that is not there what the kernel will say
 * to the op, and passes by the sanitizers. Where a filter refuses that call nothing is remembered.
 * Each step of a hash is a bijection of what came before, so a change of eight bytes or fewer is
 * never missed. */
#include "core/checking_memory.h"
#include "core/op_kinds.h"
#include "kernel/kernel.h"

#include <limits.h>
#include <string.h>

enum { CHUNK = 4096 };

bool memory_is_read(int code)
{
    return op_kinds[code].reads;
}

bool memory_is_filled(int code)
{
    return op_kinds[code].fills;
}

/* --- reading and hashing --- */

/* Gives how many bytes could be read from there on, or a negative errno. */
static ssize_t read_some(const void *from, void *to, size_t count)
{
    const struct iovec local = {to, count};
    const struct iovec remote = {(void *)(uintptr_t)from, count};
    return count > 0 ? kernel_process_vm_readv(NULL, &local, &remote) : 0;
}

/* Where the caller's pointer may be NULL, or point anywhere. */
static const void *place_behind(const void *from, size_t count)
{
    return (const void *)((uintptr_t)from + count);
}

static bool read_all(struct memory *memory, const void *from, void *to, size_t count)
{
    ssize_t result = memory->error ? memory->error : read_some(from, to, count);
    if (result != (ssize_t)count)
        memory->error = result < 0 ? (int)result : -EFAULT;
    return !memory->error;
}

static uint64_t add(uint64_t hash, const void *bytes, size_t count)
{
    for (size_t at = 0; at < count; at += sizeof hash) {
        uint64_t word = 0;
        memcpy(&word, (const char *)bytes + at,
               count - at < sizeof word ? count - at : sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return (hash ^ count) * UINT64_C(0x9e3779b97f4a7c15);
}

/* --- around the bytes --- */

static void add_around(struct memory *memory, const void *bytes, size_t count)
{
    char chunk[CHUNK];
    for (size_t at = 0; at < count && at < MEMORY_BYTES_MAX; at += sizeof chunk) {
        size_t step = count - at < sizeof chunk ? count - at : sizeof chunk;
        if (!read_all(memory, place_behind(bytes, at), chunk, step))
            return;
        memory->around = add(memory->around, chunk, step);
    }
    memory->gone |= memory_is_gone(bytes, count < MEMORY_BYTES_MAX ? count : MEMORY_BYTES_MAX);
}

/* A path ends before the page does in which it may be the last thing. */
static void add_path(struct memory *memory, const char *path)
{
    char text[PATH_MAX];
    ssize_t count = path ? read_some(path, text, sizeof text) : -EFAULT;
    size_t length = count > 0 ? strnlen(text, (size_t)count) : 0;
    if (count < 0 || length == (size_t)count) {
        memory->error = count < 0 ? (int)count : -EFAULT;
        return;
    }
    memory->around = add(memory->around, text, length);
    memory->gone |= memory_is_gone(path, length + 1);
}

/* --- the bytes --- */

static size_t piece_of(size_t at)
{
    return at < MEMORY_PIECE_MIN ? 0 : (size_t)(64 - __builtin_clzll(at / MEMORY_PIECE_MIN));
}

static size_t begin_of(size_t piece)
{
    return piece == 0 ? 0 : (size_t)MEMORY_PIECE_MIN << (piece - 1);
}

static void add_bytes(struct memory *memory, const void *bytes, size_t count)
{
    char chunk[CHUNK];
    uintptr_t begin = (uintptr_t)bytes;
    uintptr_t end = count < UINTPTR_MAX - begin ? begin + count : UINTPTR_MAX;
    memory->low = begin < memory->low ? begin : memory->low;
    memory->high = end > memory->high ? end : memory->high;
    if (count > MEMORY_BYTES_MAX - memory->count)
        count = MEMORY_BYTES_MAX - memory->count;
    for (size_t at = 0; at < count;) {
        size_t piece = piece_of(memory->count);
        size_t step = begin_of(piece + 1) - memory->count;
        step = step < count - at ? step : count - at;
        step = step < sizeof chunk ? step : sizeof chunk;
        if (!read_all(memory, place_behind(bytes, at), chunk, step))
            return;
        memory->pieces[piece] = add(memory->pieces[piece], chunk, step);
        memory->count += step;
        at += step;
    }
    memory->gone |= memory_is_gone(bytes, count);
}

static void add_vectors(struct memory *memory, const struct iovec *vectors, size_t count)
{
    struct iovec vector;
    if (count > IOV_MAX) {
        memory->error = -EINVAL;
        return;
    }
    add_around(memory, vectors, count * sizeof *vectors);
    for (size_t i = 0; i < count && read_all(memory, place_behind(vectors, i * sizeof vector),
                                             &vector, sizeof vector);
         i++)
        add_bytes(memory, vector.iov_base, vector.iov_len);
}

/* Of a message that is received the kernel fills in the lengths, the address and the control
 * data. */
static void add_message(struct memory *memory, const struct msghdr *from, bool sends)
{
    struct msghdr message;
    if (!read_all(memory, from, &message, sizeof message))
        return;
    const void *const places[] = {message.msg_name, message.msg_iov, message.msg_control};
    memory->around = add(memory->around, places, sizeof places);
    memory->around = add(memory->around, &message.msg_iovlen, sizeof message.msg_iovlen);
    memory->gone |= memory_is_gone(from, sizeof *from);
    if (sends) {
        add_around(memory, message.msg_name, message.msg_name ? message.msg_namelen : 0);
        add_around(memory, message.msg_control, message.msg_control ? message.msg_controllen : 0);
    }
    add_vectors(memory, message.msg_iov, message.msg_iovlen);
}

bool memory_remember(struct memory *memory, const struct hark_op *op)
{
    *memory = (struct memory){.low = UINTPTR_MAX};
    switch ((enum op_memory)op_kinds[op->code].memory) {
    case MEMORY_BYTES:
        add_bytes(memory, op->with.io.bytes, op->with.io.count);
        return true;
    case MEMORY_VECTORS:
        add_vectors(memory, op->with.io.bytes, op->with.io.count);
        return true;
    case MEMORY_MESSAGE:
        add_message(memory, op->with.io.bytes, op->code == HARK_OP_SENDMSG);
        return true;
    case MEMORY_NAME:
        add_around(memory, op->with.address.name, op->with.address.count);
        return true;
    case MEMORY_OPENED:
        add_path(memory, op->with.open.path);
        return true;
    case MEMORY_PATHS:
        add_path(memory, op->with.path.to);
        add_path(memory, op->with.path.from);
        return true;
    case MEMORY_PATH:
        add_path(memory, op->with.path.from);
        return true;
    case MEMORY_TIMES:
        add_around(memory, op->with.path.times,
                   op->with.path.times ? 2 * sizeof *op->with.path.times : 0);
        add_path(memory, op->with.path.from);
        return true;
    case MEMORY_ATTRIBUTE:
        if (op->code == HARK_OP_SETXATTRAT)
            add_around(memory, op->with.attribute.value, op->with.attribute.size);
        add_path(memory, op->with.attribute.name);
        add_path(memory, op->with.attribute.path);
        return true;
    case MEMORY_NONE:
        break; /* nothing, or what is filled in at its end alone */
    }
    return false;
}

const char *memory_breach(const struct memory *memory, const struct hark_op *op, size_t filled)
{
    struct memory now;
    if (memory->error)
        return NULL;
    (void)memory_remember(&now, op);
    if (now.error == -EFAULT || (now.gone && !memory->gone))
        return "memory that an op was given was freed while it was in flight";
    if (now.error)
        return NULL; /* a filter has come meanwhile */
    if (now.around != memory->around)
        return "an address, a path or a vector was changed while an op was in flight that it was "
               "given to";
    if (now.count != memory->count)
        return NULL;
    for (size_t piece = 0; piece < MEMORY_PIECES; piece++) {
        if (begin_of(piece) < filled || now.pieces[piece] == memory->pieces[piece])
            continue;
        return memory_is_read(op->code)
                   ? "bytes were changed while an op was in flight that sends or writes them"
                   : "bytes were changed by the program while an op was in flight that fills them";
    }
    return NULL;
}
