/* access.h - what a thread has to tell who may do what. */
#ifndef HARK_COMMAND_ACCESS_ACCESS_H
#define HARK_COMMAND_ACCESS_ACCESS_H

#include "access/attempts.h"
#include "access/digest.h"
#include "access/rules.h"

/* A thread's own, but for the rules, which all threads share. Zeroed at first. */
struct access {
    const struct access_rules *rules; /* NULL: everybody may do everything */
    uint64_t edition;                 /* one more with each other rules */
    struct digest *digest;
    struct attempts *attempts;
    unsigned char key[DIGEST_BYTES]; /* of signatures: the process's */
};

/* Makes what there is besides rules.
 * Takes: random: of this process, the same for all its threads.
 * Gives: 0.
 * Fails: -ENOTSUP this hark was built without OpenSSL; -ENOMEM. */
int access_init(struct access *access, const unsigned char random[DIGEST_BYTES]);

/* Takes: one that may be zeroed. */
void access_done(struct access *access);

/* Reads a token into who.
 * Gives: false: there are no rules for it. */
bool access_take_token(struct access *access, const char *token, size_t count,
                       struct access_who *who);

/* Whether all may be done by all, or this by someone: access_rules_allow. */
static inline bool access_allow(const struct access *access, const struct access_who *who,
                                enum access_verb verb, const char *name)
{
    return !access->rules || access_rules_allow(access->rules, who, verb, name);
}

#endif
