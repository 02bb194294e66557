/* test_rules.c - rules out of text, and what they allow. */
#include "access/rules.h"
#include "harness/harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:BBBBBBBBbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct access_rules *parsed(const char *text)
{
    struct access_rules *rules = NULL;
    struct access_fault fault;
    int error = access_rules_parse(text, strlen(text), &rules, &fault);
    if (error != 0)
        fail_msg("line %u: %s", fault.line, fault.reason ? fault.reason : "");
    return rules;
}

static struct access_who token(int byte)
{
    struct access_who who = {.has_token = true};
    memset(who.token, byte, sizeof who.token);
    return who;
}

static bool may(const struct access_rules *rules, struct access_who who, enum access_verb verb,
                const char *name)
{
    return access_rules_allow(rules, &who, verb, name);
}

static const struct access_who nobody;

TEST(a_prefix_is_of_whole_parts)
{
    struct access_rules *rules = parsed("a " A " read users/7/ news users/8\n");
    static const char *const in[] = {"users/7/chat", "users/7/a/b", "news", "users/8"};
    static const char *const out[] = {"users/7",    "users/70",   "users/70/chat", "users/7a",
                                      "users/",     "users",      "user",          "news/today",
                                      "newspaper",  "new",        "users/8/chat",  "users/80",
                                      "Users/7/c",  "other",      "xusers/7/chat", "",
                                      "users/77/a", "users//7/a", "users/7"};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        if (!may(rules, token(0xaa), ACCESS_READ, in[i]))
            fail_msg("%s was refused", in[i]);
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        if (may(rules, token(0xaa), ACCESS_READ, out[i]))
            fail_msg("%s was allowed", out[i]);
    assert_false(may(rules, token(0xaa), ACCESS_READ, NULL));
    access_rules_destroy(rules);
}

TEST(rules_allow_what_they_name_and_nothing_else)
{
    struct access_rules *rules = parsed("a " A " append,delete x/\n"
                                        "a " A " read *\n"
                                        "b " B " all y/\n");
    assert_true(may(rules, token(0xaa), ACCESS_APPEND, "x/1"));
    assert_true(may(rules, token(0xaa), ACCESS_DELETE, "x/1"));
    assert_false(may(rules, token(0xaa), ACCESS_CREATE, "x/1"));
    assert_true(may(rules, token(0xaa), ACCESS_READ, "x/1"));
    assert_true(may(rules, token(0xaa), ACCESS_READ, "y/1"));
    assert_false(may(rules, token(0xaa), ACCESS_APPEND, "y/1"));
    assert_true(may(rules, token(0xaa), ACCESS_READ, NULL));
    assert_false(may(rules, token(0xaa), ACCESS_ADMIN, NULL));
    assert_true(may(rules, token(0xbb), ACCESS_CREATE, "y/1"));
    assert_false(may(rules, token(0xbb), ACCESS_READ, "x/1"));
    assert_false(may(rules, token(0xbb), ACCESS_ADMIN, NULL)); /* all of y/, not of the server */
    assert_false(may(rules, token(0xbb), ACCESS_READ, NULL));
    assert_false(may(rules, token(0xcc), ACCESS_READ, "x/1"));
    assert_false(may(rules, nobody, ACCESS_READ, "x/1"));
    access_rules_destroy(rules);
}

TEST(what_everybody_the_user_and_the_token_may_adds_up)
{
    struct access_rules *rules = parsed("anonymous read public/\r\n"
                                        "uid 1000 append jobs\n"
                                        "uid 0 all *\n"
                                        "\ta " A "\tread   a/ # of somebody\n");
    struct access_who both = token(0xaa);
    struct access_who user = {.has_uid = true, .uid = 1000};
    both.has_uid = true;
    both.uid = 1000;
    assert_true(may(rules, nobody, ACCESS_READ, "public/x"));
    assert_false(may(rules, nobody, ACCESS_APPEND, "jobs"));
    assert_true(may(rules, user, ACCESS_READ, "public/x"));
    assert_true(may(rules, user, ACCESS_APPEND, "jobs"));
    assert_false(may(rules, user, ACCESS_READ, "a/x"));
    assert_true(may(rules, both, ACCESS_READ, "a/x"));
    assert_true(may(rules, both, ACCESS_APPEND, "jobs"));
    user.uid = 0;
    assert_true(may(rules, user, ACCESS_ADMIN, NULL));
    user.has_uid = false; /* a number that nobody vouches for */
    assert_false(may(rules, user, ACCESS_ADMIN, NULL));
    access_rules_destroy(rules);
}

