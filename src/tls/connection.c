/* connection.c - see the header. */
#include "tls/connection.h"

#include "hark/timer.h"

#include <stdlib.h>
#include <string.h>

struct connection *connection_create(struct hark_tls *tls, struct hark_stream *stream,
                                     const char *name)
{
    size_t length = name ? strlen(name) : 0;
    struct connection *connection = calloc(1, sizeof *connection + length + 1);
    if (!connection)
        return NULL;
    connection->tls = context_keep(tls);
    connection->stream = stream;
    connection->end = NOT_ENDED;
    connection->wire.in_end = WIRE_GOES_ON;
    connection->until_ns = HARK_NEVER;
    if (name)
        memcpy(connection->with, name, length);
    return connection;
}

void connection_destroy(struct connection *connection)
{
    /* Else OpenSSL takes it that a session is spoilt when we have closed without close_notify. */
    if (connection->ssl && !connection->why.text[0])
        SSL_set_shutdown(connection->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(connection->ssl);
    SSL_SESSION_free(connection->session);
    settings_release(connection->settings);
    context_release(connection->tls);
    wire_done(&connection->wire);
    free(connection->spill);
    free(connection);
}

const char *connection_with(const struct connection *connection)
{
    if (connection->with[0])
        return connection->with;
    const struct settings *settings =
        connection->settings ? connection->settings : connection->tls->settings;
    return settings->server ? "a client" : "a server";
}

void connection_feed(struct connection *connection, const void *bytes, size_t count)
{
    connection->wire.in = bytes;
    connection->wire.in_count = count;
}

void connection_keep_session(struct connection *connection)
{
    if (!connection->session)
        return;
    bool holds = connection->settings == connection->tls->settings; /* else by rules of before */
    if (holds && SSL_SESSION_is_resumable(connection->session) && connection->with[0])
        sessions_put(&connection->tls->sessions, connection->with, connection->session);
    else
        SSL_SESSION_free(connection->session);
    connection->session = NULL;
}

void connection_op_ended(struct connection *connection)
{
    if (connection->waits_to_close)
        hark_sleep_move(&connection->stream->close, 0);
}
