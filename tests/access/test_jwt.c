/* test_jwt.c - tokens that somebody else has signed: keys, what is in one, and who it lets in. */
#include "access/access.h"
#include "access/jwt.h"
#include "access/rules_state.h"
#include "access/signature.h"
#include "base/base64.h"
#include "fault/memory.h"
#include "harness/harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 3 * 4096, NOW = 1000000 };

/* The secret of "one" is 32 times 'k'; the secret of "two" 32 times 'l'. */
#define ONE "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s"
#define TWO "bGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGw"
#define KEYS                                                                                       \
    "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"one\",\"alg\":\"HS256\",\"k\":\"" ONE "\"},"            \
    "{\"kty\":\"oct\",\"kid\":\"two\",\"k\":\"" TWO "\"}]}"
#define HEADER "{\"alg\":\"HS256\",\"kid\":\"one\"}"
#define RIGHTS "\"hark\":{\"read\":[\"users/7/\",\"news\"],\"append\":[\"users/7/\"]}"
#define CLAIMS "{\"aud\":\"hark\",\"exp\":1000100," RIGHTS "}"

static const unsigned char key[DIGEST_BYTES] = {1, 2, 3};

static size_t encode(const void *bytes, size_t count, char *to)
{
    size_t length = base64_encode(to, bytes, count);
    while (length > 0 && to[length - 1] == '=')
        length--;
    for (size_t i = 0; i < length; i++)
        to[i] = to[i] == '+' ? '-' : (char)(to[i] == '/' ? '_' : to[i]);
    to[length] = '\0';
    return length;
}

static char *sign(struct access *access, const char *header, const char *claims, int secret)
{
    static char text[TEXT_BYTES];
    unsigned char bytes[DIGEST_BYTES], sum[DIGEST_BYTES];
    size_t count = encode(header, strlen(header), text);
    text[count++] = '.';
    count += encode(claims, strlen(claims), text + count);
    memset(bytes, secret, sizeof bytes);
    assert_true(digest_keyed(access->digest, bytes, text, count, sum));
    text[count++] = '.';
    encode(sum, sizeof sum, text + count);
    return text;
}

/* Other rules, as a reload has them. */
static void rule(struct access *access, const char *text, const char *keys)
{
    struct access_fault fault;
    struct keys_fault wrong;
    struct access_rules *rules = NULL;
    if (access_rules_parse(text, strlen(text), &rules, &fault) < 0)
        fail_msg("line %u: %s", fault.line, fault.reason);
    for (size_t i = 0; access_rules_keys_file(rules, i); i++)
        assert_int_equal(access_rules_keys_take(rules, i, keys, strlen(keys), &wrong), 0);
    access_rules_destroy((struct access_rules *)access->rules);
    access->rules = rules;
    access->edition++;
}

static void begin(struct access *access, const char *text)
{
    *access = (struct access){0};
    int error = access_init(access, key);
    if (error == -ENOTSUP)
        skip();
    assert_int_equal(error, 0);
    rule(access, text, KEYS);
}

static void end(struct access *access)
{
    access_rules_destroy((struct access_rules *)access->rules);
    access_done(access);
}

static enum access_shown take(struct access *access, const char *token, struct access_who *who)
{
    *who = (struct access_who){0};
    return access_take_token(access, token, strlen(token), NOW, who);
}

/* Takes a token of secret `k` that must be known. */
static struct access_who known(struct access *access, const char *claims)
{
    struct access_who who;
    assert_int_equal(take(access, sign(access, HEADER, claims, 'k'), &who), ACCESS_KNOWN);
    return who;
}

