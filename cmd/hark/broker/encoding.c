/* encoding.c - from an encoding to the functions of its protocol. The bytes themselves are left to
 * wire/.
 *
 * Thread: any. */
#include "broker/encoding.h"

#include "base/check.h"
#include "wire/lines.h"
#include "wire/sse.h"

#include <string.h>

const char *broker_encoding_name(enum broker_encoding encoding)
{
    static const char *const names[BROKER_ENCODINGS] = {
        [BROKER_SSE] = "sse", [BROKER_LINES] = "lines"};
    return names[encoding];
}

size_t broker_encoded_size(enum broker_encoding encoding, uint64_t id, const void *bytes,
                           size_t count)
{
    switch (encoding) {
    case BROKER_SSE:
        return sse_event_size(id, NULL, bytes, count);
    case BROKER_LINES:
        return lines_event_size(id, bytes, count);
    case BROKER_BYTES:
        return count;
    case BROKER_JSON:
        return count + 1;
    }
    check(false);
}

static size_t encode_json(char *to, const char *bytes, size_t count)
{
    if (count > 0)
        memcpy(to, bytes, count);
    for (char *end = memchr(to, '\n', count); end;
         end = memchr(end, '\n', count - (size_t)(end - to)))
        *end++ = ',';
    to[count] = ',';
    return count + 1;
}

size_t broker_encode(enum broker_encoding encoding, char *to, uint64_t id, const void *bytes,
                     size_t count)
{
    int64_t written = 0;
    switch (encoding) {
    case BROKER_SSE:
        written = sse_event_encode(id, NULL, bytes, count, to, SIZE_MAX);
        break;
    case BROKER_LINES:
        written = lines_event_encode(id, bytes, count, to, SIZE_MAX);
        break;
    case BROKER_BYTES:
        if (count > 0)
            memcpy(to, bytes, count);
        return count;
    case BROKER_JSON:
        return encode_json(to, bytes, count);
    }
    check(written > 0);
    return (size_t)written;
}

size_t broker_encode_gap(enum broker_encoding encoding, char *to, uint64_t after, uint64_t first)
{
    _Static_assert((int)BROKER_GAP_BYTES_MAX >= (int)SSE_GAP_BYTES_MAX &&
                       (int)BROKER_GAP_BYTES_MAX >= (int)LINES_GAP_BYTES_MAX,
                   "room for a gap");
    if (encoding >= BROKER_ENCODINGS)
        return 0;
    return encoding == BROKER_SSE ? sse_gap_encode(after, first, to)
                                  : lines_gap_encode(after, first, to);
}
