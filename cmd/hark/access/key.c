/* key.c - by OpenSSL. A signature of ES256 comes as two numbers of 32 bytes, and is put into DER,
 * which OpenSSL reads; there is no other way to write one, so a token has one text.
 */
#include "access/key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>

enum {
    SUM_BYTES = 32,   /* SHA-256 */
    POINT_BYTES = 32, /* a coordinate of P-256, or a number of its signatures */
    ED_KEY_BYTES = 32,
    ED_SIGNATURE_BYTES = 64,
    DER_BYTES_MAX = 80, /* of two such numbers */
    EXPONENT_BITS_MAX = 64,
};

struct key {
    enum key_algorithm algorithm;
    EVP_PKEY *public; /* NULL: it is a secret */
    size_t secret_count;
    unsigned char secret[KEY_PART_BYTES_MAX];
};

/* --- making --- */

/* Gives: NULL: no memory, or the values are not those of a key. */
static EVP_PKEY *public_of(const char *kind, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *made = NULL;
    OSSL_PARAM *values = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    if (!values || !context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &made, EVP_PKEY_PUBLIC_KEY, values) != 1)
        made = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(values);
    return made;
}

static const char *make_rsa(struct key *key, struct key_part modulus, struct key_part exponent)
{
    BIGNUM *n = BN_bin2bn(modulus.bytes, (int)modulus.count, NULL);
    BIGNUM *e = BN_bin2bn(exponent.bytes, (int)exponent.count, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    const char *wrong = NULL;
    if (n && (BN_num_bits(n) < KEY_BITS_MIN || BN_num_bits(n) > KEY_BITS_MAX || !BN_is_odd(n)))
        wrong = "an RSA key has 2048 to 8192 bits";
    else if (e && (BN_num_bits(e) < 2 || BN_num_bits(e) > EXPONENT_BITS_MAX || !BN_is_odd(e)))
        wrong = "the exponent of an RSA key is odd, and has 2 to 64 bits";
    else if (n && e && build && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
             OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        key->public = public_of("RSA", build);
    if (!wrong && n && e && build && !key->public)
        wrong = "these are no numbers of an RSA key";
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    return wrong;
}

static const char *make_point(struct key *key, struct key_part x, struct key_part y)
{
    unsigned char point[1 + 2 * POINT_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
    if (x.count != POINT_BYTES || y.count != POINT_BYTES)
        return "x and y of a key of P-256 are 32 bytes each";
    memcpy(point + 1, x.bytes, POINT_BYTES);
    memcpy(point + 1 + POINT_BYTES, y.bytes, POINT_BYTES);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (build &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) == 1)
        key->public = public_of("EC", build);
    OSSL_PARAM_BLD_free(build);
    return key->public ? NULL : "x and y are no point of P-256";
}

static const char *make_edwards(struct key *key, struct key_part x)
{
    if (x.count == ED_KEY_BYTES)
        key->public = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x.bytes, x.count);
    return x.count == ED_KEY_BYTES ? NULL : "x of a key of Ed25519 is 32 bytes";
}

static const char *make_secret(struct key *key, struct key_part secret)
{
    if (secret.count < KEY_SECRET_BYTES_MIN)
        return "a secret for HS256 has 32 bytes and more: shorter ones could be guessed";
    memcpy(key->secret, secret.bytes, secret.count);
    key->secret_count = secret.count;
    return NULL;
}

static const char *make(struct key *key, struct key_part first, struct key_part second)
{
    switch (key->algorithm) {
    case KEY_HS256:
        return make_secret(key, first);
    case KEY_RS256:
        return make_rsa(key, first, second);
    case KEY_ES256:
        return make_point(key, first, second);
    case KEY_EDDSA:
        return make_edwards(key, first);
    case KEY_ALGORITHMS:
        break;
    }
    return "there is no such algorithm";
}

int key_make(enum key_algorithm algorithm, struct key_part first, struct key_part second,
             struct key **out_key, const char **out_reason)
{
    struct key *key = calloc(1, sizeof *key);
    if (!key)
        return -ENOMEM;
    key->algorithm = algorithm;
    const char *wrong = first.count > KEY_PART_BYTES_MAX || second.count > KEY_PART_BYTES_MAX
                            ? "a part of a key has 1024 bytes at most"
                            : make(key, first, second);
    if (wrong || (!key->public && key->secret_count == 0)) {
        key_destroy(key);
        *out_reason = wrong;
        return wrong ? -EINVAL : -ENOMEM;
    }
    *out_key = key;
    return 0;
}

void key_destroy(struct key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->public);
    OPENSSL_cleanse(key->secret, sizeof key->secret);
    free(key);
}

/* --- checking --- */

static bool verify_secret(const struct key *key, const void *bytes, size_t count,
                          const unsigned char *signature, size_t signature_count)
{
    unsigned char sum[SUM_BYTES];
    unsigned length = 0;
    return signature_count == sizeof sum &&
           HMAC(EVP_sha256(), key->secret, (int)key->secret_count, bytes, count, sum, &length) &&
           length == sizeof sum && CRYPTO_memcmp(sum, signature, sizeof sum) == 0;
}

static bool verify_public(const struct key *key, const char *digest, const void *bytes,
                          size_t count, const unsigned char *signature, size_t signature_count)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const bool good =
        context &&
        EVP_DigestVerifyInit_ex(context, NULL, digest, NULL, NULL, key->public, NULL) == 1 &&
        EVP_DigestVerify(context, signature, signature_count, bytes, count) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

static bool verify_point(const struct key *key, const void *bytes, size_t count,
                         const unsigned char *signature)
{
    unsigned char der[DER_BYTES_MAX], *end = der;
    BIGNUM *r = BN_bin2bn(signature, POINT_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(signature + POINT_BYTES, POINT_BYTES, NULL);
    ECDSA_SIG *both = ECDSA_SIG_new();
    if (!r || !s || !both || ECDSA_SIG_set0(both, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(both);
        return false;
    }
    const int length = i2d_ECDSA_SIG(both, &end);
    ECDSA_SIG_free(both);
    return length > 0 && verify_public(key, "SHA256", bytes, count, der, (size_t)length);
}

bool key_verify(const struct key *key, const void *bytes, size_t count,
                const unsigned char *signature, size_t signature_count)
{
    switch (key->algorithm) {
    case KEY_HS256:
        return verify_secret(key, bytes, count, signature, signature_count);
    case KEY_RS256:
        return signature_count == (size_t)EVP_PKEY_get_size(key->public) &&
               verify_public(key, "SHA256", bytes, count, signature, signature_count);
    case KEY_ES256:
        return signature_count == (size_t)2 * POINT_BYTES &&
               verify_point(key, bytes, count, signature);
    case KEY_EDDSA:
        return signature_count == ED_SIGNATURE_BYTES &&
               verify_public(key, NULL, bytes, count, signature, signature_count);
    case KEY_ALGORITHMS:
        break;
    }
    return false;
}
