/* pattern.h - a path whose last name is a pattern: each file that matches is followed. */
#ifndef HARK_COMMAND_TAIL_PATTERN_H
#define HARK_COMMAND_TAIL_PATTERN_H

#include "tail/state.h"

struct inotify_event;

/* Makes a pattern.
 * Takes: zeroed memory; what it holds is freed by tail_pattern_free, also after an error.
 * Fails: -EINVAL a bad name of a stream, or the same pattern and stream twice; -ENOMEM. */
int tail_pattern_init(struct tail *tail, struct tail_pattern *pattern, const char *path,
                      const char *stream);

/* Frees what a pattern has. */
void tail_pattern_free(struct tail_pattern *pattern);

/* Looks through the directory, soon; once more if that is under way. */
void tail_pattern_look(struct tail_pattern *pattern);

/* Whether an event may tell of a file that matches. */
bool tail_pattern_concerned(const struct tail_pattern *pattern, const struct inotify_event *event);

#endif
