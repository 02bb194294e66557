/* rules.h - who may do what: rules, read out of text once and asked by many.
 *
 *     # a token, known by its SHA-256 alone      what it may         and where
 *     web  sha256:5e88…                          read,append         chat/ news
 *     ci   sha256:ab12…                          all                 builds/
 *     app  jwt:keys.json aud=hark                read,append         users/
 *     uid 1000                                   read                *
 *     anonymous                                  read                public/
 *
 * A line is a rule: who, verbs with commas between, prefixes. Lines of the same who add up. A
 * prefix that ends with a slash is all streams below it, "*" all streams there are, and any other
 * the one stream of that name. What no rule allows is not allowed. Who shows a token that a key of
 * a file has signed (jwt:) may do what both the rule and the token allow.
 *
 * Thread: any; rules do not change.
 */
#ifndef HARK_COMMAND_ACCESS_RULES_H
#define HARK_COMMAND_ACCESS_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/digest.h"
#include "access/keys.h"

enum access_verb {
    ACCESS_READ = 1,
    ACCESS_APPEND = 2,
    ACCESS_CREATE = 4,
    ACCESS_DELETE = 8,
    ACCESS_ADMIN = 16, /* of the server as a whole: of any use with "*" alone */
    ACCESS_ALL = 31,
};

enum { ACCESS_NAME_MAX = 64 }; /* of a token's name */

struct access_rules;
struct bearer;

/* Who asks: nobody in particular, if nothing is set. */
struct access_who {
    bool has_token;
    bool has_uid; /* of the process at the other end of a unix socket */
    uint32_t uid;
    unsigned char token[DIGEST_BYTES]; /* its SHA-256 */
    struct bearer *bearer;             /* of a token that is signed; held: access_who_drop */
};

/* What is wrong with rules. */
struct access_fault {
    unsigned line;      /* from 1; 0: with all of it */
    const char *reason; /* a constant line */
};

/* Gives: 0 and *out_rules.
 * Fails: -EINVAL and *out_fault; -ENOMEM. */
int access_rules_parse(const char *text, size_t count, struct access_rules **out_rules,
                       struct access_fault *out_fault);

/* Takes: NULL: nothing happens. */
void access_rules_destroy(struct access_rules *rules);

/* The verbs, as rules write them: "read,append".
 * Gives: 0: it is none, and *out_reason tells why. */
unsigned access_verbs_parse(const char *text, size_t count, const char **out_reason);

/* What is wrong with a prefix, or with verbs for it. Gives: NULL: nothing is. */
const char *access_prefix_wrong(const char *text, size_t count, unsigned verbs);

/* What is wrong with a token's name. Gives: NULL: nothing is. */
const char *access_name_wrong(const char *text, size_t count);

/* Whether there is a rule for a token. */
bool access_rules_know(const struct access_rules *rules, const unsigned char token[DIGEST_BYTES]);

/* Whether someone may do something with a stream: by the rules for everybody, for the user and for
 * the token, whichever allows it; not by a bearer's rights (access_allow).
 * Takes: name: NULL: with all streams there are, and with the server. */
bool access_rules_allow(const struct access_rules *rules, const struct access_who *who,
                        enum access_verb verb, const char *name);

/* The same of an issuer's tokens, beside what everybody may: each may do less.
 * Takes: place: of access_rules_issuer. */
bool access_rules_issuer_may(const struct access_rules *rules, uint32_t place,
                             enum access_verb verb, const char *name);

/* The name of a token, and the token of a name. Gives: NULL, or false: there is none. */
const char *access_rules_name(const struct access_rules *rules,
                              const unsigned char token[DIGEST_BYTES]);
bool access_rules_named(const struct access_rules *rules, const char *name,
                        unsigned char out_token[DIGEST_BYTES]);

/* The place of the issuer of that name. Gives: false: there is none. */
bool access_rules_issuer(const struct access_rules *rules, const char *name, uint32_t *out_place);

/* The files of keys that rules name, one for each issuer, and what stands in them: to be read
 * before anybody asks. Gives: NULL: there are no more; else as keys_parse. */
const char *access_rules_keys_file(const struct access_rules *rules, size_t which);
int access_rules_keys_take(struct access_rules *rules, size_t which, const char *text, size_t count,
                           struct keys_fault *out_fault);

#endif
