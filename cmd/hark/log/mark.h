/* mark.h - which segment is the newest, as the lock file says: a trace of it that lasts when its files do not.
 *
 * One line of text, written once a new segment's name is on the disk. It may lag behind the segments, after a crash or where the
 * lock file could not be written; it is never ahead of them. So where the segment that it names is not there, it was lost.
 */
#ifndef HARK_COMMAND_LOG_MARK_H
#define HARK_COMMAND_LOG_MARK_H

#include <stddef.h>
#include <stdint.h>

#define MARK_BYTES 46u /* "newest ", 20 digits, a blank, 16 hexadecimal digits, LF, NUL */

/* Writes the line of a segment. Takes: to: MARK_BYTES. Gives: its length, without the NUL. */
size_t mark_encode(char *to, uint64_t first);

/* Reads such a line. Gives: the segment's first; 0: it is none, or is damaged. */
uint64_t mark_decode(const char *text, size_t length);

#endif
