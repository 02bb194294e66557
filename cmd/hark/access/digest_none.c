/* digest_none.c - a command that was built without OpenSSL: there is no digest to be made, so
 * nobody comes to the rest. */
#include "access/digest.h"

#include <errno.h>

int digest_create(struct digest **out_digest)
{
    (void)out_digest;
    return -ENOTSUP;
}

void digest_destroy(struct digest *digest)
{
    (void)digest;
}

bool digest_sum(struct digest *digest, const void *bytes, size_t count,
                unsigned char out_sum[DIGEST_BYTES])
{
    (void)digest;
    (void)bytes;
    (void)count;
    (void)out_sum;
    return false;
}

bool digest_keyed(struct digest *digest, const unsigned char key[DIGEST_BYTES], const void *bytes,
                  size_t count, unsigned char out_sum[DIGEST_BYTES])
{
    (void)digest;
    (void)key;
    (void)bytes;
    (void)count;
    (void)out_sum;
    return false;
}

bool digest_same(const unsigned char *sum, const unsigned char *other)
{
    (void)sum;
    (void)other;
    return false;
}
