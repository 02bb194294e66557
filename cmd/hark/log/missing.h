/* missing.h - what the table of streams tells of, and a start has not found. */
#ifndef HARK_COMMAND_LOG_MISSING_H
#define HARK_COMMAND_LOG_MISSING_H

#include "log/recovery_state.h"

/* Tells a person of a segment that was lost, and counts it. */
void missing_tell(const struct log_recovery *recovery, const struct table_segment *segment);

/* All segments are there: counts what lives in each, and drops what the table tells of those that
 * are not; which is told, unless retention has taken them.
 * Gives: 0, or -ENOMEM. */
int missing_count_live(struct log_recovery *recovery);

/* What the table told of streams, in a log that had to be read whole. */
void missing_end(struct log_recovery *recovery);

#endif
