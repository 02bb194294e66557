/* source_log.h - the source of a broker that has the log on its own thread.
 *
 * Thread, for every function here: the log's.
 */
#ifndef HARK_COMMAND_BROKER_SOURCE_LOG_H
#define HARK_COMMAND_BROKER_SOURCE_LOG_H

#include "log/log.h"

struct broker;
struct broker_source;
struct broker_stream;

/* Who is told of each change of every stream, once it is acknowledged: from whichever thread it was
 * asked for. In the observer's memory. */
struct broker_observer {
    /* Takes: append: as the log has answered it, with success. Nothing may be published inside of
     * it. */
    void (*changed)(struct broker_observer *observer, const struct log_append *append);
};

/* Has somebody told, or nobody.
 * Takes: a broker over a log; observer: NULL: nobody. */
void source_log_observe(struct broker *broker, struct broker_observer *observer);

/* Takes: an open log, which must outlive the broker.
 * Gives: 0 and *out_source.
 * Fails: -ENOMEM. */
int source_log_create(struct log *log, struct broker_source **out_source);

/* The log of a broker that has it. */
struct log *source_log_of(const struct broker *broker);

/* Asks the log. With the stream it has the entry of the name, and looks nothing up.
 * Takes: a broker over a log; a stream of its, or NULL: it is found by its name; append: without
 *   its `entry`, which is set here. */
void source_log_append(struct broker *broker, const struct broker_stream *stream,
                       struct log_append *append);

/* The log has answered: tells everybody, and counts.
 * Takes: the stream; NULL: nobody has to be told. */
void source_log_answered(struct broker *broker, struct broker_stream *stream,
                         const struct log_append *append, int64_t result);

/* Looks whether the log takes events, and writes it to broker_options.trouble. Every answer of the
 * log to a publish does.
 * Takes: a broker over a log. */
void source_log_trouble(struct broker *broker);

/* What the stream has on disk; NULL: it does not exist (yet, or any more). Valid until the loop
 * runs on.
 * Takes: a stream of a broker over a log. */
const struct log_stream *source_log_stream(const struct broker_stream *stream);

/* The newest id that was acknowledged in a stream; what comes later is above it. */
uint64_t source_log_newest(const struct log_stream *log);

#endif
