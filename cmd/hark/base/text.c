/* text.c - text that grows by doubling. */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    if (!bytes)
        return false;
    text->bytes = bytes;
    text->room = room;
    return true;
}

void text_add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_list again;
    if (text->failed)
        return;
    va_start(arguments, format);
    va_copy(again, arguments);
    size_t left = text->room - text->count;
    int count = vsnprintf(left != 0 ? text->bytes + text->count : NULL, left, format, arguments);
    va_end(arguments);
    if (count >= 0 && (size_t)count >= left && room_for(text, (size_t)count))
        vsnprintf(text->bytes + text->count, (size_t)count + 1, format, again);
    va_end(again);
    if (count < 0 || text->room - text->count <= (size_t)count)
        fail(text);
    else
        text->count += (size_t)count;
}

void text_join(struct text *text, const struct text *other)
{
    if (text->failed || other->count == 0) {
        if (other->failed && !text->failed)
            fail(text);
        return;
    }
    if (!room_for(text, other->count)) {
        fail(text);
        return;
    }
    memcpy(text->bytes + text->count, other->bytes, other->count + 1);
    text->count += other->count;
}

void text_done(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}
