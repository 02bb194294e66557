/* text.c - text that grows by doubling. */
#include "serve/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void fail(struct text *text)
{
    text_done(text);
    text->failed = true;
}

static bool room_for(struct text *text, size_t count)
{
    size_t room = text->room == 0 ? 4096 : text->room;
    while (room - text->count <= count)
        room *= 2;
    if (room == text->room)
        return true;
    char *bytes = realloc(text->bytes, room);
    if (bytes == NULL)
        return false;
    text->bytes = bytes;
    text->room = room;
    return true;
}

void text_add(struct text *text, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_list again;
    if (text->failed)
        return;
    va_start(arguments, format);
    va_copy(again, arguments);
    int count = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (count < 0 || !room_for(text, (size_t)count)) {
        fail(text);
    } else {
        vsnprintf(text->bytes + text->count, (size_t)count + 1, format, again);
        text->count += (size_t)count;
    }
    va_end(again);
}

void text_done(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}
