/* jwt.h - tokens that somebody else has signed (RFC 7519, as JWS of RFC 7515): what stands in them.
 *
 *     {"aud":"hark", "exp":1800000000, "hark":{"read":["users/7/","news"], "append":["users/7/"]}}
 *
 * Who has the key may say so of anybody. A token has to have an end (exp) and to be for this server
 * (aud); what its bearer may do stands in a claim, as rules say it: verbs, and their prefixes.
 *
 * Thread: any. */
#ifndef HARK_COMMAND_ACCESS_JWT_H
#define HARK_COMMAND_ACCESS_JWT_H

#include "access/rules.h"

enum {
    JWT_RIGHTS_MAX = 64, /* prefixes of one token */
};

struct access_grant;

/* What a token says its bearer may do. */
struct jwt_rights {
    size_t count;
    struct access_grant *grants; /* `count` of them; their prefixes follow in the same memory */
};

struct jwt {
    uint32_t issuer;     /* whose key has signed it: its place in the rules */
    uint64_t not_before; /* seconds since 1970; 0: it was always good */
    uint64_t expires;
    struct jwt_rights *rights; /* the caller's; to be freed */
};

/* Whether it looks like one: three parts with dots between them. */
bool jwt_looks_so(const char *text, size_t count);

/* Whether a key of the rules has signed it, for us, and what it says; not whether it is good now.
 * Takes: text: of TOKEN_BYTES_MAX at most.
 * Gives: 0 and *out_jwt.
 * Fails: -EACCES; -ENOMEM. */
int jwt_read(const struct access_rules *rules, const char *text, size_t count, struct jwt *out_jwt);

/* Rights of one prefix. Gives: NULL: no memory. */
struct jwt_rights *jwt_rights_of_one(unsigned verbs, const char *prefix);

#endif
