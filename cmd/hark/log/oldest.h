/* oldest.h - which segment is the oldest, as the lock file says: so that one which was lost is told
 * from one that retention took.
 *
 * What must hold: the files of the oldest segment go only once the lock file names a later one, on
 * the disk. So a segment that it names, and that is not there, was lost.
 */
#ifndef HARK_COMMAND_LOG_OLDEST_H
#define HARK_COMMAND_LOG_OLDEST_H

#include "log/state.h"

/* The list of segments has changed: has the lock file name the first of them, where it does not,
 * and then lets the files of those that wait go. */
void oldest_update(struct log *log);

/* The same for the very first segment, whose line goes out with that of the newest: behind it.
 * Takes: to: MARK_BYTES.
 * Gives: the bytes of the line; 0: oldest_update is to see to it. oldest_wrote: it has been
 *   written, or not. */
size_t oldest_add(struct log *log, char *to);
void oldest_wrote(struct log *log, int64_t result);

/* Whether the files of a removed segment have to stay for now. Then it is kept, and segment->unused
 * is called later. */
bool oldest_keeps(struct log_segment *segment);

#endif