TEST(a_token_lets_in_where_both_it_and_the_rule_do)
{
    struct access access;
    begin(&access, "app jwt:keys aud=hark read,delete users/ news\nanonymous read public/");
    struct access_who who = known(&access, CLAIMS);
    assert_true(access_allow(&access, &who, ACCESS_READ, "users/7/chat"));
    assert_true(access_allow(&access, &who, ACCESS_READ, "news"));
    assert_true(access_allow(&access, &who, ACCESS_READ, "public/x"));
    assert_false(access_allow(&access, &who, ACCESS_APPEND, "users/7/chat")); /* not the rule */
    assert_false(access_allow(&access, &who, ACCESS_DELETE, "users/7/chat")); /* not the token */
    assert_false(access_allow(&access, &who, ACCESS_READ, "users/70/chat"));
    assert_false(access_allow(&access, &who, ACCESS_READ, NULL));
    access_who_drop(&who);
    who = known(&access, "{\"aud\":\"hark\",\"exp\":1000100,\"hark\":{\"all\":[\"*\"]}}");
    assert_true(access_allow(&access, &who, ACCESS_READ, "users/70/chat"));
    assert_false(access_allow(&access, &who, ACCESS_READ, "other"));
    assert_false(access_allow(&access, &who, ACCESS_READ, NULL));
    assert_false(access_allow(&access, &who, ACCESS_ADMIN, NULL));
    access_who_drop(&who);
    who = known(&access, "{\"aud\":\"hark\",\"exp\":1000100}"); /* says nothing */
    assert_false(access_allow(&access, &who, ACCESS_READ, "news"));
    assert_true(access_allow(&access, &who, ACCESS_READ, "public/x"));
    access_who_drop(&who);
    rule(&access, "app jwt:keys aud=hark all *", KEYS);
    who = known(&access, "{\"aud\":\"hark\",\"exp\":1000100,\"hark\":{\"read,admin\":[\"*\"]}}");
    access_who_drop(&who);
    end(&access);
}

TEST(a_token_has_its_time_its_audience_and_its_issuer)
{
    static const struct {
        const char *claims;
        enum access_shown shown;
    } rows[] = {
        {"{\"aud\":\"hark\",\"iss\":\"i\",\"exp\":1000001}", ACCESS_KNOWN},
        {"{\"aud\":[\"a\",\"hark\",7],\"iss\":\"i\",\"exp\":1000001.5}", ACCESS_KNOWN},
        {"{\"aud\":\"hark\",\"iss\":\"i\",\"exp\":999971}", ACCESS_KNOWN}, /* the skew: 30 s */
        {"{\"aud\":\"hark\",\"iss\":\"i\",\"exp\":999970}", ACCESS_LATE},
        {"{\"aud\":\"hark\",\"iss\":\"i\",\"exp\":0}", ACCESS_LATE},
        {"{\"aud\":\"hark\",\"iss\":\"i\",\"exp\":1000001,\"nbf\":1000030}", ACCESS_KNOWN},
        {"{\"aud\":\"hark\",\"iss\":\"i\",\"exp\":1000001,\"nbf\":1000031}", ACCESS_LATE},
        {"{\"aud\":\"hark\",\"iss\":\"i\",\"exp\":1000001,\"nbf\":\"0\"}", ACCESS_UNKNOWN},
        {"{\"aud\":\"hark\",\"iss\":\"i\",\"exp\":1000001,\"nbf\":null}", ACCESS_UNKNOWN},
        {"{\"aud\":\"hark\",\"iss\":\"i\"}", ACCESS_UNKNOWN}, /* it would have no end */
        {"{\"aud\":\"hark\",\"iss\":\"i\",\"exp\":\"1000001\"}", ACCESS_UNKNOWN},
        {"{\"aud\":\"hark\",\"iss\":\"i\",\"exp\":-1}", ACCESS_UNKNOWN},
        {"{\"aud\":\"hark\",\"iss\":\"i\",\"exp\":1e300}", ACCESS_UNKNOWN},
        {"{\"aud\":\"hark\",\"iss\":\"i\",\"exp\":true}", ACCESS_UNKNOWN},
        {"{\"aud\":\"harks\",\"iss\":\"i\",\"exp\":1000001}", ACCESS_UNKNOWN},
        {"{\"aud\":[],\"iss\":\"i\",\"exp\":1000001}", ACCESS_UNKNOWN},
        {"{\"aud\":{\"hark\":1},\"iss\":\"i\",\"exp\":1000001}", ACCESS_UNKNOWN},
        {"{\"iss\":\"i\",\"exp\":1000001}", ACCESS_UNKNOWN},
        {"{\"aud\":\"hark\",\"iss\":\"j\",\"exp\":1000001}", ACCESS_UNKNOWN},
        {"{\"aud\":\"hark\",\"iss\":[\"i\"],\"exp\":1000001}", ACCESS_UNKNOWN},
        {"{\"aud\":\"hark\",\"exp\":1000001}", ACCESS_UNKNOWN},
        {"{\"aud\":\"hark\",\"iss\":\"i\",\"exp\":1,\"exp\":1000001}", ACCESS_UNKNOWN},
        {"{\"aud\":\"hark\",\"iss\":\"i\",\"exp\":1000001", ACCESS_UNKNOWN},
        {"[\"aud\",\"hark\"]", ACCESS_UNKNOWN},
        {"null", ACCESS_UNKNOWN},
    };
    struct access access;
    begin(&access, "app jwt:keys iss=i aud=hark all *");
    access.skew = 30;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct access_who who;
        enum access_shown shown = take(&access, sign(&access, HEADER, rows[i].claims, 'k'), &who);
        if (shown != rows[i].shown)
            fail_msg("%s: %d", rows[i].claims, (int)shown);
        assert_true(!who.bearer == (shown != ACCESS_KNOWN));
        access_who_drop(&who);
    }
    end(&access);
}

