/* sign.c - what is asked, and the answer; the signature is access/signature.h's. */
#include "http/sign.h"

#include "access/signature.h"
#include "broker/stream.h"
#include "http/answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "wire/name.h"

enum { SECONDS_DEFAULT = 60, NS_PER_SECOND = 1000000000 };

/* Gives: NULL, or what is wrong. */
static const char *seconds_of(const struct http_connection *http, uint64_t *out_seconds)
{
    char text[16];
    int error = http_request_query(&http->request, "seconds", text, sizeof text);
    *out_seconds = SECONDS_DEFAULT;
    if (error == -ENOENT)
        return NULL;
    if (error < 0 || id_parse(text, strlen(text), out_seconds) < 0 || *out_seconds == 0 ||
        *out_seconds > SIGNATURE_SECONDS_MAX)
        return "seconds is a number from 1 to 3600";
    return NULL;
}

void sign_url(struct http_connection *http, const struct exchange *exchange)
{
    static const struct http_line lines[] = {{"Cache-Control", "no-store"}, {0}};
    struct worker *worker = http->connection.worker;
    const char *name = broker_stream_name(http->route.stream);
    char query[SIGNATURE_QUERY_BYTES] = "";
    char body[2 * (SIGNATURE_QUERY_BYTES + NAME_BYTES_MAX)];
    uint64_t seconds;
    const char *wrong = seconds_of(http, &seconds);
    if (wrong) {
        answer_error(http, exchange, 400, NULL, wrong);
        return;
    }
    /* Where everybody may do everything there is nothing to be signed. */
    uint64_t until = hark_os_wall_clock(worker->loop) / NS_PER_SECOND + seconds;
    if (worker->access.rules &&
        !signature_make(&worker->access, &http->route.who, name, until, query)) {
        answer_no_memory(http, exchange);
        return;
    }
    int count = snprintf(body, sizeof body,
                         "{\"url\":\"/streams/%s%s%s\",\"query\":\"%s\",\"until\":%llu}\n", name,
                         *query ? "?" : "", query, query, (unsigned long long)until);
    answer_bytes(http, exchange, 200, "application/json", lines, body, (size_t)count);
}
