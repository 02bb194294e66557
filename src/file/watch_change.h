/* watch_change.h - changes of what a watch knows, each told to its owner. Once the watch is ending,
 * by the owner or for want of memory, nothing is told any more. */
#ifndef FILE_WATCH_CHANGE_H
#define FILE_WATCH_CHANGE_H

#include "file/watch_tree.h"

/* The watch ends with an error, unless it is ending already. */
void watch_fail(struct hark_watch_tree *tree, int error);

void watch_tell(struct hark_watch_tree *tree, enum hark_watch_kind kind,
                const struct watch_node *node, int error);

/* A name that was not known. A directory is to be read in its turn.
 * Takes: is_silent: nothing is told of it, nor of what is in it.
 * Gives: NULL: no memory, and the watch is ending. */
struct watch_node *watch_change_created(struct hark_watch_tree *tree, struct watch_node *parent,
                                        const char *name, bool is_directory, bool is_silent);

void watch_change_removed(struct hark_watch_tree *tree, struct watch_node *node);

/* It has another name; what had that name before, unless it is itself, is gone without a word. */
void watch_change_renamed(struct hark_watch_tree *tree, struct watch_node *node,
                          struct watch_node *parent, const char *name);

/* It was written to: told now, or once it is due. */
void watch_change_modified(struct hark_watch_tree *tree, struct watch_node *node);

/* A MODIFIED that waits is told now. */
void watch_change_tell_modified(struct hark_watch_tree *tree, struct watch_node *node);

/* The READY of the past is worth nothing any more: another comes. */
void watch_change_unsettle(struct hark_watch_tree *tree);

#endif
