/* names.h - addresses as people give them: with numbers, with a name that is looked up, or a port
 * alone. */
#ifndef HARK_COMMAND_OPTIONS_NAMES_H
#define HARK_COMMAND_OPTIONS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "hark.h"

/* What an address has come to. */
struct names {
    const char *text; /* as it was given; the caller's */
    bool named;       /* it was looked up */
    struct hark_address *addresses;
    size_t count; /* at least 1; each is there once */
};

/* Only looks: whether a text may be an address: what hark_address_parse reads, HOST:PORT, PORT,
 * :PORT. No name is looked up.
 * Gives: NULL, or what is wrong with it: "is not an address ...". */
const char *names_check(const char *text);

/* Reads an address, and looks its name up where it has one, which may block. PORT and :PORT are
 * 127.0.0.1:PORT.
 * Takes: text: stays the caller's, and as long as out_names; option: what it was given for, for the
 *   message.
 * Gives: EXIT_DONE; another exit code: it has then said why. */
int names_look_up(const char *option, const char *text, struct names *out_names);

/* Looks the name up once more, without a word.
 * Takes: what names_look_up has made; its text alone is looked at.
 * Gives: true and *out_names, which is the caller's too; false: nothing was found now.
 * Thread: any. */
bool names_look_up_again(const struct names *names, struct names *out_names);

/* Frees the addresses. */
void names_done(struct names *names);

/* Writes an address, and behind it the name that it is of.
 * Takes: room of at least NAMES_TEXT_MAX bytes.
 * Gives: text. */
enum { NAMES_TEXT_MAX = 512 };
const char *names_format(const struct hark_address *address, const char *name, char *text,
                         size_t room);

#endif
