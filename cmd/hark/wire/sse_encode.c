/* sse_encode.c - encoding events. One encoding of an event serves all its subscribers, so it is
 * made in one pass into memory of the exact size, which a pass before has counted. */
#include "wire/line_end.h"
#include "wire/name.h"
#include "wire/sse.h"

#include <errno.h>
#include <stdio.h>

#define DATA "data: "

enum {
    DATA_BYTES = sizeof(DATA) - 1,
    ID_LINE_BYTES = 5,   /* "id: " and LF */
    NAME_LINE_BYTES = 8, /* "event: " and LF */
};

/* Steps past the line that ends at `line_end`, which is not the end of the text. A CR LF is one
 * end. */
static void step_past(struct line_walk *walk, const char *line_end)
{
    walk->at = line_end + 1;
    if (*line_end == '\r' && walk->at < walk->end && *walk->at == '\n')
        walk->at++;
}

static size_t name_count(const char *name)
{
    return name ? strlen(name) : 0;
}

size_t sse_event_size(uint64_t id, const char *name, const void *data, size_t count)
{
    struct line_walk walk = line_walk_over(data, count);
    size_t size = ID_LINE_BYTES + id_size(id) + 1;

    if (name_count(name) > 0)
        size += NAME_LINE_BYTES + name_count(name);
    for (;;) {
        const char *line_end = line_walk_find(&walk);

        size += DATA_BYTES + (size_t)(line_end - walk.at) + 1;
        if (line_end == walk.end)
            return size;
        step_past(&walk, line_end);
    }
}

static char *put(char *to, const char *bytes, size_t count)
{
    if (count > 0)
        memcpy(to, bytes, count);
    return to + count;
}

int64_t sse_event_encode(uint64_t id, const char *name, const void *data, size_t count, char *bytes,
                         size_t room)
{
    struct line_walk walk = line_walk_over(data, count);
    const char *line_end;
    char *to = bytes;

    if (name_count(name) > SSE_NAME_BYTES_MAX || (name && strpbrk(name, "\r\n")))
        return -EINVAL;
    if (sse_event_size(id, name, data, count) > room)
        return -ENOSPC;
    to = put(to, "id: ", 4);
    to += id_format(id, to);
    *to++ = '\n';
    if (name_count(name) > 0) {
        to = put(to, "event: ", 7);
        to = put(to, name, strlen(name));
        *to++ = '\n';
    }
    for (;;) {
        line_end = line_walk_find(&walk);
        to = put(to, DATA, DATA_BYTES);
        to = put(to, walk.at, (size_t)(line_end - walk.at));
        *to++ = '\n';
        if (line_end == walk.end)
            break;
        step_past(&walk, line_end);
    }
    *to++ = '\n';
    return to - bytes;
}

size_t sse_gap_encode(uint64_t after, uint64_t first, char *bytes)
{
    return (size_t)snprintf(bytes, SSE_GAP_BYTES_MAX,
                            "event: gap\ndata: {\"after\":\"%llu\",\"first\":\"%llu\"}\n\n",
                            (unsigned long long)after, (unsigned long long)first);
}

size_t sse_retry_encode(uint64_t milliseconds, char *bytes)
{
    return (size_t)snprintf(bytes, SSE_RETRY_BYTES_MAX, "retry: %llu\n\n",
                            (unsigned long long)milliseconds);
}
