/* http_second.c - llhttp, told to be as strict as it can, over bytes that were looked at already.
 *
 * It gets a whole head at once, then pieces of a chunked body, and is stopped at the message's end:
 * there it would go on with the next one, or with what it takes for another protocol after an
 * upgrade. There are no upgrades here: a message that asks for one is read as any other (RFC 9110,
 * 7.8).
 *
 * llhttp 8.1 also refuses a chunk extension that follows one with an unquoted value ("5;a=b;c"),
 * which RFC 9112 allows. Nobody sends such; it gets 400 here until llhttp reads it.
 */
#include "wire/http_second.h"

#include <errno.h>

static struct http_second *of(llhttp_t *parser)
{
    return parser->data;
}

static int headers_complete(llhttp_t *parser)
{
    struct http_second *second = of(parser);

    second->head = true;
    return second->no_body ? 1 : 0;
}

static int body(llhttp_t *parser, const char *bytes, size_t count)
{
    struct http_second *second = of(parser);

    return second->body ? second->body(second->context, bytes, count) : 0;
}

static int message_complete(llhttp_t *parser)
{
    of(parser)->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_headers_complete = headers_complete,
    .on_body = body,
    .on_message_complete = message_complete,
};

void http_second_init(struct http_second *second, llhttp_type_t type, bool no_body,
                      http_second_body *give, void *context)
{
    *second = (struct http_second){.body = give, .context = context, .no_body = no_body};
    llhttp_init(&second->parser, type, &settings);
    second->parser.data = second;
}

bool http_second_read(struct http_second *second, const char *bytes, size_t count)
{
    const llhttp_errno_t error = llhttp_execute(&second->parser, bytes, count);

    if (error == HPE_PAUSED && second->complete)
        return llhttp_get_error_pos(&second->parser) == bytes + count;
    return error == HPE_OK;
}

const char *http_second_reason(const struct http_second *second)
{
    const char *reason = llhttp_get_error_reason(&second->parser);

    return second->parser.error != HPE_PAUSED && reason && *reason
               ? reason
               : "a message that can be read in two ways";
}

int http_second_read_chunks(struct http_second *second, struct http_chunks *chunks,
                            const char *bytes, size_t count, size_t *out_used,
                            struct http_refusal *out_refusal)
{
    struct http_refusal refusal = {0};
    const int result = http_chunks_scan(chunks, bytes, count, out_used, &refusal);
    /* The byte that refuses is the last one taken. What stands before it counts first, as it would
     * in smaller pieces. */
    const size_t good = *out_used - (result < 0);

    if (!http_second_read(second, bytes, good) || second->complete != (result == 1)) {
        *out_refusal = (struct http_refusal){400, http_second_reason(second)};
        return -EBADMSG;
    }
    if (result < 0)
        *out_refusal = refusal;
    return result;
}
