/* meeting.h - a server's and a client's context, with certificates of the test's own, and both
 * sides of a connection as witnesses. */
#ifndef TESTS_TLS_MEETING_H
#define TESTS_TLS_MEETING_H

#include "net/witness.h"
#include "tls/authority.h"

struct meeting {
    struct paper authority, paper;
    struct hark_tls_certificate certificate;
    struct hark_tls *server_tls, *client_tls;
    struct witness server, client;
};

/* Papers and both contexts.
 * Takes: the options of either; certificate and CA are filled in where there is none. NULL: nothing
 *   else. */
void meeting_prepare(struct meeting *meeting, const struct hark_tls_options *server,
                     const struct hark_tls_options *client);

/* Connects both sides; what comes is not waited for. */
void meeting_connect(struct hark_loop *loop, struct meeting *meeting,
                     const struct hark_stream_options *options);

/* The same over a unix socket with small buffers. */
void meeting_connect_over_unix(struct hark_loop *loop, struct meeting *meeting,
                               const struct hark_stream_options *options);

/* Over TCP, and waits for both handshakes: asserts that they are good. */
void meeting_begin(struct hark_loop *loop, struct meeting *meeting,
                   const struct hark_stream_options *options);

/* Closes both sides, for another meeting_connect. */
void meeting_part(struct hark_loop *loop, struct meeting *meeting);

/* Gives up contexts and papers. */
void meeting_done(struct meeting *meeting);

/* A context; asserts that it can be made. */
struct hark_tls *tls_make(const struct hark_tls_options *options);

void witness_open_tls(struct hark_loop *loop, struct witness *witness, int fd, struct hark_tls *tls,
                      const char *name, const struct hark_stream_options *options);

#endif
