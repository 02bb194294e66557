/* http_reader.c - see the header. */
#include "wire/http_reader.h"

struct http_reading {
    struct http_request request;
    struct transcript *transcript;
    bool refused;
};

static void *http_begin(struct transcript *transcript)
{
    struct http_reading *reading = calloc(1, sizeof *reading);

    assert_non_null(reading);
    http_request_init(&reading->request);
    reading->transcript = transcript;
    return reading;
}

static const char *http_method_text(enum http_method method)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};

    return names[method];
}

static void http_note_head(struct http_reading *reading)
{
    const struct http_request *request = &reading->request;

    note(reading->transcript, "%s ", http_method_text(request->method));
    note_bytes(reading->transcript, request->path, request->path_count);
    note(reading->transcript, "?%s 1.%d %s%s%s%s", request->query, request->version_minor,
         request->host, request->keep_alive ? "" : " close",
         request->expects_continue ? " expects" : "", request->chunked ? " chunked" : "");
    assert_int_equal(strlen(request->path), request->path_count);
}

static bool http_feed(void *state, const char *bytes, size_t count)
{
    struct http_reading *reading = state;

    while (count > 0) {
        size_t used = SIZE_MAX;
        const enum http_state result = http_request_feed(&reading->request, bytes, count, &used);

        assert_true(used <= count);
        bytes += used;
        count -= used;
        switch (result) {
        case HTTP_MORE:
            assert_int_equal(count, 0);
            break;
        case HTTP_HEAD_COMPLETE:
            http_note_head(reading);
            note(reading->transcript, " follows |");
            break;
        case HTTP_COMPLETE:
            http_note_head(reading);
            note(reading->transcript, "%s", reading->request.has_body ? " body=" : "");
            note_bytes(reading->transcript, reading->request.body, reading->request.body_count);
            assert_int_equal(reading->request.body[reading->request.body_count], '\0');
            note(reading->transcript, "\n");
            http_request_next(&reading->request);
            break;
        case HTTP_REFUSED:
            note(reading->transcript, "refused %d %s\n", reading->request.status,
                 reading->request.reason);
            assert_int_equal(http_request_feed(&reading->request, "x", 1, &used), HTTP_REFUSED);
            assert_int_equal(used, 0);
            assert_false(reading->request.keep_alive);
            reading->refused = true;
            return false;
        }
    }
    return true;
}

static void http_end(void *state)
{
    struct http_reading *reading = state;

    if (!reading->refused && http_request_begun(&reading->request))
        note(reading->transcript, "cut\n");
    http_request_done(&reading->request);
    assert_false(http_request_begun(&reading->request));
    free(reading);
}

const struct reader http_reader = {http_begin, http_feed, http_end};
