/* notes.h - what is noted of a stream beside its events: values under keys, whose meaning is for
 * those who append. No I/O.
 *
 * As bytes, one after another: length of the key u8, length of the value u16, the key, the value.
 */
#ifndef HARK_COMMAND_LOG_NOTES_H
#define HARK_COMMAND_LOG_NOTES_H

#include <stdbool.h>
#include <stdint.h>

#include "log/log.h"

/* All that is noted of one stream: no key twice, no value empty, the newest last. */
struct log_notes {
    uint32_t length;
    unsigned char bytes[];
};

/* Whether these bytes are notes, whole ones.
 * Takes: length 0 too: there is none. */
bool notes_are_whole(const unsigned char *bytes, uint32_t length);

/* Finds the value under a key.
 * Gives: true and *out_note; false: there is none. */
bool notes_find(const struct log_notes *notes, const char *key, size_t key_length,
                struct log_note *out_note);

/* Steps through all.
 * Takes: notes: NULL: there are none. *at: 0 for the first, then as it was left.
 * Gives: true, *out_key and *out_note; false: there is no more. */
bool notes_each(const struct log_notes *notes, uint32_t *at, struct log_note *out_key,
                struct log_note *out_note);

/* What stands after changes: each takes the place of what its key had, an empty value removes it.
 * Takes: notes: NULL: there are none. changes: whole notes.
 * Gives: 0 and *out_notes, from malloc; NULL: there are none left.
 * Fails: -ENOMEM; -E2BIG they would be more than LOG_NOTES_BYTES_MAX. */
int notes_change(const struct log_notes *notes, const unsigned char *changes, uint32_t length,
                 struct log_notes **out_notes);

#endif
