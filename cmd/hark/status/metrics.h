/* metrics.h - GET /metrics. */
#ifndef HARK_COMMAND_STATUS_METRICS_H
#define HARK_COMMAND_STATUS_METRICS_H

#include "status/edition.h"

extern const struct edition_writer metrics_writer;

#endif
