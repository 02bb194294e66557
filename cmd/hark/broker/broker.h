/* broker.h - streams in memory: publishing into them, and readers that follow them.
 *
 * A broker stands between what brings and takes events (HTTP, lines, tails) and the log. The log
 * alone decides the order of events; the broker takes each event from the log's answer, so none is
 * shown before it is as durable as --sync asks.
 *
 * Handles on streams are in stream.h, publishing is in publish.h, reading in reader.h. A server of
 * several threads has a broker on each; how those without the log come to its events is threads/.
 *
 * Thread, for every function here: the broker's.
 */
#ifndef HARK_COMMAND_BROKER_BROKER_H
#define HARK_COMMAND_BROKER_BROKER_H

#include "broker/options.h"
#include "broker/statistics.h"

struct broker;
struct broker_source;
struct hark_loop;
struct log;

/* Makes a broker over an open log, which must outlive it. It hangs what it has of a stream on the
 * log's table of streams, so a log has one broker at a time.
 * Takes: options: NULL for the defaults.
 * Gives: 0 and *out_broker.
 * Fails: -ENOMEM. */
int broker_create(struct hark_loop *loop, struct log *log, const struct broker_options *options,
                  struct broker **out_broker);

/* The same over any source.
 * Owns: the source is the broker's if there is no error. */
int broker_create_from(struct hark_loop *loop, struct broker_source *source,
                       const struct broker_options *options, struct broker **out_broker);

/* Sends what this turn has for readers now: before what the caller sends them that must not
 * overtake it. */
void broker_flush(struct broker *broker);

/* Ends what the broker itself has under way, then calls closed from hark_run. */
void broker_close(struct broker *broker, void (*closed)(void *context), void *context);

/* Releases the broker.
 * Takes: one without publishes, readers and open stream handles, and after broker_close's callback,
 *   or never used; NULL: nothing happens. */
void broker_destroy(struct broker *broker);

/* What it counts: kept up to date until it is destroyed. */
const struct broker_statistics *broker_statistics(const struct broker *broker);

#endif
