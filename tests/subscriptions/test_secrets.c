/* test_secrets.c - keys, signatures and tokens: the key is that of RFC 8037, appendix A. */
#include "harness/harness.h"

#include "subscriptions/secrets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char file[] = "hark-signing-key 1\nnWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\n"
                           "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";

static struct secrets known(void)
{
    struct secrets secrets;
    assert_int_equal(secrets_read(file, sizeof file - 1, &secrets), 0);
    return secrets;
}

TEST(a_key_is_named_by_its_thumbprint)
{
    if (!secrets_offered())
        skip();
    const struct secrets secrets = known();
    struct text text = {0};
    assert_string_equal(secrets.kid, "ds_kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    secrets_write_keys(&secrets, &text);
    assert_non_null(strstr(text.bytes, "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""));
    text_done(&text);
}

TEST(a_file_is_made_and_read_and_no_other_text_is)
{
    char text[SECRETS_FILE_BYTES], other[SECRETS_FILE_BYTES];
    struct secrets secrets, again;
    if (!secrets_offered())
        skip();
    const size_t count = secrets_make(text);
    assert_true(count > 0 && secrets_make(other) == count);
    assert_memory_not_equal(text, other, count);
    assert_int_equal(secrets_read(text, count, &secrets), 0);
    assert_int_equal(secrets_read(text, count, &again), 0);
    assert_memory_equal(&secrets, &again, sizeof secrets);
    for (size_t cut = 0; cut < count - 1; cut++)
        assert_int_equal(secrets_read(text, cut, &secrets), -EINVAL);
    text[20] = '!';
    assert_int_equal(secrets_read(text, count, &secrets), -EINVAL);
}

TEST(a_signature_names_its_time_and_key_and_is_always_the_same)
{
    char value[SECRETS_SIGNATURE_BYTES], again[SECRETS_SIGNATURE_BYTES];
    if (!secrets_offered())
        skip();
    const struct secrets secrets = known();
    assert_true(secrets_sign(&secrets, 1700000000, "{}", 2, value));
    assert_true(secrets_sign(&secrets, 1700000000, "{}", 2, again));
    assert_string_equal(value, again);
    assert_non_null(strstr(value, "t=1700000000,kid=ds_kPrK_"));
    assert_int_equal(strlen(strstr(value, "ed25519=")), 8 + 86);
    assert_true(secrets_sign(&secrets, 1700000000, "[]", 2, again));
    assert_string_not_equal(value, again);
}

TEST(a_token_is_for_one_subscription_one_generation_and_a_time)
{
    char token[SECRETS_TOKEN_BYTES], long_id[97];
    uint64_t generation = 0;
    if (!secrets_offered())
        skip();
    const struct secrets secrets = known();
    assert_true(secrets_token(&secrets, "sub.1", 7, 1000, token));
    assert_int_equal(secrets_token_check(&secrets, token, "sub.1", 1000, &generation), 0);
    assert_int_equal(generation, 7);
    assert_int_equal(secrets_token_check(&secrets, token, "sub.1", 1001, &generation), -ETIME);
    assert_int_equal(secrets_token_check(&secrets, token, "sub.2", 1000, &generation), -EINVAL);
    assert_int_equal(secrets_token_check(&secrets, token, "sub.11", 1000, &generation), -EINVAL);
    memset(long_id, 'x', 96);
    long_id[96] = '\0';
    assert_true(secrets_token(&secrets, long_id, UINT64_C(1) << 52, UINT64_C(1) << 40, token));
    assert_int_equal(secrets_token_check(&secrets, token, long_id, 0, &generation), 0);
}

TEST(whatever_is_changed_in_a_token_is_seen)
{
    char token[SECRETS_TOKEN_BYTES];
    uint64_t generation;
    if (!secrets_offered())
        skip();
    const struct secrets secrets = known();
    assert_true(secrets_token(&secrets, "s", 7, 1000, token));
    const size_t count = strlen(token);
    for (size_t at = 0; at < count; at++) {
        const char was = token[at];
        token[at] = was == 'A' ? 'B' : 'A';
        assert_int_equal(secrets_token_check(&secrets, token, "s", 0, &generation), -EINVAL);
        token[at] = '\0';
        assert_int_equal(secrets_token_check(&secrets, token, "s", 0, &generation), -EINVAL);
        token[at] = was;
    }
    char text[SECRETS_FILE_BYTES];
    struct secrets other;
    assert_int_equal(secrets_read(text, secrets_make(text), &other), 0);
    assert_int_equal(secrets_token_check(&other, token, "s", 0, &generation), -EINVAL);
}
