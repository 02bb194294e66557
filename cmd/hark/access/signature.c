/* signature.c - what is signed is the method, the time, the name of who asked, and the stream. None
 * of the first three can hold a line end, so no two of them are the same text. */
#include "access/signature.h"

#include "access/rules_state.h"
#include "access/token.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/name.h"

enum { TEXT_BYTES = 16 + ID_BYTES_MAX + SIGNATURE_BY_BYTES + NAME_BYTES_MAX };

/* No token's name has a colon. */
#define USER   "uid:"
#define SIGNED "jwt:" /* and until when its token lets in, and the name */

static bool sum(struct access *access, const char *until, const char *by, const char *stream,
                unsigned char *out_sum)
{
    char text[TEXT_BYTES];
    int count = snprintf(text, sizeof text, "GET\n%s\n%s\n%s", until, by, stream);
    return count > 0 && count < (int)sizeof text &&
           digest_keyed(access->digest, access->key, text, (size_t)count, out_sum);
}

static bool may_read(const struct access *access, struct access_who who, const char *stream)
{
    return access_allow(access, &who, ACCESS_READ, stream);
}

/* In whose name: of the token and the user the first that may read by itself. Gives: false: that
 * name is too long. */
static bool name_of(const struct access *access, const struct access_who *who, const char *stream,
                    char *out_name, size_t room)
{
    struct access_who token = *who, user = *who;
    const char *name = who->has_token ? access_rules_name(access->rules, who->token) : NULL;
    token.has_uid = user.has_token = false;
    user.bearer = NULL;
    if (name && may_read(access, token, stream))
        return snprintf(out_name, room, "%s", name) < (int)room;
    /* What everybody may is none of the token's: the URL would keep it. */
    if (who->bearer && access_bearer_may(access, who->bearer, ACCESS_READ, stream))
        return snprintf(out_name, room, SIGNED "%" PRIu64 ":%s", who->bearer->expires,
                        access->rules->issuers[who->bearer->issuer].name) < (int)room;
    if (who->has_uid && may_read(access, user, stream))
        return snprintf(out_name, room, USER "%" PRIu32, who->uid) < (int)room;
    return snprintf(out_name, room, "%s", "anonymous") < (int)room;
}

bool signature_make(struct access *access, const struct access_who *who, const char *stream,
                    uint64_t until, char out_query[SIGNATURE_QUERY_BYTES])
{
    char name[SIGNATURE_BY_BYTES], time[ID_BYTES_MAX + 1], digits[2 * DIGEST_BYTES + 1];
    unsigned char signature[DIGEST_BYTES];
    time[id_format(until, time)] = '\0';
    if (!name_of(access, who, stream, name, sizeof name) ||
        !sum(access, time, name, stream, signature))
        return false;
    hex_write(signature, sizeof signature, digits);
    int count =
        snprintf(out_query, SIGNATURE_QUERY_BYTES, "until=%s&by=%s&sign=%s", time, name, digits);
    return count > 0 && count < SIGNATURE_QUERY_BYTES;
}

/* "UNTIL:NAME" of one whose token was signed. */
static bool bearer_of(const struct access *access, const char *name, const char *stream,
                      struct bearer **out_bearer)
{
    uint64_t expires;
    const char *colon = strchr(name, ':');
    return colon && id_parse(name, (size_t)(colon - name), &expires) == 0 &&
           bearer_make(access->rules, access->edition, colon + 1, stream, expires, out_bearer) == 0;
}

/* Who has that name. Gives: false: nobody, any more. */
static bool who_of(const struct access *access, const char *name, const char *stream,
                   struct access_who *out_who)
{
    struct access_who who = {0};
    if (strncmp(name, SIGNED, strlen(SIGNED)) == 0) {
        if (!bearer_of(access, name + strlen(SIGNED), stream, &who.bearer))
            return false;
    } else if (strncmp(name, USER, strlen(USER)) == 0) {
        who.has_uid = true;
        who.uid = (uint32_t)strtoul(name + strlen(USER), NULL, 10);
    } else if (strcmp(name, "anonymous") != 0) {
        who.has_token = access_rules_named(access->rules, name, who.token);
        if (!who.has_token)
            return false;
    }
    *out_who = who;
    return true;
}

int signature_check(struct access *access, const char *stream, const char *until, const char *by,
                    const char *sign, uint64_t now, struct access_who *out_who)
{
    unsigned char shown[DIGEST_BYTES], wanted[DIGEST_BYTES];
    struct access_who who;
    uint64_t time;
    if (!hex_read(sign, strlen(sign), shown, sizeof shown) ||
        id_parse(until, strlen(until), &time) < 0 || !sum(access, until, by, stream, wanted) ||
        !digest_same(shown, wanted) || !who_of(access, by, stream, &who))
        return -EACCES;
    if (now > time || now >= access_until(access, &who)) {
        access_who_drop(&who);
        return -ETIME;
    }
    *out_who = who;
    return 0;
}
