/* authority.h - certificates for tests, made when they are needed: a CA of the test's own, and what
 * it signs. Keys are P-256, but where RSA is asked for. */
#ifndef TESTS_TLS_AUTHORITY_H
#define TESTS_TLS_AUTHORITY_H

#include "hark/tls.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/* A certificate, its key, and both as PEM. */
struct paper {
    X509 *certificate;
    EVP_PKEY *key;
    char *pem, *key_pem;
};

/* What a certificate is to say. */
struct paper_wish {
    const char *name;    /* its subject */
    const char *altname; /* "DNS:localhost,IP:127.0.0.1"; NULL none */
    long from_seconds;   /* from now; negative: before */
    long to_seconds;     /* 0: an hour */
    bool rsa;
    bool ca;
};

/* Makes a certificate that is signed by an issuer; NULL: by itself. */
void paper_make(struct paper *paper, const struct paper_wish *wish, const struct paper *issuer);
void paper_done(struct paper *paper);

/* The CA of a test, and a server's certificate by it for localhost and 127.0.0.1. */
void paper_authority(struct paper *authority);
void paper_server(struct paper *server, const struct paper *authority);

/* A paper as options want it. */
struct hark_tls_certificate paper_as_certificate(const struct paper *paper);

/* A paper as files in the test's directory: NAME.pem and NAME.key. */
void paper_write(const struct paper *paper, const char *name);

#endif
