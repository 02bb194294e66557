/* glob.c - a pattern is walked beside the path. Where it goes wrong, the last ** takes one part
 * more: what an earlier one took need not be looked at again. */
#include "subscriptions/glob.h"

#include "wire/name.h"

#include <string.h>

static size_t part_length(const char *text)
{
    return strcspn(text, "/");
}

/* Behind a part, and its slash. */
static const char *next_part(const char *text)
{
    text += part_length(text);
    return *text == '/' ? text + 1 : text;
}

static bool is_part(const char *text, const char *part)
{
    const size_t length = strlen(part);
    return part_length(text) == length && memcmp(text, part, length) == 0;
}

bool glob_valid(const char *pattern)
{
    if (*pattern == '.') /* no name begins so */
        return false;
    for (const char *at = pattern;;) {
        const size_t length = part_length(at);
        if (!is_part(at, "*") && !is_part(at, "**") && !name_part_valid(at, length))
            return false;
        if (at[length] == '\0')
            return true;
        at += length + 1;
    }
}

/* Whether one part stands for another. */
static bool part_matches(const char *pattern, const char *path)
{
    const size_t length = part_length(pattern);
    return is_part(pattern, "*") ||
           (length == part_length(path) && memcmp(pattern, path, length) == 0);
}

bool glob_matches(const char *pattern, const char *path)
{
    const char *behind = NULL; /* the last **, and where in the path what follows it was tried */
    const char *tried = NULL;
    while (*path != '\0') {
        if (*pattern != '\0' && is_part(pattern, "**")) {
            behind = next_part(pattern);
            tried = path;
            pattern = behind;
        } else if (*pattern != '\0' && part_matches(pattern, path)) {
            pattern = next_part(pattern);
            path = next_part(path);
        } else if (behind) {
            tried = next_part(tried);
            path = tried;
            pattern = behind;
        } else {
            return false;
        }
    }
    while (*pattern != '\0' && is_part(pattern, "**"))
        pattern = next_part(pattern);
    return *pattern == '\0';
}
