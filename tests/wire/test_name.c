/* test_name.c - names of streams and ids of events. */
#include "harness/harness.h"
#include "wire/name.h"

#include <errno.h>
#include <string.h>

TEST(name_is_valid_or_not)
{
    static const struct {
        const char *name;
        size_t count;
        bool valid;
    } rows[] = {
        {"a", 1, true},         {"A-z_0.9", 7, true}, {"-", 1, true},     {"a.", 2, true},
        {"0", 1, true},         {"", 0, false},       {".", 1, false},    {"..", 2, false},
        {".a", 2, false},       {"a b", 3, false},    {"a\0b", 3, false}, {"a\n", 2, false},
        {"\xc3\xa4", 2, false}, {"a%", 2, false},     {"a\\b", 3, false}, {"a:b", 3, false},
        {"a\x7f", 2, false},    {"@", 1, false},      {"[", 1, false},    {"`", 1, false},
        {"{", 1, false},        {"/", 1, false},      {"a~", 2, false},
    };

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        if (name_valid(rows[at].name, rows[at].count) != rows[at].valid)
            fail_msg("%s", rows[at].name);
    }
}

TEST(name_is_parts_between_slashes)
{
    static const char *const valid[] = {
        "a/b", "a/b/c", "a./b..c/-", "users/7/chats/2026-01", "a/.b", "a/.b/..c/...",
    };
    static const char *const wrong[] = {
        "/a",   "a/",   "a//b", "a/.",   "a/..",   "./a",
        "../a", ".a/b", "a/ b", "a/./b", "a/../b", "a/%2e",
    };

    for (size_t at = 0; at < sizeof valid / sizeof valid[0]; at++) {
        if (!name_valid(valid[at], strlen(valid[at])))
            fail_msg("%s", valid[at]);
    }
    for (size_t at = 0; at < sizeof wrong / sizeof wrong[0]; at++) {
        if (name_valid(wrong[at], strlen(wrong[at])))
            fail_msg("%s", wrong[at]);
    }
}

TEST(name_length_is_bounded)
{
    char name[NAME_BYTES_MAX + 1];

    memset(name, 'n', sizeof name);
    assert_true(name_valid(name, NAME_BYTES_MAX));
    assert_false(name_valid(name, NAME_BYTES_MAX + 1));
}

TEST(id_is_read_strictly)
{
    static const struct {
        const char *text;
        int result;
        uint64_t id;
    } rows[] = {
        {"0", 0, 0},
        {"1", 0, 1},
        {"10", 0, 10},
        {"18446744073709551615", 0, UINT64_MAX},
        {"18446744073709551616", -ERANGE, 0},
        {"18446744073709551620", -ERANGE, 0},
        {"99999999999999999999", -ERANGE, 0},
        {"999999999999999999999999", -ERANGE, 0},
        {"", -EINVAL, 0},
        {"00", -EINVAL, 0},
        {"01", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {" 1", -EINVAL, 0},
        {"1 ", -EINVAL, 0},
        {"0x1", -EINVAL, 0},
        {"1e3", -EINVAL, 0},
        {"1.0", -EINVAL, 0},
        {"99999999999999999999x", -EINVAL, 0},
        {"start", -EINVAL, 0},
    };

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        uint64_t id = 77;

        if (id_parse(rows[at].text, strlen(rows[at].text), &id) != rows[at].result)
            fail_msg("%s", rows[at].text);
        assert_int_equal(id, rows[at].result ? 77 : rows[at].id);
    }
}

TEST(id_is_read_as_it_was_written)
{
    static const uint64_t ids[] = {0,
                                   1,
                                   9,
                                   10,
                                   99,
                                   100,
                                   4294967295,
                                   4294967296,
                                   9999999999999999999u,
                                   10000000000000000000u,
                                   UINT64_MAX};

    for (size_t at = 0; at < sizeof ids / sizeof ids[0]; at++) {
        char bytes[ID_BYTES_MAX];
        const size_t count = id_format(ids[at], bytes);
        uint64_t id = 0;

        assert_int_equal(count, id_size(ids[at]));
        assert_true(count <= ID_BYTES_MAX);
        assert_int_equal(id_parse(bytes, count, &id), 0);
        assert_int_equal(id, ids[at]);
    }
}