TEST(a_claim_that_is_not_understood_refuses_the_token)
{
    static const char *const wrong[] = {
        "7",
        "null",
        "\"read\"",
        "[\"read\"]",
        "{\"read\":\"news\"}",
        "{\"read\":null}",
        "{\"read\":[7]}",
        "{\"read\":[\"\"]}",
        "{\"read\":[\"/x\"]}",
        "{\"read\":[\"users/*\"]}",
        "{\"read\":[\"..\"]}",
        "{\"read\":[\"a\\u0000\"]}",
        "{\"write\":[\"x\"]}",
        "{\"\":[\"x\"]}",
        "{\"read,\":[\"x\"]}",
        "{\"admin\":[\"x/\"]}",
        "{\"read\":[\"x\"],\"read\":[\"y\"]}",
    };
    struct access access;
    struct access_who who;
    char claims[4096];
    begin(&access, "app jwt:keys aud=hark all *");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(claims, sizeof claims, "{\"aud\":\"hark\",\"exp\":1000100,\"hark\":%s}", wrong[i]);
        if (take(&access, sign(&access, HEADER, claims, 'k'), &who) != ACCESS_UNKNOWN)
            fail_msg("%s", wrong[i]);
    }
    for (int count = 64; count <= 65; count++) {
        char *to = stpcpy(claims, "{\"aud\":\"hark\",\"exp\":1000100,\"hark\":{\"read\":[\"x\"");
        for (int i = 1; i < count; i++)
            to = stpcpy(to, ",\"x\"");
        stpcpy(to, "]}}");
        assert_int_equal(take(&access, sign(&access, HEADER, claims, 'k'), &who),
                         count == 64 ? ACCESS_KNOWN : ACCESS_UNKNOWN);
        access_who_drop(&who);
    }
    end(&access);
}

