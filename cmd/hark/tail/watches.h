/* watches.h - inotify's watches: an inode has one watch, whoever wants it, which goes when nobody
 * does. */
#ifndef HARK_COMMAND_TAIL_WATCHES_H
#define HARK_COMMAND_TAIL_WATCHES_H

#include "tail/state.h"

/* Watches the directory of a path from now on, before the first walk: so nothing that happens once
 * the tail is open is missed. */
void tail_watches_early(struct tail *tail, const char *path);

/* One user of a watch has gone: the watch is removed once it is sure that nothing uses it.
 * Takes: a negative number: nothing happens. */
void tail_watches_drop(struct tail *tail, int watch);

/* Removes the dropped watches that nothing uses, unless a walk is under way: it may just have been
 * given one of them again. */
void tail_watches_trim(struct tail *tail);

#endif
