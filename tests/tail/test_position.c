/* test_position.c - positions to text and back. */
#include "harness/harness.h"
#include "tail/position.h"

#include <errno.h>
#include <string.h>

static struct position example(void)
{
    struct position position = {.lines = 512, .source = 1, .last = true, .count = POSITION_PLACES_MAX};
    for (uint32_t i = 0; i < position.count; i++)
        position.places[i] =
            (struct position_place){UINT64_MAX - i, UINT64_MAX - 7 * i, UINT32_MAX, POSITION_FIRST_BYTES, UINT64_MAX - 9 * i};
    return position;
}

TEST(position_is_read_as_it_was_written)
{
    struct position position = example(), read;
    char text[POSITION_TEXT_BYTES];
    memset(&read, 0, sizeof read);
    size_t count = position_write(&position, text);
    assert_true(count < sizeof text);
    assert_int_equal(position_read(text, count, &read), 0);
    assert_int_equal(read.lines, position.lines);
    assert_int_equal(read.source, position.source);
    assert_int_equal(read.last, position.last);
    assert_int_equal(read.count, position.count);
    assert_memory_equal(read.places, position.places, sizeof read.places);
}

TEST(position_that_is_cut_is_refused)
{
    struct position position = example(), read;
    char text[POSITION_TEXT_BYTES];
    size_t count = position_write(&position, text);
    for (size_t length = 0; length < count; length++)
        assert_int_equal(position_read(text, length, &read), -EINVAL);
}

TEST(slot_with_any_bit_turned_is_refused)
{
    struct position position = example(), read;
    char slot[POSITION_SLOT_BYTES];
    uint64_t id = 0;
    position_slot_write(77, &position, slot);
    assert_int_equal(position_slot_read(slot, sizeof slot, &id, &read), 0);
    assert_int_equal(id, 77);
    size_t used = strlen(slot);
    for (size_t bit = 0; bit < 8 * used; bit++) {
        slot[bit / 8] = (char)(slot[bit / 8] ^ 1 << bit % 8);
        int result = position_slot_read(slot, sizeof slot, &id, &read);
        /* A blank or a letter's case in the first line may change without changing what it says. */
        if (result == 0)
            assert_int_equal(id, 77);
        slot[bit / 8] = (char)(slot[bit / 8] ^ 1 << bit % 8);
    }
    for (size_t count = 0; count < used; count++)
        assert_int_equal(position_slot_read(slot, count, &id, &read), -EINVAL);
    memset(slot, 0, sizeof slot);
    assert_int_equal(position_slot_read(slot, sizeof slot, &id, &read), -EINVAL);
}
