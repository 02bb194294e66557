/* key.h - a key that signatures of tokens are checked by. It has one algorithm, whatever a token
 * says: no public key is ever taken for a secret.
 *
 * Thread: any; a key does not change. */
#ifndef HARK_COMMAND_ACCESS_KEY_H
#define HARK_COMMAND_ACCESS_KEY_H

#include <stdbool.h>
#include <stddef.h>

/* As RFC 7518 and RFC 8037 have them. */
enum key_algorithm { KEY_HS256, KEY_RS256, KEY_ES256, KEY_EDDSA, KEY_ALGORITHMS };

enum {
    KEY_SECRET_BYTES_MIN = 32,
    KEY_BITS_MIN = 2048, /* of an RSA modulus */
    KEY_BITS_MAX = 8192,
    KEY_PART_BYTES_MAX = KEY_BITS_MAX / 8, /* of any part of a key, and of a signature */
};

struct key;

struct key_part {
    const unsigned char *bytes;
    size_t count;
};

/* Makes a key.
 * Takes: HS256: the secret; RS256: modulus and exponent; ES256: x and y; EdDSA: x. Numbers are big
 *   endian.
 * Gives: 0 and *out_key.
 * Fails: -EINVAL and *out_reason, a constant line; -ENOMEM; -ENOTSUP this hark was built without
 *   OpenSSL. */
int key_make(enum key_algorithm algorithm, struct key_part first, struct key_part second,
             struct key **out_key, const char **out_reason);

/* Takes: NULL: nothing happens. */
void key_destroy(struct key *key);

/* Whether the key has signed the bytes. */
bool key_verify(const struct key *key, const void *bytes, size_t count,
                const unsigned char *signature, size_t signature_count);

#endif
