/* checkpoint.h - writes the table of streams to its file, beside the segments: table_file.h. */
#ifndef HARK_COMMAND_LOG_CHECKPOINT_H
#define HARK_COMMAND_LOG_CHECKPOINT_H

#include "log/state.h"

/* Begins to write the table, in parts of a turn, while appends go on; nothing where it is being
 * written already. */
void checkpoint_begin(struct log *log);

/* So many bytes were written to segments: begins if they are enough by now. */
void checkpoint_count(struct log *log, uint64_t bytes);

/* The next table is on the disk before anything else is done.
 * Gives: to done, never from inside this call: 0; or why it is not. */
void checkpoint_await(struct log *log, void (*done)(struct log *log, int error));

/* Whether the table on the disk speaks of all that is in a segment. */
static inline bool checkpoint_covers(const struct log *log, const struct log_segment *segment)
{
    return segment->first < log->checkpoint.covers;
}

/* What the table is going to take in its file, more or less. */
uint64_t checkpoint_estimate(const struct log *log);

/* A segment that was sealed is on the disk, or never will be. */
void checkpoint_segment_synced(struct log *log);

/* What is being written is not needed: it ends soon. */
void checkpoint_stop(struct log *log);

/* The last one of a log that is being closed, if anything has changed since the one before. */
void checkpoint_at_end(struct log *log);

/* Notes a segment that was lost: each start is to say so.
 * Takes: events: that were in it; 0: nobody knows.
 * Gives: 0, or -ENOMEM. */
int checkpoint_note_missing(struct log *log, uint64_t first, uint64_t events);

/* Retention has come past a segment: what was lost before it is of no interest any more. */
void checkpoint_forget_missing(struct log *log, uint64_t before);

void checkpoint_done(struct log *log);

#endif