TEST(a_header_chooses_no_other_algorithm_and_no_other_key)
{
    static const char *const wrong[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"none\",\"kid\":\"one\"}",
        "{\"alg\":\"hs256\",\"kid\":\"one\"}",
        "{\"alg\":\"HS384\",\"kid\":\"one\"}",
        "{\"alg\":\"RS256\",\"kid\":\"one\"}",
        "{\"alg\":\"HS256\",\"kid\":\"two\"}",
        "{\"alg\":\"HS256\",\"kid\":\"other\"}",
        "{\"alg\":\"HS256\",\"kid\":1}",
        "{\"alg\":\"HS256\"}", /* which of the two is not said */
        "{\"alg\":\"HS256\",\"kid\":\"one\",\"crit\":[\"b64\"],\"b64\":false}",
        "{\"alg\":\"HS256\",\"kid\":\"one\",\"kid\":\"one\"}",
        "{\"alg\":\"none\",\"alg\":\"HS256\",\"kid\":\"one\"}",
        "{\"alg\":[\"HS256\"],\"kid\":\"one\"}",
        "{\"kid\":\"one\"}",
        "[]",
        "x",
    };
    struct access access;
    struct access_who who;
    begin(&access, "app jwt:keys aud=hark all *");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (take(&access, sign(&access, wrong[i], CLAIMS, 'k'), &who) != ACCESS_UNKNOWN)
            fail_msg("%s", wrong[i]);
    char *token = sign(&access, "{\"alg\":\"HS256\"}", CLAIMS, 'l');
    assert_int_equal(take(&access, token, &who), ACCESS_UNKNOWN);
    token = sign(&access, "{\"alg\":\"HS256\",\"kid\":\"two\"}", CLAIMS, 'l');
    assert_int_equal(take(&access, token, &who), ACCESS_KNOWN);
    access_who_drop(&who);
    token = sign(&access, "{\"alg\":\"none\",\"kid\":\"one\"}", CLAIMS, 'k');
    strrchr(token, '.')[1] = '\0';
    assert_int_equal(take(&access, token, &who), ACCESS_UNKNOWN);
    /* One key alone needs no name. */
    rule(&access, "app jwt:keys aud=hark all *",
         "{\"keys\":[{\"kty\":\"oct\",\"k\":\"" ONE "\"}]}");
    assert_int_equal(take(&access, sign(&access, "{\"alg\":\"HS256\"}", CLAIMS, 'k'), &who),
                     ACCESS_KNOWN);
    access_who_drop(&who);
    end(&access);
}

TEST(a_text_that_was_changed_is_refused)
{
    struct access access;
    struct access_who who;
    begin(&access, "app jwt:keys aud=hark all *");
    char *token = sign(&access, HEADER, CLAIMS, 'k');
    const size_t count = strlen(token);
    for (size_t i = 0; i < count; i++) {
        const char byte = token[i];
        token[i] = byte == 'A' ? 'B' : 'A';
        if (take(&access, token, &who) != ACCESS_UNKNOWN)
            fail_msg("byte %zu", i);
        token[i] = byte;
        if (access_take_token(&access, token, i, NOW, &who) != ACCESS_UNKNOWN)
            fail_msg("%zu bytes", i);
    }
    static const char *const tails[] = {"A", "=", ".", ".x", "..", "AAAA"};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        char longer[4096];
        snprintf(longer, sizeof longer, "%s%s", token, tails[i]);
        assert_int_equal(take(&access, longer, &who), ACCESS_UNKNOWN);
    }
    assert_int_equal(take(&access, token, &who), ACCESS_KNOWN);
    access_who_drop(&who);
    end(&access);
}

TEST(large_and_deep_tokens_are_read_or_refused)
{
    struct access access;
    struct access_who who;
    char claims[4096];
    begin(&access, "app jwt:keys aud=hark all *");
    char *to = stpcpy(claims, "{\"aud\":\"hark\",\"exp\":1000100,\"deep\":");
    memset(to, '[', 1300);
    memset(to + 1300, ']', 1300);
    stpcpy(to + 2600, "}");
    assert_int_equal(take(&access, sign(&access, HEADER, claims, 'k'), &who), ACCESS_UNKNOWN);
    stpcpy(to, "\"]]]]\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}");
    assert_int_equal(take(&access, sign(&access, HEADER, claims, 'k'), &who), ACCESS_KNOWN);
    access_who_drop(&who);
    stpcpy(to, "[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}");
    assert_int_equal(take(&access, sign(&access, HEADER, claims, 'k'), &who), ACCESS_KNOWN);
    access_who_drop(&who);
    stpcpy(to, "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}");
    assert_int_equal(take(&access, sign(&access, HEADER, claims, 'k'), &who), ACCESS_UNKNOWN);
    memset(to, '[', 2700); /* not closed */
    to[2700] = '\0';
    assert_int_equal(take(&access, sign(&access, HEADER, claims, 'k'), &who), ACCESS_UNKNOWN);
    memset(to, ' ', 2900);
    stpcpy(to + 2900, "1}");
    char *token = sign(&access, HEADER, claims, 'k');
    assert_true(strlen(token) <= 4096);
    assert_int_equal(take(&access, token, &who), ACCESS_KNOWN);
    access_who_drop(&who);
    memset(to, ' ', 3000);
    stpcpy(to + 3000, "1}");
    token = sign(&access, HEADER, claims, 'k');
    assert_true(strlen(token) > 4096);
    assert_int_equal(take(&access, token, &who), ACCESS_UNKNOWN);
    end(&access);
}

