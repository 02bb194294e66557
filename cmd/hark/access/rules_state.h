/* rules_state.h - rules in memory, for the files of this folder. */
#ifndef HARK_COMMAND_ACCESS_RULES_STATE_H
#define HARK_COMMAND_ACCESS_RULES_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/digest.h"
#include "access/keys.h"

/* Verbs for a prefix. */
struct access_grant {
    uint32_t next; /* of the same who: its place and 1; 0: the last */
    uint32_t verbs;
    const char *prefix;
    uint32_t length; /* 0: all streams */
};

/* Whether a grant is of that stream. Takes: name: NULL: of all there are; length: its bytes. */
bool access_grant_covers(const struct access_grant *grant, const char *name, size_t length);

enum access_kind { ACCESS_ANONYMOUS, ACCESS_UID, ACCESS_TOKEN, ACCESS_JWT };

/* Who makes tokens that are signed (JWT), and for whom. */
struct access_issuer {
    const char *name;
    const char *file;     /* of keys */
    const char *audience; /* what "aud" has to hold */
    const char *issuer;   /* what "iss" has to be; NULL: anything */
    const char *claim;    /* the one that says what the bearer may do */
    struct keys *keys;    /* NULL: not read yet */
};

enum { ACCESS_ISSUERS_MAX = 16 };

/* Somebody with rules. */
struct access_subject {
    enum access_kind kind;
    uint32_t uid;    /* of a JWT: the place of its issuer */
    uint32_t grants; /* the first: its place and 1 */
    const char *name;
    unsigned char token[DIGEST_BYTES];
};

struct access_rules {
    char *text; /* which names and prefixes lie in, each with a NUL behind it */
    struct access_grant *grants;
    size_t grants_count;
    struct access_subject *subjects;
    size_t subjects_count;
    struct access_issuer issuers[ACCESS_ISSUERS_MAX];
    size_t issuers_count;
    uint32_t *slots;    /* a hash table over subjects: their place and 1; 0: free */
    size_t slots_count; /* a power of two, and twice as many as subjects at least */
};

/* Gives: NULL: there are no rules for it. */
struct access_subject *access_subject_find(const struct access_rules *rules, enum access_kind kind,
                                           uint32_t uid, const unsigned char *token);

/* Where it would stand. Takes: rules with slots. */
size_t access_slot_of(const struct access_rules *rules, enum access_kind kind, uint32_t uid,
                      const unsigned char *token);

#endif
