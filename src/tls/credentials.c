/* credentials.c - see the header. */
#include "tls/credentials.h"
#include "tls/fault.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

enum { REASON_BYTES = HARK_TLS_WHY_BYTES / 2 };

/* Where PEM comes from. */
struct source {
    const char *what; /* "certificate" */
    const char *file, *pem;
};

static const char *name_of(const struct source *source)
{
    return source->pem ? "text" : source->file;
}

static int say_no_memory(struct hark_tls_error *out_error)
{
    ERR_clear_error();
    return fault_say(out_error, -ENOMEM, "TLS: no memory");
}

static int say(const struct source *source, int error, const char *doing, const char *advice,
               struct hark_tls_error *out_error)
{
    char reason[REASON_BYTES];
    fault_reason(reason);
    return fault_say(out_error, error, "TLS: %s (%s): %s%s%s; %s", source->what, name_of(source),
                     doing, reason[0] ? ": " : "", reason, advice);
}

static BIO *open_source(const struct source *source, struct hark_tls_error *out_error)
{
    ERR_clear_error();
    BIO *bio = source->pem ? BIO_new_mem_buf(source->pem, -1) : BIO_new_file(source->file, "r");
    if (!bio)
        say(source, -EINVAL, "it cannot be opened", "look at its path and permissions", out_error);
    return bio;
}

/* Whether a list of PEM has ended as it should: nothing of its kind is left. */
static bool list_is_over(void)
{
    unsigned long code = ERR_peek_last_error();
    bool over = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    if (over)
        ERR_clear_error();
    return over;
}

/* --- the own certificate --- */

static int use_chain(SSL_CTX *context, const struct source *source,
                     struct hark_tls_error *out_error)
{
    BIO *bio = open_source(source, out_error);
    X509 *certificate;
    int error = 0;
    if (!bio)
        return -EINVAL;
    certificate = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
    if (!certificate)
        error = say(source, -EINVAL, "it holds no certificate", "give it in PEM", out_error);
    else if (SSL_CTX_use_certificate(context, certificate) != 1)
        error = say(source, -EINVAL, "it cannot be used", "make another", out_error);
    X509_free(certificate);
    while (!error && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        if (SSL_CTX_add0_chain_cert(context, certificate) != 1) {
            X509_free(certificate);
            error = say(source, -EINVAL, "its chain cannot be used", "make another", out_error);
        }
    }
    if (!error && !list_is_over())
        error = say(source, -EINVAL, "its chain cannot be read", "give it in PEM", out_error);
    BIO_free(bio);
    return error;
}

/* Nobody is asked for a password. */
static int give_password(char *room, int size, int writing, void *password)
{
    size_t length = password ? strlen(password) : 0;
    (void)writing;
    if (length == 0 || size < 0 || length > (size_t)size)
        return -1;
    memcpy(room, password, length);
    return (int)length;
}

/* RSA takes a millisecond, curves above 256 bits nearly as much; P-256 and Ed25519 some 30 us. */
static bool is_slow(const EVP_PKEY *key)
{
    int kind = EVP_PKEY_get_base_id(key);
    bool quick = kind == EVP_PKEY_ED25519 || (kind == EVP_PKEY_EC && EVP_PKEY_get_bits(key) <= 256);
    return !quick;
}

static int use_key(SSL_CTX *context, const struct source *source, const char *password,
                   bool *out_slow, struct hark_tls_error *out_error)
{
    BIO *bio = open_source(source, out_error);
    int error = 0;
    if (!bio)
        return -EINVAL;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)(uintptr_t)password);
    BIO_free(bio);
    if (!key)
        return say(source, -EINVAL, "it holds no private key that can be read",
                   password ? "is it this one's password?" : "give it in PEM, not encrypted",
                   out_error);
    if (SSL_CTX_use_PrivateKey(context, key) != 1 || SSL_CTX_check_private_key(context) != 1)
        error = say(source, -EKEYREJECTED, "it is not the certificate's",
                    "give the one that the certificate was made with", out_error);
    else
        *out_slow = is_slow(key);
    EVP_PKEY_free(key);
    return error;
}

int credentials_use(SSL_CTX *context, const struct hark_tls_certificate *certificate,
                    bool *out_slow, struct hark_tls_error *out_error)
{
    bool as_text = certificate->chain_pem;
    const char *key_file = certificate->key_file ? certificate->key_file : certificate->chain_file;
    const char *key_pem = certificate->key_pem ? certificate->key_pem : certificate->chain_pem;
    struct source chain = {"certificate", certificate->chain_file, certificate->chain_pem};
    struct source key = {"private key", as_text ? NULL : key_file, as_text ? key_pem : NULL};
    if (!chain.file && !chain.pem)
        return fault_say(out_error, -EINVAL,
                         "TLS: a certificate has neither a file nor a text; give its chain_file");
    int error = use_chain(context, &chain, out_error);
    return error ? error : use_key(context, &key, certificate->key_password, out_slow, out_error);
}

/* --- whom to trust --- */

static int trust_one(SSL_CTX *context, X509 *certificate, bool server)
{
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) != 1)
        return -ENOMEM;
    return server && SSL_CTX_add_client_CA(context, certificate) != 1 ? -ENOMEM : 0;
}

int credentials_trust(SSL_CTX *context, const char *file, const char *pem, bool server,
                      struct hark_tls_error *out_error)
{
    struct source source = {"CA certificates", file, pem};
    X509 *certificate;
    size_t count = 0;
    int error = 0;
    if (!file && !pem)
        return SSL_CTX_set_default_verify_paths(context) == 1 ? 0 : say_no_memory(out_error);
    BIO *bio = open_source(&source, out_error);
    if (!bio)
        return -EINVAL;
    while (!error && (certificate = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL))) {
        error = trust_one(context, certificate, server);
        X509_free(certificate);
        count++;
    }
    BIO_free(bio);
    if (error)
        return say_no_memory(out_error);
    if (!list_is_over() || count == 0)
        return say(&source, -EINVAL, "it holds no certificates, or broken ones", "give it in PEM",
                   out_error);
    return 0;
}
