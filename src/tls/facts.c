/* facts.c - what a handshake has agreed on, and why one has not. */
#include "tls/connection.h"
#include "tls/records.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

/* NULL: the stream is not over TLS, or is still connecting. */
static struct connection *over_tls(const struct hark_stream *stream)
{
    bool is_ours = stream->transport && stream->transport->receive == records_receive;
    return is_ours ? connection_of(stream) : NULL;
}

struct ssl_st *hark_tls_ssl(const struct hark_stream *stream)
{
    const struct connection *connection = over_tls(stream);
    return connection ? connection->ssl : NULL;
}

const char *hark_tls_why(const struct hark_stream *stream)
{
    const struct connection *connection = over_tls(stream);
    return connection ? connection->why.text : "";
}

const char *hark_tls_alpn(const struct hark_stream *stream)
{
    const struct connection *connection = over_tls(stream);
    return connection && connection->alpn_count > 0 ? connection->alpn : NULL;
}

const char *hark_tls_version(const struct hark_stream *stream)
{
    const SSL *ssl = hark_tls_ssl(stream);
    return ssl ? SSL_get_version(ssl) : NULL;
}

const char *hark_tls_cipher(const struct hark_stream *stream)
{
    const SSL *ssl = hark_tls_ssl(stream);
    return ssl ? SSL_get_cipher_name(ssl) : NULL;
}

const char *hark_tls_server_name(const struct hark_stream *stream)
{
    const SSL *ssl = hark_tls_ssl(stream);
    return ssl ? SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) : NULL;
}

bool hark_tls_resumed(const struct hark_stream *stream)
{
    const SSL *ssl = hark_tls_ssl(stream);
    return ssl && SSL_session_reused(ssl) == 1;
}

/* --- the peer --- */

static void write_name(X509_NAME *name, char *text, size_t room)
{
    BIO *bio = BIO_new(BIO_s_mem());
    text[0] = '\0';
    if (!bio)
        return;
    X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    int count = BIO_read(bio, text, (int)room - 1);
    text[count > 0 ? count : 0] = '\0';
    BIO_free(bio);
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    int days = 0, seconds = 0;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    bool known = epoch && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
    ASN1_TIME_free(epoch);
    return known ? (int64_t)days * 86400 + seconds : 0;
}

int hark_tls_peer_certificate(const struct hark_stream *stream, struct hark_tls_peer *out_peer)
{
    const SSL *ssl = hark_tls_ssl(stream);
    X509 *certificate = ssl ? SSL_get0_peer_certificate(ssl) : NULL;
    unsigned count = sizeof out_peer->sha256;
    if (!certificate || X509_digest(certificate, EVP_sha256(), out_peer->sha256, &count) != 1)
        return -ENOENT;
    write_name(X509_get_subject_name(certificate), out_peer->subject, sizeof out_peer->subject);
    write_name(X509_get_issuer_name(certificate), out_peer->issuer, sizeof out_peer->issuer);
    out_peer->not_before = seconds_of(X509_get0_notBefore(certificate));
    out_peer->not_after = seconds_of(X509_get0_notAfter(certificate));
    return 0;
}
