/* events.h - what inotify tells. */
#ifndef HARK_COMMAND_TAIL_EVENTS_H
#define HARK_COMMAND_TAIL_EVENTS_H

#include "tail/state.h"

/* Reads inotify's events, and hands each to the followers and patterns that it may concern, until
 * tail->watch is cancelled. */
void tail_events_begin(struct tail *tail);

#endif
