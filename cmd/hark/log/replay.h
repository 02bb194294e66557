/* replay.h - what records and indexes say, taken into the streams, as the log is opened. */
#ifndef HARK_COMMAND_LOG_REPLAY_H
#define HARK_COMMAND_LOG_REPLAY_H

#include "log/record.h"
#include "log/state.h"

/* Takes a record at that offset of the segment that log->builder is for.
 * Gives: 0, or -ENOMEM. */
int replay_record(struct log *log, const struct log_record *record, uint64_t offset);

/* All declarations of that segment have been taken: streams of which it does not speak were deleted
 * before it. */
void replay_declared(struct log *log, uint64_t first);

/* Takes the index of a segment.
 * Gives: 0, or -ENOMEM. */
int replay_index(struct log *log, const struct log_index *index);

/* Takes the index of a segment whose end, or all of it, is not there: what it tells of and was not
 * found is lost.
 * Gives: 0 and *out_events, how many; -ENOMEM. */
int replay_lost(struct log *log, const struct log_index *index, uint64_t *out_events);

/* Ids up to that one may be lost, of every stream known so far; what a person is told is the
 * caller's. */
void replay_lose_all(struct log *log, uint64_t through);

/* All segments have been taken: streams whose names are lost go. */
void replay_end(struct log *log);

#endif
