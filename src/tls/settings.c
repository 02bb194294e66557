/* settings.c - options as OpenSSL has them.
 *
 * What must hold: nothing of the caller's options is kept but `context`; what OpenSSL calls back
 * (which certificate, which protocol, key log, sessions) may run on a thread of the pool, so it
 * reads settings, which stay as they are, and writes to its own connection alone. */
#include "tls/settings.h"
#include "tls/credentials.h"
#include "tls/fault.h"
#include "tls/sessions.h"
#include "tls/wire.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t timeout_default_ns = 10000000000;
static const char ciphers_default[] = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK";
static const unsigned char session_context[] = "hark";

enum { HANDSHAKES_DEFAULT = 256, REASON_BYTES = HARK_TLS_WHY_BYTES / 2 };

/* --- what OpenSSL asks --- */

static int choose_alpn(SSL *ssl, const unsigned char **out_name, unsigned char *out_length,
                       const unsigned char *offered, unsigned offered_count, void *pointer)
{
    const struct settings *settings = pointer;
    unsigned char *name;
    (void)ssl;
    if (SSL_select_next_proto(&name, out_length, settings->alpn, settings->alpn_count, offered,
                              offered_count) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out_name = name;
    return SSL_TLSEXT_ERR_OK;
}

/* The first certificate for the name that the client asks for; without one the first of all. */
static int choose_certificate(SSL *ssl, int *alert, void *pointer)
{
    const struct settings *settings = pointer;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    for (size_t i = 0; name && i < settings->count; i++) {
        X509 *certificate = SSL_CTX_get0_certificate(settings->of[i]);
        if (certificate && X509_check_host(certificate, name, 0, 0, NULL) == 1) {
            SSL_set_SSL_CTX(ssl, settings->of[i]);
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return name ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static void log_key(const SSL *ssl, const char *line)
{
    const struct settings *settings = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    settings->key_log(settings->context, line);
}

/* --- options --- */

static int refuse(const char *what, struct hark_tls_error *out_error)
{
    char reason[REASON_BYTES];
    fault_reason(reason);
    return fault_say(out_error, -EINVAL, "TLS: %s%s%s", what, reason[0] ? ": " : "", reason);
}

static int check_options(const struct hark_tls_options *options, struct hark_tls_error *out_error)
{
    bool asks = options->client_certificates != HARK_TLS_CLIENT_UNASKED;
    if (options->server && options->certificate_count == 0)
        return refuse("a server has no certificate; give it one", out_error);
    if (!options->server && options->certificate_count > 1)
        return refuse("a client has more than one certificate; give it one", out_error);
    if (options->server && asks && !options->ca_file && !options->ca_pem)
        return refuse("a server asks for certificates and trusts no CA; give it a ca_file",
                      out_error);
    if (!options->server && asks)
        return refuse("a client asks for clients' certificates; leave that to servers", out_error);
    return 0;
}

static int set_alpn(struct settings *settings, const struct hark_tls_options *options,
                    struct hark_tls_error *out_error)
{
    size_t room = 0, at = 0;
    for (size_t i = 0; i < options->alpn_count; i++)
        room += 1 + strlen(options->alpn[i]);
    if (room == 0)
        return 0;
    settings->alpn = malloc(room);
    if (!settings->alpn || room > UINT16_MAX)
        return fault_say(out_error, settings->alpn ? -EINVAL : -ENOMEM,
                         "TLS: no room for the protocols (ALPN)");
    for (size_t i = 0; i < options->alpn_count; i++) {
        size_t length = strlen(options->alpn[i]);
        if (length == 0 || length > UINT8_MAX)
            return refuse("a protocol (ALPN) has 1 to 255 bytes", out_error);
        settings->alpn[at++] = (unsigned char)length;
        memcpy(settings->alpn + at, options->alpn[i], length);
        at += length;
    }
    settings->alpn_count = (unsigned)at;
    return 0;
}

static int set_ciphers(SSL_CTX *context, const struct hark_tls_options *options,
                       struct hark_tls_error *out_error)
{
    const char *ciphers = options->ciphers ? options->ciphers : ciphers_default;
    int least = options->without_tls_1_2 ? TLS1_3_VERSION : TLS1_2_VERSION;
    if (SSL_CTX_set_min_proto_version(context, least) != 1 ||
        SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) != 1)
        return refuse("this OpenSSL has no TLS 1.2 or 1.3", out_error);
    if (SSL_CTX_set_cipher_list(context, ciphers) != 1)
        return refuse("no cipher of TLS 1.2 is known by these names: look at ciphers", out_error);
    if (options->cipher_suites && SSL_CTX_set_ciphersuites(context, options->cipher_suites) != 1)
        return refuse("a suite of TLS 1.3 is not known: look at cipher_suites", out_error);
    if (options->groups && SSL_CTX_set1_groups_list(context, options->groups) != 1)
        return refuse("a group is not known: look at groups", out_error);
    return 0;
}

static int set_verification(SSL_CTX *context, const struct hark_tls_options *options,
                            struct hark_tls_error *out_error)
{
    int mode = SSL_VERIFY_NONE;
    if (options->server && options->client_certificates != HARK_TLS_CLIENT_UNASKED)
        mode = SSL_VERIFY_PEER;
    if (options->server && options->client_certificates == HARK_TLS_CLIENT_REQUIRED)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    if (!options->server && !options->without_verification)
        mode = SSL_VERIFY_PEER;
    SSL_CTX_set_verify(context, mode, NULL);
    if (mode == SSL_VERIFY_NONE)
        return 0;
    return credentials_trust(context, options->ca_file, options->ca_pem, options->server,
                             out_error);
}

/* A session is resumed without a look at certificates: OpenSSL compares this context alone. So a
 * server that asks for certificates has one that is made of whom it trusts, and of how it asks. */
static void set_session_context(SSL_CTX *context, bool asks, int mode)
{
    unsigned char all[SSL_MAX_SID_CTX_LENGTH] = {0}, one[EVP_MAX_MD_SIZE] = {0};
    const STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(context));
    if (!asks) {
        SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1);
        return;
    }
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *trusted = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (!trusted || X509_digest(trusted, EVP_sha256(), one, NULL) != 1)
            continue;
        for (size_t at = 0; at < sizeof all; at++)
            all[at] ^= one[at]; /* in whatever order they stand */
    }
    all[0] ^= (unsigned char)mode;
    SSL_CTX_set_session_id_context(context, all, sizeof all);
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **place = SSL_get_app_data(ssl);
    SSL_SESSION_free(*place);
    *place = session;
    return 1;
}

