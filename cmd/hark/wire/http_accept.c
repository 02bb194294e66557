/* http_accept.c - what a client takes, by its Accept fields (RFC 9110, 12.5.1). */
#include "wire/http_request.h"

#include <string.h>
#include <strings.h>

/* Whether the parameters after a media range say q=0, in any of its spellings. */
static bool weight_zero(struct http_span parameters)
{
    while (parameters.count > 0) {
        const char *semicolon = memchr(parameters.bytes, ';', parameters.count);
        struct http_span one = parameters;

        if (semicolon)
            one.count = (size_t)(semicolon - parameters.bytes);
        parameters.bytes += one.count + !!semicolon;
        parameters.count -= one.count + !!semicolon;
        one = http_span_trim(one);
        if (one.count < 3 || strncasecmp(one.bytes, "q=0", 3) != 0)
            continue;
        for (size_t at = 3; at < one.count; at++) {
            if (one.bytes[at] != '0' && one.bytes[at] != '.')
                return false;
        }
        return true;
    }
    return false;
}

/* How closely a media range names the type: 3 by name, 2 as "text" with a wildcard, 1 as wildcard
 * of all, 0 not. */
static int closeness(struct http_span range, const char *type)
{
    const size_t major = (size_t)(strchrnul(type, '/') - type) + 1;

    if (http_span_is(range, type))
        return 3;
    if (range.count == major + 1 && range.bytes[major] == '*' &&
        strncasecmp(range.bytes, type, major) == 0)
        return 2;
    return http_span_is(range, "*/*");
}

enum http_accept http_request_accepts(const struct http_request *request, const char *type)
{
    const struct http_fields *fields = &request->parts->fields;
    bool any = false;
    bool zero = false;
    int best = 0;

    for (unsigned index = 0; index < fields->fields; index++) {
        struct http_span list = http_fields_value(fields, index);
        struct http_span range;

        if (!http_span_is(http_fields_name(fields, index), "accept"))
            continue;
        any = true;
        while (http_list_next(&list, &range)) {
            const char *semicolon = memchr(range.bytes, ';', range.count);
            struct http_span parameters = {NULL, 0};
            int close;

            if (semicolon) {
                parameters = (struct http_span){
                    semicolon + 1, range.count - (size_t)(semicolon - range.bytes) - 1};
                range.count = (size_t)(semicolon - range.bytes);
            }
            close = closeness(http_span_trim(range), type);
            if (close > best) {
                best = close;
                zero = weight_zero(parameters);
            }
        }
    }
    if (!any)
        return HTTP_ACCEPT_WILDCARD;
    if (best == 0 || zero)
        return HTTP_ACCEPT_NO;
    return best == 3 ? HTTP_ACCEPT_NAMED : HTTP_ACCEPT_WILDCARD;
}
