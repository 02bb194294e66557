/* test_values.c - values of options, from text. */
#include "harness/harness.h"
#include "options/value.h"

#include <string.h>

TEST(duration_takes_a_number_and_a_unit)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } rows[] = {
        {"0", 0},
        {"0s", 0},
        {"1ns", 1},
        {"2us", 2000},
        {"200ms", 200000000},
        {"15s", 15000000000},
        {"10m", 600000000000},
        {"12h", 43200000000000},
        {"7d", 604800000000000},
        {"18446744073709551615ns", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t ns = 1;
        const char *wrong = value_duration(rows[i].text, &ns);
        if (wrong)
            fail_msg("%s: %s", rows[i].text, wrong);
        assert_true(ns == rows[i].ns);
    }
}

TEST(duration_that_could_be_misread_is_refused)
{
    static const char *const rows[] = {
        "",
        "5",
        "s",
        "-1s",
        "+1s",
        " 1s",
        "1s ",
        "1.5s",
        "1 s",
        "1S",
        "1sec",
        "0x1s",
        "18446744073709551616ns",
        "300000000000d",
        "1m1s",
    };
    uint64_t ns;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!value_duration(rows[i], &ns))
            fail_msg("%s was taken", rows[i]);
}

TEST(bytes_take_powers_of_1024)
{
    uint64_t bytes;
    assert_null(value_bytes("65536", &bytes));
    assert_int_equal(bytes, 65536);
    assert_null(value_bytes("64K", &bytes));
    assert_int_equal(bytes, 65536);
    assert_null(value_bytes("3MiB", &bytes));
    assert_int_equal(bytes, 3 << 20);
    assert_null(value_bytes("2T", &bytes));
    assert_true(bytes == UINT64_C(2) << 40);
    static const char *const wrong[] = {"",    "K",    "-1K",       "1k",
                                        "1KB", "1.5G", "16777216T", "18446744073709551616"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_non_null(value_bytes(wrong[i], &bytes));
}

TEST(count_is_digits_alone)
{
    uint64_t count;
    assert_null(value_count("18446744073709551615", &count));
    assert_true(count == UINT64_MAX);
    static const char *const wrong[] = {"", "1K", "-1", "+1", " 1", "1 ", "18446744073709551616"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_non_null(value_count(wrong[i], &count));
}

TEST(number_that_does_not_fit_is_told_what_does)
{
    uint64_t number;
    assert_string_equal(value_count("18446744073709551616", &number),
                        "is more than the largest number, 18446744073709551615");
    assert_string_equal(value_bytes("16777216T", &number),
                        "is more than the largest size, 16777215T");
    assert_string_equal(value_duration("213504d", &number),
                        "is more than the longest time, 213503d");
    assert_null(value_bytes("16777215T", &number));
    assert_null(value_duration("213503d", &number));
}

TEST(backend_is_one_of_five_names)
{
    enum hark_backend_kind kind;
    assert_null(value_backend("auto", &kind));
    assert_int_equal(kind, HARK_BACKEND_AUTO);
    assert_null(value_backend("select", &kind));
    assert_int_equal(kind, HARK_BACKEND_SELECT);
    assert_non_null(value_backend("", &kind));
    assert_non_null(value_backend("EPOLL", &kind));
}
