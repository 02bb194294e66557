/* rules.c - asking them: of the prefixes of each who, which are few, each is compared. */
#include "access/rules.h"
#include "access/rules_state.h"

#include <stdlib.h>
#include <string.h>

bool access_rules_know(const struct access_rules *rules, const unsigned char token[DIGEST_BYTES])
{
    return access_subject_find(rules, ACCESS_TOKEN, 0, token);
}

static bool allows(const struct access_rules *rules, const struct access_subject *subject,
                   enum access_verb verb, const char *name)
{
    size_t length = name ? strlen(name) : 0;
    for (uint32_t next = subject ? subject->grants : 0; next != 0;
         next = rules->grants[next - 1].next) {
        const struct access_grant *grant = &rules->grants[next - 1];
        if ((grant->verbs & verb) != 0 && access_grant_covers(grant, name, length))
            return true;
    }
    return false;
}

bool access_rules_allow(const struct access_rules *rules, const struct access_who *who,
                        enum access_verb verb, const char *name)
{
    if (allows(rules, access_subject_find(rules, ACCESS_ANONYMOUS, 0, NULL), verb, name))
        return true;
    if (who->has_uid &&
        allows(rules, access_subject_find(rules, ACCESS_UID, who->uid, NULL), verb, name))
        return true;
    return who->has_token &&
           allows(rules, access_subject_find(rules, ACCESS_TOKEN, 0, who->token), verb, name);
}

bool access_rules_issuer_may(const struct access_rules *rules, uint32_t place,
                             enum access_verb verb, const char *name)
{
    return allows(rules, access_subject_find(rules, ACCESS_JWT, place, NULL), verb, name);
}

const char *access_rules_name(const struct access_rules *rules,
                              const unsigned char token[DIGEST_BYTES])
{
    const struct access_subject *subject = access_subject_find(rules, ACCESS_TOKEN, 0, token);
    return subject ? subject->name : NULL;
}

bool access_rules_named(const struct access_rules *rules, const char *name,
                        unsigned char out_token[DIGEST_BYTES])
{
    for (size_t i = 0; i < rules->subjects_count; i++) {
        const struct access_subject *subject = &rules->subjects[i];
        if (subject->kind == ACCESS_TOKEN && strcmp(subject->name, name) == 0) {
            memcpy(out_token, subject->token, DIGEST_BYTES);
            return true;
        }
    }
    return false;
}

bool access_rules_issuer(const struct access_rules *rules, const char *name, uint32_t *out_place)
{
    for (size_t i = 0; i < rules->issuers_count; i++) {
        if (strcmp(rules->issuers[i].name, name) == 0) {
            *out_place = (uint32_t)i;
            return true;
        }
    }
    return false;
}

const char *access_rules_keys_file(const struct access_rules *rules, size_t which)
{
    return which < rules->issuers_count ? rules->issuers[which].file : NULL;
}

int access_rules_keys_take(struct access_rules *rules, size_t which, const char *text, size_t count,
                           struct keys_fault *out_fault)
{
    return keys_parse(text, count, &rules->issuers[which].keys, out_fault);
}

void access_rules_destroy(struct access_rules *rules)
{
    if (!rules)
        return;
    for (size_t i = 0; i < rules->issuers_count; i++)
        keys_destroy(rules->issuers[i].keys);
    free(rules->text);
    free(rules->grants);
    free(rules->subjects);
    free(rules->slots);
    free(rules);
}
