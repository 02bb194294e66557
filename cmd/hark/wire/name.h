/* name.h - names of streams and ids of events, as every protocol writes them. */
#ifndef HARK_COMMAND_WIRE_NAME_H
#define HARK_COMMAND_WIRE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NAME_BYTES_MAX = 128, /* of a stream's name */
    ID_BYTES_MAX = 20,    /* of an id's digits, without a final NUL */
};

/* The rule of name_valid, for messages. */
#define NAME_RULE                                                                                  \
    "1 to 128 of A-Z a-z 0-9 . _ - and / between parts, none of them empty, . or .., and with no " \
    "dot in front"

/* Whether the bytes are a stream's name: NAME_RULE. As a path in a URL no client normalises it. No
 * final NUL is needed. */
bool name_valid(const char *bytes, size_t count);

/* Whether the bytes may stand between two slashes of a name. */
bool name_part_valid(const char *bytes, size_t count);

/* Reads an id: decimal digits and nothing else, no leading zero but in "0", at most UINT64_MAX.
 * Gives: 0 and *out_id.
 * Fails: -EINVAL not of that form; -ERANGE above UINT64_MAX. */
int id_parse(const char *bytes, size_t count, uint64_t *out_id);

/* Writes an id's digits.
 * Takes: room of ID_BYTES_MAX bytes at least.
 * Gives: how many were written; no NUL follows them. */
size_t id_format(uint64_t id, char *bytes);

/* How many digits id_format writes. */
size_t id_size(uint64_t id);

#endif
