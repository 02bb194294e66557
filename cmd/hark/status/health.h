/* health.h - whether events are taken, for /healthz, /stats and /metrics. */
#ifndef HARK_COMMAND_STATUS_HEALTH_H
#define HARK_COMMAND_STATUS_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "log/log.h"

struct worker;

/* The owner's. Zeroed before its first use; private but for `trouble`. */
struct health {
    _Atomic(int) trouble; /* an error of the log; the owner's broker writes it */
    struct log_append probe;
    struct worker *owner;
    struct log *log;
    bool probing;
    uint64_t again_ns;
};

/* Gives: NULL: events are taken, as far as is known; else why not, in one constant line.
 * Thread: any of the server's. */
const char *health_trouble(const struct health *health);

/* While events are refused: tries one of the server's own, at most once a second, so that the end
 * of the trouble is seen though nobody publishes. */
void health_probe(struct health *health, struct worker *owner, struct log *log);

#endif
