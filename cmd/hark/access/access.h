/* access.h - what a thread has to tell who may do what. */
#ifndef HARK_COMMAND_ACCESS_ACCESS_H
#define HARK_COMMAND_ACCESS_ACCESS_H

#include "access/attempts.h"
#include "access/bearer.h"
#include "access/digest.h"
#include "access/rules.h"

/* A thread's own, but for the rules, which all threads share. Zeroed at first. */
struct access {
    const struct access_rules *rules; /* NULL: everybody may do everything */
    uint64_t edition;                 /* one more with each other rules */
    struct digest *digest;
    struct attempts *attempts;
    struct bearers *bearers;         /* of tokens that are signed */
    uint64_t skew;                   /* seconds that other clocks may be off by */
    unsigned char key[DIGEST_BYTES]; /* of signatures: the process's */
};

/* Makes what there is besides rules.
 * Takes: random: of this process, the same for all its threads.
 * Gives: 0.
 * Fails: -ENOTSUP this hark was built without OpenSSL; -ENOMEM. */
int access_init(struct access *access, const unsigned char random[DIGEST_BYTES]);

/* Takes: one that may be zeroed. */
void access_done(struct access *access);

/* What a token is that was shown. */
enum access_shown {
    ACCESS_UNKNOWN, /* there are no rules for it */
    ACCESS_KNOWN,
    ACCESS_LATE, /* it is signed, and its time is over, or yet to come */
};

/* Reads a token into who, which then has to be dropped.
 * Takes: now: seconds since 1970. */
enum access_shown access_take_token(struct access *access, const char *token, size_t count,
                                    uint64_t now, struct access_who *who);

/* Until when somebody is let in: seconds since 1970; UINT64_MAX: as long as the rules do. */
static inline uint64_t access_until(const struct access *access, const struct access_who *who)
{
    return who->bearer ? who->bearer->expires + access->skew : UINT64_MAX;
}

/* The same once more, to be dropped as well; and its end. Takes: one that may be zeroed. */
static inline struct access_who access_who_hold(const struct access_who *who)
{
    bearer_hold(who->bearer);
    return *who;
}

static inline void access_who_drop(struct access_who *who)
{
    bearer_drop(who->bearer);
    *who = (struct access_who){0};
}

/* Whether all may be done by all, or this by someone: by access_rules_allow, or by a token that is
 * signed, where both it and the rule of who has signed it allow it. */
bool access_allow(const struct access *access, const struct access_who *who, enum access_verb verb,
                  const char *name);

/* Whether a bearer's own token and the rule of its issuer allow this, whatever everybody may.
 * Takes: rules are in force. */
bool access_bearer_may(const struct access *access, struct bearer *bearer, enum access_verb verb,
                       const char *name);

#endif
