/* http_write.c - writing heads: of responses for the server, of requests for the clients; lines of
 * chunks; dates.
 *
 * Nothing that came from a peer may end a line of a head early: values with CR, LF or NUL are
 * refused.
 */
#include "wire/http.h"

#include "wire/name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
    int status;
    const char *text;
} statuses[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *http_method_name(enum http_method method)
{
    static const char *const names[HTTP_METHODS] = {
        [HTTP_METHOD_GET] = "GET",       [HTTP_METHOD_HEAD] = "HEAD",
        [HTTP_METHOD_POST] = "POST",     [HTTP_METHOD_PUT] = "PUT",
        [HTTP_METHOD_DELETE] = "DELETE", [HTTP_METHOD_OPTIONS] = "OPTIONS",
        [HTTP_METHOD_PATCH] = "PATCH",
    };
    return names[method];
}

const char *http_status_text(int status)
{
    for (size_t index = 0; index < sizeof statuses / sizeof statuses[0]; index++) {
        if (statuses[index].status == status)
            return statuses[index].text;
    }
    return "Status";
}

/* A writer into a room that may be too small: it goes on counting, and the end tells. */
struct writer {
    char *bytes;
    size_t room;
    size_t count;
};

static void put_bytes(struct writer *writer, const char *bytes, size_t count)
{
    if (count <= writer->room && writer->count <= writer->room - count)
        memcpy(writer->bytes + writer->count, bytes, count);
    writer->count += count;
}

static void put(struct writer *writer, const char *text)
{
    put_bytes(writer, text, strlen(text));
}

/* Its digits, as those of an id: snprintf would be a tenth of all that an answer costs. */
static void put_number(struct writer *writer, uint64_t number)
{
    char digits[ID_BYTES_MAX];

    put_bytes(writer, digits, id_format(number, digits));
}

static void put_field(struct writer *writer, const char *name, const char *value)
{
    put(writer, name);
    put(writer, ": ");
    put(writer, value);
    put(writer, "\r\n");
}

static int64_t end(const struct writer *writer)
{
    return writer->count <= writer->room ? (int64_t)writer->count : -ENOSPC;
}

static void put_length(struct writer *writer, int64_t length)
{
    if (length == HTTP_LENGTH_CHUNKED)
        put_field(writer, "Transfer-Encoding", "chunked");
    if (length >= 0) {
        put(writer, "Content-Length: ");
        put_number(writer, (uint64_t)length);
        put(writer, "\r\n");
    }
}

static bool one_line(const char *value)
{
    return !value || !strpbrk(value, "\r\n");
}

/* What ends a line in the middle would begin one that nobody meant. */
static bool whole_lines(const struct http_line *line)
{
    for (; line && line->name; line++)
        if (!one_line(line->value))
            return false;
    return true;
}

static void put_lines(struct writer *writer, const struct http_line *line)
{
    for (; line && line->name; line++)
        put_field(writer, line->name, line->value);
}

int64_t http_head_write(const struct http_head *head, char *bytes, size_t room)
{
    struct writer writer = {bytes, room, 0};

    if (head->status < 100 || head->status > 599 || !one_line(head->content_type) ||
        !one_line(head->date) || !whole_lines(head->lines))
        return -EINVAL;
    put(&writer, "HTTP/1.1 ");
    put_number(&writer, (uint64_t)head->status);
    put(&writer, " ");
    put(&writer, http_status_text(head->status));
    put(&writer, "\r\n");
    if (head->date)
        put_field(&writer, "Date", head->date);
    if (head->content_type)
        put_field(&writer, "Content-Type", head->content_type);
    put_length(&writer, head->length);
    if (head->status >= 200) {
        put(&writer, "X-Content-Type-Options: nosniff\r\n");
        put_field(&writer, "Connection", head->keep_alive ? "keep-alive" : "close");
    }
    put_lines(&writer, head->lines);
    put(&writer, "\r\n");
    return end(&writer);
}

static bool one_word(const char *value)
{
    return *value && !strpbrk(value, " \t\r\n");
}

int64_t http_request_head_write(const struct http_request_head *head, char *bytes, size_t room)
{
    struct writer writer = {bytes, room, 0};

    if (!one_word(head->method) || !one_word(head->target) || !one_word(head->host) ||
        !whole_lines(head->lines))
        return -EINVAL;
    put(&writer, head->method);
    put(&writer, " ");
    put(&writer, head->target);
    put(&writer, " HTTP/1.1\r\n");
    put_field(&writer, "Host", head->host);
    put_length(&writer, head->length);
    put_lines(&writer, head->lines);
    put(&writer, "\r\n");
    return end(&writer);
}

size_t http_chunk_head_write(size_t count, char *bytes)
{
    static const char digits[] = "0123456789abcdef";
    size_t width = 1;

    while (width < 2 * sizeof count && count >> (4 * width))
        width++;
    for (size_t at = 0; at < width; at++)
        bytes[at] = digits[count >> (4 * (width - 1 - at)) & 15];
    memcpy(bytes + width, "\r\n", 2);
    return width + 2;
}

const char *http_date(int64_t seconds, char *text)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const time_t time = (time_t)seconds;
    struct tm parts;

    gmtime_r(&time, &parts);
    snprintf(text, HTTP_DATE_BYTES, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[parts.tm_wday],
             (unsigned)parts.tm_mday % 100, months[parts.tm_mon],
             (unsigned)(parts.tm_year + 1900) % 10000, (unsigned)parts.tm_hour % 100,
             (unsigned)parts.tm_min % 100, (unsigned)parts.tm_sec % 100);
    return text;
}
