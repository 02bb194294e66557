/* test_quote.c - any bytes as a string of JSON. */
#include "base/quote.h"
#include "harness/harness.h"

#include <string.h>

static void expect(const char *text, const char *quoted)
{
    char out[128];
    assert_int_equal(quote_json(text, out), strlen(quoted));
    assert_string_equal(out, quoted);
}

TEST(what_json_needs_escaped_is)
{
    expect("", "\"\"");
    expect("a \"b\" \\c/", "\"a \\\"b\\\" \\\\c/\"");
    expect("a\nb\x1b[1m\x7f", "\"a?b?[1m?\"");
}

TEST(utf_8_stays_and_what_is_none_does_not)
{
    expect("é€😀", "\"é€😀\"");
    expect("\xff\xfe", "\"??\"");
    expect("\xc0\xaf", "\"??\"");           /* longer than it need be */
    expect("\xe0\x80\xaf", "\"???\"");      /* likewise */
    expect("\xf0\x80\x80\xaf", "\"????\""); /* likewise */
    expect("\xed\xa0\x80", "\"???\"");      /* a surrogate */
    expect("\xf4\x90\x80\x80", "\"????\""); /* past the last */
    expect("\xe2\x82", "\"??\"");           /* cut */
    expect("\xf0\x9f\x98x", "\"???x\"");
}
