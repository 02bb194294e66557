/* wire.h - the encrypted side of a connection: what OpenSSL reads and writes, as a BIO over memory.
 *
 * What is to be sent is gathered in `filling` and sent from `sending`: so what a send in flight
 * points at stays, though OpenSSL has more to say meanwhile. Of a long message each record goes to
 * the socket itself, without a copy, until that is full. */
#ifndef TLS_WIRE_H
#define TLS_WIRE_H

#include <openssl/bio.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    WIRE_PIECE = 16384,            /* what a record holds, and what is received at a time */
    WIRE_BATCH = 3 * WIRE_PIECE,   /* bytes of a stream that are encrypted for one send */
    WIRE_STRETCH = 8 * WIRE_PIECE, /* those that go over the socket directly in one turn */
    WIRE_FILLING_MAX =
        6 * WIRE_PIECE /* those, or certificates; more is an attempt to fill memory */
};

struct wire_buffer {
    char *bytes;
    size_t count, room;
};

enum { WIRE_GOES_ON = 1 }; /* as `in_end`: an end is 0, the peer's, or a negative errno */

struct wire {
    const char *in; /* has been received, and not yet been read by OpenSSL */
    size_t in_count;
    size_t may_read; /* so much it may read from `fd` behind that; 0 also: that has nothing more */
    int in_end;      /* of that */
    struct wire_buffer filling, sending;
    size_t sent;  /* of `sending` */
    bool direct;  /* what OpenSSL writes is given to `fd` at once */
    bool goes_on; /* more of the message follows: no segment is to leave half full */
    int refused;  /* with this error; 0: it was not */
    int fd;
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
