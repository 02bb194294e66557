/* source.h - the files that a follower has open, and how far each is published. */
#ifndef HARK_COMMAND_TAIL_SOURCE_H
#define HARK_COMMAND_TAIL_SOURCE_H

#include "tail/state.h"

/* Adds an open file as the newest.
 * Gives: 0 and *out_source.
 * Fails: -ENOMEM; -ENOSPC too many; fd is then still the caller's. */
int tail_source_add(struct tail_follower *follower, int fd, int watch, uint64_t device,
                    uint64_t inode, int64_t born_ns, struct tail_source **out_source);

/* Takes over the place of a file that was found again; its bytes stand in first and last. */
void tail_source_go_on(struct tail_source *source, const struct position_place *place,
                       const char *first, const char *last);

/* Closes a file. */
void tail_source_close(struct tail_source *source);

/* A survey is over: closes what was closed meanwhile. */
void tail_source_close_surveyed(struct tail_follower *follower);

/* Closes a file of which nothing is published: it is new where it is seen again. */
void tail_source_drop(struct tail_source *source);

/* Closes a file that is done with. */
void tail_source_finish(struct tail_source *source);

/* A file that was cut was read on to its end, so its copies were before. Its places from before the
 * cut tell nothing any more; a start that knew them would take it for one that nobody has read. */
void tail_source_read_on(struct tail_follower *follower, uint64_t inode, int64_t born_ns);

/* Notes that a file is done with: it is not read when it is seen again. */
void tail_source_done(struct tail_follower *follower, uint64_t inode, int64_t born_ns);

/* Forgets what was read of a file of which nothing is published. */
void tail_source_forget(struct tail_source *source);

/* An older file becomes the newest of them. */
void tail_source_move(struct tail_source *source);

/* The place has moved past these bytes, which follow the bytes that the source keeps. */
void tail_source_passed(struct tail_source *source, const char *bytes, size_t count);

/* The place of a file, as a position has it. */
void tail_source_place(const struct tail_source *source, struct position_place *out_place);

/* The places of all files, in order. */
void tail_source_positions(const struct tail_follower *follower, struct position *out_position);

/* The open file of an inode.
 * Gives: NULL: no open file is of that inode. */
struct tail_source *tail_source_find(const struct tail_follower *follower, uint64_t device,
                                     uint64_t inode);

/* The file that came last.
 * Gives: NULL: none is open. */
struct tail_source *tail_source_newest(const struct tail_follower *follower);

/* Whether a file stands at the path: it does, and is the last in the list. */
bool tail_source_is_current(const struct tail_source *source);

/* Whether the last walk has seen the file at the path, wherever in the list it stands. */
bool tail_source_was_seen(const struct tail_source *source);

/* The file at the path is no longer there. */
void tail_source_retire(struct tail_follower *follower);

/* A file that is open stands at the path again: it becomes the newest. */
void tail_source_return(struct tail_follower *follower, struct tail_source *source);

#endif
