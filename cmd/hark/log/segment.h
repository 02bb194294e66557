/* segment.h - segment files: the list of them, and the few that are open for reading. */
#ifndef HARK_COMMAND_LOG_SEGMENT_H
#define HARK_COMMAND_LOG_SEGMENT_H

#include "log/state.h"

/* Writes the name of a segment's file.
 * Takes: to: SEGMENT_NAME_BYTES. */
void segment_name(char *to, uint64_t first, const char *suffix);

/* Reads such a name.
 * Gives: true and *out_first where it is one with that suffix. */
bool segment_name_parse(const char *name, const char *suffix, uint64_t *out_first);

/* Makes a segment, closed, in no list.
 * Gives: NULL: out of memory. */
struct log_segment *segment_create(struct log *log, uint64_t first);

/* Frees one that holds no descriptor.
 * Takes: NULL. */
void segment_destroy(struct log_segment *segment);

/* Puts it into the log's list, last.
 * Fails: -ENOMEM; not if segment_reserve has given 0 before. */
int segment_reserve(struct log *log);
int segment_list(struct log_segment *segment);

/* The segment of the list with that first, or NULL. */
struct log_segment *segment_by_first(const struct log *log, uint64_t first);

/* What log_wait.ready is told, besides errors. */
enum {
    SEGMENT_HELD = 0,  /* the segment is open, and the one who waited holds a reference */
    SEGMENT_AGAIN = 1, /* there may be room for one more descriptor: ask again */
};

/* Asks for a segment to read from.
 * Gives: true: it is open, and the caller holds a reference; false: wait->ready will be called. */
bool segment_acquire(struct log_segment *segment, struct log_wait *wait);

/* Holds it without reading. */
void segment_hold(struct log_segment *segment);

/* Lets a reference go. */
void segment_release(struct log_segment *segment);

/* The active segment is written no more: its descriptor now counts among those for reading. */
void segment_sealed(struct log_segment *segment);

/* Takes one, by its place, out of the list.
 * Takes: it is sealed. */
void segment_unlist(struct log *log, size_t at);

/* Calls unused when nobody holds a segment and its descriptor is neither being opened nor closed;
 * inside of this call, if that is so now; and again after segment_close.
 * Takes: it is in no list. */
void segment_when_unused(struct log_segment *segment, void (*unused)(struct log_segment *segment));

/* Lets the descriptor of an open segment go that nobody holds. */
void segment_close(struct log_segment *segment);

/* Lets all descriptors of unused segments go. */
void segment_close_idle(struct log *log);

/* A sync of it has failed: it takes no more, as the kernel tells of that only once. */
void segment_sync_failed(struct log_segment *segment);

#endif
