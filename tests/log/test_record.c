/* test_record.c - records and headers as bytes: what is taken for one, and what is not. */
#include "log/fixture.h"
#include "log/record.h"

enum { FIRST = 1000, OFFSET = 4096 };

static struct log_record sample(const char *text)
{
    return (struct log_record){.kind = RECORD_EVENT,
                               .flags = RECORD_OPENS_COMMIT,
                               .length = (uint32_t)strlen(text),
                               .sequence = FIRST + 7,
                               .time_ns = 123456789,
                               .stream = 42,
                               .payload = (const unsigned char *)text};
}

/* Writes a whole record. Gives: its size. */
static size_t put(unsigned char *to, const struct log_record *record, uint64_t offset)
{
    memset(to, 0, record_size(record->length));
    record_encode(to, record, FIRST, offset);
    memcpy(to + RECORD_HEADER_BYTES, record->payload, record->length);
    return record_size(record->length);
}

TEST(record_decodes_to_what_was_encoded)
{
    unsigned char bytes[256];
    struct log_record in = sample("an event"), out;
    size_t size = put(bytes, &in, OFFSET);
    assert_int_equal(size, 48);
    assert_int_equal(record_decode(bytes, size, FIRST, OFFSET, true, &out), RECORD_GOOD);
    assert_int_equal(out.kind, RECORD_EVENT);
    assert_int_equal(out.flags, RECORD_OPENS_COMMIT);
    assert_int_equal(out.sequence, in.sequence);
    assert_int_equal(out.time_ns, in.time_ns);
    assert_int_equal(out.stream, in.stream);
    assert_int_equal(out.length, in.length);
    assert_memory_equal(out.payload, "an event", 8);
    assert_int_equal(out.size, size);
}

TEST(record_at_another_place_or_in_another_segment_is_bad)
{
    unsigned char bytes[256];
    struct log_record in = sample("an event"), out;
    size_t size = put(bytes, &in, OFFSET);
    assert_int_equal(record_decode(bytes, size, FIRST, OFFSET + 8, true, &out), RECORD_BAD);
    assert_int_equal(record_decode(bytes, size, FIRST - 1, OFFSET, true, &out), RECORD_BAD);
}

TEST(record_cut_short_asks_for_its_size)
{
    unsigned char bytes[256];
    struct log_record in = sample("an event"), out;
    size_t size = put(bytes, &in, OFFSET);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(record_decode(bytes, cut, FIRST, OFFSET, true, &out), RECORD_SHORT);
        assert_int_equal(out.size, cut < RECORD_HEADER_BYTES ? RECORD_HEADER_BYTES : size);
    }
}

TEST(record_with_any_bit_flipped_is_not_good)
{
    unsigned char bytes[256];
    struct log_record in = sample("13 bytes long"), out;
    put(bytes, &in, OFFSET);
    size_t covered = RECORD_HEADER_BYTES + in.length; /* the zeros after it say nothing */
    for (size_t bit = 0; bit < covered * 8; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
        assert_int_not_equal(record_decode(bytes, sizeof bytes, FIRST, OFFSET, true, &out),
                             RECORD_GOOD);
        bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
    }
}

TEST(record_search_finds_the_next_one_that_may_follow)
{
    unsigned char bytes[1024];
    struct log_record old = sample("old"), new = sample("new"), out;
    uint64_t position;
    memset(bytes, 0xff, sizeof bytes);
    old.sequence = FIRST + 3;
    put(bytes + 80, &old, OFFSET + 80);
    put(bytes + 200, &new, OFFSET + 200);
    assert_int_equal(
        record_search(bytes, sizeof bytes, 8, FIRST, OFFSET, FIRST + 2, &position, &out),
        RECORD_GOOD);
    assert_int_equal(position, 80);
    assert_int_equal(
        record_search(bytes, sizeof bytes, 8, FIRST, OFFSET, FIRST + 3, &position, &out),
        RECORD_GOOD);
    assert_int_equal(position, 200);
    assert_int_equal(
        record_search(bytes, sizeof bytes, 8, FIRST, OFFSET, FIRST + 7, &position, &out),
        RECORD_SHORT);
    assert_int_equal(position, sizeof bytes - 32); /* a header may begin there */
}

TEST(record_with_a_length_or_sequence_out_of_range_is_bad)
{
    unsigned char bytes[256];
    struct log_record in = sample("event"), out;
    in.sequence = FIRST;
    put(bytes, &in, OFFSET);
    assert_int_equal(record_decode(bytes, sizeof bytes, FIRST, OFFSET, true, &out), RECORD_BAD);
    in.sequence = FIRST + SEGMENT_SPAN;
    put(bytes, &in, OFFSET);
    assert_int_equal(record_decode(bytes, sizeof bytes, FIRST, OFFSET, true, &out), RECORD_BAD);
    in = sample("event");
    put(bytes, &in, OFFSET);
    memset(bytes, 0xff, 4); /* its length */
    assert_int_equal(record_decode(bytes, sizeof bytes, FIRST, OFFSET, true, &out), RECORD_BAD);
}

TEST(segment_header_with_any_bit_flipped_is_refused)
{
    unsigned char bytes[SEGMENT_HEADER_BYTES];
    struct log_segment_header in = {1, 2, 3, 4, 5, 6, 7}, out;
    segment_header_encode(bytes, &in);
    assert_true(segment_header_decode(bytes, &out));
    assert_memory_equal(&in, &out, sizeof in);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
        assert_false(segment_header_decode(bytes, &out));
        bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
    }
}
