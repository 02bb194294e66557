/* test_glob.c - patterns over the paths of streams. */
#include "harness/harness.h"

#include "subscriptions/glob.h"

#include <stdio.h>

TEST(patterns_are_of_parts)
{
    static const char *const good[] = {"*",    "**",     "a",       "a/*",     "*/b",
                                       "a/**", "**/a/*", "a/**/**", "a.b-c_d", "a/*/.b"};
    static const char *const wrong[] = {"",   "/a",  "a/", "a//b", "a*",
                                        "*a", "***", ".a", "a b",  "%2a"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(glob_valid(good[i]));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(glob_valid(wrong[i]));
}

TEST(one_star_is_one_part_and_two_are_any_number)
{
    static const struct {
        const char *pattern, *path;
        bool matches;
    } cases[] = {
        {"a", "a", true},
        {"a", "b", false},
        {"a", "a/b", false},
        {"a/b", "a", false},
        {"ab", "a", false},
        {"a", "ab", false},
        {"*", "a", true},
        {"*", "a/b", false},
        {"*/*", "a", false},
        {"a/*", "a/b", true},
        {"a/*", "a", false},
        {"a/*", "a/b/c", false},
        {"a/*/c", "a/b/c", true},
        {"a/*/c", "a/c", false},
        {"**", "a", true},
        {"**", "a/b/c", true},
        {"a/**", "a", true},
        {"a/**", "a/b/c", true},
        {"a/**", "b/a", false},
        {"**/c", "c", true},
        {"**/c", "a/b/c", true},
        {"**/c", "a/c/b", false},
        {"a/**/c", "a/c", true},
        {"a/**/c", "a/c/c/b/c", true},
        {"**/*", "a", true},
        {"**/*/*", "a", false},
        {"**/a/**/b", "x/a/y/a/z/b", true},
        {"**/a/*/b", "a/a/b", true},
        {"**/a/*/b", "a/a/a/b", true},
        {"**/**", "a", true},
        {"**/a/b", "a/a/a/b", true},
        {"**/a/**/b/c", "a/b/a/b/c", true},
        {"**/a/**/b/c", "a/b/a/b/d", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (glob_matches(cases[i].pattern, cases[i].path) != cases[i].matches)
            fail_msg("%s %s", cases[i].pattern, cases[i].path);
}

TEST(a_pattern_of_many_stars_ends_soon)
{
    char pattern[512], path[129];
    size_t pattern_count = 0, path_count = 0;
    for (int i = 0; i < 60; i++) {
        pattern_count += (size_t)sprintf(pattern + pattern_count, "**/a/");
        path_count += (size_t)sprintf(path + path_count, "a/");
    }
    sprintf(pattern + pattern_count, "b");
    sprintf(path + path_count, "c");
    assert_false(glob_matches(pattern, path));
}
