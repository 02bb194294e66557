/* test_fields.c - numbers, times and offsets of the Durable Streams protocol. */
#include "harness/harness.h"

#include "durable/events.h"
#include "durable/facts.h"
#include "durable/fields.h"
#include "durable/offset.h"

#include <errno.h>
#include <string.h>

TEST(field_numbers_are_plain_and_fit_a_double)
{
    static const char *const wrong[] = {"",
                                        "+1",
                                        "-1",
                                        "01",
                                        "00",
                                        "1.0",
                                        "1e3",
                                        " 1",
                                        "1 ",
                                        "0x1",
                                        "abc",
                                        "9007199254740992",
                                        "99999999999999999999999999"};
    uint64_t value;
    assert_int_equal(field_number("0", &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(field_number("3600", &value), 0);
    assert_int_equal(value, 3600);
    assert_int_equal(field_number("9007199254740991", &value), 0);
    assert_int_equal(value, 9007199254740991);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(field_number(wrong[i], &value), -EINVAL);
}

static void assert_time(const char *text, uint64_t seconds, uint64_t ns)
{
    uint64_t value = 0;
    assert_int_equal(field_time(text, &value), 0);
    assert_int_equal(value, seconds * 1000000000 + ns);
}

TEST(field_times_are_those_of_rfc_3339)
{
    static const char *const wrong[] = {
        "",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-06-31T12:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00Zx",
        "2026-01-01T00:00:00+1:00",
        "2026-01-01T00:00:00+24:00",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "yesterday",
    };
    uint64_t value;
    assert_time("1970-01-01T00:00:00Z", 0, 0);
    assert_time("2024-02-29T12:30:15.25Z", 1709209815, 250000000);
    assert_time("2024-02-29t13:30:15z", 1709213415, 0);
    assert_time("2024-02-29T13:30:15+01:00", 1709209815, 0);
    assert_time("2024-02-29T11:00:15-01:30", 1709209815, 0);
    assert_time("2100-01-01T00:00:00.123456789Z", 4102444800, 123456789);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(field_time(wrong[i], &value), -EINVAL);
}

TEST(offsets_sort_as_their_ids_do)
{
    static const char *const wrong[] = {
        "", "0", "-2", "NOW", "000000000000000", "00000000000000000", "000000000000000x", "-1 "};
    char before[OFFSET_BYTES], text[OFFSET_BYTES];
    enum offset_kind kind;
    uint64_t id;
    offset_format(0, before);
    for (uint64_t value = 1; value < UINT64_C(1) << 53; value = value * 3 + 1) {
        offset_format(value, text);
        assert_true(strcmp(before, text) < 0);
        assert_int_equal(offset_parse(text, &kind, &id), 0);
        assert_int_equal(kind, OFFSET_AFTER);
        assert_int_equal(id, value);
        memcpy(before, text, sizeof before);
    }
    assert_int_equal(offset_parse("-1", &kind, &id), 0);
    assert_int_equal(kind, OFFSET_START);
    assert_int_equal(offset_parse("now", &kind, &id), 0);
    assert_int_equal(kind, OFFSET_NOW);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(offset_parse(wrong[i], &kind, &id), -EINVAL);
}

TEST(types_are_compared_without_their_parameters)
{
    assert_true(durable_type_same("text/plain", "Text/Plain; charset=utf-8"));
    assert_true(durable_type_same("text/plain ;a=b", "text/plain"));
    assert_false(durable_type_same("text/plain", "text/plainer"));
    assert_false(durable_type_same("text/plain", ""));
    assert_true(durable_type_is_json("application/JSON;charset=utf-8"));
    assert_false(durable_type_is_json("application/json-seq"));
    assert_true(events_are_base64("application/octet-stream"));
    assert_false(events_are_base64("TEXT/csv"));
    assert_false(events_are_base64("application/json"));
}

TEST(cursors_never_go_back)
{
    const uint64_t second_ns = 1000000000, epoch_s = 1728432000;
    assert_int_equal(durable_cursor(epoch_s * second_ns, 0), 0);
    assert_int_equal(durable_cursor((epoch_s + 20000) * second_ns, 0), 1000);
    assert_int_equal(durable_cursor((epoch_s + 20000) * second_ns, 5), 1000);
    assert_true(durable_cursor((epoch_s + 20000) * second_ns, 1000) > 1000);
    assert_true(durable_cursor((epoch_s + 20000) * second_ns, 4000) > 4000);
    assert_true(durable_cursor((epoch_s + 20000) * second_ns, 4000) <= 4000 + 180);
}

static void assert_events(const char *type, const char *bytes, const char *events)
{
    char to[512];
    size_t size = events_size(type, bytes, strlen(bytes));
    assert_true(size <= sizeof to);
    size_t count = events_encode(type, bytes, strlen(bytes), to);
    assert_true(count <= size);
    assert_int_equal(count, strlen(events));
    assert_memory_equal(to, events, count);
}

TEST(events_are_text_or_base64_by_their_type)
{
    assert_events("text/plain", "a", "event: data\ndata:a\n\n");
    assert_events("text/plain", "a\nb\r\nc\rd\n",
                  "event: data\ndata:a\ndata:b\ndata:c\ndata:d\ndata:\n\n");
    assert_events("text/plain", " a\n b", "event: data\ndata:  a\ndata:  b\n\n");
    assert_events("text/plain", "\n\n\n", "event: data\ndata:\ndata:\ndata:\ndata:\n\n");
    assert_events("application/json", "1,{\"a\":2},", "event: data\ndata:[1,{\"a\":2}]\n\n");
    assert_events("image/png", "f", "event: data\ndata:Zg==\n\n");
    assert_events("image/png", "fo", "event: data\ndata:Zm8=\n\n");
    assert_events("image/png", "foobar\xff", "event: data\ndata:Zm9vYmFy/w==\n\n");
}
