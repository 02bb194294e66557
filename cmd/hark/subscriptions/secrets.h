/* secrets.h - what only this server knows: the key that signs webhooks, and the one that tokens
 * are made with. Both stand in one file of the data directory.
 *
 * A token is a JSON Web Token (RFC 7519) with HS256: of which subscription and which generation it
 * is, and when it is over.
 *
 * Thread, for every function here: one at a time. */
#ifndef HARK_COMMAND_SUBSCRIPTIONS_SECRETS_H
#define HARK_COMMAND_SUBSCRIPTIONS_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum {
    SECRETS_KEY_BYTES = 32,
    SECRETS_KID_BYTES = 3 + 43 + 1,
    SECRETS_FILE_BYTES = 256,      /* the file has fewer */
    SECRETS_TOKEN_BYTES = 512,     /* so has a token */
    SECRETS_SIGNATURE_BYTES = 256, /* and a signature header */
    SECRETS_DIGEST_BYTES = 32,
};

struct secrets {
    unsigned char seed[SECRETS_KEY_BYTES];   /* of Ed25519 (RFC 8032) */
    unsigned char tokens[SECRETS_KEY_BYTES]; /* of HMAC */
    unsigned char key[SECRETS_KEY_BYTES];    /* what is public of the first */
    char kid[SECRETS_KID_BYTES];             /* its thumbprint (RFC 7638) */
};

/* Whether this build has what it takes; else every other function here fails. */
bool secrets_offered(void);

/* Random bytes. Gives: false: there are none. */
bool secrets_random(unsigned char *bytes, size_t count);

/* SHA-256. Gives: false: it could not be made. */
bool secrets_digest(const char *bytes, size_t count, unsigned char digest[SECRETS_DIGEST_BYTES]);

/* Makes new secrets, as the text of their file.
 * Gives: its bytes; 0: it could not be made. */
size_t secrets_make(char text[SECRETS_FILE_BYTES]);

/* Reads that text.
 * Fails: -EINVAL it is none. */
int secrets_read(const char *text, size_t count, struct secrets *out_secrets);

/* Writes the public keys, a JSON Web Key Set (RFC 7517). */
void secrets_write_keys(const struct secrets *secrets, struct text *text);

/* Signs a body: the value of Webhook-Signature.
 * Takes: seconds: since 1970.
 * Gives: false: there is no memory. */
bool secrets_sign(const struct secrets *secrets, uint64_t seconds, const char *body, size_t count,
                  char value[SECRETS_SIGNATURE_BYTES]);

/* Makes a token.
 * Takes: id: of a subscription: bytes that need no escape in JSON; until_s: since 1970.
 * Gives: false: it could not be made. */
bool secrets_token(const struct secrets *secrets, const char *id, uint64_t generation,
                   uint64_t until_s, char token[SECRETS_TOKEN_BYTES]);

/* Looks at a token.
 * Gives: 0 and *out_generation.
 * Fails: -EINVAL it is not of this server, or for another subscription; -ETIME its time is over. */
int secrets_token_check(const struct secrets *secrets, const char *token, const char *id,
                        uint64_t now_s, uint64_t *out_generation);

#endif
