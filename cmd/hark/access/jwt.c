/* jwt.c - the signature comes first: what was not signed is looked at no further than its header,
 * of which the algorithm and the key's name are taken, and a key has its own algorithm. JSON is
 * read by jansson; a member that stands there twice is refused, as two readers could take it for
 * two things.
 */
#include "access/jwt.h"
#include "access/rules_state.h"
#include "access/token.h"

#include "base/base64.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* The three of it, as text. */
struct parts {
    const char *header, *claims, *signature;
    size_t header_count, claims_count, signature_count;
};

/* Gives: false: there are not three, or one is empty. */
static bool split(const char *text, size_t count, struct parts *out_parts)
{
    const char *end = text + count;
    const char *first = memchr(text, '.', count);
    const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
        return false;
    *out_parts = (struct parts){
        .header = text,
        .claims = first + 1,
        .signature = second + 1,
        .header_count = (size_t)(first - text),
        .claims_count = (size_t)(second - first - 1),
        .signature_count = (size_t)(end - second - 1),
    };
    return out_parts->header_count && out_parts->claims_count && out_parts->signature_count;
}

bool jwt_looks_so(const char *text, size_t count)
{
    struct parts parts;
    return count <= TOKEN_BYTES_MAX && split(text, count, &parts);
}

/* jansson reads what is nested by recursion, and a token that nobody has looked at yet must not
 * choose how deep: threads may have small stacks. */
static bool is_deep(const char *bytes, size_t count)
{
    enum { DEPTH_MAX = 16 };
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < count; i++) {
        if (quoted && bytes[i] == '\\')
            i++;
        else if (bytes[i] == '"')
            quoted = !quoted;
        else if (!quoted && (bytes[i] == '[' || bytes[i] == '{'))
            depth++;
        else if (!quoted && (bytes[i] == ']' || bytes[i] == '}'))
            depth--;
        if (depth > DEPTH_MAX)
            return true;
    }
    return false;
}

/* Gives: NULL: it is none, in base64url. */
static json_t *object_of(const char *text, size_t count)
{
    char bytes[TOKEN_BYTES_MAX];
    json_error_t wrong;
    const int64_t length = base64url_decode(text, count, bytes, sizeof bytes);
    if (length < 0 || is_deep(bytes, (size_t)length))
        return NULL;
    json_t *object = json_loadb(bytes, (size_t)length, JSON_REJECT_DUPLICATES, &wrong);
    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
}

/* --- the signature --- */

/* Of an extension that must be understood (RFC 7515, 4.1.11) nothing is. */
static bool signed_by(const struct access_issuer *issuer, const json_t *header, const char *text,
                      const struct parts *parts)
{
    unsigned char signature[KEY_PART_BYTES_MAX];
    const char *algorithm = json_string_value(json_object_get(header, "alg"));
    const json_t *id = json_object_get(header, "kid");
    if (!algorithm || (id && !json_is_string(id)) || json_object_get(header, "crit") ||
        !issuer->keys)
        return false;
    const struct key *key = keys_find(issuer->keys, algorithm, json_string_value(id));
    const int64_t count =
        base64url_decode(parts->signature, parts->signature_count, signature, sizeof signature);
    return key && count > 0 &&
           key_verify(key, text, parts->header_count + 1 + parts->claims_count, signature,
                      (size_t)count);
}

/* --- the claims --- */

/* A NumericDate, which may have a fraction. Gives: false: it is missing, or none. */
static bool time_of(const json_t *claims, const char *name, uint64_t *out_seconds)
{
    const json_t *value = json_object_get(claims, name);
    const double seconds = json_number_value(value);
    if (!json_is_number(value) || !(seconds >= 0 && seconds < 1e12))
        return false;
    *out_seconds = (uint64_t)seconds;
    return true;
}

static bool is_for(const json_t *claims, const char *audience)
{
    const json_t *value = json_object_get(claims, "aud");
    bool found = json_is_string(value) && strcmp(json_string_value(value), audience) == 0;
    for (size_t i = 0; i < json_array_size(value) && !found; i++) {
        const char *one = json_string_value(json_array_get(value, i));
        found = one && strcmp(one, audience) == 0;
    }
    return found;
}

static bool is_from(const json_t *claims, const char *issuer)
{
    const char *value = json_string_value(json_object_get(claims, "iss"));
    return !issuer || (value && strcmp(value, issuer) == 0);
}

/* --- what the bearer may do --- */

/* The prefixes of all verbs together, and the bytes of their texts. Gives: false: something in it
 * is not as rules would have it. */
