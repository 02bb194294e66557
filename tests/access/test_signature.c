/* test_signature.c - digests, tokens, and URLs that are signed. */
#include "access/signature.h"
#include "access/token.h"
#include "fault/memory.h"
#include "harness/harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char key[DIGEST_BYTES] = {1, 2, 3};

/* Gives: false: this hark was built without OpenSSL. */
static bool begin(struct access *access, const char *rules)
{
    struct access_fault fault;
    struct access_rules *parsed = NULL;
    *access = (struct access){0};
    int error = access_init(access, key);
    if (error == -ENOTSUP)
        skip();
    assert_int_equal(error, 0);
    assert_int_equal(access_rules_parse(rules, strlen(rules), &parsed, &fault), 0);
    access->rules = parsed;
    return true;
}

static void end(struct access *access)
{
    access_rules_destroy((struct access_rules *)access->rules);
    access_done(access);
}

static void sum_is(struct access *access, const char *text, const char *wanted)
{
    unsigned char sum[DIGEST_BYTES];
    char digits[2 * DIGEST_BYTES + 1];
    assert_true(digest_sum(access->digest, text, strlen(text), sum));
    hex_write(sum, sizeof sum, digits);
    assert_string_equal(digits, wanted);
}

/* FIPS 180-4's examples; RFC 4231's second, its key filled up with zeros. */
TEST(digests_are_those_of_the_standards)
{
    static const unsigned char jefe[DIGEST_BYTES] = "Jefe";
    struct access access;
    unsigned char sum[DIGEST_BYTES];
    char digits[2 * DIGEST_BYTES + 1];
    begin(&access, "anonymous read *");
    sum_is(&access, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sum_is(&access, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const char *text = "what do ya want for nothing?";
    assert_true(digest_keyed(access.digest, jefe, text, strlen(text), sum));
    hex_write(sum, sizeof sum, digits);
    assert_string_equal(digits, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    end(&access);
}

TEST(a_token_is_its_prefix_and_256_bits)
{
    unsigned char random[TOKEN_RANDOM_BYTES];
    char text[TOKEN_MADE_BYTES + 1];
    memset(random, 0xff, sizeof random);
    token_make(random, text);
    assert_string_equal(text, "hark___________________________________________8");
    assert_int_equal(strlen(text), TOKEN_MADE_BYTES);
    assert_true(token_valid(text, strlen(text)));
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (unsigned char)i;
    token_make(random, text);
    assert_string_equal(text, "hark_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    assert_false(token_valid(text, 31));
    text[20] = ' ';
    assert_false(token_valid(text, TOKEN_MADE_BYTES));
}

/* Cuts "until=1&by=a&sign=x". */
static void cut(char *query, const char **out_until, const char **out_by, const char **out_sign)
{
    const char **const values[] = {out_until, out_by, out_sign};
    char *rest = query;
    for (size_t i = 0; i < 3; i++) {
        char *part = strsep(&rest, "&");
        *values[i] = strchr(part, '=') + 1;
    }
}

TEST(a_signature_is_of_one_stream_one_time_and_who_asked)
{
    struct access access;
    struct access_who who = {.has_token = true}, found;
    char query[SIGNATURE_QUERY_BYTES];
    const char *until, *by, *sign;
    memset(who.token, 0xaa, sizeof who.token);
    begin(&access, "anonymous read public/\na "
                   "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa read "
                   "users/7/\nuid 7 read *");
    assert_true(signature_make(&access, &who, "users/7/chat", 1000, query));
    cut(query, &until, &by, &sign);
    assert_string_equal(by, "a");
    assert_int_equal(signature_check(&access, "users/7/chat", until, by, sign, 1000, &found), 0);
    assert_true(found.has_token);
    assert_memory_equal(found.token, who.token, DIGEST_BYTES);
    assert_int_equal(signature_check(&access, "users/7/chat", until, by, sign, 1001, &found),
                     -ETIME);
    assert_int_equal(signature_check(&access, "users/7/cha", until, by, sign, 1, &found), -EACCES);
    assert_int_equal(signature_check(&access, "users/7/chat", "1001", by, sign, 1, &found),
                     -EACCES);
    assert_int_equal(signature_check(&access, "users/7/chat", "01000", by, sign, 1, &found),
                     -EACCES);
    assert_int_equal(signature_check(&access, "users/7/chat", until, "uid:7", sign, 1, &found),
                     -EACCES);
    assert_int_equal(signature_check(&access, "users/7/chat", until, by, sign + 1, 1, &found),
                     -EACCES);
    char other[2 * DIGEST_BYTES + 1];
    snprintf(other, sizeof other, "%s", sign);
    other[5] = other[5] == '0' ? '1' : '0';
    assert_int_equal(signature_check(&access, "users/7/chat", until, by, other, 1, &found),
                     -EACCES);
    access.key[31] ^= 1;
    assert_int_equal(signature_check(&access, "users/7/chat", until, by, sign, 1, &found), -EACCES);
    end(&access);
}

TEST(a_signature_is_in_the_name_of_whoever_may)
{
    struct access access;
    struct access_who who = {.has_uid = true, .uid = 7}, found;
    char query[SIGNATURE_QUERY_BYTES];
    const char *until, *by, *sign;
    begin(&access,
          "uid 7 read mine\nanonymous read public\na "
          "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa read x");
    memset(who.token, 0xaa, sizeof who.token);
    who.has_token = true;
    assert_true(signature_make(&access, &who, "mine", 10, query));
    cut(query, &until, &by, &sign);
    assert_string_equal(by, "uid:7");
    assert_int_equal(signature_check(&access, "mine", until, by, sign, 10, &found), 0);
    assert_true(found.has_uid && found.uid == 7 && !found.has_token);
    who = (struct access_who){0};
    assert_true(signature_make(&access, &who, "public", 10, query));
    cut(query, &until, &by, &sign);
    assert_string_equal(by, "anonymous");
    assert_int_equal(signature_check(&access, "public", until, by, sign, 10, &found), 0);
    assert_false(found.has_uid || found.has_token);
    end(&access);
}

TEST(a_token_is_taken_by_its_digest)
{
    static const char token[] = "hark_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    struct access access;
    struct access_who who;
    begin(&access, "a sha256:5b3cd5f96b8a19ed1e42b2a5a6dc2ebcfb9d04a9c6d0a5d5e8b1a2a2a2a2a2a2 "
                   "read *");
    assert_false(access_take_token(&access, token, sizeof token - 1, 0, &who));
    assert_false(who.has_token);
    end(&access);
    unsigned char sum[DIGEST_BYTES];
    char digits[2 * DIGEST_BYTES + 1], rule[128];
    begin(&access, "anonymous read x");
    assert_true(digest_sum(access.digest, token, sizeof token - 1, sum));
    end(&access);
    hex_write(sum, sizeof sum, digits);
    snprintf(rule, sizeof rule, "a sha256:%s read *", digits);
    begin(&access, rule);
    assert_true(access_take_token(&access, token, sizeof token - 1, 0, &who));
    assert_true(access_rules_allow(access.rules, &who, ACCESS_READ, "x"));
    assert_false(access_take_token(&access, token, sizeof token - 2, 0, &who));
    end(&access);
}

/* OpenSSL 3.0 takes a block for each sum, and gives it back with the next. */
TEST(a_sum_takes_a_block_of_openssl_at_most)
{
    static const char token[] = "hark_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    enum { TIMES = 50, SUMS = 1 + 2 + 2 };
    struct access access;
    struct access_who who = {0}, found;
    char query[SIGNATURE_QUERY_BYTES];
    const char *until, *by, *sign;
    begin(&access, "anonymous read x");
    long alive = memory_alive();
    memory_begin(0, false);
    for (int i = 0; i < TIMES; i++) {
        assert_false(access_take_token(&access, token, sizeof token - 1, 0, &who));
        assert_true(signature_make(&access, &who, "x", 10, query));
        cut(query, &until, &by, &sign);
        assert_int_equal(signature_check(&access, "x", until, by, sign, 10, &found), 0);
        assert_true(access_rules_allow(access.rules, &found, ACCESS_READ, "x"));
    }
    memory_end();
    assert_in_range(memory_asked(), 0, TIMES * SUMS);
    assert_in_range(memory_alive() - alive, 0, 1);
    end(&access);
}

TEST(a_token_without_memory_for_its_sum_is_none)
{
    unsigned char sum[DIGEST_BYTES];
    char digits[2 * DIGEST_BYTES + 1], rule[128];
    char token[] = "hark_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    struct access access;
    struct access_who who;
    begin(&access, "anonymous read x");
    assert_true(digest_sum(access.digest, token, sizeof token - 1, sum));
    end(&access);
    hex_write(sum, sizeof sum, digits);
    snprintf(rule, sizeof rule, "a sha256:%s read *", digits);
    begin(&access, rule);
    memory_begin(1, true);
    bool taken = access_take_token(&access, token, sizeof token - 1, 0, &who);
    memory_end();
    assert_true(!taken || memory_refused() == 0);
    assert_true(access_take_token(&access, token, sizeof token - 1, 0, &who));
    end(&access);
}
