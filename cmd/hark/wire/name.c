/* name.c - names of streams and ids of events.
 *
 * These few rules decide what reaches a file name, a header and a line of every protocol: nothing
 * that they let through may need escaping anywhere.
 */
#include "wire/name.h"

#include <errno.h>

static bool name_byte(char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-';
}

bool name_part_valid(const char *bytes, size_t count)
{
    bool dots = true;

    for (size_t at = 0; at < count; at++) {
        if (!name_byte(bytes[at]))
            return false;
        dots = dots && bytes[at] == '.';
    }
    return count > 0 && !(dots && count <= 2);
}

bool name_valid(const char *bytes, size_t count)
{
    size_t begun = 0;

    if (count > NAME_BYTES_MAX || (count > 0 && bytes[0] == '.'))
        return false;
    for (size_t at = 0; at < count; at++) {
        if (bytes[at] != '/')
            continue;
        if (!name_part_valid(bytes + begun, at - begun))
            return false;
        begun = at + 1;
    }
    return name_part_valid(bytes + begun, count - begun);
}

int id_parse(const char *bytes, size_t count, uint64_t *out_id)
{
    uint64_t id = 0;

    if (count == 0 || (count > 1 && bytes[0] == '0'))
        return -EINVAL;
    for (size_t at = 0; at < count; at++) {
        if (bytes[at] < '0' || bytes[at] > '9')
            return -EINVAL;
    }
    for (size_t at = 0; at < count; at++) {
        if (__builtin_mul_overflow(id, (uint64_t)10, &id) ||
            __builtin_add_overflow(id, (uint64_t)(bytes[at] - '0'), &id))
            return -ERANGE;
    }
    *out_id = id;
    return 0;
}

size_t id_size(uint64_t id)
{
    size_t digits = 1;

    while (id >= 10) {
        id /= 10;
        digits++;
    }
    return digits;
}

size_t id_format(uint64_t id, char *bytes)
{
    const size_t digits = id_size(id);

    for (size_t at = digits; at-- > 0; id /= 10)
        bytes[at] = (char)('0' + id % 10);
    return digits;
}
