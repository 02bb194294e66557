/* streams.h - the table of streams: each name once in memory, and what stands under it.
 *
 * Two parts may hang on a name: what the log keeps under it, and who reads and publishes there,
 * which is the broker's. Each is made and freed by whom it belongs to; the name stays as long as
 * one of them is there. So who has found a name has found all that is known of the stream.
 *
 * A thread that has not the log has a table of its own, in which no name has a log's part.
 *
 * Thread, for every function here: the one that the table is on. A name itself does not change, and
 * may be read by whoever knows that it stays.
 */
#ifndef HARK_COMMAND_STREAMS_STREAMS_H
#define HARK_COMMAND_STREAMS_STREAMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/map.h"

struct broker_stream;
struct log_row;

struct stream_entry {
    struct map_link link;
    struct log_row *row;          /* the log's; NULL: nothing is kept under the name */
    struct broker_stream *stream; /* the broker's; NULL: nobody is there */
    uint32_t name_length;
    char name[]; /* ends with NUL */
};

/* All zero: empty. */
struct streams {
    struct map names;
};

/* Finds a name.
 * Gives: NULL: there is none. */
struct stream_entry *streams_find(const struct streams *streams, const char *name, size_t length);

/* A name is going to be looked for, or added, soon.
 * Gives: its number in streams->names. */
uint64_t streams_prefetch(const struct streams *streams, const char *name, size_t length);

/* Finds a name, or adds it without any part: hang one on it, or give it to streams_let_go.
 * Gives: NULL: out of memory. */
struct stream_entry *streams_get(struct streams *streams, const char *name, size_t length);

/* A part was taken off: a name without any goes. */
void streams_let_go(struct streams *streams, struct stream_entry *entry);

/* Takes: one without names. */
void streams_done(struct streams *streams);

#endif
