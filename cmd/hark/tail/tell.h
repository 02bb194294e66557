/* tell.h - what a person is told: lines, and the state of a follower that /stats shows. */
#ifndef HARK_COMMAND_TAIL_TELL_H
#define HARK_COMMAND_TAIL_TELL_H

#include "tail/state.h"

/* Reports a line about a follower. */
__attribute__((format(printf, 3, 4))) void tail_tell(const struct tail_follower *follower,
                                                     enum log_severity severity, const char *format,
                                                     ...);

/* Reports a line about a path: a pattern's. */
__attribute__((format(printf, 4, 5))) void tail_tell_path(const struct tail *tail, const char *path,
                                                          enum log_severity severity,
                                                          const char *format, ...);

/* Gives up a follower for good; the caller has reported why. */
void tail_stop(struct tail_follower *follower, const char *state);

#endif
