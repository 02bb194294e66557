/* notes.c - notes of a stream, found and changed. What must hold: whatever bytes they come from, a
 * walk ends inside of them. */
#include "log/notes.h"

#include "log/bytes.h"

#include <errno.h>
#include <stdlib.h>

enum { HEAD_BYTES = 3 };

/* One of them, in its bytes. */
struct note {
    const unsigned char *key;
    const unsigned char *value;
    uint32_t key_length;
    uint32_t value_length;
    uint32_t size;
};

/* Gives: false: what stands there is none. */
static bool get_note(const unsigned char *bytes, uint32_t left, struct note *out_note)
{
    if (left < HEAD_BYTES || bytes[0] == 0)
        return false;
    out_note->key_length = bytes[0];
    out_note->value_length = get16(bytes + 1);
    out_note->size = HEAD_BYTES + out_note->key_length + out_note->value_length;
    out_note->key = bytes + HEAD_BYTES;
    out_note->value = out_note->key + out_note->key_length;
    return out_note->size <= left;
}

bool notes_are_whole(const unsigned char *bytes, uint32_t length)
{
    struct note note = {0};
    for (uint32_t at = 0; at < length; at += note.size)
        if (!get_note(bytes + at, length - at, &note))
            return false;
    return true;
}

static bool find(const unsigned char *bytes, uint32_t length, const void *key, size_t key_length,
                 struct note *out_note)
{
    for (uint32_t at = 0; at < length && get_note(bytes + at, length - at, out_note);
         at += out_note->size)
        if (out_note->key_length == key_length && memcmp(out_note->key, key, key_length) == 0)
            return true;
    return false;
}

bool notes_find(const struct log_notes *notes, const char *key, size_t key_length,
                struct log_note *out_note)
{
    struct note note = {0};
    if (!notes || !find(notes->bytes, notes->length, key, key_length, &note))
        return false;
    *out_note = (struct log_note){note.value, note.value_length};
    return true;
}

bool notes_each(const struct log_notes *notes, uint32_t *at, struct log_note *out_key,
                struct log_note *out_note)
{
    struct note note;
    if (!notes || *at >= notes->length || !get_note(notes->bytes + *at, notes->length - *at, &note))
        return false;
    *at += note.size;
    *out_key = (struct log_note){note.key, note.key_length};
    *out_note = (struct log_note){note.value, note.value_length};
    return true;
}

/* Adds those of `from` that no later one, in `changes` or, where they are not unique, there, takes
 * the place of. */
static void add(struct log_notes *to, const unsigned char *from, uint32_t length, bool unique,
                const unsigned char *changes, uint32_t changes_length)
{
    struct note note = {0}, other = {0};
    for (uint32_t at = 0; at < length && get_note(from + at, length - at, &note); at += note.size) {
        const unsigned char *rest = from + at + note.size;
        if (note.value_length == 0 ||
            (!unique && find(rest, length - at - note.size, note.key, note.key_length, &other)) ||
            find(changes, changes_length, note.key, note.key_length, &other))
            continue;
        memcpy(to->bytes + to->length, from + at, note.size);
        to->length += note.size;
    }
}

int notes_change(const struct log_notes *notes, const unsigned char *changes, uint32_t length,
                 struct log_notes **out_notes)
{
    const uint32_t before = notes ? notes->length : 0;
    struct log_notes *after = malloc(sizeof *after + before + length);
    if (!after)
        return -ENOMEM;
    after->length = 0;
    if (notes)
        add(after, notes->bytes, before, true, changes, length);
    add(after, changes, length, false, NULL, 0);
    if (after->length > LOG_NOTES_BYTES_MAX) {
        free(after);
        return -E2BIG;
    }
    if (after->length == 0) {
        free(after);
        after = NULL;
    }
    *out_notes = after;
    return 0;
}

uint32_t log_note_put(unsigned char *to, const char *key, size_t key_length, const void *value,
                      size_t value_length)
{
    to[0] = (unsigned char)key_length;
    put16(to + 1, (uint16_t)value_length);
    memcpy(to + HEAD_BYTES, key, key_length);
    if (value_length > 0)
        memcpy(to + HEAD_BYTES + key_length, value, value_length);
    return (uint32_t)(HEAD_BYTES + key_length + value_length);
}
