/* test_position.c - positions to text and back. */
#include "harness/harness.h"
#include "tail/position.h"

#include <errno.h>
#include <string.h>

static struct position example(void)
{
    struct position position;
    memset(&position, 0, sizeof position); /* the bytes between the fields, too */
    position.lines = 512;
    position.source = 1;
    position.last = true;
    position.count = POSITION_PLACES_MAX;
    position.looked_ns = INT64_MAX;
    position.done_count = POSITION_DONE_MAX;
    for (uint32_t i = 0; i < POSITION_DONE_MAX; i++)
        position.done[i] = (struct position_done){UINT64_MAX - i, INT64_MAX - i};
    position.cut_count = POSITION_PLACES_MAX;
    for (uint32_t i = 0; i < 2 * POSITION_PLACES_MAX; i++) {
        struct position_place *place =
            i < POSITION_PLACES_MAX ? &position.places[i] : &position.cuts[i - POSITION_PLACES_MAX];
        place->inode = UINT64_MAX - i;
        place->born_ns = INT64_MAX - i;
        place->offset = UINT64_MAX - 7 * i;
        place->part = UINT32_MAX;
        place->first_count = POSITION_FIRST_BYTES;
        place->first_hash = UINT64_MAX - 9 * i;
        place->last_count = POSITION_LAST_BYTES;
        place->last_hash = UINT64_MAX - 11 * i;
        place->skip = UINT32_MAX - i;
        place->stood = i != 3;
        place->unplaced = i == 4;
    }
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
    assert_int_equal(read.looked_ns, position.looked_ns);
    assert_memory_equal(read.places, position.places, sizeof read.places);
    assert_int_equal(read.cut_count, 1); /* there is no room for more beside so many files */
    assert_memory_equal(read.cuts, position.cuts, sizeof *read.cuts);
    assert_int_equal(read.done_count, position.done_count);
    assert_memory_equal(read.done, position.done, sizeof read.done);
}

TEST(place_of_each_file_that_was_cut_is_kept_while_few_are_open)
{
    struct position position = example(), read;
    char text[POSITION_TEXT_BYTES];
    memset(&read, 0, sizeof read);
    position.source = 0;
    position.count = 1;
    size_t count = position_write(&position, text);
    assert_true(count < sizeof text);
    assert_int_equal(position_read(text, count, &read), 0);
    assert_int_equal(read.count, 1);
    assert_int_equal(read.cut_count, POSITION_PLACES_MAX);
    assert_memory_equal(read.cuts, position.cuts, sizeof read.cuts);
    assert_int_equal(read.done_count, position.done_count);
    assert_memory_equal(read.done, position.done, sizeof read.done);
}

TEST(places_of_some_files_that_were_cut_are_kept_beside_as_many_as_may_be_open)
{
    struct position position = example(), read;
    char text[POSITION_TEXT_BYTES];
    for (uint32_t i = 0; i < 2 * POSITION_PLACES_MAX; i++) {
        struct position_place *place =
            i < POSITION_PLACES_MAX ? &position.places[i] : &position.cuts[i - POSITION_PLACES_MAX];
        place->inode = 1000000 + i; /* as files have them */
        place->offset = 100000000;
        place->part = place->skip = 0;
    }
    assert_int_equal(position_read(text, position_write(&position, text), &read), 0);
    assert_int_equal(read.count, POSITION_PLACES_MAX);
    assert_in_range(read.cut_count, 3, POSITION_PLACES_MAX);
    assert_int_equal(read.cuts[2].inode, position.cuts[2].inode);
    assert_int_equal(read.done_count, position.done_count);
}