/* What is known is looked up, not computed; other rules are asked again. */
TEST(what_was_read_is_kept_until_other_rules_hold)
{
    struct access access;
    struct access_who second;
    begin(&access, "app jwt:keys aud=hark all *");
    struct access_who first = known(&access, CLAIMS);
    assert_int_equal(take(&access, sign(&access, HEADER, CLAIMS, 'k'), &second), ACCESS_KNOWN);
    assert_ptr_equal(first.bearer, second.bearer);
    access_who_drop(&second);
    assert_true(access_allow(&access, &first, ACCESS_READ, "news"));
    rule(&access, "x jwt:keys aud=else all *\napp jwt:keys aud=hark all users/", KEYS);
    assert_false(access_allow(&access, &first, ACCESS_READ, "news"));
    assert_true(access_allow(&access, &first, ACCESS_READ, "users/7/x"));
    rule(&access, "app jwt:keys aud=hark all *",
         "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"one\",\"k\":\"" TWO "\"}]}");
    assert_false(access_allow(&access, &first, ACCESS_READ, "users/7/x"));
    assert_int_equal(take(&access, sign(&access, HEADER, CLAIMS, 'k'), &second), ACCESS_UNKNOWN);
    rule(&access, "app jwt:keys aud=hark all *", KEYS);
    assert_true(access_allow(&access, &first, ACCESS_READ, "news"));
    rule(&access, "anonymous read x", KEYS);
    assert_false(access_allow(&access, &first, ACCESS_READ, "news"));
    access_who_drop(&first);
    end(&access);
}

TEST(thousands_of_tokens_are_held_in_the_same_table)
{
    struct access access;
    char claims[128];
    begin(&access, "app jwt:keys aud=hark all *");
    struct access_who first = known(&access, CLAIMS);
    for (int i = 0; i < 5000; i++) {
        snprintf(claims, sizeof claims, "{\"aud\":\"hark\",\"exp\":1000100,\"jti\":%d}", i);
        struct access_who who = known(&access, claims);
        access_who_drop(&who);
    }
    assert_true(access_allow(&access, &first, ACCESS_READ, "news")); /* held, though it is out */
    access_who_drop(&first);
    end(&access);
}

TEST(the_rule_of_the_issuer_that_has_signed_it_is_the_one)
{
    struct access access;
    begin(&access, "a jwt:keys aud=a read a/\nb jwt:keys aud=hark claim=b read b/ a/\n"
                   "b jwt:keys aud=hark claim=b read c/");
    struct access_who who =
        known(&access, "{\"aud\":\"hark\",\"exp\":1000100,\"b\":{\"read\":[\"*\"]}}");
    assert_true(access_allow(&access, &who, ACCESS_READ, "b/x"));
    assert_true(access_allow(&access, &who, ACCESS_READ, "c/x"));
    access_who_drop(&who);
    who = known(&access, "{\"aud\":\"a\",\"exp\":1000100,\"hark\":{\"read\":[\"*\"]}}");
    assert_true(access_allow(&access, &who, ACCESS_READ, "a/x"));
    assert_false(access_allow(&access, &who, ACCESS_READ, "b/x"));
    access_who_drop(&who);
    end(&access);
}

