/* events.c - see the header. */
#include "durable/events.h"

#include "base/base64.h"
#include "durable/facts.h"
#include "durable/offset.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DATA_HEAD "event: data\n"

bool events_are_base64(const char *type)
{
    return strncasecmp(type, "text/", 5) != 0 && !durable_type_is_json(type);
}

static size_t count_line_ends(const char *bytes, size_t count)
{
    size_t ends = 0;
    for (size_t i = 0; i < count; i++)
        ends += bytes[i] == '\n' || bytes[i] == '\r';
    return ends;
}

size_t events_size(const char *type, const char *bytes, size_t count)
{
    const size_t head = strlen(DATA_HEAD) + strlen("data: []\n\n");
    if (count == 0)
        return 0;
    if (events_are_base64(type))
        return head + (count + 2) / 3 * 4;
    return head + count + (count_line_ends(bytes, count) + 1) * strlen("data: \n");
}

static size_t put_text(char *to, const char *text)
{
    const size_t count = strlen(text);
    memcpy(to, text, count);
    return count;
}

/* A reader takes one blank off behind the colon: a line that begins with one gets another. */
static size_t begin_line(char *to, const char *line, size_t count)
{
    return put_text(to, count > 0 && *line == ' ' ? "data: " : "data:");
}

/* Each line as a line of data; CR LF, CR and LF end one. */
static size_t put_lines(char *to, const char *bytes, size_t count)
{
    size_t out = begin_line(to, bytes, count);
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != '\n' && bytes[i] != '\r') {
            to[out++] = bytes[i];
            continue;
        }
        if (bytes[i] == '\r' && i + 1 < count && bytes[i + 1] == '\n')
            i++;
        to[out++] = '\n';
        out += begin_line(to + out, bytes + i + 1, count - i - 1);
    }
    return out;
}

size_t events_encode(const char *type, const char *bytes, size_t count, char *to)
{
    size_t out = put_text(to, DATA_HEAD);
    if (durable_type_is_json(type)) {
        out += put_text(to + out, "data:[");
        memcpy(to + out, bytes, count - 1);
        out += count - 1;
        to[out++] = ']';
    } else if (events_are_base64(type)) {
        out += put_text(to + out, "data:");
        out += base64_encode(to + out, bytes, count);
    } else {
        out += put_lines(to + out, bytes, count);
    }
    return out + put_text(to + out, "\n\n");
}

size_t events_control(const struct durable_control *control, char *to)
{
    char offset[OFFSET_BYTES], cursor[48] = "";
    offset_format(control->after, offset);
    if (!control->closed)
        snprintf(cursor, sizeof cursor, ",\"streamCursor\":\"%" PRIu64 "\"", control->cursor);
    int count = snprintf(to, EVENTS_CONTROL_MAX,
                         "event: control\ndata:{\"streamNextOffset\":\"%s\"%s%s%s}\n\n", offset,
                         cursor, control->up_to_date ? ",\"upToDate\":true" : "",
                         control->closed ? ",\"streamClosed\":true" : "");
    return (size_t)count;
}

uint64_t durable_cursor(uint64_t now_ns, uint64_t had)
{
    const uint64_t epoch_s = 1728432000, step_s = 20; /* 2024-10-09 */
    const uint64_t now_s = now_ns / 1000000000;
    const uint64_t now = now_s > epoch_s ? (now_s - epoch_s) / step_s : 0;
    const uint64_t jitter = 1 + now_ns / 1000 % (3600 / step_s);
    return had >= now && had != 0 ? had + jitter : now;
}
