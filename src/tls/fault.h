/* fault.h - what has gone wrong, as a number and in a line for a person: what, on what, why, and
 * what to do. */
#ifndef TLS_FAULT_H
#define TLS_FAULT_H

#include "hark/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

/* Empties OpenSSL's list of this thread before a call whose outcome is looked for there. It mostly
 * is empty, and emptying it then costs as much as a tenth of a short record. */
static inline void fault_forget(void)
{
    if (ERR_peek_error())
        ERR_clear_error();
}

/* Writes the line. out NULL: nothing.
 * Gives: the error. */
__attribute__((format(printf, 3, 4))) int fault_say(struct hark_tls_error *out, int error,
                                                    const char *format, ...);

/* The newest reason on OpenSSL's list of this thread, which is emptied, in its own words; "" none.
 * Takes: text of HARK_TLS_WHY_BYTES / 2. */
void fault_reason(char *text);

/* A call on a connection has failed, for the first reason on OpenSSL's list of this thread.
 * Takes: doing: "handshake", "receiving"; with: whom, as the line is to name it.
 * Gives: the error; the line is written. */
int fault_of(SSL *ssl, const char *doing, const char *with, struct hark_tls_error *out);

#endif
