/* source.h - where the events of a broker's streams are kept: the log on its own thread, or another
 * thread that has the log. The broker asks through these calls, and never which of the two it is.
 *
 * Answers come from hark_run, in the order of asking: to a publish by its `done`, to a read by
 * broker_disk_ended. What happens to streams is told by broker_stream_take, broker_stream_begin and
 * broker_stream_skip.
 *
 * Thread, for each call: the broker's.
 */
#ifndef HARK_COMMAND_BROKER_SOURCE_H
#define HARK_COMMAND_BROKER_SOURCE_H

#include <stdint.h>

struct broker;
struct broker_disk_read;
struct broker_follow;
struct broker_publish;
struct broker_source;
struct broker_stream;
struct streams;

struct broker_source_calls {
    /* Changes a stream as the kind of the append says: one event more, or its deletion. */
    void (*append)(struct broker_publish *publish);

    /* Reads events from the disk; whoever asked for a read waits for it no more. */
    void (*read)(struct broker_disk_read *read);
    void (*read_cancel)(struct broker_disk_read *read);

    /* As broker_follow. */
    int (*follow)(struct broker_stream *stream, struct broker_follow *follow);

    /* The stream has one reader more, or less. */
    void (*readers_changed)(struct broker_stream *stream);

    /* Sees what stands under the name of a stream, if that is known without asking. */
    void (*look)(struct broker_stream *stream);

    /* The newest id that was acknowledged in what stands under the name. */
    uint64_t (*newest)(const struct broker_stream *stream);

    /* The broker ends: says so to whoever has the log; counts in broker.pending until that has been
     * heard. */
    void (*leave)(struct broker_source *source);

    void (*destroy)(struct broker_source *source);
};

/* First in what the source itself needs. */
struct broker_source {
    const struct broker_source_calls *calls;
    struct streams *streams; /* the table of the log, if that is on this thread; else NULL */
    struct broker *broker;   /* set by broker_create_from */
};

#endif
