/* watch_events.h - what inotify has told, as changes. */
#ifndef FILE_WATCH_EVENTS_H
#define FILE_WATCH_EVENTS_H

#include "file/watch_tree.h"

/* Takes what it can of the buffer. What is left begins with the first half of a renaming, whose
 * second half may still come.
 * Takes: gives_up: the first tree->waited bytes have waited for it long enough. */
void watch_events_take(struct hark_watch_tree *tree, bool gives_up);

#endif
