/* known.h - what the table of streams, which was read before, has told already of what a start
 * comes across in segments. */
#ifndef HARK_COMMAND_LOG_KNOWN_H
#define HARK_COMMAND_LOG_KNOWN_H

#include "log/recovery_state.h"

/* Up to which sequence all that concerns the stream of that generation is known from the table,
 * also that there is none any more; 0: nothing is. */
uint64_t known_as_of(const struct log_recovery *recovery, uint64_t generation);

/* Whether all that the segment with that first holds is known from the table. */
static inline bool known_covers(const struct log_recovery *recovery, uint64_t first)
{
    return recovery->restored.whole && first < recovery->restored.header.segment;
}

/* What the table says of a segment.
 * Gives: false: it does not know it. */
bool known_segment(const struct log_recovery *recovery, uint64_t first,
                   struct table_segment *out_segment);

#endif