static bool measure(json_t *claim, size_t *out_count, size_t *out_bytes)
{
    const char *verbs, *wrong;
    json_t *prefixes;
    json_object_foreach(claim, verbs, prefixes)
    {
        const unsigned known = access_verbs_parse(verbs, strlen(verbs), &wrong);
        if (known == 0 || !json_is_array(prefixes))
            return false;
        for (size_t i = 0; i < json_array_size(prefixes); i++) {
            const char *prefix = json_string_value(json_array_get(prefixes, i));
            if (!prefix || access_prefix_wrong(prefix, strlen(prefix), known))
                return false;
            *out_bytes += strlen(prefix) + 1;
            *out_count += 1;
        }
    }
    return *out_count <= JWT_RIGHTS_MAX;
}

static struct jwt_rights *rights_create(size_t count, size_t bytes, char **out_text)
{
    struct jwt_rights *rights =
        calloc(1, sizeof *rights + count * sizeof(struct access_grant) + bytes);
    if (!rights)
        return NULL;
    rights->grants = (struct access_grant *)(rights + 1);
    *out_text = (char *)(rights->grants + count);
    return rights;
}

static char *put(struct jwt_rights *rights, unsigned verbs, const char *prefix, char *text)
{
    rights->grants[rights->count++] = (struct access_grant){
        .verbs = verbs,
        .prefix = text,
        .length = strcmp(prefix, "*") == 0 ? 0 : (uint32_t)strlen(prefix),
    };
    return stpcpy(text, prefix) + 1;
}

/* Without the claim there are none. Gives: 0 and *out_rights; -EACCES, -ENOMEM. */
static int read_rights(json_t *claim, struct jwt_rights **out_rights)
{
    const char *verbs, *wrong;
    char *text;
    json_t *prefixes;
    size_t count = 0, bytes = 0;
    if (claim && (!json_is_object(claim) || !measure(claim, &count, &bytes)))
        return -EACCES;
    struct jwt_rights *rights = rights_create(count, bytes, &text);
    if (!rights)
        return -ENOMEM;
    json_object_foreach(claim, verbs, prefixes)
    {
        const unsigned known = access_verbs_parse(verbs, strlen(verbs), &wrong);
        for (size_t i = 0; i < json_array_size(prefixes); i++)
            text = put(rights, known, json_string_value(json_array_get(prefixes, i)), text);
    }
    *out_rights = rights;
    return 0;
}

struct jwt_rights *jwt_rights_of_one(unsigned verbs, const char *prefix)
{
    char *text;
    struct jwt_rights *rights = rights_create(1, strlen(prefix) + 1, &text);
    if (rights)
        put(rights, verbs, prefix, text);
    return rights;
}

/* --- all of it --- */

static int read_claims(const struct access_issuer *issuer, const json_t *claims, struct jwt *jwt)
{
    const bool begins = json_object_get(claims, "nbf");
    if (!is_for(claims, issuer->audience) || !is_from(claims, issuer->issuer) ||
        !time_of(claims, "exp", &jwt->expires) ||
        (begins && !time_of(claims, "nbf", &jwt->not_before)))
        return -EACCES;
    return read_rights(json_object_get(claims, issuer->claim), &jwt->rights);
}

/* Whose it is: the first who has signed it, and for whom it is. */
static int find_issuer(const struct access_rules *rules, const char *text,
                       const struct parts *parts, const json_t *header, struct jwt *out_jwt)
{
    int error = -EACCES;
    for (size_t i = 0; i < rules->issuers_count && error == -EACCES; i++) {
        const struct access_issuer *issuer = &rules->issuers[i];
        struct jwt jwt = {.issuer = (uint32_t)i};
        if (!signed_by(issuer, header, text, parts))
            continue;
        json_t *claims = object_of(parts->claims, parts->claims_count);
        error = claims ? read_claims(issuer, claims, &jwt) : -EACCES;
        json_decref(claims);
        if (error == 0)
            *out_jwt = jwt;
    }
    return error;
}

int jwt_read(const struct access_rules *rules, const char *text, size_t count, struct jwt *out_jwt)
{
    struct parts parts;
    if (rules->issuers_count == 0 || count > TOKEN_BYTES_MAX || !split(text, count, &parts))
        return -EACCES;
    json_t *header = object_of(parts.header, parts.header_count);
    if (!header)
        return -EACCES;
    int error = find_issuer(rules, text, &parts, header, out_jwt);
    json_decref(header);
    return error;
}