TEST(a_url_is_signed_for_a_bearer_and_ends_with_its_token)
{
    struct access access;
    struct access_who found;
    char query[SIGNATURE_QUERY_BYTES], by[SIGNATURE_BY_BYTES] = "", sign[65] = "", until[21] = "";
    begin(&access, "app jwt:keys aud=hark read users/");
    struct access_who who = known(&access, CLAIMS);
    assert_true(signature_make(&access, &who, "users/7/x", NOW + 600, query));
    assert_int_equal(sscanf(query, "until=%20[0-9]&by=%95[^&]&sign=%64s", until, by, sign), 3);
    assert_string_equal(by, "jwt:1000100:app");
    assert_int_equal(signature_check(&access, "users/7/x", until, by, sign, NOW + 99, &found), 0);
    assert_int_equal(access_until(&access, &found), NOW + 100);
    assert_true(access_allow(&access, &found, ACCESS_READ, "users/7/x"));
    assert_false(access_allow(&access, &found, ACCESS_READ, "users/7/y"));
    assert_false(access_allow(&access, &found, ACCESS_APPEND, "users/7/x"));
    rule(&access, "app jwt:keys aud=hark read other/", KEYS);
    assert_false(access_allow(&access, &found, ACCESS_READ, "users/7/x"));
    rule(&access, "other jwt:keys aud=hark read users/", KEYS);
    assert_false(access_allow(&access, &found, ACCESS_READ, "users/7/x"));
    access_who_drop(&found);
    assert_int_equal(signature_check(&access, "users/7/x", until, by, sign, NOW, &found), -EACCES);
    rule(&access, "app jwt:keys aud=hark read users/", KEYS);
    assert_int_equal(signature_check(&access, "users/7/x", until, by, sign, NOW + 100, &found),
                     -ETIME);
    by[4] = '2'; /* later */
    assert_int_equal(signature_check(&access, "users/7/x", until, by, sign, NOW, &found), -EACCES);
    access_who_drop(&who);
    end(&access);
}

TEST(url_that_is_signed_for_a_token_keeps_nothing_that_everybody_may)
{
    struct access access;
    char query[SIGNATURE_QUERY_BYTES];
    begin(&access, "app jwt:keys aud=hark read *\nanonymous read public/");
    struct access_who who = known(&access, CLAIMS); /* of users/7/ alone */
    assert_true(access_allow(&access, &who, ACCESS_READ, "public/x"));
    assert_true(signature_make(&access, &who, "public/x", NOW + 600, query));
    assert_non_null(strstr(query, "by=anonymous"));
    assert_true(signature_make(&access, &who, "users/7/x", NOW + 600, query));
    assert_non_null(strstr(query, "by=jwt:"));
    access_who_drop(&who);
    end(&access);
}

TEST(want_of_memory_lets_nobody_in)
{
    struct access access;
    struct access_who who;
    unsigned long refused = 1;
    for (unsigned long number = 1; refused > 0; number++) {
        begin(&access, "app jwt:keys aud=hark all *");
        char *token = sign(&access, HEADER, CLAIMS, 'k');
        memory_begin(number, false);
        enum access_shown shown = take(&access, token, &who);
        memory_end();
        refused = memory_refused();
        assert_true(!who.bearer == (shown != ACCESS_KNOWN));
        assert_true(refused > 0 || shown == ACCESS_KNOWN);
        access_who_drop(&who);
        assert_int_equal(take(&access, token, &who), ACCESS_KNOWN);
        access_who_drop(&who);
        end(&access);
    }
}

/* --- keys --- */

static struct keys *keys_of(const char *text)
{
    struct keys *keys = NULL;
    struct keys_fault fault;
    int error = keys_parse(text, strlen(text), &keys, &fault);
    if (error == -ENOTSUP)
        skip();
    if (error < 0)
        fail_msg("key %u: %s", fault.key, fault.reason ? fault.reason : "");
    return keys;
}

