/* secrets.c - the same by OpenSSL, which computes in memory alone. */
#include "subscriptions/secrets.h"

#include "base/base64.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_TEXT = 44, /* 32 bytes in base64url, with a NUL */
    SIGNATURE_BYTES = 64,
    SIGNATURE_TEXT = 87, /* 64 bytes likewise */
};

#define FILE_FORMAT "hark-signing-key 1\n%43[A-Za-z0-9_-]\n%43[A-Za-z0-9_-]\n"

bool secrets_offered(void)
{
    return true;
}

bool secrets_random(unsigned char *bytes, size_t count)
{
    return RAND_bytes(bytes, (int)count) == 1;
}

bool secrets_digest(const char *bytes, size_t count, unsigned char digest[SECRETS_DIGEST_BYTES])
{
    return EVP_Digest(bytes, count, digest, NULL, EVP_sha256(), NULL) == 1;
}

/* --- base64url (RFC 4648), without padding --- */

/* Takes: room for it in `to`, and a NUL. */
static size_t encode(const unsigned char *bytes, size_t count, char *to)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t length = 0;
    for (size_t at = 0; at < count; at += 3) {
        const size_t left = count - at;
        const uint32_t word = (uint32_t)bytes[at] << 16 |
                              (left > 1 ? (uint32_t)bytes[at + 1] << 8 : 0) |
                              (left > 2 ? bytes[at + 2] : 0);
        for (size_t i = 0; i < (left > 2 ? 4 : left + 1); i++)
            to[length++] = digits[word >> (18 - 6 * i) & 63];
    }
    to[length] = '\0';
    return length;
}

/* --- the file --- */

size_t secrets_make(char text[SECRETS_FILE_BYTES])
{
    unsigned char bytes[2][SECRETS_KEY_BYTES];
    char texts[2][KEY_TEXT];
    if (!secrets_random(bytes[0], sizeof bytes))
        return 0;
    encode(bytes[0], SECRETS_KEY_BYTES, texts[0]);
    encode(bytes[1], SECRETS_KEY_BYTES, texts[1]);
    const int count =
        snprintf(text, SECRETS_FILE_BYTES, "hark-signing-key 1\n%s\n%s\n", texts[0], texts[1]);
    OPENSSL_cleanse(bytes, sizeof bytes);
    OPENSSL_cleanse(texts, sizeof texts);
    return count > 0 ? (size_t)count : 0;
}

static EVP_PKEY *private_key(const struct secrets *secrets)
{
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secrets->seed, SECRETS_KEY_BYTES);
}

/* The members in this order, and no blanks: that is what a thumbprint is of. */
static bool name_key(struct secrets *secrets)
{
    unsigned char digest[SECRETS_DIGEST_BYTES];
    char key[KEY_TEXT], members[128];
    encode(secrets->key, SECRETS_KEY_BYTES, key);
    const int count = snprintf(members, sizeof members,
                               "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", key);
    if (count < 0 || !secrets_digest(members, (size_t)count, digest))
        return false;
    memcpy(secrets->kid, "ds_", 3);
    encode(digest, sizeof digest, secrets->kid + 3);
    return true;
}

int secrets_read(const char *text, size_t count, struct secrets *out_secrets)
{
    char copy[SECRETS_FILE_BYTES] = "", texts[2][KEY_TEXT];
    struct secrets secrets;
    size_t length = SECRETS_KEY_BYTES;
    if (count >= sizeof copy)
        return -EINVAL;
    memcpy(copy, text, count);
    const bool whole = sscanf(copy, FILE_FORMAT, texts[0], texts[1]) == 2 &&
                       base64url_decode(texts[0], strlen(texts[0]), secrets.seed,
                                        sizeof secrets.seed) == SECRETS_KEY_BYTES &&
                       base64url_decode(texts[1], strlen(texts[1]), secrets.tokens,
                                        sizeof secrets.tokens) == SECRETS_KEY_BYTES;
    OPENSSL_cleanse(copy, sizeof copy);
    EVP_PKEY *key = whole ? private_key(&secrets) : NULL;
    const bool good =
        key && EVP_PKEY_get_raw_public_key(key, secrets.key, &length) == 1 && name_key(&secrets);
    EVP_PKEY_free(key);
    if (!good)
        return -EINVAL;
    *out_secrets = secrets;
    return 0;
}

/* --- signatures --- */

