/* test_error_names.c - the table of names for C libraries without one has all that glibc's has;
 * what the public calls give is the same by either. */
#include "base/error_names.h"
#include "harness/harness.h"

#include <string.h>

enum { NUMBERS = 600 }; /* Linux's end at 133, on some machines at 1133 with gaps below */

TEST(error_names_are_those_of_glibc)
{
#ifdef __GLIBC__
    int known = 0;
    for (int number = 1; number < NUMBERS; number++) {
        const char *own = error_name_of(number), *libc = strerrorname_np(number);
        assert_int_equal(!own, !libc);
        if (own)
            assert_string_equal(own, libc);
        known += !!own;
    }
    assert_true(known > 100);
#else
    harness_skip("this C library has no names to compare with");
#endif
}

TEST(errors_have_names_and_texts_and_other_numbers_have_none)
{
    assert_string_equal(hark_error_name(0), "0");
    assert_string_equal(hark_error_name(-ECONNRESET), "ECONNRESET");
    assert_string_equal(hark_error_name(EHWPOISON), "EHWPOISON");
    assert_string_equal(hark_error_name(-EAGAIN), "EAGAIN");
    assert_string_equal(hark_error_name(NUMBERS), "EUNKNOWN");
    assert_string_equal(hark_error_name(INT64_MIN), "EUNKNOWN");
    assert_string_equal(hark_error_text(ECONNRESET), strerror(ECONNRESET));
    assert_string_equal(hark_error_text(-ENOENT), strerror(ENOENT));
    assert_string_equal(hark_error_text(NUMBERS), "unknown error");
}
