/* encoding.c - from an encoding to the functions of its protocol. The bytes themselves are left to
 * wire/. */
#include "hub/encoding.h"
#include "base/check.h"

#include "wire/lines.h"
#include "wire/sse.h"

const char *hub_encoding_name(enum hub_encoding encoding)
{
    static const char *const names[HUB_ENCODINGS] = {[HUB_SSE] = "sse", [HUB_LINES] = "lines"};
    return names[encoding];
}

size_t hub_encoded_size(enum hub_encoding encoding, uint64_t id, const void *bytes, size_t count)
{
    return encoding == HUB_SSE ? sse_event_size(id, NULL, bytes, count)
                               : lines_event_size(id, bytes, count);
}

size_t hub_encode(enum hub_encoding encoding, char *to, uint64_t id, const void *bytes,
                  size_t count)
{
    int64_t written = encoding == HUB_SSE ? sse_event_encode(id, NULL, bytes, count, to, SIZE_MAX)
                                          : lines_event_encode(id, bytes, count, to, SIZE_MAX);
    check(written > 0);
    return (size_t)written;
}

size_t hub_encode_gap(enum hub_encoding encoding, char *to, uint64_t after, uint64_t first)
{
    _Static_assert((int)HUB_GAP_BYTES_MAX >= (int)SSE_GAP_BYTES_MAX &&
                       (int)HUB_GAP_BYTES_MAX >= (int)LINES_GAP_BYTES_MAX,
                   "room for a gap");
    return encoding == HUB_SSE ? sse_gap_encode(after, first, to)
                               : lines_gap_encode(after, first, to);
}
