/* test_sse_encode.c - events as they go to subscribers. */
#include "harness/harness.h"
#include "wire/sse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Encodes into memory of exactly the announced size, and into one byte less. */
static void assert_encodes(uint64_t id, const char *name, const char *data, size_t count,
                           const char *expected)
{
    const size_t size = sse_event_size(id, name, data, count);
    char *bytes = malloc(size);

    assert_non_null(bytes);
    assert_int_equal(size, strlen(expected));
    assert_result(sse_event_encode(id, name, data, count, bytes, size), (int64_t)size);
    assert_memory_equal(bytes, expected, size);
    assert_result(sse_event_encode(id, name, data, count, bytes, size - 1), -ENOSPC);
    free(bytes);
}

TEST(event_data_is_split_at_every_kind_of_line_end)
{
    static const struct {
        const char *data;
        const char *expected;
    } rows[] = {
        {"", "id: 5\ndata: \n\n"},
        {"a", "id: 5\ndata: a\n\n"},
        {" a", "id: 5\ndata:  a\n\n"},
        {"a\nb", "id: 5\ndata: a\ndata: b\n\n"},
        {"a\rb", "id: 5\ndata: a\ndata: b\n\n"},
        {"a\r\nb", "id: 5\ndata: a\ndata: b\n\n"},
        {"a\n\rb", "id: 5\ndata: a\ndata: \ndata: b\n\n"},
        {"a\r\r\nb", "id: 5\ndata: a\ndata: \ndata: b\n\n"},
        {"a\n\nb", "id: 5\ndata: a\ndata: \ndata: b\n\n"},
        {"\n", "id: 5\ndata: \ndata: \n\n"},
        {"\r", "id: 5\ndata: \ndata: \n\n"},
        {"\r\n", "id: 5\ndata: \ndata: \n\n"},
        {"a\n", "id: 5\ndata: a\ndata: \n\n"},
        {"data: x\n\nid: 9", "id: 5\ndata: data: x\ndata: \ndata: id: 9\n\n"},
        {"{\"a\":\"b\\n\"}", "id: 5\ndata: {\"a\":\"b\\n\"}\n\n"},
        {"\xc3\xa4\xff", "id: 5\ndata: \xc3\xa4\xff\n\n"},
        {"a\r\rb\n\nc\r\nd\re",
         "id: 5\ndata: a\ndata: \ndata: b\ndata: \ndata: c\ndata: d\ndata: e\n\n"},
    };

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++)
        assert_encodes(5, NULL, rows[at].data, strlen(rows[at].data), rows[at].expected);
    assert_encodes(5, NULL, NULL, 0, "id: 5\ndata: \n\n");
}

TEST(event_with_nul_passes_it)
{
    char bytes[64];

    assert_result(sse_event_encode(5, NULL, "a\0b", 3, bytes, sizeof bytes), 17);
    assert_memory_equal(bytes, "id: 5\ndata: a\0b\n\n", 17);
}

TEST(event_name_and_longest_id_are_written)
{
    assert_encodes(UINT64_MAX, "note", "a", 1,
                   "id: 18446744073709551615\nevent: note\ndata: a\n\n");
    assert_encodes(0, "", "a", 1, "id: 0\ndata: a\n\n");
}

TEST(event_name_with_line_end_or_too_long_is_refused)
{
    char name[SSE_NAME_BYTES_MAX + 2];
    char bytes[512];

    assert_result(sse_event_encode(1, "a\nb", "", 0, bytes, sizeof bytes), -EINVAL);
    assert_result(sse_event_encode(1, "a\rb", "", 0, bytes, sizeof bytes), -EINVAL);
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_result(sse_event_encode(1, name, "", 0, bytes, sizeof bytes), -EINVAL);
    name[SSE_NAME_BYTES_MAX] = '\0';
    assert_true(sse_event_encode(1, name, "", 0, bytes, sizeof bytes) > 0);
}

TEST(event_of_line_ends_alone_takes_its_announced_size)
{
    static char data[SSE_DATA_BYTES_MAX];
    size_t size;
    char *bytes;

    memset(data, '\n', sizeof data);
    size = sse_event_size(1, NULL, data, sizeof data);
    assert_int_equal(size, 6 + 7 * (sizeof data + 1) + 1);
    bytes = malloc(size);
    assert_non_null(bytes);
    assert_result(sse_event_encode(1, NULL, data, sizeof data, bytes, size), (int64_t)size);
    free(bytes);
}

TEST(gap_and_retry_at_their_longest_fit)
{
    char gap[SSE_GAP_BYTES_MAX];
    char retry[SSE_RETRY_BYTES_MAX];
    const char gap_expected[] =
        "event: gap\ndata: "
        "{\"after\":\"18446744073709551615\",\"first\":\"18446744073709551615\"}\n\n";

    assert_int_equal(sse_gap_encode(UINT64_MAX, UINT64_MAX, gap), sizeof gap_expected - 1);
    assert_string_equal(gap, gap_expected);
    assert_int_equal(sse_retry_encode(UINT64_MAX, retry), 29);
    assert_string_equal(retry, "retry: 18446744073709551615\n\n");
    assert_int_equal(sse_retry_encode(2000, retry), 13);
}
