/* test_core.c - where a subscription stands, and how it goes on. */
#include "harness/harness.h"

#include "subscriptions/core.h"

#include <errno.h>
#include <string.h>

static const uint64_t S = 1000000000;
static const unsigned char random_bytes[WAKE_ID_RANDOM] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255};

TEST(each_wake_has_the_next_generation_and_an_id)
{
    struct subscription_core core = {.holder = "before"};
    core_wake(&core, random_bytes);
    assert_int_equal(core.generation, 1);
    assert_string_equal(core.wake_id, "w_000102030405060708090aff");
    assert_string_equal(core.holder, "");
    core_clear(&core);
    assert_string_equal(core.wake_id, "");
    core_wake(&core, random_bytes);
    assert_int_equal(core.generation, 2);
}

TEST(only_what_names_the_wake_that_is_out_is_current)
{
    struct subscription_core core = {0};
    assert_false(core_is_current(&core, 0, 0, ""));
    core_wake(&core, random_bytes);
    const char *id = "w_000102030405060708090aff";
    assert_true(core_is_current(&core, 1, 1, id));
    assert_false(core_is_current(&core, 0, 1, id));
    assert_false(core_is_current(&core, 1, 0, id));
    assert_false(core_is_current(&core, 1, 2, id));
    assert_false(core_is_current(&core, 1, 1, "w_"));
    assert_false(core_is_current(&core, 1, 1, NULL));
    core_clear(&core);
    assert_false(core_is_current(&core, 1, 1, id));
    assert_false(core_is_current(&core, 1, 1, ""));
}

TEST(attempts_wait_twice_as_long_each_time_up_to_a_minute)
{
    static const uint64_t waits[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    static const uint32_t randoms[] = {0, 1, 123456789, UINT32_MAX};
    for (size_t of = 0; of < sizeof randoms / sizeof *randoms; of++) {
        struct subscription_core core = {0};
        for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
            core_failed(&core, 100 * S, randoms[of]);
            const uint64_t wait_ns = core.next_attempt_ns - 100 * S;
            assert_int_equal(core.failures, i + 1);
            assert_int_equal(core_wait_ns(&core, 100 * S), wait_ns);
            assert_true(wait_ns >= waits[i] * S / 5 * 4 && wait_ns <= waits[i] * S / 5 * 6);
        }
        core_delivered(&core);
        assert_int_equal(core.failures, 0);
        assert_int_equal(core_wait_ns(&core, 0), 0);
    }
}

TEST(a_clock_that_was_set_back_does_not_make_the_wait_longer)
{
    struct subscription_core core = {.next_attempt_ns = 1000 * S};
    assert_int_equal(core_wait_ns(&core, 1000 * S), 0);
    assert_int_equal(core_wait_ns(&core, 999 * S), S);
    assert_int_equal(core_wait_ns(&core, 1), 72 * S);
}

TEST(what_is_written_is_read_again)
{
    struct subscription_core core = {
        .generation = 7, .holder = "a \"worker\"\n\x01 \xc3\xa9", .failures = 3};
    struct subscription_core read;
    char text[CORE_TEXT_MAX];
    core_wake(&core, random_bytes);
    memcpy(core.holder, "a \"worker\"\n\x01 \xc3\xa9", 16);
    core.next_attempt_ns = UINT64_C(1900000000123456789);
    const size_t count = core_write(&core, text);
    assert_true(count > 0);
    assert_int_equal(core_read(text, count, &read), 0);
    assert_true(core_same(&core, &read));
    read.failures++;
    assert_false(core_same(&core, &read));
    for (size_t cut = 0; cut < count; cut++)
        assert_int_equal(core_read(text, cut, &read), -EINVAL);
    memset(core.holder, '\x01', HOLDER_BYTES - 1);
    core.holder[HOLDER_BYTES - 1] = '\0';
    assert_true(core_write(&core, text) > 0);
    static const char wrong[] = "{\"generation\":-1,\"wake\":\"\",\"holder\":\"\",\"failures\":0,"
                                "\"next\":0}";
    assert_int_equal(core_read(wrong, sizeof wrong - 1, &read), -EINVAL);
}
