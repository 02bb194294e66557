/* fields.h - values of the Durable Streams protocol's header fields.
 *
 * Thread, for every function here: any. */
#ifndef HARK_COMMAND_DURABLE_FIELDS_H
#define HARK_COMMAND_DURABLE_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

/* Whether a field says "true", in any case. Takes: NULL: it is not there. */
bool field_is_true(const char *text);

/* Reads a whole number: digits without zeros in front, up to 2^53 - 1.
 * Fails: -EINVAL. */
int field_number(const char *text, uint64_t *out_value);

/* Reads an RFC 3339 time.
 * Gives: 0 and *out_ns, nanoseconds since 1970, UTC.
 * Fails: -EINVAL it is none, or out of what that can hold. */
int field_time(const char *text, uint64_t *out_ns);

#endif
