/* json.h - messages of streams of JSON: a body becomes messages, and those become one event.
 *
 * An event is its messages, each in one line, without the last one's end. So it is readable by
 * every door, and becomes an array by putting commas for line ends.
 *
 * Thread, for every function here: any. */
#ifndef HARK_COMMAND_DURABLE_JSON_H
#define HARK_COMMAND_DURABLE_JSON_H

#include <stddef.h>
#include <stdint.h>

/* Makes a body an event: of an array each element is a message, of anything else it is one.
 * Takes: to: of count bytes at least.
 * Gives: how many messages it has, and *out_count, the bytes of the event.
 * Fails: -EINVAL it is no JSON (RFC 8259); -ENOMEM. */
int64_t json_messages(const char *body, size_t count, char *to, size_t *out_count);

#endif
