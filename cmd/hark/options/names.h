/* names.h - addresses as people give them: with numbers, with a name that is looked up, or a port
 * alone. */
#ifndef HARK_COMMAND_OPTIONS_NAMES_H
#define HARK_COMMAND_OPTIONS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "hark.h"

enum { NAMES_HOST_MAX = 253, NAMES_PORT_MAX = 5 };

/* An address as it was given. */
struct name {
    const char *text; /* the caller's */
    bool named;       /* host and port are to be looked up; else `address` is what was given */
    struct hark_address address;
    char host[NAMES_HOST_MAX + 1];
    char port[NAMES_PORT_MAX + 1];
};

/* What a name has come to. */
struct names {
    struct hark_address *addresses;
    size_t count; /* at least 1; each is there once */
};

/* Only looks: whether a text may be an address: what hark_address_parse reads, HOST:PORT, PORT,
 * :PORT. No name is looked up.
 * Gives: NULL, or what is wrong with it: "is not an address ...". */
const char *names_check(const char *text);

/* Reads an address. PORT and :PORT are 127.0.0.1:PORT. No name is looked up.
 * Takes: text: stays the caller's, and as long as out_name; option: what it was given for, for the
 *   message.
 * Gives: EXIT_DONE; EXIT_USAGE: it has then said why. */
int names_parse(const char *option, const char *text, struct name *out_name);

/* Looks a name up, if it is one, and waits for that: before there is a loop that must not wait.
 * Gives: EXIT_DONE; another exit code: it has then said why. */
int names_look_up(const char *option, const struct name *name, struct names *out_names);

/* Frees the addresses. */
void names_done(struct names *names);

/* Says that a name was not found: error: of hark_lookup_start. Takes: option: "" without one. */
void names_say_not_found(const char *option, const struct name *name, int error, const char *rest);

/* Writes an address, and behind it the name that it is of.
 * Takes: room of at least NAMES_TEXT_MAX bytes.
 * Gives: text. */
enum { NAMES_TEXT_MAX = 512 };
const char *names_format(const struct hark_address *address, const char *name, char *text,
                         size_t room);

#endif
