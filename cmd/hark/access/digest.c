/* digest.c - by OpenSSL: the algorithm is looked up once, and one context is begun anew for each
 * sum. */
#include "access/digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { BLOCK_BYTES = 64, INNER = 0x36, OUTER = 0x5c };

struct digest {
    EVP_MD *algorithm;
    EVP_MD_CTX *context;
};

int digest_create(struct digest **out_digest)
{
    struct digest *digest = calloc(1, sizeof *digest);
    if (!digest)
        return -ENOMEM;
    digest->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    digest->context = EVP_MD_CTX_new();
    if (!digest->algorithm || !digest->context ||
        EVP_DigestInit_ex2(digest->context, digest->algorithm, NULL) != 1) {
        digest_destroy(digest);
        return -ENOMEM;
    }
    *out_digest = digest;
    return 0;
}

void digest_destroy(struct digest *digest)
{
    if (!digest)
        return;
    EVP_MD_CTX_free(digest->context);
    EVP_MD_free(digest->algorithm);
    free(digest);
}

static bool sum_of_two(struct digest *digest, const void *first, size_t first_count,
                       const void *second, size_t second_count, unsigned char *out_sum)
{
    unsigned count = 0;
    return EVP_DigestInit_ex2(digest->context, digest->algorithm, NULL) == 1 &&
           EVP_DigestUpdate(digest->context, first, first_count) == 1 &&
           EVP_DigestUpdate(digest->context, second, second_count) == 1 &&
           EVP_DigestFinal_ex(digest->context, out_sum, &count) == 1 && count == DIGEST_BYTES;
}

bool digest_sum(struct digest *digest, const void *bytes, size_t count,
                unsigned char out_sum[DIGEST_BYTES])
{
    return sum_of_two(digest, bytes, count, "", 0, out_sum);
}

bool digest_keyed(struct digest *digest, const unsigned char key[DIGEST_BYTES], const void *bytes,
                  size_t count, unsigned char out_sum[DIGEST_BYTES])
{
    unsigned char inner[BLOCK_BYTES];
    unsigned char outer[BLOCK_BYTES];
    memset(inner, INNER, sizeof inner);
    memset(outer, OUTER, sizeof outer);
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        inner[i] ^= key[i];
        outer[i] ^= key[i];
    }
    bool done = sum_of_two(digest, inner, sizeof inner, bytes, count, out_sum) &&
                sum_of_two(digest, outer, sizeof outer, out_sum, DIGEST_BYTES, out_sum);
    OPENSSL_cleanse(inner, sizeof inner);
    OPENSSL_cleanse(outer, sizeof outer);
    return done;
}

bool digest_same(const unsigned char *sum, const unsigned char *other)
{
    return CRYPTO_memcmp(sum, other, DIGEST_BYTES) == 0;
}
