/* survey_name.c - the names that rotation gives to files. */
#include <stdlib.h>
#include <string.h>

#include "tail/survey.h"

/* How long a part of such a name is: a number, or a word, maybe with a number behind. Gives: 0: it
 * is none. */
static size_t rotation_word(const char *text, size_t length)
{
    static const char *const words[] = {"old",  "prev", "previous", "bak",  "backup",
                                        "orig", "save", "saved",    "last", "rotated"};
    size_t digits = strspn(text, "0123456789");
    if (digits)
        return digits < length ? digits : length;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t word = strlen(words[i]);
        if (length < word || strncmp(text, words[i], word) != 0)
            continue;
        size_t end = word + strspn(text + word, "0123456789");
        if (end == length || !((text[end] | 32) >= 'a' && (text[end] | 32) <= 'z'))
            return end;
    }
    /* "T" and "Z" of a time, "v" and the like of a version are no words on their own. */
    return *text == 'T' || *text == 'Z' ? 1 : 0;
}

/* Whether a text consists of such words, each behind a separator, and the first behind one, too. */
static bool is_rotation_text(const char *text, size_t length)
{
    size_t words = 0;
    if (length == 0 || !strchr(".-_~@", *text))
        return false;
    for (size_t at = 0; at < length;) {
        if (strchr(".-_~@:+", text[at])) {
            at++;
            continue;
        }
        size_t word = rotation_word(text + at, length - at);
        if (word == 0)
            return false;
        at += word;
        words++;
    }
    return words > 0 || (length == 1 && *text == '~');
}

/* Takes the ending of a packed file off. */
static bool take_packed(const char *name, size_t *length)
{
    static const char *const endings[] = {".gz",   ".bz2", ".xz", ".zst", ".lz4", ".Z",
                                          ".lzma", ".zip", ".br", ".lz",  ".lzo"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (*length > ending && strncmp(name + *length - ending, endings[i], ending) == 0) {
            *length -= ending;
            return true;
        }
    }
    return false;
}

bool survey_is_rotation(const char *name, const char *base, bool *out_packed)
{
    size_t length = strlen(name), whole = strlen(base);
    const char *dot = strrchr(base, '.');
    size_t stem = dot && dot > base ? (size_t)(dot - base) : whole;
    *out_packed = take_packed(name, &length);
    if (*out_packed && length == whole && strncmp(name, base, whole) == 0)
        return true;
    if (length > whole && strncmp(name, base, whole) == 0 &&
        is_rotation_text(name + whole, length - whole))
        return true;
    size_t ending = whole - stem;
    return ending && length > whole && strncmp(name, base, stem) == 0 &&
           strncmp(name + length - ending, base + stem, ending) == 0 &&
           is_rotation_text(name + stem, length - whole);
}

bool survey_is_older_name(const char *a, const char *b)
{
    size_t same = 0;
    while (a[same] && a[same] == b[same])
        same++;
    while (same > 0 && a[same - 1] >= '0' && a[same - 1] <= '9')
        same--;
    size_t a_digits = strspn(a + same, "0123456789"), b_digits = strspn(b + same, "0123456789");
    if (a_digits == 0 || b_digits == 0)
        return strcmp(a, b) > 0; /* "old2" is older than "old" */
    long a_number = strtol(a + same, NULL, 10), b_number = strtol(b + same, NULL, 10);
    bool shifted = a_digits < 5 && b_digits < 5;
    return shifted ? a_number > b_number : a_number < b_number;
}
