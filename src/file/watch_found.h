/* watch_found.h - what a scan has found, as changes. */
#ifndef FILE_WATCH_FOUND_H
#define FILE_WATCH_FOUND_H

#include "file/watch_tree.h"

/* Takes over what tree->scan has found of tree->scanned. */
void watch_found_take(struct hark_watch_tree *tree);

#endif
