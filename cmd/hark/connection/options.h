/* options.h - what connections may do, and for how long. All zero is the default. */
#ifndef HARK_COMMAND_CONNECTION_OPTIONS_H
#define HARK_COMMAND_CONNECTION_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

struct connection_options {
    const char *const *hosts; /* names that requests may be for, besides addresses and localhost */
    size_t hosts_count;
    const char *allow_origin;  /* the value of Access-Control-Allow-Origin; NULL: none is sent */
    uint64_t incoming_bytes;   /* memory for what is on its way in, of all connections; 0: 64 MiB */
    uint64_t head_timeout_ns;  /* the longest time for a request's whole head; 0: 10 s */
    uint64_t body_timeout_ns;  /* the longest time for a request's whole body; 0: 60 s */
    uint64_t poll_timeout_ns;  /* how long a long poll waits; 0: 20 s */
    uint64_t idle_timeout_ns;  /* the longest time between two requests; 0: 75 s */
    uint64_t stall_timeout_ns; /* the longest time in which a client may take nothing; 0: 60 s */
    uint64_t half_closed_ns;   /* the same for one that has ended its own side; 0: 10 s */
};

static inline uint64_t connection_option(uint64_t value, uint64_t value_default)
{
    return value != 0 ? value : value_default;
}

#endif
