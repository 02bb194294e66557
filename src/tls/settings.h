/* settings.h - the rules and certificates by which handshakes go, as OpenSSL has them. Made once
 * and never changed: who wants others makes new ones (context.h). Connections that have begun with
 * them keep them. */
#ifndef TLS_SETTINGS_H
#define TLS_SETTINGS_H

#include "hark/tls.h"

#include <openssl/ssl.h>

struct settings {
    unsigned references; /* of one loop's thread */
    bool server;
    bool verifies;
    bool asks_clients;
    bool own_ticket_keys;
    bool on_pool; /* handshakes are computed there */
    unsigned handshakes_max;
    uint64_t handshake_timeout_ns;
    void (*key_log)(void *context, const char *line);
    void *context;
    BIO_METHOD *method;
    unsigned char *alpn; /* as it stands on the wire */
    unsigned alpn_count;
    size_t count;
    SSL_CTX *of[]; /* one for each certificate; at least one */
};

/* Makes them.
 * Gives: 0, and one reference.
 * Fails: as hark_tls_create. */
int settings_create(const struct hark_tls_options *options, struct settings **out_settings,
                    struct hark_tls_error *out_error);

struct settings *settings_keep(struct settings *settings);

/* Takes NULL. The last frees them. */
void settings_release(struct settings *settings);

/* Has sessions of the one resumed by the other. */
void settings_hand_over(const struct settings *from, struct settings *to);

#endif