void secrets_write_keys(const struct secrets *secrets, struct text *text)
{
    char key[KEY_TEXT];
    encode(secrets->key, SECRETS_KEY_BYTES, key);
    text_add(text,
             "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"%s\",\"use\":\"sig\","
             "\"alg\":\"EdDSA\",\"x\":\"%s\"}]}",
             secrets->kid, key);
}

static bool sign(const struct secrets *secrets, const char *bytes, size_t count,
                 unsigned char signature[SIGNATURE_BYTES])
{
    size_t length = SIGNATURE_BYTES;
    EVP_PKEY *key = private_key(secrets);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const bool signed_it =
        key && context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
        EVP_DigestSign(context, signature, &length, (const unsigned char *)bytes, count) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return signed_it;
}

bool secrets_sign(const struct secrets *secrets, uint64_t seconds, const char *body, size_t count,
                  char value[SECRETS_SIGNATURE_BYTES])
{
    unsigned char signature[SIGNATURE_BYTES];
    char encoded[SIGNATURE_TEXT];
    char *signed_bytes = malloc(count + 24);
    if (!signed_bytes)
        return false;
    const int head = snprintf(signed_bytes, 24, "%" PRIu64 ".", seconds);
    memcpy(signed_bytes + head, body, count);
    const bool signed_it = sign(secrets, signed_bytes, (size_t)head + count, signature);
    free(signed_bytes);
    if (!signed_it)
        return false;
    encode(signature, sizeof signature, encoded);
    snprintf(value, SECRETS_SIGNATURE_BYTES, "t=%" PRIu64 ",kid=%s,ed25519=%s", seconds,
             secrets->kid, encoded);
    return true;
}

/* --- tokens --- */

static bool authenticate(const struct secrets *secrets, const char *bytes, size_t count,
                         char text[KEY_TEXT])
{
    unsigned char code[SECRETS_DIGEST_BYTES];
    if (!HMAC(EVP_sha256(), secrets->tokens, SECRETS_KEY_BYTES, (const unsigned char *)bytes, count,
              code, NULL))
        return false;
    encode(code, sizeof code, text);
    return true;
}

bool secrets_token(const struct secrets *secrets, const char *id, uint64_t generation,
                   uint64_t until_s, char token[SECRETS_TOKEN_BYTES])
{
    static const char head[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    char claims[256], parts[SECRETS_TOKEN_BYTES - KEY_TEXT], code[KEY_TEXT];
    const int count =
        snprintf(claims, sizeof claims, "{\"sub\":\"%s\",\"gen\":%" PRIu64 ",\"exp\":%" PRIu64 "}",
                 id, generation, until_s);
    if (count < 0 || count >= (int)sizeof claims)
        return false;
    size_t length = encode((const unsigned char *)head, sizeof head - 1, parts);
    parts[length++] = '.';
    length += encode((const unsigned char *)claims, (size_t)count, parts + length);
    if (!authenticate(secrets, parts, length, code))
        return false;
    snprintf(token, SECRETS_TOKEN_BYTES, "%s.%s", parts, code);
    return true;
}

/* Whether the token is one that was made here. *out_claims: where the second part begins. */
static bool is_own(const struct secrets *secrets, const char *token, const char **out_claims)
{
    char code[KEY_TEXT];
    const char *claims = strchr(token, '.');
    const char *end = claims ? strchr(claims + 1, '.') : NULL;
    if (!end || strlen(end + 1) != KEY_TEXT - 1 ||
        !authenticate(secrets, token, (size_t)(end - token), code))
        return false;
    *out_claims = claims + 1;
    return CRYPTO_memcmp(code, end + 1, KEY_TEXT - 1) == 0;
}

int secrets_token_check(const struct secrets *secrets, const char *token, const char *id,
                        uint64_t now_s, uint64_t *out_generation)
{
    unsigned char claims[257];
    char subject[129];
    const char *encoded;
    uint64_t generation, until_s;
    if (!is_own(secrets, token, &encoded))
        return -EINVAL;
    const int64_t count =
        base64url_decode(encoded, strcspn(encoded, "."), claims, sizeof claims - 1);
    if (count < 0)
        return -EINVAL;
    claims[count] = '\0';
    if (sscanf((const char *)claims,
               "{\"sub\":\"%128[^\"]\",\"gen\":%" SCNu64 ",\"exp\":%" SCNu64 "}", subject,
               &generation, &until_s) != 3 ||
        strcmp(subject, id) != 0)
        return -EINVAL;
    if (now_s > until_s)
        return -ETIME;
    *out_generation = generation;
    return 0;
}
