/* test_text_file.c - a file read line by line: as fgets(3) reads it, wherever its lines lie. */
#include "fault/faults.h"
#include "options/text_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Asserts that both read the same lines out of a file. */
static void compare_with_stdio(const char *path, size_t room)
{
    char *own = malloc(room), *expected = malloc(room);
    struct text_file file;
    FILE *stdio = fopen(path, "re");
    assert_non_null(stdio);
    assert_result(text_file_open(&file, path), 0);
    while (fgets(expected, (int)room, stdio)) {
        assert_true(text_file_line(&file, own, room));
        assert_string_equal(own, expected);
        assert_int_equal(file.ended, feof(stdio) != 0);
    }
    assert_false(text_file_line(&file, own, room));
    assert_true(file.ended);
    assert_int_equal(file.error, 0);
    text_file_close(&file);
    fclose(stdio);
    free(own);
    free(expected);
}

static void compare_text(const char *text, size_t count)
{
    static const size_t rooms[] = {2, 3, 200, TEXT_FILE_BYTES, 3 * TEXT_FILE_BYTES};
    close(harness_file("text", text, count));
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        compare_with_stdio(harness_path("text"), rooms[i]);
}

TEST(lines_are_those_of_fgets)
{
    compare_text("", 0);
    compare_text("\n", 1);
    compare_text("one\ntwo\n\nfour", 13);
    compare_text("a\0b\nc\n", 6);
}

TEST(lines_may_lie_across_the_borders_of_the_buffer)
{
    char text[2 * TEXT_FILE_BYTES + 2];
    memset(text, 'x', sizeof text);
    compare_text(text, sizeof text);
    for (size_t at = TEXT_FILE_BYTES - 2; at <= TEXT_FILE_BYTES + 1; at++) {
        memset(text, 'x', sizeof text);
        text[at] = text[50] = '\n';
        compare_text(text, sizeof text);
        compare_text(text, at + 1);
    }
}

TEST(what_cannot_be_opened_or_read_says_so)
{
    struct text_file file;
    char line[16];
    assert_result(text_file_open(&file, harness_path("none")), -ENOENT);
    assert_result(text_file_open(&file, harness_directory()), 0);
    assert_false(text_file_line(&file, line, sizeof line));
    assert_int_equal(file.error, -EISDIR);
    assert_false(file.ended);
    text_file_close(&file);
}

TEST(line_that_a_failing_disk_cuts_is_none)
{
    struct text_file file;
    char text[TEXT_FILE_BYTES + 2], line[sizeof text + 2];
    memset(text, 'x', sizeof text);
    memcpy(text, "one\n", 4);
    close(harness_file("text", text, sizeof text));
    assert_result(text_file_open(&file, harness_path("text")), 0);
    int fault = FAULT(.calls = "kernel_read", .error = -EIO, .after = 1);
    assert_true(text_file_line(&file, line, sizeof line));
    assert_string_equal(line, "one\n");
    assert_false(text_file_line(&file, line, sizeof line));
    assert_int_equal(file.error, -EIO);
    assert_false(text_file_line(&file, line, sizeof line));
    assert_int_equal(file.error, -EIO);
    assert_int_equal(fault_met(fault), 1);
    fault_end(fault);
    text_file_close(&file);
}
