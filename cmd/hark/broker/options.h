/* options.h - how a broker is to be. */
#ifndef HARK_COMMAND_BROKER_OPTIONS_H
#define HARK_COMMAND_BROKER_OPTIONS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is the default. */
struct broker_options {
    size_t ring_bytes; /* memory for the newest events of a stream, for each encoding in use; 0: 4
                          MiB. All streams together have 64 times that; past it the newest 64 KiB
                          of a stream are kept */
    uint64_t heartbeat_ns; /* the period of comments to idle SSE readers; 0: 15 s */
    uint32_t brokers;      /* that share the bound of all streams; 0: this one alone */
    _Atomic(int) *trouble; /* of one over a log: is kept at log_trouble's answer; NULL: nowhere */
};

#endif
