/* access.c - see the header. */
#include "access/access.h"
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
    if (!access->attempts)
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
    *access = (struct access){0};
}

bool access_take_token(struct access *access, const char *token, size_t count,
                       struct access_who *who)
{
    who->has_token = token_valid(token, count) &&
                     digest_sum(access->digest, token, count, who->token) &&
                     access_rules_know(access->rules, who->token);
    return who->has_token;
}
