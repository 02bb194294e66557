/* handshakes.c - see the header. */
#include "connection/handshakes.h"

#include <errno.h>
#include <sys/socket.h>

static enum handshake_failure failure_of(int error)
{
    switch (-error) {
    case EPROTOTYPE:
        return HANDSHAKE_HTTP;
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
        [HANDSHAKE_HTTP] = "http",
        [HANDSHAKE_PROTOCOL] = "protocol",
        [HANDSHAKE_CERTIFICATE] = "certificate",
        [HANDSHAKE_TIMEOUT] = "timeout",
        [HANDSHAKE_ENDED] = "ended",
        [HANDSHAKE_OTHER] = "other",
    };
    return names[failure];
}

void handshakes_answer(const struct hark_stream *stream)
{
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\n"
                                 "Content-Type: application/json\r\n"
                                 "X-Content-Type-Options: nosniff\r\n"
                                 "Connection: close\r\n"
                                 "\r\n"
                                 "{\"error\":\"this port speaks TLS: ask for https://\"}\n";
    /* Best effort: it goes into an empty socket, or nowhere. */
    hark_os_send(hark_stream_fd(stream), answer, sizeof answer - 1, MSG_DONTWAIT);
}
