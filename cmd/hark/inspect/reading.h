/* reading.h - opens the log of a directory as `hark serve` would, only to look
 * (log_options.inspect), and reads streams from their beginning to their end. */
#ifndef HARK_COMMAND_INSPECT_READING_H
#define HARK_COMMAND_INSPECT_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "log/log.h"
#include "streams/streams.h"

/* An exit code beyond those of every command: the directory cannot be read. */
enum { EXIT_UNREADABLE = 3 };

/* What is told, in this order; what is NULL is not. */
struct reading_receiver {
    void *context;
    log_report *report;
    /* The next stream. Gives: whether it is read. */
    bool (*stream)(void *context, const struct log_stream *stream);
    void (*event)(void *context, const struct log_stream *stream, const struct log_event *event);
    /* Something before the next event is not kept. */
    void (*gap)(void *context, const struct log_stream *stream, const struct log_gap *gap);
    /* What follows that id cannot be read. */
    void (*unreadable)(void *context, const struct log_stream *stream, uint64_t after, int error);
    void (*stream_end)(void *context, const struct log_stream *stream);
    void (*end)(void *context, const struct log_statistics *statistics);
    bool (*enough)(void *context); /* whether no more is wanted */
};

/* Reads all.
 * Gives: 0, or why the directory could not be read: a negative errno, -EBUSY: a server runs on it.
 */
int reading_run(const char *path, const struct reading_receiver *receiver);

/* Says why a directory could not be read. */
void reading_say(const char *verb, const char *path, int error);

#endif
