/* health.h - whether events are taken, for /healthz, /stats and /metrics. */
#ifndef STATUS_HEALTH_H
#define STATUS_HEALTH_H

#include "log/log.h"

struct worker;

/* The owner's. Zeroed before its first use; all private. */
struct health {
    struct log_append probe;
    struct worker *worker;
    bool probing;
    uint64_t again_ns;
};

/* Gives: NULL: events are taken, as far as is known; else why not, in one constant line.
 * Thread: any of the server's. */
const char *health_trouble(const struct worker *worker);

/* While events are refused: tries one of its own, at most once a second, so that the end of the
 * trouble is seen though nobody publishes.
 * Takes: the owner. */
void health_probe(struct worker *owner);

#endif
