/* wire.h - the encrypted side of a connection: what OpenSSL reads and writes, as a BIO over memory.
 *
 * What is to be sent is gathered in `filling` and sent from `sending`: so what a send in flight
 * points at stays, though OpenSSL has more to say meanwhile. */
#ifndef TLS_WIRE_H
#define TLS_WIRE_H

#include <openssl/bio.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    WIRE_PIECE = 16384,          /* what a record holds, and what is received at a time */
    WIRE_BATCH = 3 * WIRE_PIECE, /* bytes of a stream that are encrypted for one send */
    WIRE_FILLING_MAX =
        6 * WIRE_PIECE /* those, or certificates; more is an attempt to fill memory */
};

struct wire_buffer {
    char *bytes;
    size_t count, room;
};

struct wire {
    const char *in; /* has been received, and not yet been read by OpenSSL */
    size_t in_count;
    struct wire_buffer filling, sending;
    size_t sent; /* of `sending` */
};

/* How OpenSSL meets a wire.
 * Gives: NULL: no memory. */
BIO_METHOD *wire_method(void);

/* A BIO over a wire, which must outlive it.
 * Gives: NULL: no memory. */
BIO *wire_bio(BIO_METHOD *method, struct wire *wire);

/* What was being sent has gone out, or never will. */
void wire_sent(struct wire *wire);

/* Makes what was gathered what is to be sent next. Nothing is being sent.
 * Gives: whether there is anything. */
bool wire_next(struct wire *wire);

void wire_done(struct wire *wire);

#endif
