/* test_json.c - bodies of JSON become messages, a line each. */
#include "harness/harness.h"

#include "durable/json.h"

#include <errno.h>
#include <string.h>

static void assert_messages(const char *body, int64_t messages, const char *event)
{
    char to[256];
    size_t count = 0;
    assert_true(strlen(body) < sizeof to);
    assert_int_equal(json_messages(body, strlen(body), to, &count), messages);
    if (messages < 0)
        return;
    assert_int_equal(count, strlen(event));
    assert_memory_equal(to, event, count);
}

TEST(json_of_an_array_has_a_message_for_each_element)
{
    assert_messages("{\"a\":1}", 1, "{\"a\":1}");
    assert_messages(" [ {\"a\":1} , [2,[3]] ,\"x\"]\n", 3, "{\"a\":1}\n[2,[3]]\n\"x\"");
    assert_messages("[[[1,2,3]]]", 1, "[[1,2,3]]");
    assert_messages("[]", 0, "");
    assert_messages(" [ ] ", 0, "");
    assert_messages("1", 1, "1");
    assert_messages("\"\"", 1, "\"\"");
    assert_messages("null", 1, "null");
    assert_messages("123456789012345678901234567890", 1, "123456789012345678901234567890");
}

TEST(json_line_ends_inside_of_a_message_are_blanks)
{
    assert_messages("{\"a\":\n1,\r\n\"b\":2}", 1, "{\"a\": 1,  \"b\":2}");
    assert_messages("[{\"a\":\n1},\n2]", 2, "{\"a\": 1}\n2");
    assert_messages("\"a\\nb\"", 1, "\"a\\nb\"");
}

TEST(json_that_is_none_is_refused)
{
    static const char *const bodies[] = {
        "",    " ",          "{",          "[1",       "[1,]",  "[,1]", "[1 2]",
        "1 2", "[1]2",       "01",         "1.",       "+1",    "-",    ".5",
        "'a'", "\"a\nb\"",   "\"\\x\"",    "{\"a\"}",  "{a:1}", "tru",  "[1]]",
        "NaN", "[\"a\tb\"]", "{\"a\":1,}", "\"\xff\"", "nul\1", "]",    "[[]",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_messages(bodies[i], -EINVAL, "");
}

TEST(json_messages_take_no_more_room_than_their_body)
{
    char body[600], to[600];
    size_t count;
    for (size_t length = 3; length < sizeof body; length += 2) {
        memset(body, ',', length);
        for (size_t i = 1; i < length; i += 2)
            body[i] = '7';
        body[0] = '[';
        body[length - 1] = ']';
        memset(to, '!', sizeof to);
        assert_int_equal(json_messages(body, length, to, &count), (int64_t)(length - 1) / 2);
        assert_true(count < length);
        assert_int_equal(to[count], '!');
    }
}
