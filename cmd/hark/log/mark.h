/* mark.h - which segments are the newest and the oldest, as the lock file says: a trace of them
 * that lasts when their files do not.
 *
 * Two lines of text. The first is written once a new segment's name is on the disk. It may lag
 * behind the segments, after a crash or where the lock file could not be written; it is never ahead
 * of them. So where the segment that it names is not there, it was lost. The second is oldest.h's.
 */
#ifndef HARK_COMMAND_LOG_MARK_H
#define HARK_COMMAND_LOG_MARK_H

#include <stddef.h>
#include <stdint.h>

#define MARK_NEWEST     "newest "
#define MARK_OLDEST     "oldest "
#define MARK_LINE_BYTES 45u /* a word of seven, 20 digits, a blank, 16 hexadecimal digits, LF */
#define MARK_BYTES      (MARK_LINE_BYTES + 1u) /* and NUL */

/* Writes the line of a segment.
 * Takes: to: MARK_BYTES; word: one of those two.
 * Gives: its length, without the NUL. */
size_t mark_encode(char *to, const char *word, uint64_t first);

/* Reads such a line.
 * Gives: the segment's first; 0: it is none, or is damaged. */
uint64_t mark_decode(const char *text, size_t length, const char *word);

#endif
