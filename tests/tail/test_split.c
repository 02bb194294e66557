/* test_split.c - bytes into lines and parts of lines. */
#include "harness/harness.h"
#include "tail/split.h"

#include <stdlib.h>
#include <string.h>

static void assert_unit(const char *bytes, size_t count, uint32_t part, bool final,
                        struct split_unit expected)
{
    struct split_unit unit;
    assert_true(split_next(bytes, count, part, final, &unit));
    assert_int_equal(unit.length, expected.length);
    assert_int_equal(unit.consumed, expected.consumed);
    assert_int_equal(unit.part, expected.part);
    assert_int_equal(unit.last, expected.last);
}

TEST(line_ends_at_its_line_feed)
{
    assert_unit("ab\ncd\n", 6, 0, false, (struct split_unit){2, 3, 0, false});
    assert_unit("\ncd\n", 4, 0, false, (struct split_unit){0, 1, 0, false});
    assert_unit("ab\r\n", 4, 0, false, (struct split_unit){3, 4, 0, false});
}

TEST(line_without_line_feed_is_no_unit_before_the_end)
{
    struct split_unit unit;
    assert_false(split_next("abc", 3, 0, false, &unit));
    assert_false(split_next("", 0, 0, false, &unit));
    assert_false(split_next("", 0, 0, true, &unit));
    assert_unit("abc", 3, 0, true, (struct split_unit){3, 3, 0, false});
    assert_unit("abc", 3, 2, true, (struct split_unit){3, 3, 3, true});
    assert_unit("", 0, 2, true,
                (struct split_unit){0, 0, 3, true}); /* whoever has the parts waits for the last */
}

TEST(longest_line_is_whole_and_a_longer_one_is_cut)
{
    size_t room = 3 * (size_t)SPLIT_LINE_BYTES_MAX;
    char *bytes = malloc(room);
    struct split_unit unit;
    assert_non_null(bytes);
    memset(bytes, 'x', room);

    bytes[SPLIT_LINE_BYTES_MAX] = '\n';
    assert_unit(bytes, room, 0, false,
                (struct split_unit){SPLIT_LINE_BYTES_MAX, SPLIT_LINE_BYTES_MAX + 1, 0, false});
    assert_false(split_next(bytes, SPLIT_LINE_BYTES_MAX, 0, false, &unit));

    bytes[SPLIT_LINE_BYTES_MAX] = 'x';
    assert_unit(bytes, SPLIT_ENOUGH_BYTES, 0, false,
                (struct split_unit){SPLIT_PART_BYTES, SPLIT_PART_BYTES, 1, false});
    assert_unit(bytes, room, 1, false,
                (struct split_unit){SPLIT_PART_BYTES, SPLIT_PART_BYTES, 2, false});
    assert_false(split_next(bytes, SPLIT_PART_BYTES, 1, false, &unit));
    bytes[SPLIT_PART_BYTES] = '\n';
    assert_unit(bytes, room, 1, false,
                (struct split_unit){SPLIT_PART_BYTES, SPLIT_PART_BYTES + 1, 2, true});
    bytes[0] = '\n';
    assert_unit(bytes, room, 7, false, (struct split_unit){0, 1, 8, true});
    free(bytes);
}

TEST(mark_is_one_line_of_json)
{
    char text[SPLIT_MARK_BYTES_MAX];
    size_t count = split_mark(&(struct split_unit){1, 1, 12, false}, text);
    assert_int_equal(count, strlen("{\"part\":12,\"last\":false}\n"));
    assert_memory_equal(text, "{\"part\":12,\"last\":false}\n", count);
    assert_true(split_mark(&(struct split_unit){1, 1, UINT32_MAX, true}, text) <
                SPLIT_MARK_BYTES_MAX);
}
