/* follower.h - one path that is followed: made, begun, and gone on with. */
#ifndef HARK_COMMAND_TAIL_FOLLOWER_H
#define HARK_COMMAND_TAIL_FOLLOWER_H

#include "tail/state.h"

/* Makes a follower, in the memory that the tail keeps for followers.
 * Takes: pattern: that the path matches; NULL: it was named.
 * Gives: 0 and *out_follower.
 * Fails: -EINVAL the path is followed already, into the same stream, or the stream has a bad name;
 *   -ENOMEM. */
int tail_follower_add(struct tail *tail, const char *path, const char *stream,
                      const struct tail_pattern *pattern, struct tail_follower **out_follower);

/* Watches, and finds out where to begin. */
void tail_follower_begin(struct tail_follower *follower);

/* Frees what a follower has. */
void tail_follower_free(struct tail_follower *follower);

/* A path, from the root on.
 * Gives: text for the caller to free; NULL: no memory, or no current directory. */
char *tail_absolute_path(const char *path);

/* The name of the private stream with the records of a path and its stream.
 * Takes: name of TAIL_RECORDS_NAME_BYTES. */
void tail_records_name(const char *path, const char *stream, char *name);

#endif
