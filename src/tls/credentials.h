/* credentials.h - certificates, keys and CAs, from files or texts in PEM, into an SSL_CTX. */
#ifndef TLS_CREDENTIALS_H
#define TLS_CREDENTIALS_H

#include "hark/tls.h"

#include <openssl/ssl.h>

/* The own certificate, its chain and its key.
 * Gives: 0; whether computing with the key is slow.
 * Fails: as hark_tls_create, and says why. */
int credentials_use(SSL_CTX *context, const struct hark_tls_certificate *certificate,
                    bool *out_slow, struct hark_tls_error *out_error);

/* Whom to trust; a server also tells its clients their names.
 * Takes: either of file and pem; NULL both: the system's CAs. */
int credentials_trust(SSL_CTX *context, const char *file, const char *pem, bool server,
                      struct hark_tls_error *out_error);

#endif
