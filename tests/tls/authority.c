/* authority.c - see the header. */
#include "tls/authority.h"

#include "harness/harness.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

static void extend(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static char *text_of(BIO *bio)
{
    char *bytes;
    long count = BIO_get_mem_data(bio, &bytes);
    char *text = malloc((size_t)count + 1);
    assert_non_null(text);
    memcpy(text, bytes, (size_t)count);
    text[count] = '\0';
    BIO_free(bio);
    return text;
}

void paper_make(struct paper *paper, const struct paper_wish *wish, const struct paper *issuer)
{
    static long serial;
    X509 *certificate = X509_new();
    paper->key = wish->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    assert_non_null(certificate);
    assert_non_null(paper->key);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), wish->from_seconds);
    X509_gmtime_adj(X509_getm_notAfter(certificate), wish->to_seconds ? wish->to_seconds : 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)wish->name, -1, -1, 0);
    X509 *signer = issuer ? issuer->certificate : certificate;
    X509_set_issuer_name(certificate, X509_get_subject_name(signer));
    X509_set_pubkey(certificate, paper->key);
    if (wish->ca)
        extend(certificate, signer, NID_basic_constraints, "critical,CA:TRUE");
    if (wish->altname)
        extend(certificate, signer, NID_subject_alt_name, wish->altname);
    assert_true(X509_sign(certificate, issuer ? issuer->key : paper->key, EVP_sha256()) > 0);
    paper->certificate = certificate;

    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
    paper->pem = text_of(bio);
    bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, paper->key, NULL, NULL, 0, NULL, NULL), 1);
    paper->key_pem = text_of(bio);
}

void paper_done(struct paper *paper)
{
    X509_free(paper->certificate);
    EVP_PKEY_free(paper->key);
    free(paper->pem);
    free(paper->key_pem);
}

void paper_authority(struct paper *authority)
{
    static const struct paper_wish wish = {
        .name = "the test's CA", .from_seconds = -60, .ca = true};
    paper_make(authority, &wish, NULL);
}

void paper_server(struct paper *server, const struct paper *authority)
{
    static const struct paper_wish wish = {
        .name = "a server", .altname = "DNS:localhost,IP:127.0.0.1", .from_seconds = -60};
    paper_make(server, &wish, authority);
}

struct hark_tls_certificate paper_as_certificate(const struct paper *paper)
{
    return (struct hark_tls_certificate){.chain_pem = paper->pem, .key_pem = paper->key_pem};
}

static void write_file(const char *name, const char *ending, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "%s.%s", name, ending);
    close(harness_file(path, text, strlen(text)));
}

void paper_write(const struct paper *paper, const char *name)
{
    write_file(name, "pem", paper->pem);
    write_file(name, "key", paper->key_pem);
}
