/* test_lines.c - the lines protocol: commands in, events out, and back again. */
#include "wire/lines.h"
#include "wire/pieces.h"

#include <errno.h>

#define USAGE                                                                                      \
    "say PUB NAME, PUB NAME ack, SUB NAME, SUB NAME now, SUB NAME start or SUB NAME after ID; "    \
    "before it maybe AUTH TOKEN"
#define NAME   "a name is " NAME_RULE
#define NUMBER "an id is a decimal number, as it was given with an event"

TEST(command_is_understood)
{
    static const struct {
        const char *line;
        enum lines_verb verb;
        bool ack;
        enum lines_from from;
        uint64_t after;
        const char *name;
    } rows[] = {
        {"PUB a", LINES_PUB, false, LINES_FROM_NOW, 0, "a"},
        {"PUB a\r", LINES_PUB, false, LINES_FROM_NOW, 0, "a"},
        {"PUB a ack", LINES_PUB, true, LINES_FROM_NOW, 0, "a"},
        {"PUB ack ack\r", LINES_PUB, true, LINES_FROM_NOW, 0, "ack"},
        {"PUB ack", LINES_PUB, false, LINES_FROM_NOW, 0, "ack"},
        {"SUB x.y-z_1", LINES_SUB, false, LINES_FROM_NOW, 0, "x.y-z_1"},
        {"SUB a start", LINES_SUB, false, LINES_FROM_START, 0, "a"},
        {"SUB a after start", LINES_SUB, false, LINES_FROM_START, 0, "a"},
        {"SUB a after 0", LINES_SUB, false, LINES_FROM_AFTER, 0, "a"},
        {"SUB a after 42\r", LINES_SUB, false, LINES_FROM_AFTER, 42, "a"},
        {"SUB now now", LINES_SUB, false, LINES_FROM_NOW, 0, "now"},
        {"SUB start start", LINES_SUB, false, LINES_FROM_START, 0, "start"},
        {"SUB a after 18446744073709551615", LINES_SUB, false, LINES_FROM_AFTER, UINT64_MAX, "a"},
    };

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        struct lines_command command;
        const char *reason = lines_command_parse(rows[at].line, strlen(rows[at].line), &command);

        if (reason)
            fail_msg("%s: %s", rows[at].line, reason);
        assert_int_equal(command.verb, rows[at].verb);
        assert_int_equal(command.ack, rows[at].ack);
        assert_int_equal(command.from, rows[at].from);
        assert_int_equal(command.after, rows[at].after);
        assert_string_equal(command.name, rows[at].name);
    }
}

TEST(command_now_alone_asks_for_the_position)
{
    static const char *const rows[] = {"SUB a", "SUB a start", "SUB a after 5", "SUB now",
                                       "PUB now"};
    struct lines_command command;

    assert_null(lines_command_parse("SUB a now\r", 10, &command));
    assert_true(command.position);
    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        assert_null(lines_command_parse(rows[at], strlen(rows[at]), &command));
        assert_false(command.position);
    }
}

TEST(auth_is_a_token_and_no_command)
{
    struct lines_command command;
    static const char line[] = "AUTH hark_a-b_c\r";
    assert_null(lines_command_parse(line, strlen(line), &command));
    assert_int_equal(command.verb, LINES_AUTH);
    assert_ptr_equal(command.token, line + 5);
    assert_int_equal(command.token_count, 10);
}

TEST(command_that_is_wrong_gets_its_reason)
{
    static const struct {
        const char *line;
        size_t count;
        const char *reason;
    } rows[] = {
        {"", 0, USAGE},
        {"\r", 1, USAGE},
        {"PUB", 3, USAGE},
        {"PUB ", 4, USAGE},
        {"PUB  a", 6, USAGE},
        {" PUB a", 6, USAGE},
        {"PUB a ", 6, USAGE},
        {"PUB a\t", 6, NAME},
        {"PUB a\r\r", 7, NAME},
        {"pub a", 5, USAGE},
        {"PUBLISH a", 9, USAGE},
        {"GET / HTTP/1.1\r", 15, USAGE},
        {"PUB a ACK", 9, USAGE},
        {"PUB a ack ack", 13, USAGE},
        {"PUB .a", 6, NAME},
        {"PUB a//b", 7, NAME},
        {"PUB a\0b", 7, NAME},
        {"AUTH", 4, USAGE},
        {"AUTH ", 5, USAGE},
        {"AUTH a b", 8, USAGE},
        {"auth a", 6, USAGE},
        {"SUB a b", 7, USAGE},
        {"SUB a now 5", 11, USAGE},
        {"SUB a after now", 15, NUMBER},
        {"SUB a after", 11, USAGE},
        {"SUB a from 5", 12, USAGE},
        {"SUB a after 5 6", 15, USAGE},
        {"SUB a after x", 13, NUMBER},
        {"SUB a after -1", 14, NUMBER},
        {"SUB a after 05", 14, NUMBER},
        {"SUB a after 18446744073709551616", 32, NUMBER},
    };

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        struct lines_command command = {.after = 77};
        const char *reason = lines_command_parse(rows[at].line, rows[at].count, &command);

        if (!reason || strcmp(reason, rows[at].reason) != 0)
            fail_msg("%s: %s", rows[at].line, reason ? reason : "accepted");
        assert_int_equal(command.after, 77);
    }
}

