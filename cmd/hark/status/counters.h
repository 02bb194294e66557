/* counters.h - what all threads of the server have counted, together. */
#ifndef STATUS_COUNTERS_H
#define STATUS_COUNTERS_H

#include "connection/worker.h"

/* Fills in what a worker counts now.
 * Takes: a worker of the calling thread. */
void counters_read(struct worker *worker, struct counters *out_counters);

/* The owner's own, as it is now, and what the others have said last, in one. */
void counters_total(struct worker *owner, struct counters *out_totals);

#endif
