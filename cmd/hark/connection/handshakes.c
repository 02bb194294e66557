/* handshakes.c - see the header. */
#include "connection/handshakes.h"

#include <errno.h>

static enum handshake_failure failure_of(int error)
{
    switch (-error) {
    case EPROTO:
        return HANDSHAKE_PROTOCOL;
    case EKEYREJECTED:
    case EKEYEXPIRED:
        return HANDSHAKE_CERTIFICATE;
    case ETIMEDOUT:
        return HANDSHAKE_TIMEOUT;
    case ECONNABORTED:
    case ECONNRESET:
    case EPIPE:
        return HANDSHAKE_ENDED;
    default:
        return HANDSHAKE_OTHER;
    }
}

void handshakes_count(struct worker_counters *counters, const struct hark_stream *stream, int error)
{
    if (error < 0)
        counters->handshake_failures[failure_of(error)]++;
    else if (hark_tls_resumed(stream))
        counters->handshakes_resumed++;
    else
        counters->handshakes++;
}

const char *handshakes_name(enum handshake_failure failure)
{
    static const char *const names[HANDSHAKE_FAILURES] = {
        [HANDSHAKE_PROTOCOL] = "protocol", [HANDSHAKE_CERTIFICATE] = "certificate",
        [HANDSHAKE_TIMEOUT] = "timeout",   [HANDSHAKE_ENDED] = "ended",
        [HANDSHAKE_OTHER] = "other",
    };
    return names[failure];
}
