/* rules_parse.c - rules out of text. What is not understood is refused, and with it all of the
 * text: a rule that was meant otherwise must not be taken for another. */
#include "access/rules.h"
#include "access/rules_state.h"
#include "access/token.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/name.h"

enum { SLOTS_MIN = 8, SUBJECTS_MAX = 16384 };

struct word {
    char *bytes;
    size_t count;
};

struct parser {
    struct access_rules *rules;
    char *at; /* in the line */
    char *end;
    const char *wrong;
};

static const struct {
    const char *name;
    unsigned verbs;
} verbs[] = {
    {"read", ACCESS_READ},     {"append", ACCESS_APPEND}, {"create", ACCESS_CREATE},
    {"delete", ACCESS_DELETE}, {"admin", ACCESS_ADMIN},   {"all", ACCESS_ALL},
};

static bool is(struct word word, const char *text)
{
    return strlen(text) == word.count && memcmp(word.bytes, text, word.count) == 0;
}

/* --- words --- */

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* Gives: a word of 0 bytes: the line, or what is before its comment, is over. */
static struct word next_word(struct parser *parser)
{
    while (parser->at < parser->end && is_blank(*parser->at))
        parser->at++;
    struct word word = {.bytes = parser->at};
    if (parser->at < parser->end && *parser->at == '#')
        parser->at = parser->end;
    while (parser->at < parser->end && !is_blank(*parser->at))
        parser->at++;
    word.count = *word.bytes == '#' ? 0 : (size_t)(parser->at - word.bytes);
    return word;
}

/* What stands behind a word is a blank, a line's end, or the NUL behind all: the word may have its
 * own. */
static const char *text_of(struct parser *parser, struct word word)
{
    if (parser->at < parser->end && parser->at == word.bytes + word.count)
        parser->at++;
    word.bytes[word.count] = '\0';
    return word.bytes;
}

static unsigned verb_of(struct word word)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (is(word, verbs[i].name))
            return verbs[i].verbs;
    return 0;
}

unsigned access_verbs_parse(const char *text, size_t count, const char **out_reason)
{
    unsigned found = 0;
    const char *end = text + count;
    while (text <= end) {
        const char *comma = text < end ? memchr(text, ',', (size_t)(end - text)) : NULL;
        size_t length = (size_t)((comma ? comma : end) - text);
        unsigned verb = verb_of((struct word){(char *)text, length});
        if (verb == 0) {
            *out_reason = "the verbs are read, append, create, delete, admin and all, with commas "
                          "between them";
            return 0;
        }
        found |= verb;
        text += length + 1;
    }
    return found;
}

const char *access_prefix_wrong(const char *text, size_t count, unsigned verbs_of_it)
{
    if (count == 1 && *text == '*')
        return NULL;
    if (count > 1 && text[count - 1] == '*')
        return "a prefix ends with a slash, and has no star: users/ is all that is below it";
    size_t name = count > 0 && text[count - 1] == '/' ? count - 1 : count;
    if (!name_valid(text, name) || count > NAME_BYTES_MAX)
        return "a prefix is a stream's name, or its beginning with a slash at the end, or *";
    if ((verbs_of_it & ACCESS_ADMIN) != 0 && verbs_of_it != ACCESS_ALL)
        return "admin is of the whole server: it stands with * alone";
    return NULL;
}

const char *access_name_wrong(const char *text, size_t count)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const struct word word = {(char *)text, count};
    if (is(word, "anonymous") || is(word, "uid"))
        return "anonymous and uid are no names of tokens";
    for (size_t i = 0; i < count; i++)
        if (text[i] == '\0' || !strchr(letters, text[i]))
            count = 0;
    return count == 0 || count > ACCESS_NAME_MAX
               ? "the name of a token is 1 to 64 of A-Z a-z 0-9 . _ -"
               : NULL;
}

/* --- memory --- */

/* Makes room for one more: arrays grow by doubling, at the powers of two. */
static void *grown(void *array, size_t count, size_t size)
{
    return count & (count - 1) ? array : reallocarray(array, count ? 2 * count : 1, size);
}

static int slots_grow(struct access_rules *rules)
{
    size_t count = rules->slots_count ? 2 * rules->slots_count : SLOTS_MIN;
    uint32_t *slots = calloc(count, sizeof *slots);
    if (!slots)
        return -ENOMEM;
    free(rules->slots);
    rules->slots = slots;
    rules->slots_count = count;
    for (size_t i = 0; i < rules->subjects_count; i++) {
        const struct access_subject *subject = &rules->subjects[i];
        slots[access_slot_of(rules, subject->kind, subject->uid, subject->token)] = (uint32_t)i + 1;
    }
    return 0;
}

