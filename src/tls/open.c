/* open.c - streams over TLS, from sockets and from names. */
#include "tls/connection.h"
#include "tls/handshake.h"
#include "tls/records.h"

#include "hark/os.h"

#include <errno.h>
#include <string.h>

enum { NAME_MAX_BYTES = 255 };

static const struct hark_transport over_tls = {
    .version = HARK_TRANSPORT_VERSION,
    .open = handshake_open,
    .receive = records_receive,
    .send = records_send,
    .end = records_end,
    .close = records_close,
    .watch = records_watch,
};

/* The name in the form in which certificates have it: without the dot at its end.
 * Takes: text of NAME_MAX_BYTES + 1.
 * Gives: 0, or -EINVAL. */
static int take_name(const struct hark_tls *tls, const char *name, char *text)
{
    size_t length = name ? strlen(name) : 0;
    if (length > NAME_MAX_BYTES || (length == 0 && tls->settings->verifies))
        return -EINVAL;
    if (length > 0 && name[0] == '.')
        return -EINVAL; /* to OpenSSL any host beneath */
    if (length > 0)
        memcpy(text, name, length);
    if (length > 1 && text[length - 1] == '.')
        length--;
    text[length] = '\0';
    return 0;
}

/* Nothing of the stream's is known before it is open, so its deadline is kept here. */
static void limit(struct connection *connection, struct hark_loop *loop, uint64_t timeout_ns)
{
    uint64_t now_ns = timeout_ns ? hark_os_clock(loop) : 0;
    if (timeout_ns && timeout_ns < HARK_NEVER - now_ns)
        connection->until_ns = now_ns + timeout_ns;
}

static int make(struct hark_tls *tls, struct hark_stream *stream, const char *name,
                struct connection **out_connection)
{
    char text[NAME_MAX_BYTES + 1];
    int error = take_name(tls, name, text);
    if (error)
        return error;
    struct connection *connection = connection_create(tls, stream, text);
    if (!connection)
        return -ENOMEM;
    connection->transport = over_tls;
    *out_connection = connection;
    return 0;
}

int hark_stream_open_tls(struct hark_loop *loop, struct hark_stream *stream, int fd,
                         struct hark_tls *tls, const char *server_name,
                         const struct hark_stream_options *options,
                         const struct hark_stream_events *events)
{
    struct hark_stream_options own = options ? *options : (struct hark_stream_options){0};
    struct connection *connection;
    int error = make(tls, stream, server_name, &connection);
    if (error)
        return error;
    uint64_t timeout_ns = tls->settings->handshake_timeout_ns;
    if (!own.connect_timeout_ns || own.connect_timeout_ns > timeout_ns)
        own.connect_timeout_ns = timeout_ns; /* the stream gives it to the first op */
    limit(connection, loop, own.connect_timeout_ns);
    hark_stream_open_over(loop, stream, &connection->transport, fd, &own, events);
    return 0;
}

int hark_stream_connect_tls(struct hark_loop *loop, struct hark_stream *stream,
                            const struct hark_stream_name *name, struct hark_tls *tls,
                            const char *server_name, const struct hark_stream_options *options,
                            const struct hark_stream_events *events)
{
    struct connection *connection;
    int error = tls->settings->server ? -EINVAL : 0;
    if (!error)
        error = make(tls, stream, server_name ? server_name : name->host, &connection);
    if (error)
        return error;
    limit(connection, loop, options ? options->connect_timeout_ns : 0);
    error = hark_stream_connect_over(loop, stream, name, &connection->transport, options, events);
    if (error)
        connection_destroy(connection);
    return error;
}
