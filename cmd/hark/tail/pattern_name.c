/* pattern_name.c - {name} stands in a stream's name for that of a file. */
#include "tail/pattern_name.h"

#include <stdio.h>
#include <string.h>

#include "wire/name.h"

static const char name_mark[] = "{name}";

bool tail_is_pattern(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strpbrk(slash ? slash + 1 : path, "*?[");
}

/* Whether a byte may stand in a name behind another one, whatever comes next, or is cut off. */
static bool fits(char before, char byte)
{
    return !(before == '/' && byte == '.') && name_valid((char[]){'x', before, byte, 'x'}, 4);
}

void tail_pattern_stream_of(const char *pattern, const char *name, char *stream)
{
    const char *mark = strstr(pattern, name_mark);
    if (mark)
        snprintf(stream, NAME_BYTES_MAX + 1, "%.*s%s%s", (int)(mark - pattern), pattern, name,
                 mark + strlen(name_mark));
    else
        snprintf(stream, NAME_BYTES_MAX + 1, "%s", pattern);
    /* What stands before the mark is as it was asked for. */
    for (char *at = mark ? stream + (mark - pattern) : stream + strlen(stream); *at; at++)
        if (!fits(at == stream ? '/' : at[-1], *at) || (*at == '/' && at[1] == '\0'))
            *at = '_';
}

bool tail_pattern_stream_valid(const char *stream)
{
    char expanded[NAME_BYTES_MAX + 1];
    const char *mark = strstr(stream, name_mark);
    const size_t length = strlen(stream), mark_length = strlen(name_mark);
    if (!mark)
        return name_valid(stream, length);
    if (length > NAME_BYTES_MAX)
        return false;
    snprintf(expanded, sizeof expanded, "%.*sx%s", (int)(mark - stream), stream,
             mark + mark_length);
    return name_valid(expanded, strlen(expanded));
}
