/* metrics.h - GET /metrics. */
#ifndef STATUS_METRICS_H
#define STATUS_METRICS_H

#include "status/edition.h"

extern const struct edition_writer metrics_writer;

#endif
