/* connection.h - one side of a connection over TLS: the state of a stream's transport. For
 * handshake.c and records.c, which move it on, and open.c, which makes it. */
#ifndef TLS_CONNECTION_H
#define TLS_CONNECTION_H

#include "tls/context.h"
#include "tls/wire.h"

#include "hark/transport.h"

/* What a step of the handshake came to. */
enum step { STEP_WANTS, STEP_DONE, STEP_FAILED };

enum { NOT_ENDED = 1 }; /* as `end`: an end is 0 or less */

struct connection {
    struct hark_transport transport;
    SSL_SESSION *session; /* a new one, until the context has it; OpenSSL's app data */
    struct hark_tls *tls;
    struct settings *settings;
    SSL *ssl; /* NULL: the handshake has not begun */
    struct wire wire;
    char *spill; /* WIRE_PIECE bytes: what is received where none are lent. NULL: not needed yet */

    struct hark_stream *stream;
    struct waiter waiter;
    uint64_t until_ns; /* the deadline of the handshake */
    uint64_t asked_ns; /* since when its peer is waited for */
    bool computes;     /* a step is with the pool */
    enum step step;
    int failure; /* of the handshake, or of a send */
    hark_done *opened, *received, *sent, *ended, *closed;

    void *into; /* of the receive under way; NULL: to be lent */
    size_t into_count;
    size_t taken; /* bytes of the message that the send under way is for */
    int end;      /* of reading */
    bool closing, waits_to_close;

    unsigned char alpn_count;
    char alpn[256];
    struct hark_tls_error why;
    char with[]; /* whom: for lines, and for sessions; "" a server's */
};

static inline struct connection *connection_of(const struct hark_stream *stream)
{
    return hark_container_of(stream->transport, struct connection, transport);
}

/* Takes a new connection's context and makes what has to be there before its handshake.
 * Takes: name: whom a client wants to meet; NULL nobody.
 * Gives: NULL: no memory. */
struct connection *connection_create(struct hark_tls *tls, struct hark_stream *stream,
                                     const char *name);

/* Nothing of it is in flight. */
void connection_destroy(struct connection *connection);

/* Who is at the other end, for a line. */
const char *connection_with(const struct connection *connection);

/* Has OpenSSL read so many bytes next. Those before have been read. */
void connection_feed(struct connection *connection, const void *bytes, size_t count);

/* What a client has been given to resume the session goes to the context. */
void connection_keep_session(struct connection *connection);

/* One of its ops has ended that closing may wait for. */
void connection_op_ended(struct connection *connection);

#endif
