/* look.h - streams as /streams and /stats show them.
 *
 * Thread, for every function here: the log's.
 */
#ifndef HARK_COMMAND_BROKER_LOOK_H
#define HARK_COMMAND_BROKER_LOOK_H

#include <stddef.h>
#include <stdint.h>

struct broker;
struct broker_stream;
struct log_stream;

struct broker_stream_view {
    const char *name;
    const struct log_stream *log; /* NULL: it does not exist */
    uint64_t published;           /* since the start */
    double per_second;            /* events, over the last five seconds */
    uint32_t readers;
};

/* What one stream is like now, the readers on all threads together.
 * Takes: a stream of a broker over a log. */
struct broker_stream_view broker_stream_look(struct broker_stream *stream);

typedef void broker_stream_seen(void *context, const struct broker_stream_view *view);

/* Calls back for streams that exist, in order of their creation; one that only has readers is a
 * name that somebody chose, and is not told of.
 * Takes: a broker over a log; after: 0, or what the call before gave; count: of the streams to look
 *   at.
 * Gives: where to go on; 0: there is no more. */
uint64_t broker_streams_walk(struct broker *broker, uint64_t after, size_t count,
                             broker_stream_seen *each, void *context);

#endif
