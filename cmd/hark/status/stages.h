/* stages.h - the stages of requests, as they were seen while somebody looked: their part of
 * /metrics and /stats. */
#ifndef HARK_COMMAND_STATUS_STAGES_H
#define HARK_COMMAND_STATUS_STAGES_H

#include "base/text.h"
#include "stages/live.h"

void stages_metrics(struct text *text, const struct live_view *view);

/* Takes: now_ns: CLOCK_MONOTONIC. */
void stages_stats(struct text *text, const struct live_view *view, uint64_t now_ns);

#endif
