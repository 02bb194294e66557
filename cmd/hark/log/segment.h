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

/* Asks for a segment to read from.
 * Gives: true: it is open, and the caller holds a reference; false: the cursor waits, and
 *   cursor_resume is called with a reference held, or with an error. */
bool segment_acquire(struct log_segment *segment, struct log_cursor *cursor);

/* Holds it without reading. */
void segment_hold(struct log_segment *segment);

/* Lets a reference go. */
void segment_release(struct log_segment *segment);

/* The active segment is written no more: its descriptor now counts among those for reading. */
void segment_sealed(struct log_segment *segment);

/* The events of a stream that is deleted are dead.
 * Gives: whether there is a segment in which nothing is left. */
bool segment_bury(struct log *log, const struct log_row *stream);

/* Counts what is in each: once, when all are there. */
void segment_count_live(struct log *log);

/* Takes one, by its place in the list, out of it and removes its files, once nobody reads it.
 * Takes: it is sealed. */
void segment_remove(struct log *log, size_t at);

/* The files of a removed segment that nobody holds may go. */
void segment_unlink(struct log_segment *segment);

/* Lets all descriptors of unused segments go. */
void segment_close_idle(struct log *log);

#endif
