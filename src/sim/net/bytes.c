/* bytes.c - a ring that grows. */
#include "sim/net/bytes.h"
#include "base/check.h"
#include "sim/file/file.h"
#include "sim/world/memory.h"

#include <string.h>

enum { ROOM_AT_FIRST = 512 };

static void grow(struct bytes *bytes, size_t needed)
{
    if (needed <= bytes->room)
        return;
    size_t room = bytes->room ? bytes->room : ROOM_AT_FIRST;
    while (room < needed)
        room *= 2;
    unsigned char *memory = memory_own(room);
    if (bytes->count > 0)
        bytes_copy(bytes, 0, memory, bytes->count);
    memory_own_free(bytes->memory);
    bytes->memory = memory;
    bytes->room = room;
    bytes->first = 0;
}

/* The places from the one on that lie behind each other. */
static size_t in_a_row(const struct bytes *bytes, size_t place, size_t size)
{
    return size < bytes->room - place ? size : bytes->room - place;
}

void bytes_put(struct bytes *bytes, const struct iovec *vector, int parts, size_t at, size_t size)
{
    if (size == 0)
        return;
    grow(bytes, bytes->count + size);
    size_t place = (bytes->first + bytes->count) % bytes->room;
    size_t row = in_a_row(bytes, place, size);
    check(vector_take(vector, parts, at, bytes->memory + place, row) == row);
    if (size > row)
        check(vector_take(vector, parts, at + row, bytes->memory, size - row) == size - row);
    bytes->count += size;
}

void bytes_put_plain(struct bytes *bytes, const void *from, size_t size)
{
    struct iovec vector = {(void *)(uintptr_t)from, size};
    bytes_put(bytes, &vector, 1, 0, size);
}

void bytes_copy(const struct bytes *bytes, size_t from, void *to, size_t size)
{
    struct iovec vector = {to, size};
    bytes_copy_to_vector(bytes, from, &vector, 1, 0, size);
}

void bytes_copy_to_vector(const struct bytes *bytes, size_t from, const struct iovec *vector,
                          int parts, size_t at, size_t size)
{
    check(from + size <= bytes->count);
    if (size == 0 || bytes->room == 0)
        return;
    size_t place = (bytes->first + from) % bytes->room;
    size_t row = in_a_row(bytes, place, size);
    vector_put(vector, parts, at, bytes->memory + place, row);
    if (size > row)
        vector_put(vector, parts, at + row, bytes->memory, size - row);
}

void bytes_drop(struct bytes *bytes, size_t size)
{
    check(size <= bytes->count);
    bytes->count -= size;
    if (bytes->room > 0)
        bytes->first = (bytes->first + size) % bytes->room;
}

void bytes_done(struct bytes *bytes)
{
    memory_own_free(bytes->memory);
    *bytes = (struct bytes){0};
}
