/* rules.c - asking them: of the prefixes of each who, which are few, each is compared. */
#include "access/rules.h"
#include "access/rules_state.h"

#include <stdlib.h>
#include <string.h>

bool access_rules_know(const struct access_rules *rules, const unsigned char token[DIGEST_BYTES])
{
    return access_subject_find(rules, ACCESS_TOKEN, 0, token);
}

/* A prefix of whole parts: one that ends with a slash, or the whole name. */
static bool covers(const struct access_grant *grant, const char *name, size_t length)
{
    if (grant->length == 0)
        return true;
    if (!name || length < grant->length || memcmp(name, grant->prefix, grant->length) != 0)
        return false;
    return length == grant->length || grant->prefix[grant->length - 1] == '/';
}

static bool allows(const struct access_rules *rules, const struct access_subject *subject,
                   enum access_verb verb, const char *name)
{
    size_t length = name ? strlen(name) : 0;
    for (uint32_t next = subject ? subject->grants : 0; next != 0;
         next = rules->grants[next - 1].next) {
        const struct access_grant *grant = &rules->grants[next - 1];
        if ((grant->verbs & verb) != 0 && covers(grant, name, length))
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

void access_rules_destroy(struct access_rules *rules)
{
    if (!rules)
        return;
    free(rules->text);
    free(rules->grants);
    free(rules->subjects);
    free(rules->slots);
    free(rules);
}
