/* statistics.h - what a broker counts. */
#ifndef HARK_COMMAND_BROKER_STATISTICS_H
#define HARK_COMMAND_BROKER_STATISTICS_H

#include <stdint.h>

#include "broker/encoding.h"

struct broker_statistics {
    uint64_t published;       /* events, since the start */
    uint64_t published_bytes; /* of them */
    uint64_t failed;          /* publishes that ended with an error */
    uint64_t delivered;       /* events given to connections */
    uint64_t delivered_bytes; /* as encoded */
    uint64_t heartbeats;
    uint64_t gaps;       /* told to readers */
    uint64_t disk_reads; /* of readers that were not near the end */
    uint64_t encoded;    /* events encoded for all readers together */
    uint64_t left_out;   /* events that a thread which lags was not told of: its readers read the
                            disk */
    uint64_t ring_bytes; /* memory of the newest events of all streams, now */
    uint64_t readers[BROKER_ENCODINGS];
};

#endif
