/* keys.h - keys that tokens are signed with, out of a JWK set (RFC 7517): a file of them.
 *
 * Thread: any; keys do not change. */
#ifndef HARK_COMMAND_ACCESS_KEYS_H
#define HARK_COMMAND_ACCESS_KEYS_H

#include "access/key.h"

enum { KEYS_MAX = 64 };

struct keys;

/* What is wrong with them. */
struct keys_fault {
    unsigned key;       /* from 1; 0: with all of it */
    const char *reason; /* a constant line */
};

/* Reads {"keys":[...]}. A key of another kind, or for another use, is passed over; one that is
 * meant for this and cannot be used is wrong.
 * Gives: 0 and *out_keys, one at least.
 * Fails: -EINVAL and *out_fault; -ENOMEM; -ENOTSUP this hark was built without OpenSSL. */
int keys_parse(const char *text, size_t count, struct keys **out_keys,
               struct keys_fault *out_fault);

/* Takes: NULL: nothing happens. */
void keys_destroy(struct keys *keys);

/* The key that a token names.
 * Takes: algorithm: as the token says it, "RS256"; id: its "kid"; NULL: it names none.
 * Gives: NULL: there is none of that algorithm and name; or no name, and more than one. */
const struct key *keys_find(const struct keys *keys, const char *algorithm, const char *id);

#endif