static bool verifies(const char *jwk, const char *algorithm, const char *text,
                     const char *signature)
{
    char set[2048];
    unsigned char bytes[KEY_PART_BYTES_MAX];
    snprintf(set, sizeof set, "{\"keys\":[%s]}", jwk);
    struct keys *keys = keys_of(set);
    int64_t count = base64url_decode(signature, strlen(signature), bytes, sizeof bytes);
    assert_true(count > 0);
    const struct key *found = keys_find(keys, algorithm, NULL);
    bool good = found && key_verify(found, text, strlen(text), bytes, (size_t)count);
    for (size_t i = 0; good && i < (size_t)count; i += 7) { /* and no other */
        bytes[i] ^= 1;
        assert_false(key_verify(found, text, strlen(text), bytes, (size_t)count));
        bytes[i] ^= 1;
        assert_false(key_verify(found, text, strlen(text), bytes, (size_t)count - 1 - i));
        assert_false(key_verify(found, text, strlen(text) - 1, bytes, (size_t)count));
    }
    keys_destroy(keys);
    return good;
}

#define JOE                                                                                        \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ij"       \
    "p0cnVlfQ"
#define EC                                                                                         \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","      \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define ED                                                                                         \
    "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define MODULUS                                                                                    \
    "2xVO0-S7HypoZNFk9F7Wf-dF9rvPFocH5kvG6tnPQy5F_zjp51MhOH1Lzd8gVhqQdI_PkcKD1M5K7DgzkECir6AMn"    \
    "LBgimrPBXiNTaH08jml521yl17IuWudWNnWGv0-R8EmSMIp6JV_olz5i9To2UHGKm1_e7hPRI3RVN9LNexA4SCmgA"    \
    "2WKzPc_FD9LikLxuhgg2IxZyZG2i4ZDbQYfWO9yaQhoVSPmqFLxqMWwB7Q712go-7uCeGY5NWZd-_Cn0YObZ6lVwq"    \
    "jFzwkipn6JOsl4A0rTQfmLYU3cijxXCUz0EUFqpUQsqkglN5ctK83CAZb3L5qINRiYtFBbRLEwQ"

