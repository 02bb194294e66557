/* stats.h - GET /stats, GET /streams, and one stream. */
#ifndef HARK_COMMAND_STATUS_STATS_H
#define HARK_COMMAND_STATUS_STATS_H

#include "status/edition.h"

extern const struct edition_writer stats_writer;
extern const struct edition_writer streams_writer;

/* Writes one stream as JSON. */
void stats_stream_write(struct text *text, const struct broker_stream_view *view);

#endif
