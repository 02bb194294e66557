/* http_framing.c - where a body ends, and so where the next message begins: what a proxy before us
 * could read otherwise is refused, not guessed. */
#include "wire/http_framing.h"

/* Only "chunked" is understood. Another coding below "chunked" would be legal (501); "chunked"
 * anywhere but once at the end is not. */
static bool read_coding(struct http_span value, struct http_refusal *refusal)
{
    struct http_span coding = {NULL, 0};
    unsigned codings = 0;
    unsigned chunked = 0;
    bool last = false;

    while (http_list_next(&value, &coding)) {
        if (coding.count == 0)
            return http_refuse(refusal, 400, "an empty transfer coding");
        last = http_span_is(coding, "chunked");
        chunked += last;
        codings++;
    }
    if (!last || chunked != 1)
        return http_refuse(refusal, 400, "a Transfer-Encoding that does not end in one chunked");
    if (codings != 1)
        return http_refuse(refusal, 501, "a transfer coding other than chunked");
    return true;
}

bool http_framing_read(const struct http_fields *fields, int version_minor,
                       struct http_framing *out_framing, struct http_refusal *out_refusal)
{
    struct http_framing framing = {0};
    struct http_span coding = {NULL, 0};
    struct http_span length = {NULL, 0};
    const unsigned codings = http_fields_find(fields, "transfer-encoding", &coding);
    const unsigned lengths = http_fields_find(fields, "content-length", &length);

    if (codings > 1)
        return http_refuse(out_refusal, 400, "Transfer-Encoding twice");
    if (lengths > 1)
        return http_refuse(out_refusal, 400, "Content-Length twice");
    if (codings && lengths)
        return http_refuse(out_refusal, 400, "Content-Length together with Transfer-Encoding");
    if (codings && version_minor == 0)
        return http_refuse(out_refusal, 400, "Transfer-Encoding in HTTP/1.0");
    if (codings && !read_coding(coding, out_refusal))
        return false;
    if (lengths && !http_decimal(length, &framing.length))
        return http_refuse(out_refusal, 400, "a Content-Length that is no number");
    framing.chunked = codings == 1;
    framing.has_length = lengths == 1;
    *out_framing = framing;
    return true;
}

bool http_keep_alive_read(const struct http_fields *fields, int version_minor)
{
    bool close = false;
    bool keep = false;

    for (unsigned index = 0; index < fields->fields; index++) {
        struct http_span list = http_fields_value(fields, index);
        struct http_span option;

        if (!http_span_is(http_fields_name(fields, index), "connection"))
            continue;
        while (http_list_next(&list, &option)) {
            close |= http_span_is(option, "close");
            keep |= http_span_is(option, "keep-alive");
        }
    }
    return !close && (keep || version_minor > 0);
}