/* A session is resumed without a look at certificates: so not once its peer's has expired. Any
 * other is met with the whole handshake, which asks for one. */
static SSL_TICKET_RETURN take_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                     size_t name_count, SSL_TICKET_STATUS status, void *pointer)
{
    (void)ssl;
    (void)name;
    (void)name_count;
    (void)pointer;
    if (status == SSL_TICKET_SUCCESS && sessions_may_resume(session))
        return SSL_TICKET_RETURN_USE;
    if (status == SSL_TICKET_SUCCESS_RENEW && sessions_may_resume(session))
        return SSL_TICKET_RETURN_USE_RENEW;
    return SSL_TICKET_RETURN_IGNORE_RENEW;
}

/* Servers keep none: all that a session needs is in its ticket, or it is not resumed. */
static void set_resumption(SSL_CTX *context, const struct hark_tls_options *options)
{
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (options->without_resumption) {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
        return;
    }
    if (options->server && options->ticket_keys)
        SSL_CTX_set_tlsext_ticket_keys(context, (void *)(uintptr_t)options->ticket_keys,
                                       HARK_TLS_TICKET_KEYS_BYTES);
    if (options->server)
        SSL_CTX_set_session_ticket_cb(context, NULL, take_ticket, NULL);
    if (!options->server) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, keep_session);
    }
}

