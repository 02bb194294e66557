/* query.h - answering what connections ask (connection/query.h).
 *
 * Thread, for both: the worker's.
 */
#ifndef HARK_COMMAND_STATUS_QUERY_H
#define HARK_COMMAND_STATUS_QUERY_H

#include "connection/query.h"
#include "connection/worker.h"

/* Calls of worker_calls. */
bool query_now(struct worker *worker, struct query *query);
void query_send(struct worker *worker, struct query *query, void (*answered)(struct query *query));

#endif
