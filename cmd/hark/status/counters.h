/* counters.h - what all threads of the server have counted, together. */
#ifndef STATUS_COUNTERS_H
#define STATUS_COUNTERS_H

#include "connection/worker.h"

/* Fills in what an agent counts now.
 * Takes: an agent of the calling thread. */
void sheet_read(struct agent *agent, struct sheet *out_sheet);

/* The owner's own, as it is now, and what the others have said last, in one. */
void totals_read(struct agent *owner, struct sheet *out_totals);

#endif
