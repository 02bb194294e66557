/* test_lines_split.c - bytes cut into lines, in pieces of any size. */
#include "wire/lines.h"
#include "wire/pieces.h"

#include <errno.h>

struct splitting {
    struct lines_splitter splitter;
    struct transcript *transcript;
};

static void *begin(struct transcript *transcript)
{
    struct splitting *splitting = calloc(1, sizeof *splitting);

    assert_non_null(splitting);
    splitting->transcript = transcript;
    lines_splitter_init(&splitting->splitter, 8);
    return splitting;
}

static bool feed(void *state, const char *bytes, size_t count)
{
    struct splitting *splitting = state;
    const char *line;
    size_t line_count;
    int result;

    while ((result = lines_splitter_next(&splitting->splitter, &bytes, &count, &line,
                                         &line_count)) > 0) {
        note(splitting->transcript, "[");
        note_bytes(splitting->transcript, line, line_count);
        note(splitting->transcript, "]");
    }
    if (result < 0) {
        note(splitting->transcript, "%s", hark_error_name(result));
        return false;
    }
    assert_int_equal(count, 0);
    return true;
}

static void end(void *state)
{
    struct splitting *splitting = state;

    if (splitting->splitter.error == 0 && lines_splitter_kept(&splitting->splitter) > 0)
        note(splitting->transcript, "kept %zu", lines_splitter_kept(&splitting->splitter));
    lines_splitter_done(&splitting->splitter);
    free(splitting);
}

static const struct reader splitter = {begin, feed, end};

static const struct reading rows[] = {
    READING("nothing", "", ""),
    READING("one", "a\n", "[a]"),
    READING("empty", "\n", "[]"),
    READING("several", "a\n\nbc\n\n", "[a][][bc][]"),
    READING("cr_belongs_to_the_line", "a\r\n\r\n", "[a<0d>][<0d>]"),
    READING("nul_belongs_to_the_line", "a\0b\n\0\n", "[a<00>b][<00>]"),
    READING("half", "a\nbc", "[a]kept 2"),
    READING("at_the_limit", "12345678\n12345678", "[12345678]kept 8"),
    READING("past_the_limit", "a\n123456789\n", "[a]EMSGSIZE"),
    READING("past_the_limit_without_end", "123456789", "EMSGSIZE"),
};

TEST(bytes_are_cut_into_lines)
{
    ASSERT_ALL_READ(&splitter, rows);
}

TEST(line_inside_a_piece_is_not_copied)
{
    static const char bytes[] = "hello\n";
    struct lines_splitter lines;
    const char *piece = bytes;
    size_t count = sizeof bytes - 1;
    const char *line;
    size_t line_count;

    lines_splitter_init(&lines, 100);
    assert_int_equal(lines_splitter_next(&lines, &piece, &count, &line, &line_count), 1);
    assert_ptr_equal(line, bytes);
    assert_int_equal(line_count, 5);
    assert_int_equal(count, 0);
    assert_int_equal(lines_splitter_next(&lines, &piece, &count, &line, &line_count), 0);
    assert_null(lines.kept);
    lines_splitter_done(&lines);
}

TEST(limit_may_change_between_lines)
{
    static const char bytes[] = "PUB a\n0123456789\n";
    struct lines_splitter lines;
    const char *piece = bytes;
    size_t count = sizeof bytes - 1;
    const char *line;
    size_t line_count;

    lines_splitter_init(&lines, 5);
    assert_int_equal(lines_splitter_next(&lines, &piece, &count, &line, &line_count), 1);
    lines.limit = 10;
    assert_int_equal(lines_splitter_next(&lines, &piece, &count, &line, &line_count), 1);
    assert_int_equal(line_count, 10);
    lines_splitter_done(&lines);
}

TEST(line_at_the_events_limit_is_read_and_its_memory_let_go)
{
    static char bytes[LINES_EVENT_BYTES_MAX];
    struct lines_splitter lines;
    const char *line;
    size_t line_count = 0;
    const char *piece;
    size_t count;

    harness_fill(bytes, sizeof bytes, 3);
    for (size_t at = 0; at < sizeof bytes; at++) {
        if (bytes[at] == '\n')
            bytes[at] = ' ';
    }
    lines_splitter_init(&lines, LINES_EVENT_BYTES_MAX);
    for (size_t at = 0; at < sizeof bytes; at += 4096) {
        piece = bytes + at;
        count = 4096;
        assert_int_equal(lines_splitter_next(&lines, &piece, &count, &line, &line_count), 0);
    }
    piece = "\n";
    count = 1;
    assert_int_equal(lines_splitter_next(&lines, &piece, &count, &line, &line_count), 1);
    assert_int_equal(line_count, sizeof bytes);
    assert_memory_equal(line, bytes, sizeof bytes);
    assert_int_equal(lines_splitter_kept(&lines), 0);
    assert_int_equal(lines_splitter_next(&lines, &piece, &count, &line, &line_count), 0);
    assert_null(lines.kept);
    lines_splitter_done(&lines);
}

TEST(error_of_the_splitter_stays)
{
    struct lines_splitter lines;
    const char *piece = "123";
    size_t count = 3;
    const char *line;
    size_t line_count;

    lines_splitter_init(&lines, 2);
    assert_int_equal(lines_splitter_next(&lines, &piece, &count, &line, &line_count), -EMSGSIZE);
    piece = "\n";
    count = 1;
    assert_int_equal(lines_splitter_next(&lines, &piece, &count, &line, &line_count), -EMSGSIZE);
    lines_splitter_done(&lines);
}
