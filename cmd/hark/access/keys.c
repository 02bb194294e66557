/* keys.c - which key is for what is found by its kind alone: a kind has one algorithm, and where a
 * key names one it must be that. */
#include "access/keys.h"

#include "base/base64.h"

#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct named_key {
    enum key_algorithm algorithm;
    char *id; /* NULL: it has none */
    struct key *key;
};

struct keys {
    size_t count;
    struct named_key all[KEYS_MAX];
};

static const struct kind {
    const char *type, *curve, *algorithm;
    const char *first, *second; /* its parts */
} kinds[KEY_ALGORITHMS] = {
    [KEY_HS256] = {"oct", NULL, "HS256", "k", NULL},
    [KEY_RS256] = {"RSA", NULL, "RS256", "n", "e"},
    [KEY_ES256] = {"EC", "P-256", "ES256", "x", "y"},
    [KEY_EDDSA] = {"OKP", "Ed25519", "EdDSA", "x", NULL},
};

static const char *string_of(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

/* Whether a member is that, or is missing. */
static bool is_or_misses(const json_t *object, const char *member, const char *text)
{
    const json_t *value = json_object_get(object, member);
    return !value || (json_is_string(value) && strcmp(json_string_value(value), text) == 0);
}

/* Whether it may be used to verify. */
static bool is_for_this(const json_t *object)
{
    const json_t *uses = json_object_get(object, "key_ops");
    bool found = !uses;
    for (size_t i = 0; i < json_array_size(uses) && !found; i++) {
        const char *use = json_string_value(json_array_get(uses, i));
        found = use && strcmp(use, "verify") == 0;
    }
    return found && is_or_misses(object, "use", "sig");
}

/* Gives: NULL: it is of another kind, or for another use. */
static const struct kind *kind_of(const json_t *object)
{
    const char *type = string_of(object, "kty"), *curve = string_of(object, "crv");
    if (!type || !is_for_this(object))
        return NULL;
    for (size_t i = 0; i < KEY_ALGORITHMS; i++) {
        const struct kind *kind = &kinds[i];
        if (strcmp(type, kind->type) == 0 &&
            (!kind->curve || (curve && strcmp(curve, kind->curve) == 0)))
            return is_or_misses(object, "alg", kind->algorithm) ? kind : NULL;
    }
    return NULL;
}

/* Gives: false: it is missing, or not base64url. */
static bool part_of(const json_t *object, const char *member, unsigned char *to,
                    struct key_part *out_part)
{
    const char *text = member ? string_of(object, member) : "";
    const int64_t count =
        text ? base64url_decode(text, strlen(text), to, KEY_PART_BYTES_MAX) : -EINVAL;
    if (count < 0 || (member && count == 0))
        return false;
    *out_part = (struct key_part){to, (size_t)count};
    return true;
}

/* Gives: 0 and the key; -EINVAL and *out_reason; -ENOMEM, -ENOTSUP. */
static int make(const json_t *object, const struct kind *kind, struct key **out_key,
                const char **out_reason)
{
    unsigned char bytes[2][KEY_PART_BYTES_MAX];
    struct key_part first, second;
    int error = -EINVAL;
    if (part_of(object, kind->first, bytes[0], &first) &&
        part_of(object, kind->second, bytes[1], &second))
        error = key_make((enum key_algorithm)(kind - kinds), first, second, out_key, out_reason);
    else
        *out_reason = "a part of it is missing, too long, or not in base64url";
    explicit_bzero(bytes, sizeof bytes);
    return error;
}

static bool has(const struct keys *keys, enum key_algorithm algorithm, const char *id)
{
    for (size_t i = 0; i < keys->count; i++) {
        const struct named_key *one = &keys->all[i];
        if (one->algorithm == algorithm && id && one->id && strcmp(one->id, id) == 0)
            return true;
    }
    return false;
}

static int add(struct keys *keys, const json_t *object, const char **out_reason)
{
    const struct kind *kind = kind_of(object);
    struct named_key *one = &keys->all[keys->count];
    const json_t *id = json_object_get(object, "kid");
    if (!kind)
        return 0;
    if (id && !json_is_string(id))
        *out_reason = "its kid is no string";
    else if (has(keys, (enum key_algorithm)(kind - kinds), json_string_value(id)))
        *out_reason = "another key of its kind has this kid";
    else if (keys->count == KEYS_MAX)
        *out_reason = "there are 64 keys before it, and no room for more";
    if (*out_reason)
        return -EINVAL;
    one->id = id ? strdup(json_string_value(id)) : NULL;
    if (id && !one->id)
        return -ENOMEM;
    one->algorithm = (enum key_algorithm)(kind - kinds);
    int error = make(object, kind, &one->key, out_reason);
    if (error == 0) {
        keys->count++;
        return 0;
    }
    free(one->id);
    one->id = NULL;
    return error;
}

static int read_all(struct keys *keys, const json_t *set, struct keys_fault *fault)
{
    const json_t *list = json_object_get(set, "keys");
    for (size_t i = 0; i < json_array_size(list); i++) {
        int error = add(keys, json_array_get(list, i), &fault->reason);
        fault->key = (unsigned)i + 1;
        if (error < 0)
            return error;
    }
    *fault = (struct keys_fault){
        .reason = json_is_array(list)
                      ? "there is no key in it for HS256, RS256, ES256 (P-256) or EdDSA (Ed25519)"
                      : "it is no JWK set: {\"keys\": [...]}"};
    return keys->count > 0 ? 0 : -EINVAL;
}

int keys_parse(const char *text, size_t count, struct keys **out_keys, struct keys_fault *out_fault)
{
    json_error_t wrong;
    struct keys *keys = calloc(1, sizeof *keys);
    *out_fault = (struct keys_fault){0};
    if (!keys)
        return -ENOMEM;
    json_t *set = json_loadb(text ? text : "", count, JSON_REJECT_DUPLICATES, &wrong);
    int error = -EINVAL;
    if (set)
        error = read_all(keys, set, out_fault);
    else if (json_error_code(&wrong) == json_error_out_of_memory)
        error = -ENOMEM;
    else
        out_fault->reason = "it is no JSON";
    json_decref(set);
    if (error < 0) {
        keys_destroy(keys);
        return error;
    }
    *out_keys = keys;
    return 0;
}

void keys_destroy(struct keys *keys)
{
    for (size_t i = 0; keys && i < keys->count; i++) {
        free(keys->all[i].id);
        key_destroy(keys->all[i].key);
    }
    free(keys);
}

const struct key *keys_find(const struct keys *keys, const char *algorithm, const char *id)
{
    const struct key *found = NULL;
    for (size_t i = 0; i < keys->count; i++) {
        const struct named_key *one = &keys->all[i];
        if (strcmp(kinds[one->algorithm].algorithm, algorithm) != 0 ||
            (id && (!one->id || strcmp(one->id, id) != 0)))
            continue;
        if (found)
            return NULL;
        found = one->key;
    }
    return found;
}