/* Gives: the who of the line, which may be new; NULL: no memory. */
static struct access_subject *subject_of(struct access_rules *rules,
                                         const struct access_subject *wanted)
{
    size_t slot = access_slot_of(rules, wanted->kind, wanted->uid, wanted->token);
    if (rules->slots[slot] != 0)
        return &rules->subjects[rules->slots[slot] - 1];
    struct access_subject *subjects =
        grown(rules->subjects, rules->subjects_count, sizeof *subjects);
    if (!subjects)
        return NULL;
    rules->subjects = subjects;
    subjects[rules->subjects_count++] = *wanted;
    rules->slots[slot] = (uint32_t)rules->subjects_count;
    if (2 * rules->subjects_count > rules->slots_count && slots_grow(rules) < 0)
        return NULL;
    return &rules->subjects[rules->subjects_count - 1];
}

static int add_grant(struct access_rules *rules, struct access_subject *subject, const char *prefix,
                     unsigned verbs_of_it)
{
    struct access_grant *grants = grown(rules->grants, rules->grants_count, sizeof *grants);
    if (!grants)
        return -ENOMEM;
    rules->grants = grants;
    grants[rules->grants_count++] = (struct access_grant){
        .next = subject->grants,
        .verbs = verbs_of_it,
        .prefix = prefix,
        .length = strcmp(prefix, "*") == 0 ? 0 : (uint32_t)strlen(prefix),
    };
    subject->grants = (uint32_t)rules->grants_count;
    return 0;
}

/* --- a line --- */

static bool read_uid(struct word word, uint32_t *out_uid)
{
    uint64_t value;
    if (id_parse(word.bytes, word.count, &value) < 0 || value >= UINT32_MAX)
        return false;
    *out_uid = (uint32_t)value;
    return true;
}

static bool begins(struct word word, const char *text)
{
    return word.count >= strlen(text) && memcmp(word.bytes, text, strlen(text)) == 0;
}

/* Whether the next word is KEY=..., of which what is behind the = is taken. */
static bool take_setting(struct parser *parser, const char *key, const char **out_value)
{
    struct parser before = *parser;
    struct word word = next_word(parser);
    if (!begins(word, key)) {
        *parser = before;
        return false;
    }
    *out_value = text_of(parser, word) + strlen(key);
    return true;
}

static bool same(const char *text, const char *other)
{
    return text == other || (text && other && strcmp(text, other) == 0);
}

/* Lines of the same name are of the same issuer. Gives: NULL, or what is wrong. */
static const char *take_issuer(struct access_rules *rules, const struct access_issuer *issuer,
                               uint32_t *out_place)
{
    if (access_rules_issuer(rules, issuer->name, out_place)) {
        const struct access_issuer *former = &rules->issuers[*out_place];
        return same(former->file, issuer->file) && same(former->audience, issuer->audience) &&
                       same(former->issuer, issuer->issuer) && same(former->claim, issuer->claim)
                   ? NULL
                   : "this name has another file of keys, aud, iss or claim further up";
    }
    if (rules->issuers_count == ACCESS_ISSUERS_MAX)
        return "there are 16 files of keys before it, and no room for more";
    *out_place = (uint32_t)rules->issuers_count;
    rules->issuers[rules->issuers_count++] = *issuer;
    return NULL;
}

/* jwt:FILE aud=WORD [iss=WORD] [claim=WORD], in any order behind the file. */
static const char *read_issuer(struct parser *parser, struct word name, struct word file,
                               struct access_subject *out_who)
{
    const char *wrong = NULL;
    struct access_issuer issuer = {.claim = "hark"};
    issuer.file = text_of(parser, file) + strlen("jwt:");
    name.bytes[name.count] = '\0';
    issuer.name = out_who->name = name.bytes;
    out_who->kind = ACCESS_JWT;
    while (take_setting(parser, "aud=", &issuer.audience) ||
           take_setting(parser, "iss=", &issuer.issuer) ||
           take_setting(parser, "claim=", &issuer.claim)) {
    }
    if (!*issuer.file)
        wrong = "behind jwt: stands a file of keys (a JWK set)";
    else if (!issuer.audience)
        wrong = "behind the file of keys stands aud= and for whom its tokens have to be";
    else if (!*issuer.audience || (issuer.issuer && !*issuer.issuer) || !*issuer.claim)
        wrong = "behind aud=, iss= and claim= something stands";
    return wrong ? wrong : take_issuer(parser->rules, &issuer, &out_who->uid);
}