TEST(command_name_and_length_are_bounded)
{
    char line[512];
    struct lines_command command;

    memset(line, 'n', sizeof line);
    memcpy(line, "PUB ", 4);
    assert_null(lines_command_parse(line, 4 + NAME_BYTES_MAX, &command));
    assert_int_equal(strlen(command.name), NAME_BYTES_MAX);
    assert_string_equal(lines_command_parse(line, 5 + NAME_BYTES_MAX, &command), NAME);
    assert_string_equal(lines_command_parse(line, LINES_COMMAND_BYTES_MAX + 1, &command),
                        LINES_TOO_LONG);
}

TEST(event_is_encoded_in_parts_at_its_line_feeds)
{
    static const struct {
        const char *event;
        size_t count;
        const char *expected;
        size_t expected_count;
    } rows[] = {
        {"", 0, "5\t\n", 3},
        {"a", 1, "5\ta\n", 4},
        {"a\\n\tb\r", 6, "5\ta\\n\tb\r\n", 9},
        {"a\0b", 3, "5\ta\0b\n", 6},
        {"a\nb", 3, "+\ta\n5\tb\n", 8},
        {"\n", 1, "+\t\n5\t\n", 6},
        {"a\n\nb\n", 5, "+\ta\n+\t\n+\tb\n5\t\n", 14},
        {"+\tx", 3, "5\t+\tx\n", 6},
    };

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        const size_t size = lines_event_size(5, rows[at].event, rows[at].count);
        char *bytes = malloc(size);

        assert_non_null(bytes);
        assert_int_equal(size, rows[at].expected_count);
        assert_result(lines_event_encode(5, rows[at].event, rows[at].count, bytes, size),
                      (int64_t)size);
        assert_memory_equal(bytes, rows[at].expected, size);
        assert_result(lines_event_encode(5, rows[at].event, rows[at].count, bytes, size - 1),
                      -ENOSPC);
        free(bytes);
    }
    assert_int_equal(lines_event_size(5, NULL, 0), 3);
}

TEST(gap_and_answer_at_their_longest_fit)
{
    char gap[LINES_GAP_BYTES_MAX];
    char answer[LINES_ID_BYTES_MAX];

    assert_int_equal(lines_gap_encode(UINT64_MAX, UINT64_MAX, gap), 46);
    assert_memory_equal(gap, "GAP\t18446744073709551615\t18446744073709551615\n", 46);
    assert_int_equal(lines_id_encode(UINT64_MAX, answer), 21);
    assert_memory_equal(answer, "18446744073709551615\n", 21);
}

TEST(output_is_understood)
{
    static const struct {
        const char *line;
        enum lines_kind kind;
        uint64_t id;
        uint64_t after;
        const char *bytes;
    } rows[] = {
        {"5\thello", LINES_EVENT, 5, 0, "hello"}, {"5\t", LINES_EVENT, 5, 0, ""},
        {"5\ta\tb", LINES_EVENT, 5, 0, "a\tb"},   {"5", LINES_ID, 5, 0, ""},
        {"+\tpart", LINES_PART, 0, 0, "part"},    {"+\t", LINES_PART, 0, 0, ""},
        {"ERR no", LINES_ERROR, 0, 0, "no"},      {"GAP\t3\t9", LINES_GAP, 9, 3, NULL},
    };

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        struct lines_output output;

        if (lines_output_parse(rows[at].line, strlen(rows[at].line), &output))
            fail_msg("%s", rows[at].line);
        assert_int_equal(output.kind, rows[at].kind);
        assert_int_equal(output.id, rows[at].id);
        assert_int_equal(output.after, rows[at].after);
        if (rows[at].bytes) {
            assert_int_equal(output.count, strlen(rows[at].bytes));
            assert_memory_equal(output.bytes, rows[at].bytes, output.count);
        }
    }
}

TEST(output_that_is_none_is_refused)
{
    static const char *const rows[] = {
        "",      "x",     "\tx",    "5 x", "05\tx", "-5\tx",     "+",         "+x",
        "GAP",   "GAP\t", "GAP\t3", "ERR", "ERRno", "GAP\tx\t9", "GAP\t3\tx", "GAP\t3\t9\t1",
        "+5\tx", " 5\tx", "5\r"};

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        struct lines_output output;

        if (lines_output_parse(rows[at], strlen(rows[at]), &output) != -EINVAL)
            fail_msg("%s", rows[at]);
    }
}