static void set_callbacks(SSL_CTX *context, struct settings *settings)
{
    SSL_CTX_set_app_data(context, settings);
    if (settings->key_log)
        SSL_CTX_set_keylog_callback(context, log_key);
    if (settings->server && settings->alpn)
        SSL_CTX_set_alpn_select_cb(context, choose_alpn, settings);
    if (settings->server) {
        SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
        SSL_CTX_set_tlsext_servername_arg(context, settings);
    }
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_read_ahead(context, 1); /* else two reads for each record */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static int make_context(struct settings *settings, const struct hark_tls_options *options,
                        const struct hark_tls_certificate *certificate, bool *out_slow,
                        struct hark_tls_error *out_error)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    if (!context)
        return fault_say(out_error, -ENOMEM, "TLS: no memory");
    settings->of[settings->count++] = context;
    set_callbacks(context, settings);
    set_resumption(context, options);
    int error = set_ciphers(context, options, out_error);
    if (!error)
        error = set_verification(context, options, out_error);
    if (!error)
        set_session_context(context, settings->asks_clients, SSL_CTX_get_verify_mode(context));
    if (!error && !settings->server && settings->alpn &&
        SSL_CTX_set_alpn_protos(context, settings->alpn, settings->alpn_count) != 0)
        error = fault_say(out_error, -ENOMEM, "TLS: no memory");
    if (!error && certificate)
        error = credentials_use(context, certificate, out_slow, out_error);
    return error;
}

static int make_contexts(struct settings *settings, const struct hark_tls_options *options,
                         struct hark_tls_error *out_error)
{
    bool any_slow = false;
    int error = set_alpn(settings, options, out_error);
    for (size_t i = 0; !error && (i == 0 || i < options->certificate_count); i++) {
        bool slow = false;
        const struct hark_tls_certificate *certificate =
            i < options->certificate_count ? &options->certificates[i] : NULL;
        error = make_context(settings, options, certificate, &slow, out_error);
        any_slow |= slow;
    }
    settings->on_pool =
        options->key_work == HARK_TLS_KEY_AUTO ? any_slow : options->key_work == HARK_TLS_KEY_POOL;
    if (options->key_log)
        settings->on_pool = false; /* its owner is called on the loop's thread alone */
    return error;
}

int settings_create(const struct hark_tls_options *options, struct settings **out_settings,
                    struct hark_tls_error *out_error)
{
    int error = check_options(options, out_error);
    if (error)
        return error;
    size_t count = options->certificate_count ? options->certificate_count : 1;
    struct settings *settings = calloc(1, sizeof *settings + count * sizeof settings->of[0]);
    if (!settings)
        return fault_say(out_error, -ENOMEM, "TLS: no memory");
    settings->references = 1;
    settings->server = options->server;
    settings->verifies = !options->server && !options->without_verification;
    settings->asks_clients = options->client_certificates != HARK_TLS_CLIENT_UNASKED;
    settings->own_ticket_keys = options->ticket_keys;
    settings->handshakes_max =
        options->handshakes_max ? options->handshakes_max : HANDSHAKES_DEFAULT;
    settings->handshake_timeout_ns =
        options->handshake_timeout_ns ? options->handshake_timeout_ns : timeout_default_ns;
    settings->key_log = options->key_log;
    settings->context = options->context;
    settings->method = wire_method();
    error = settings->method ? make_contexts(settings, options, out_error)
                             : fault_say(out_error, -ENOMEM, "TLS: no memory");
    if (error)
        settings_release(settings);
    else
        *out_settings = settings;
    return error;
}

struct settings *settings_keep(struct settings *settings)
{
    settings->references++;
    return settings;
}

void settings_release(struct settings *settings)
{
    if (!settings || --settings->references > 0)
        return;
    for (size_t i = 0; i < settings->count; i++)
        SSL_CTX_free(settings->of[i]);
    BIO_meth_free(settings->method);
    free(settings->alpn);
    free(settings);
}

void settings_hand_over(const struct settings *from, struct settings *to)
{
    unsigned char keys[HARK_TLS_TICKET_KEYS_BYTES];
    bool may = from->server && !from->asks_clients && !to->asks_clients && !to->own_ticket_keys;
    if (!may || SSL_CTX_get_tlsext_ticket_keys(from->of[0], keys, sizeof keys) != 1)
        return;
    for (size_t i = 0; i < to->count; i++)
        SSL_CTX_set_tlsext_ticket_keys(to->of[i], keys, sizeof keys);
    OPENSSL_cleanse(keys, sizeof keys);
}
