/* found.h - what the start has found of the segment at hand, and of those after it. */
#ifndef HARK_COMMAND_LOG_FOUND_H
#define HARK_COMMAND_LOG_FOUND_H

#include "log/recovery_state.h"

/* The segment at hand. */
struct log_found *found_now(const struct log_recovery *recovery);

/* Where a later segment says that this one ends.
 * Gives: false: none does. */
bool found_told_end(const struct log_recovery *recovery, uint64_t *out_end);

/* Whether no later segment was begun in order: a crash may have interrupted the writing of this
 * one. */
bool found_was_last(const struct log_recovery *recovery);

/* Whether its end may be what a crash has left of a write. */
bool found_may_be_torn(const struct log_recovery *recovery);

/* Ids that may have been given in the segment end before this one. */
uint64_t found_ids_end(const struct log_recovery *recovery);

/* Whether its declarations say something new: only if there is a gap before it, or nothing else
 * tells which streams there were. Segments of newer versions have none. */
bool found_needs_declarations(const struct log_recovery *recovery);

/* The next segment was made right after this one, and has no declarations: it does not say who lost
 * anything in this one. */
bool found_next_is_silent(const struct log_recovery *recovery);

/* Whether what is lost at the end of this one stands in the declarations of the next. */
bool found_next_declares(const struct log_recovery *recovery);

/* Any stream may have lost events up to that id, as far as the table does not know better. */
void found_lose(struct log_recovery *recovery, uint64_t through);

/* All its declarations have been taken that can be read. */
void found_declarations_end(struct log_recovery *recovery);

/* Something of it is missing or damaged; recovery->name is its name from now on. */
void found_count_damage(struct log_recovery *recovery);

/* Tells a person that the segment recovery->name cannot be opened, which the directory's error
 * alone would not. */
void found_tell_unopened(const struct log_recovery *recovery, int64_t error);

#endif
