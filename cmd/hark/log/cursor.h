/* cursor.h - what segments tell the reads that wait for them. */
#ifndef HARK_COMMAND_LOG_CURSOR_H
#define HARK_COMMAND_LOG_CURSOR_H

#include "log/state.h"

/* The segment that the cursor waited for is open, and a reference is held for it; or it could not
 * be opened. */
void cursor_resume(struct log_cursor *cursor, int error);

/* There may be room for one more open segment: ask again. */
void cursor_retry(struct log_cursor *cursor);

#endif