TEST(names_and_tokens_lead_to_each_other)
{
    struct access_rules *rules = parsed("a " A " read *\nb-1 " B " read *\n");
    unsigned char found[DIGEST_BYTES];
    assert_string_equal(access_rules_name(rules, token(0xbb).token), "b-1");
    assert_null(access_rules_name(rules, token(0xcc).token));
    assert_true(access_rules_named(rules, "a", found));
    assert_memory_equal(found, token(0xaa).token, DIGEST_BYTES);
    assert_false(access_rules_named(rules, "A", found));
    assert_true(access_rules_know(rules, token(0xaa).token));
    assert_false(access_rules_know(rules, token(0xab).token));
    access_rules_destroy(rules);
}

struct wrong {
    const char *text;
    unsigned line;
    const char *reason; /* a part of it */
};

TEST(what_is_not_understood_is_refused_with_its_line)
{
    static const struct wrong rows[] = {
        {"", 0, "no rule"},
        {"# nothing\n\n  \n", 0, "no rule"},
        {"\na " A " read *\nb\n", 3, "sha256:"},
        {"a read *\n", 1, "sha256:"},
        {"a sha256:1234 read *\n", 1, "64 hex"},
        {"a " A "0 read *\n", 1, "64 hex"},
        {"a " A " read\n", 1, "of which streams"},
        {"a " A " read # *\n", 1, "of which streams"},
        {"a " A "\n", 1, "the verbs are"},
        {"a " A " write *\n", 1, "the verbs are"},
        {"a " A " read,,append *\n", 1, "the verbs are"},
        {"a " A " read, append *\n", 1, "the verbs are"},
        {"a " A " READ *\n", 1, "the verbs are"},
        {"a " A " read users/*\n", 1, "no star"},
        {"a " A " read **\n", 1, "no star"},
        {"a " A " read /\n", 1, "a prefix is"},
        {"a " A " read /users\n", 1, "a prefix is"},
        {"a " A " read users//\n", 1, "a prefix is"},
        {"a " A " read ../x\n", 1, "a prefix is"},
        {"a " A " read x y,z\n", 1, "a prefix is"},
        {"a " A " admin x/\n", 1, "admin is"},
        {"a/b " A " read *\n", 1, "name of a token"},
        {"a\x01 " A " read *\n", 1, "name of a token"},
        {"anonymous " A " read *\n", 1, "the verbs are"},
        {"uid x read *\n", 1, "number of a user"},
        {"uid -1 read *\n", 1, "number of a user"},
        {"uid 4294967295 read *\n", 1, "number of a user"},
        {"uid 4294967296 read *\n", 1, "number of a user"},
        {"uid read *\n", 1, "number of a user"},
        {"a " A " read *\nb " A " read *\n", 2, "another name"},
        {"a " A " read *\na " B " read *\n", 2, "another token"},
        {"jwt key read *\n", 1, "sha256:"},
        {"a jwt: aud=x read *\n", 1, "file of keys"},
        {"a jwt:k read *\n", 1, "aud="},
        {"a jwt:k aud= read *\n", 1, "something stands"},
        {"a jwt:k iss= aud=x read *\n", 1, "something stands"},
        {"a jwt:k claim= aud=x read *\n", 1, "something stands"},
        {"a jwt:k aud=x other=x read *\n", 1, "the verbs are"},
        {"a jwt:k aud=x\n", 1, "the verbs are"},
        {"a jwt:k aud=x read\n", 1, "of which streams"},
        {"a/b jwt:k aud=x read *\n", 1, "name of a token"},
        {"a jwt:k aud=x read *\na jwt:k aud=y read *\n", 2, "another file"},
        {"a jwt:k aud=x read *\na jwt:l aud=x read *\n", 2, "another file"},
        {"a jwt:k aud=x read *\na jwt:k aud=x iss=i read *\n", 2, "another file"},
        {"a jwt:k aud=x read *\na jwt:k aud=x claim=c read *\n", 2, "another file"},
        {"a jwt:k aud=x read *\na " A " read *\n", 2, "has this name"},
        {"a " A " read *\na jwt:k aud=x read *\n", 2, "has this name"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct access_rules *rules = NULL;
        struct access_fault fault;
        const struct wrong *row = &rows[i];
        int error = access_rules_parse(row->text, strlen(row->text), &rules, &fault);
        if (error != -EINVAL || fault.line != row->line || !strstr(fault.reason, row->reason))
            fail_msg("%s: %d, line %u: %s", row->text, error, fault.line,
                     error == 0 ? "" : fault.reason);
    }
}

TEST(rules_name_their_files_of_keys)
{
    struct access_rules *rules = parsed("a jwt:/etc/k.json iss=https://i.example/ aud=x read *\n"
                                        "a jwt:/etc/k.json aud=x iss=https://i.example/ append x\n"
                                        "b jwt:l\taud=y claim=https://c.example/=d all z/");
    uint32_t place;
    assert_string_equal(access_rules_keys_file(rules, 0), "/etc/k.json");
    assert_string_equal(access_rules_keys_file(rules, 1), "l");
    assert_null(access_rules_keys_file(rules, 2));
    assert_true(access_rules_issuer(rules, "b", &place));
    assert_int_equal(place, 1);
    assert_false(access_rules_issuer(rules, "c", &place));
    access_rules_destroy(rules);
}

TEST(there_is_room_for_some_files_of_keys)
{
    char text[1024];
    size_t used = 0;
    struct access_rules *rules = NULL;
    struct access_fault fault;
    for (int i = 0; i < 16; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "a%d jwt:k aud=x read *\n", i);
    assert_int_equal(access_rules_parse(text, used, &rules, &fault), 0);
    access_rules_destroy(rules);
    used += (size_t)snprintf(text + used, sizeof text - used, "b jwt:k aud=x read *\n");
    assert_int_equal(access_rules_parse(text, used, &rules, &fault), -EINVAL);
    assert_int_equal(fault.line, 17);
}

TEST(a_nul_in_rules_is_refused)
{
    static const char text[] = "a " A " read x\0 *\n";
    struct access_rules *rules = NULL;
    struct access_fault fault;
    assert_int_equal(access_rules_parse(text, sizeof text - 1, &rules, &fault), -EINVAL);
}

TEST(the_last_line_needs_no_end)
{
    struct access_rules *rules = parsed("a " A " read x/");
    assert_true(may(rules, token(0xaa), ACCESS_READ, "x/1"));
    access_rules_destroy(rules);
    rules = parsed("anonymous all *");
    assert_true(may(rules, nobody, ACCESS_ADMIN, NULL));
    access_rules_destroy(rules);
}

/* Their digests begin alike, so that all of them are neighbours in the table. */
TEST(thousands_of_tokens_are_told_apart)
{
    enum { COUNT = 1500, LINE = 120 };
    char *text = malloc((size_t)COUNT * LINE);
    size_t used = 0;
    for (int i = 0; i < COUNT; i++)
        used += (size_t)snprintf(text + used, LINE, "t%d sha256:%056d%08x read s%d\n", i, 0, i, i);
    struct access_rules *rules = NULL;
    struct access_fault fault;
    assert_int_equal(access_rules_parse(text, used, &rules, &fault), 0);
    free(text);
    for (int i = 0; i < COUNT; i += 7) {
        char own[16], other[16];
        struct access_who who = {.has_token = true};
        for (int byte = 0; byte < 4; byte++)
            who.token[28 + byte] = (unsigned char)(i >> 8 * (3 - byte));
        snprintf(own, sizeof own, "s%d", i);
        snprintf(other, sizeof other, "s%d", i + 1);
        assert_true(may(rules, who, ACCESS_READ, own));
        assert_false(may(rules, who, ACCESS_READ, other));
    }
    access_rules_destroy(rules);
}
