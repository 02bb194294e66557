/* access.c - see the header. */
#include "access/access.h"
#include "access/jwt.h"
#include "access/token.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int access_init(struct access *access, const unsigned char random[DIGEST_BYTES])
{
    int error = digest_create(&access->digest);
    if (error < 0)
        return error;
    access->attempts = calloc(1, sizeof *access->attempts);
    access->bearers = calloc(1, sizeof *access->bearers);
    if (!access->attempts || !access->bearers)
        return -ENOMEM;
    memcpy(access->key, random, sizeof access->key);
    unsigned char seed[DIGEST_BYTES];
    if (!digest_keyed(access->digest, access->key, "attempts", 8, seed))
        return -ENOMEM;
    memcpy(&access->attempts->seed, seed, sizeof access->attempts->seed);
    return 0;
}

void access_done(struct access *access)
{
    digest_destroy(access->digest);
    free(access->attempts);
    if (access->bearers)
        bearers_done(access->bearers);
    free(access->bearers);
    *access = (struct access){0};
}

/* One that is signed. */
static enum access_shown take_signed(struct access *access, const char *token, size_t count,
                                     const unsigned char *sum, uint64_t now, struct access_who *who)
{
    struct bearer *bearer;
    if (!jwt_looks_so(token, count) || bearers_take(access->bearers, access->rules, access->edition,
                                                    token, count, sum, &bearer) < 0)
        return ACCESS_UNKNOWN;
    if (now >= bearer->expires + access->skew || bearer->not_before > now + access->skew) {
        bearer_drop(bearer);
        return ACCESS_LATE;
    }
    who->bearer = bearer;
    return ACCESS_KNOWN;
}

enum access_shown access_take_token(struct access *access, const char *token, size_t count,
                                    uint64_t now, struct access_who *who)
{
    who->has_token = false;
    if (!token_valid(token, count) || !digest_sum(access->digest, token, count, who->token))
        return ACCESS_UNKNOWN;
    who->has_token = access_rules_know(access->rules, who->token);
    return who->has_token ? ACCESS_KNOWN : take_signed(access, token, count, who->token, now, who);
}

bool access_bearer_may(const struct access *access, struct bearer *bearer, enum access_verb verb,
                       const char *name)
{
    bearer_renew(bearer, access->rules, access->edition);
    return bearer_allows(bearer, verb, name) &&
           access_rules_issuer_may(access->rules, bearer->issuer, verb, name);
}

bool access_allow(const struct access *access, const struct access_who *who, enum access_verb verb,
                  const char *name)
{
    return !access->rules || access_rules_allow(access->rules, who, verb, name) ||
           (who->bearer && access_bearer_may(access, who->bearer, verb, name));
}
