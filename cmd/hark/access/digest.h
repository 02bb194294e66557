/* digest.h - SHA-256, and HMAC by it (RFC 2104). It takes memory when it is made, and none later.
 *
 * Thread: one at a time. */
#ifndef HARK_COMMAND_ACCESS_DIGEST_H
#define HARK_COMMAND_ACCESS_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

enum { DIGEST_BYTES = 32 };

struct digest;

/* Gives: 0 and *out_digest.
 * Fails: -ENOTSUP this hark was built without OpenSSL; -ENOMEM. */
int digest_create(struct digest **out_digest);

/* Takes: NULL: nothing happens. */
void digest_destroy(struct digest *digest);

/* Gives: false: it could not be computed; the sum is then undefined. */
bool digest_sum(struct digest *digest, const void *bytes, size_t count,
                unsigned char out_sum[DIGEST_BYTES]);

/* The same with a key. */
bool digest_keyed(struct digest *digest, const unsigned char key[DIGEST_BYTES], const void *bytes,
                  size_t count, unsigned char out_sum[DIGEST_BYTES]);

/* Whether two sums are the same, in a time that does not tell where they differ. */
bool digest_same(const unsigned char *sum, const unsigned char *other);

#endif
