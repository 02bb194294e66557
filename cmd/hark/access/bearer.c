/* bearer.c - tokens that were read, by their SHA-256: a few places for each, of which the one that
 * was used longest ago goes. Only what is signed gets in, so nobody can fill it who has no key. */
#include "access/bearer.h"
#include "access/jwt.h"
#include "access/rules_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct bearer *create(const char *text, size_t count, uint64_t edition)
{
    struct bearer *bearer = calloc(1, sizeof *bearer + count + 1);
    if (!bearer)
        return NULL;
    memcpy(bearer->text, text, count);
    bearer->count = count;
    bearer->edition = edition;
    bearer->holds = 1;
    return bearer;
}

void bearer_drop(struct bearer *bearer)
{
    if (!bearer || --bearer->holds > 0)
        return;
    explicit_bzero(bearer->text, bearer->count);
    free(bearer->rights);
    free(bearer);
}

/* Gives: 0, or why nobody knows it: it then has no rights. */
static int look(struct bearer *bearer, const struct access_rules *rules)
{
    struct jwt jwt;
    int error = jwt_read(rules, bearer->text, bearer->count, &jwt);
    free(bearer->rights);
    bearer->rights = NULL;
    if (error < 0)
        return error;
    bearer->issuer = jwt.issuer;
    bearer->not_before = jwt.not_before;
    bearer->expires = jwt.expires;
    bearer->rights = jwt.rights;
    return 0;
}

void bearer_renew(struct bearer *bearer, const struct access_rules *rules, uint64_t edition)
{
    if (bearer->edition == edition)
        return;
    if (!bearer->named && look(bearer, rules) == -ENOMEM)
        return; /* it may do nothing, and is looked at again */
    bearer->edition = edition;
    if (bearer->named && !access_rules_issuer(rules, bearer->text, &bearer->issuer)) {
        free(bearer->rights);
        bearer->rights = NULL;
    }
}

bool bearer_allows(const struct bearer *bearer, enum access_verb verb, const char *name)
{
    const size_t length = name ? strlen(name) : 0;
    for (size_t i = 0; bearer->rights && i < bearer->rights->count; i++) {
        const struct access_grant *grant = &bearer->rights->grants[i];
        if ((grant->verbs & verb) != 0 && access_grant_covers(grant, name, length))
            return true;
    }
    return false;
}

int bearer_make(const struct access_rules *rules, uint64_t edition, const char *name,
                const char *stream, uint64_t expires, struct bearer **out_bearer)
{
    uint32_t issuer;
    if (!access_rules_issuer(rules, name, &issuer))
        return -EACCES;
    struct bearer *bearer = create(name, strlen(name), edition);
    if (bearer)
        bearer->rights = jwt_rights_of_one(ACCESS_READ, stream);
    if (!bearer || !bearer->rights) {
        bearer_drop(bearer);
        return -ENOMEM;
    }
    bearer->named = true;
    bearer->issuer = issuer;
    bearer->expires = expires;
    *out_bearer = bearer;
    return 0;
}

/* --- those that were shown --- */

static struct bearer **set_of(struct bearers *bearers, const unsigned char *sum)
{
    return bearers->all[sum[0] & (BEARERS_SETS - 1)];
}

static struct bearer *find(struct bearers *bearers, const unsigned char *sum)
{
    struct bearer **set = set_of(bearers, sum);
    for (size_t i = 0; i < BEARERS_WAYS; i++)
        if (set[i] && digest_same(set[i]->sum, sum))
            return set[i];
    return NULL;
}

/* Keeps one in the place of another. */
static void keep(struct bearers *bearers, struct bearer *bearer)
{
    struct bearer **set = set_of(bearers, bearer->sum);
    struct bearer **place = set;
    for (size_t i = 1; i < BEARERS_WAYS; i++)
        if (*place && (!set[i] || set[i]->used < (*place)->used))
            place = &set[i];
    bearer_drop(*place);
    *place = bearer_hold(bearer);
}

int bearers_take(struct bearers *bearers, const struct access_rules *rules, uint64_t edition,
                 const char *token, size_t count, const unsigned char sum[DIGEST_BYTES],
                 struct bearer **out_bearer)
{
    struct bearer *bearer = bearer_hold(find(bearers, sum));
    if (bearer) {
        bearer_renew(bearer, rules, edition);
    } else {
        bearer = create(token, count, edition);
        if (!bearer)
            return -ENOMEM;
        memcpy(bearer->sum, sum, DIGEST_BYTES);
        int error = look(bearer, rules);
        if (error < 0) {
            bearer_drop(bearer);
            return error;
        }
        keep(bearers, bearer);
    }
    bearer->used = ++bearers->uses;
    if (!bearer->rights) {
        bearer_drop(bearer);
        return -EACCES;
    }
    *out_bearer = bearer;
    return 0;
}

void bearers_done(struct bearers *bearers)
{
    for (size_t i = 0; i < BEARERS_SETS; i++)
        for (size_t j = 0; j < BEARERS_WAYS; j++)
            bearer_drop(bearers->all[i][j]);
    *bearers = (struct bearers){0};
}
