/* bearer.h - who shows a token that is signed, as long as anybody uses what was found of it; and
 * the last ones that were shown, so that a request does not cost a signature each time.
 *
 * Thread: one. */
#ifndef HARK_COMMAND_ACCESS_BEARER_H
#define HARK_COMMAND_ACCESS_BEARER_H

#include "access/rules.h"

enum { BEARERS_SETS = 256, BEARERS_WAYS = 4 };

struct jwt_rights;

/* All private but `issuer`, `expires` and `not_before`. */
struct bearer {
    uint32_t issuer;     /* its place in the rules that hold */
    uint64_t not_before; /* seconds since 1970, as its token has it */
    uint64_t expires;
    struct jwt_rights *rights; /* NULL: the rules that hold know it no more */
    uint64_t edition;          /* of the rules that it was looked at by */
    uint64_t used;             /* when it was last, in the order of all */
    unsigned holds;
    unsigned char sum[DIGEST_BYTES]; /* of the token */
    bool named;                      /* it has no token: `text` is the issuer's name */
    size_t count;
    char text[]; /* the token, and a NUL */
};

/* The table has one size, however many tokens there are. Zeroed at first. */
struct bearers {
    uint64_t uses;
    struct bearer *all[BEARERS_SETS][BEARERS_WAYS];
};

/* Finds who has the token, or reads it.
 * Takes: sum: its SHA-256; edition: of the rules.
 * Gives: 0 and *out_bearer, held.
 * Fails: -EACCES nobody known has signed it; -ENOMEM. */
int bearers_take(struct bearers *bearers, const struct access_rules *rules, uint64_t edition,
                 const char *token, size_t count, const unsigned char sum[DIGEST_BYTES],
                 struct bearer **out_bearer);

/* Takes: bearers whose threads are done. */
void bearers_done(struct bearers *bearers);

/* One who may read one stream, in the name of an issuer, until then.
 * Gives: 0 and *out_bearer, held.
 * Fails: -EACCES the rules do not know the name; -ENOMEM. */
int bearer_make(const struct access_rules *rules, uint64_t edition, const char *name,
                const char *stream, uint64_t expires, struct bearer **out_bearer);

/* Looks at it anew, where the rules are others. */
void bearer_renew(struct bearer *bearer, const struct access_rules *rules, uint64_t edition);

/* Whether its token allows something: what the rules say is another question. */
bool bearer_allows(const struct bearer *bearer, enum access_verb verb, const char *name);

static inline struct bearer *bearer_hold(struct bearer *bearer)
{
    if (bearer)
        bearer->holds++;
    return bearer;
}

/* Takes: NULL: nothing happens. */
void bearer_drop(struct bearer *bearer);

#endif