static const char *read_token(struct parser *parser, struct word name,
                              struct access_subject *out_who)
{
    static const char algorithm[] = "sha256:";
    struct word digest = next_word(parser);
    size_t skipped = sizeof algorithm - 1;
    const char *wrong = access_name_wrong(name.bytes, name.count);
    if (wrong)
        return wrong;
    if (begins(digest, "jwt:"))
        return read_issuer(parser, name, digest, out_who);
    if (digest.count < skipped || memcmp(digest.bytes, algorithm, skipped) != 0 ||
        !hex_read(digest.bytes + skipped, digest.count - skipped, out_who->token, DIGEST_BYTES))
        return "behind the name of a token stands sha256: and 64 hexadecimal digits (hark token "
               "makes such lines), or jwt: and a file of keys";
    name.bytes[name.count] = '\0';
    out_who->kind = ACCESS_TOKEN;
    out_who->name = name.bytes;
    return NULL;
}

static const char *read_who(struct parser *parser, struct word first,
                            struct access_subject *out_who)
{
    if (is(first, "anonymous")) {
        out_who->kind = ACCESS_ANONYMOUS;
        return NULL;
    }
    if (!is(first, "uid"))
        return read_token(parser, first, out_who);
    out_who->kind = ACCESS_UID;
    return read_uid(next_word(parser), &out_who->uid)
               ? NULL
               : "behind uid stands the number of a user, as `id -u` has it";
}

/* Names and tokens belong together, one to one. */
static const char *clash(const struct access_rules *rules, const struct access_subject *who)
{
    unsigned char other[DIGEST_BYTES];
    uint32_t place;
    if (who->kind == ACCESS_JWT && access_rules_named(rules, who->name, other))
        return "another token has this name further up";
    if (who->kind != ACCESS_TOKEN)
        return NULL;
    if (access_rules_issuer(rules, who->name, &place))
        return "a file of keys has this name further up";
    const char *name = access_rules_name(rules, who->token);
    if (name && strcmp(name, who->name) != 0)
        return "this token has another name further up";
    if (!name && access_rules_named(rules, who->name, other))
        return "another token has this name further up";
    return NULL;
}

static const char *read_prefixes(struct parser *parser, struct access_subject *subject,
                                 unsigned verbs_of_it, int *out_error)
{
    size_t count = 0;
    for (struct word word = next_word(parser); word.count > 0; word = next_word(parser)) {
        const char *wrong = access_prefix_wrong(word.bytes, word.count, verbs_of_it);
        if (wrong)
            return wrong;
        if (add_grant(parser->rules, subject, text_of(parser, word), verbs_of_it) < 0) {
            *out_error = -ENOMEM;
            return NULL;
        }
        count++;
    }
    return count > 0 ? NULL : "a rule says of which streams: a prefix, a name, or *";
}

/* Gives: NULL, or what is wrong. *out_error: -ENOMEM. */
static const char *read_line(struct parser *parser, int *out_error)
{
    struct access_subject who = {.kind = ACCESS_ANONYMOUS};
    const char *wrong = NULL;
    struct word word = next_word(parser);
    if (word.count == 0)
        return NULL;
    if ((wrong = read_who(parser, word, &who)) || (wrong = clash(parser->rules, &who)))
        return wrong;
    word = next_word(parser);
    unsigned found = access_verbs_parse(word.bytes, word.count, &wrong);
    if (found == 0)
        return wrong;
    if (parser->rules->subjects_count == SUBJECTS_MAX)
        return "there are rules for 16383 different tokens and users, and no room for more";
    struct access_subject *subject = subject_of(parser->rules, &who);
    if (subject)
        return read_prefixes(parser, subject, found, out_error);
    *out_error = -ENOMEM;
    return NULL;
}

/* --- all of them --- */

static int read_lines(struct access_rules *rules, size_t count, struct access_fault *fault)
{
    char *end = rules->text + count;
    int error = 0;
    for (char *line = rules->text; line < end && error == 0;) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        struct parser parser = {.rules = rules, .at = line, .end = stop ? stop : end};
        fault->line++;
        fault->reason = read_line(&parser, &error);
        if (fault->reason)
            return -EINVAL;
        line = parser.end + 1;
    }
    if (error == 0 && rules->grants_count == 0) {
        *fault = (struct access_fault){.reason = "there is no rule in it"};
        return -EINVAL;
    }
    return error;
}

int access_rules_parse(const char *text, size_t count, struct access_rules **out_rules,
                       struct access_fault *out_fault)
{
    struct access_rules *rules = calloc(1, sizeof *rules);
    *out_fault = (struct access_fault){0};
    if (!rules)
        return -ENOMEM;
    rules->text = malloc(count + 1);
    int error = rules->text ? slots_grow(rules) : -ENOMEM;
    if (error == 0) {
        if (count > 0)
            memcpy(rules->text, text, count);
        rules->text[count] = '\0';
        error = read_lines(rules, count, out_fault);
    }
    if (error < 0) {
        access_rules_destroy(rules);
        return error;
    }
    *out_rules = rules;
    return 0;
}