/* Each number is as long as it can be, and each word is there: all but the cut files have room. */
TEST(longest_position_has_room_and_fits_a_slot)
{
    struct position position = example(), read;
    char slot[POSITION_SLOT_BYTES];
    uint64_t id;
    memset(&read, 0, sizeof read);
    position.lines = UINT32_MAX;
    position.source = -1;
    position.looked_ns = INT64_MIN;
    for (uint32_t i = 0; i < POSITION_DONE_MAX; i++)
        position.done[i].born_ns = INT64_MIN;
    for (uint32_t i = 0; i < POSITION_PLACES_MAX; i++) {
        struct position_place *place = &position.places[i];
        place->inode = place->offset = UINT64_MAX;
        place->born_ns = INT64_MIN;
        place->skip = UINT32_MAX;
        place->stood = place->unplaced = true;
    }
    position_slot_write(UINT64_MAX, &position, slot);
    assert_int_equal(position_slot_read(slot, sizeof slot, &id, &read), 0);
    assert_int_equal(id, UINT64_MAX);
    assert_memory_equal(read.places, position.places, sizeof read.places);
    assert_memory_equal(read.done, position.done, sizeof read.done);
    assert_int_equal(read.cut_count, 0);
    for (uint32_t i = 0; i < POSITION_PLACES_MAX; i++) {
        position.places[i].offset = 1ULL << 49; /* half a pebibyte */
        position.places[i].born_ns = INT64_MAX;
    }
    position_slot_write(UINT64_MAX, &position, slot);
    assert_int_equal(position_slot_read(slot, sizeof slot, &id, &read), 0);
    assert_int_equal(read.cut_count, 1);
    assert_memory_equal(read.cuts, position.cuts, sizeof *read.cuts);
}

TEST(position_with_more_cut_files_than_may_be_open_is_refused)
{
    static const char text[] =
        "hark-tail 1 lines 3 source -1 last 0 files 0 looked 1 cut 9 done 0\n";
    struct position read;
    assert_int_equal(position_read(text, sizeof text - 1, &read), -EINVAL);
}

TEST(position_of_an_older_version_is_read)
{
    static const char text[] = "hark-tail 1 lines 3 source 0 last 0 files 1\n"
                               "inode 77 offset 1000 part 2 first 512 00000000000000ff\n";
    struct position read;
    assert_int_equal(position_read(text, sizeof text - 1, &read), 0);
    assert_int_equal(read.looked_ns, 0);
    assert_int_equal(read.places[0].offset, 1000);
    assert_int_equal(read.places[0].first_hash, 255);
    assert_int_equal(read.places[0].last_count, 0);
    assert_int_equal(read.places[0].born_ns, 0);
    assert_int_equal(read.cut_count, 0);
}

TEST(position_that_is_cut_is_refused)
{
    struct position position = example(), read;
    char text[POSITION_TEXT_BYTES];
    size_t count = position_write(&position, text);
    for (size_t length = 0; length < count; length++)
        assert_int_equal(position_read(text, length, &read), -EINVAL);
}

TEST(position_out_of_its_bounds_is_refused)
{
    static const struct {
        int result, source, files, inodes;
        unsigned offset, first, last;
    } cases[] = {
        {0, 0, 1, 1, 600, 512, 512},       {0, -1, 8, 8, 600, 0, 0},
        {-EINVAL, 1, 1, 1, 600, 0, 0},     {-EINVAL, -2, 1, 1, 600, 0, 0},
        {-EINVAL, 0, 9, 9, 600, 0, 0},     {-EINVAL, 0, 2, 1, 600, 0, 0},
        {-EINVAL, 0, 1, 1, 600, 513, 0},   {-EINVAL, 0, 1, 1, 600, 512, 513},
        {-EINVAL, 0, 1, 1, 511, 511, 512},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[POSITION_TEXT_BYTES];
        struct position read;
        size_t count = (size_t)snprintf(
            text, sizeof text, "hark-tail 1 lines 1 source %d last 0 files %d looked 1 cut 0\n",
            cases[i].source, cases[i].files);
        for (int k = 0; k < cases[i].inodes; k++)
            count +=
                (size_t)snprintf(text + count, sizeof text - count,
                                 "inode 77 offset %u part 0 first %u ff last %u ff born 1 skip 0\n",
                                 cases[i].offset, cases[i].first, cases[i].last);
        assert_true(count < sizeof text);
        assert_int_equal(position_read(text, count, &read), cases[i].result);
    }
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
