/* rules_state.c - each who is found in a hash table. */
#include "access/rules_state.h"

#include <string.h>

/* A prefix of whole parts: one that ends with a slash, or the whole name. */
bool access_grant_covers(const struct access_grant *grant, const char *name, size_t length)
{
    if (grant->length == 0)
        return true;
    if (!name || length < grant->length || memcmp(name, grant->prefix, grant->length) != 0)
        return false;
    return length == grant->length || grant->prefix[grant->length - 1] == '/';
}

/* A token's digest is as good as random; others are scattered. */
static uint64_t hash_of(enum access_kind kind, uint32_t uid, const unsigned char *token)
{
    uint64_t hash;
    if (kind != ACCESS_TOKEN)
        return (uid + (uint64_t)kind) * UINT64_C(0x9e3779b97f4a7c15) >> 24;
    memcpy(&hash, token, sizeof hash);
    return hash;
}

static bool is(const struct access_subject *subject, enum access_kind kind, uint32_t uid,
               const unsigned char *token)
{
    if (subject->kind != kind)
        return false;
    switch (kind) {
    case ACCESS_ANONYMOUS:
        return true;
    case ACCESS_UID:
    case ACCESS_JWT:
        return subject->uid == uid;
    case ACCESS_TOKEN:
        return digest_same(subject->token, token);
    }
    return false;
}

size_t access_slot_of(const struct access_rules *rules, enum access_kind kind, uint32_t uid,
                      const unsigned char *token)
{
    size_t slot = (size_t)hash_of(kind, uid, token) & (rules->slots_count - 1);
    while (rules->slots[slot] != 0 &&
           !is(&rules->subjects[rules->slots[slot] - 1], kind, uid, token))
        slot = (slot + 1) & (rules->slots_count - 1);
    return slot;
}

struct access_subject *access_subject_find(const struct access_rules *rules, enum access_kind kind,
                                           uint32_t uid, const unsigned char *token)
{
    uint32_t found = rules->slots[access_slot_of(rules, kind, uid, token)];
    return found == 0 ? NULL : &rules->subjects[found - 1];
}
