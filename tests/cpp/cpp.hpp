/* cpp.hpp - what the tests of the C++ side include: the header under test first, so that it stands
 * by itself, then the harness. */
#ifndef TESTS_CPP_HPP
#define TESTS_CPP_HPP

#include "hark.hpp"

#include <cstring>
#include <string>
#include <string_view>

#include <setjmp.h>
#include <stdarg.h>

extern "C" {
#include "fault/memory.h"
#include "harness/harness.h"
#include "harness/told.h"
#include "harness/world.h"
}

using namespace std::literals;

inline void assert_outcome(hark::result actual, int64_t expected, const char *file, int line)
{
    harness_assert_result(actual.value(), expected, file, line);
}
/* A program that breaks a rule says so and is ended. */
inline void assert_told(harness_misuse *misuse, const char *words, bool names_descriptor)
{
    if (harness_in_world())
        harness_skip("a process is ended");
    harness_assert_told(misuse, words, names_descriptor);
}

#define assert_came(actual, expected) assert_outcome((actual), (expected), __FILE__, __LINE__)

#endif
