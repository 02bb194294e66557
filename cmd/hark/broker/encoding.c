/* encoding.c - from an encoding to the functions of its protocol. The bytes themselves are left to
 * wire/.
 *
 * Thread: any. */
#include "broker/encoding.h"

#include "base/check.h"
#include "wire/lines.h"
#include "wire/sse.h"

const char *broker_encoding_name(enum broker_encoding encoding)
{
    static const char *const names[BROKER_ENCODINGS] = {
        [BROKER_SSE] = "sse", [BROKER_LINES] = "lines"};
    return names[encoding];
}

size_t broker_encoded_size(enum broker_encoding encoding, uint64_t id, const void *bytes,
                           size_t count)
{
    return encoding == BROKER_SSE ? sse_event_size(id, NULL, bytes, count)
                                  : lines_event_size(id, bytes, count);
}

size_t broker_encode(enum broker_encoding encoding, char *to, uint64_t id, const void *bytes,
                     size_t count)
{
    int64_t written = encoding == BROKER_SSE
                          ? sse_event_encode(id, NULL, bytes, count, to, SIZE_MAX)
                          : lines_event_encode(id, bytes, count, to, SIZE_MAX);
    check(written > 0);
    return (size_t)written;
}

size_t broker_encode_gap(enum broker_encoding encoding, char *to, uint64_t after, uint64_t first)
{
    _Static_assert((int)BROKER_GAP_BYTES_MAX >= (int)SSE_GAP_BYTES_MAX &&
                       (int)BROKER_GAP_BYTES_MAX >= (int)LINES_GAP_BYTES_MAX,
                   "room for a gap");
    return encoding == BROKER_SSE ? sse_gap_encode(after, first, to)
                                  : lines_gap_encode(after, first, to);
}
