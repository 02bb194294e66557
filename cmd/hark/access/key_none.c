/* key_none.c - a command that was built without OpenSSL: there are no keys. */
#include "access/key.h"

#include <errno.h>

int key_make(enum key_algorithm algorithm, struct key_part first, struct key_part second,
             struct key **out_key, const char **out_reason)
{
    (void)algorithm;
    (void)first;
    (void)second;
    (void)out_key;
    (void)out_reason;
    return -ENOTSUP;
}

void key_destroy(struct key *key)
{
    (void)key;
}

bool key_verify(const struct key *key, const void *bytes, size_t count,
                const unsigned char *signature, size_t signature_count)
{
    (void)key;
    (void)bytes;
    (void)count;
    (void)signature;
    (void)signature_count;
    return false;
}
