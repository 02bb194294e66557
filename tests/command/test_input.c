/* test_input.c - bytes of a stream are used where they are, and only what is left is copied. */
#include "base/input.h"
#include "harness/harness.h"
#include "harness/sanitizer.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static void holds(const struct input *input, const char *text)
{
    assert_int_equal(input->count, strlen(text));
    assert_memory_equal(input->bytes, text, input->count);
}

TEST(bytes_that_are_used_at_once_are_never_copied)
{
    struct input input = {0};
    char lent[] = "abc";
    assert_int_equal(input_add(&input, lent, 3), 0);
    assert_ptr_equal(input.bytes, lent);
    assert_int_equal(input_held(&input), 0);
    input_use(&input, 3);
    assert_int_equal(input_keep(&input), 0);
    assert_int_equal(input.count, 0);
    assert_null(input.bytes);
    assert_null(input.kept);
}

TEST(what_is_left_is_kept_when_the_stream_takes_its_bytes_back)
{
    struct input input = {0};
    char lent[] = "abcdef";
    assert_int_equal(input_add(&input, lent, 6), 0);
    input_use(&input, 2);
    assert_int_equal(input_keep(&input), 0);
    memset(lent, '-', 6);
    holds(&input, "cdef");
    assert_int_equal(input_held(&input), 4);
    input_drop(&input);
    assert_int_equal(input.count, 0);
    assert_int_equal(input_held(&input), 0);
}

TEST(what_comes_while_something_is_left_stands_behind_it)
{
    struct input input = {0};
    char first[] = "abc", second[] = "def", third[] = "ghi";
    assert_int_equal(input_add(&input, first, 3), 0);
    input_use(&input, 1);
    assert_int_equal(input_keep(&input), 0);
    assert_int_equal(input_add(&input, second, 3), 0);
    memset(second, '-', 3);
    holds(&input, "bcdef");
    input_use(&input, 4);
    assert_int_equal(input_keep(&input), 0);
    holds(&input, "f");
    input_use(&input, 1);
    assert_int_equal(input_add(&input, third, 3), 0);
    assert_ptr_equal(input.bytes, third);
    assert_int_equal(input_held(&input), 0);
    input_drop(&input);
}

TEST(without_memory_all_is_dropped)
{
    if (SANITIZED)
        harness_skip("a sanitizer takes so large an allocation for a mistake");
    struct input input = {0};
    char lent[] = "abc";
    volatile size_t count = PTRDIFF_MAX;
    assert_int_equal(input_add(&input, lent, count), 0);
    assert_int_equal(input_keep(&input), -ENOMEM);
    assert_int_equal(input.count, 0);
    assert_int_equal(input_add(&input, lent, 3), 0);
    assert_int_equal(input_keep(&input), 0);
    assert_int_equal(input_add(&input, lent, count), -ENOMEM);
    assert_int_equal(input.count, 0);
    assert_null(input.kept);
}
