/* source_remote.h - a broker on a thread that has not the log: its source asks the owner.
 *
 * Thread, for every function here: the remote's.
 */
#ifndef HARK_COMMAND_THREADS_SOURCE_REMOTE_H
#define HARK_COMMAND_THREADS_SOURCE_REMOTE_H

#include "broker/options.h"

struct broker;
struct hark_loop;
struct relay;

/* Makes a broker without a log, on its own thread. The owner's broker outlives it.
 * Takes: relay: from owner_lend.
 * Gives: 0 and *out_broker.
 * Fails: -ENOMEM. */
int source_remote_broker(struct hark_loop *loop, struct relay *relay,
                         const struct broker_options *options, struct broker **out_broker);

#endif