/* Those of RFC 7515 (A.1, A.3) and RFC 8037 (A.4); of RS256 one of ours. */
TEST(signatures_are_those_of_the_standards)
{
    assert_true(verifies(
        "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0i"
        "PS4hcgUuTwjAzZr1Z9CAow\"}",
        "HS256", "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." JOE,
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
    assert_true(verifies("{" EC "}", "ES256", "eyJhbGciOiJFUzI1NiJ9." JOE,
                         "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKT"
                         "UJqPP3-Kg6NU1Q"));
    assert_true(verifies("{" ED "}", "EdDSA",
                         "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                         "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7"
                         "sVvpAr_MuM0KAg"));
    assert_true(verifies(
        "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" MODULUS "\"}", "RS256", "a.b",
        "RyNxlYd5vw79l-lsoD_noYRgGDMAkIZGAVlBDUe-9CUIyb4ArpYXALJC6-1ESUI1PEu6kfM-jZbEKpTk7MX-fSzWq6"
        "rq_eUbOQ8Ltfi5XOCBUOYENNjw5FGk8dwi7Jq60kgkpaDwiEdmvvlIT200VRGTUN6fV4FNcnCDfb1VM0e5qs118CA"
        "pZLqBfHP27iYpmm4BHKAzt5Zi90Ew-_X_nrhu4RHvsc18mUfXkuwC2g5XnelDzckmHKUmLH5T9gRoT451ZAAVSRnj"
        "Zxq1_26ulXf9Cky7Yq9GHCKoznU5Lty_awLAhfxSzQ79Ur4tRAPuV5k5LrDu7MRZ1rp4UdcshQ"));
}

/* r and s are numbers of 32 bytes: not DER, and not 0 or the curve's order. */
TEST(a_signature_of_es256_has_one_form)
{
    static const char *const wrong[] = {
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVH_____AAAAAP__________vOb6racXnoTzucrC_GMlUQ",
        "_____________________________________________________________________________________w",
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmU",
        ("MEQCIA7RIVN5Y2xIPC9_FVgH1AKjsigDOvl8fheBmsMWnqZlAiDFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-"
         "Kg6"
         "NU1Q"),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(verifies("{" EC "}", "ES256", "eyJhbGciOiJFUzI1NiJ9." JOE, wrong[i]));
}

TEST(keys_for_something_else_are_passed_over)
{
    static const char *const others[] = {
        "{\"kty\":\"RSA\",\"use\":\"enc\",\"n\":\"x\",\"e\":\"y\"}",
        "{\"kty\":\"RSA\",\"alg\":\"RS512\",\"n\":\"x\",\"e\":\"y\"}",
        "{\"kty\":\"oct\",\"alg\":\"RS256\",\"k\":\"" ONE "\"}",
        "{" EC ",\"key_ops\":[\"sign\"]}",
        "{" EC ",\"alg\":7}",
        "{\"kty\":\"EC\",\"crv\":\"P-384\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\"}",
        "{\"kty\":\"other\"}",
        "{}",
        "7",
    };
    struct keys_fault fault;
    struct keys *keys = NULL;
    char set[2048];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(set, sizeof set, "{\"keys\":[%s]}", others[i]);
        assert_int_equal(keys_parse(set, strlen(set), &keys, &fault), -EINVAL);
        assert_int_equal(fault.key, 0);
        snprintf(set, sizeof set, "{\"keys\":[%s,{" EC ",\"kid\":\"e\",\"key_ops\":[\"verify\"]}]}",
                 others[i]);
        keys = keys_of(set);
        assert_non_null(keys_find(keys, "ES256", "e"));
        assert_null(keys_find(keys, "EdDSA", "e"));
        assert_null(keys_find(keys, "HS256", NULL));
        keys_destroy(keys);
    }
}

TEST(keys_that_cannot_be_used_are_told_with_their_place)
{
    static const struct {
        const char *text;
        unsigned key;
        const char *reason;
    } rows[] = {
        {"", 0, "no JSON"},
        {"{\"keys\":[{" EC "}]} x", 0, "no JSON"},
        {"[]", 0, "JWK set"},
        {"{}", 0, "JWK set"},
        {"{\"keys\":{}}", 0, "JWK set"},
        {"{\"keys\":[]}", 0, "no key"},
        {"{\"keys\":[{" EC ",\"kid\":7}]}", 1, "kid"},
        {"{\"keys\":[{" EC ",\"kid\":\"a\"},{" EC ",\"kid\":\"a\"}]}", 2, "kid"},
        {"{\"keys\":[{},{\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}]}", 2, "32 bytes"},
        {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"" ONE "=\"}]}", 1, "base64url"},
        {"{\"keys\":[{\"kty\":\"oct\"}]}", 1, "missing"},
        {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" ONE "\",\"e\":\"AQAB\"}]}", 1, "2048"},
        {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" MODULUS "\",\"e\":\"AQ\"}]}", 1, "exponent"},
        {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" MODULUS "\",\"e\":\"AQAA\"}]}", 1, "exponent"},
        {"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" ONE "\",\"y\":\"" ONE "\"}]}", 1,
         "no point"},
        {"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"" ONE "\"}]}", 1,
         "32 bytes"},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}]}", 1, "32 bytes"},
    };
    keys_destroy(keys_of(KEYS));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct keys *keys = NULL;
        struct keys_fault fault;
        int error = keys_parse(rows[i].text, strlen(rows[i].text), &keys, &fault);
        if (error != -EINVAL || fault.key != rows[i].key ||
            !strstr(fault.reason ? fault.reason : "", rows[i].reason))
            fail_msg("%s: %d, key %u: %s", rows[i].text, error, fault.key, fault.reason);
    }
}
