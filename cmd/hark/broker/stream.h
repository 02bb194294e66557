/* stream.h - a stream in memory: what stands under its name now, its newest events, and who is told
 * of them. It is the broker's part of an entry in the table of streams (streams/streams.h).
 *
 * Thread, for every function here: the broker's.
 */
#ifndef HARK_COMMAND_BROKER_STREAM_H
#define HARK_COMMAND_BROKER_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "broker/encoding.h"
#include "broker/rate.h"
#include "broker/recent.h"
#include "streams/streams.h"

struct broker;
struct broker_stream;
struct broker_watcher;

/* --- for users --- */

/* A handle on a stream by name, whether it exists on disk or not: a stream is made by its first
 * event.
 * Takes: a name; give the handle back with broker_stream_close.
 * Gives: 0 and *out_stream.
 * Fails: -EINVAL not a stream's name; -ENOMEM. */
int broker_stream_open(struct broker *broker, const char *name, size_t name_length,
                       struct broker_stream **out_stream);

/* One handle more.
 * Gives: the stream. */
struct broker_stream *broker_stream_hold(struct broker_stream *stream);

/* Gives a handle back.
 * Takes: NULL: nothing happens. */
void broker_stream_close(struct broker_stream *stream);

const char *broker_stream_name(const struct broker_stream *stream);

struct broker_waiter;

/* The stream has changed, or may have: an event has come, what is noted of it has changed, it was
 * deleted or made. It waits on; broker_wait_stop may be called. */
typedef void broker_woken(struct broker_waiter *waiter);

/* Who waits for a stream to change, and is told each time. In the caller's memory; zeroed before
 * its first use; all private. */
struct broker_waiter {
    struct list place;
    struct broker_stream *stream; /* NULL: it does not wait */
    broker_woken *woken;
};

/* Waits. A waiter counts among the stream's readers, so that a thread without the log goes on
 * following for it.
 * Takes: a stream that is followed (broker_follow), which the caller keeps a handle on; one that
 *   does not wait. */
void broker_wait(struct broker_waiter *waiter, struct broker_stream *stream, broker_woken *woken);

/* Waits no more. Takes: one that may not wait. */
void broker_wait_stop(struct broker_waiter *waiter);

/* --- for the broker's files, and for sources --- */

/* What else than readers is told of a stream. */
struct broker_watcher_calls {
    /* An event has come, of that generation of the stream. */
    void (*event)(struct broker_watcher *watcher, uint64_t generation, uint64_t id,
                  const void *bytes, size_t count);

    /* The stream was deleted, or what is noted of it has changed. */
    void (*changed)(struct broker_watcher *watcher);

    /* How many readers it stands for. */
    uint32_t (*readers)(const struct broker_watcher *watcher);
};

/* In the watcher's memory. */
struct broker_watcher {
    const struct broker_watcher_calls *calls;
    struct broker_watcher *next;
};

struct broker_stream {
    struct broker *broker;
    struct stream_entry *entry; /* its name; the log's part of it, if the log is on this thread */
    struct list place;          /* among all of the broker */
    uint64_t generation; /* log_stream.generation of what stands under the name; 0: nothing does */
    uint32_t handles;
    uint32_t readers[BROKER_ENCODINGS];
    struct recent recents[BROKER_ENCODINGS]; /* each active while it has readers and the stream
                                                exists */
    struct list waiting;                     /* readers that have all there is */
    struct list waiters;                     /* of struct broker_waiter */
    uint32_t waiter_count;
    struct broker_watcher *watchers;
    uint64_t published; /* events of this generation, since the start */
    struct rate rate;   /* of them */

    void *kept; /* by the source: what it knows of the stream */
};

/* One more reader, one less: newest events are kept only while somebody reads them. */
void broker_stream_join(struct broker_stream *stream, enum broker_encoding encoding);
void broker_stream_leave(struct broker_stream *stream, enum broker_encoding encoding);

/* From the source: an event of that generation, for readers. */
void broker_stream_take(struct broker_stream *stream, uint64_t generation, uint64_t id,
                        const void *bytes, size_t count);

/* From the source: another stream stands under the name, or none (generation 0). The newest events
 * are those after `floor`. */
void broker_stream_begin(struct broker_stream *stream, uint64_t generation, uint64_t floor);

/* From the source: events up to that id did not come. The newest events are those after it, and
 * readers find the others on the disk. */
void broker_stream_skip(struct broker_stream *stream, uint64_t newest);

/* From the source: wakes all that wait. */
void broker_wake(struct broker_stream *stream);

/* Has somebody told of the stream, beside readers, or no more. */
void broker_stream_watch(struct broker_stream *stream, struct broker_watcher *watcher);
void broker_stream_unwatch(struct broker_stream *stream, struct broker_watcher *watcher);

/* Tells them of an event, of another change. */
static inline void broker_stream_tell_event(const struct broker_stream *stream, uint64_t generation,
                                            uint64_t id, const void *bytes, size_t count)
{
    for (struct broker_watcher *at = stream->watchers; at; at = at->next)
        at->calls->event(at, generation, id, bytes, count);
}

static inline void broker_stream_tell_changed(const struct broker_stream *stream)
{
    for (struct broker_watcher *at = stream->watchers; at; at = at->next)
        at->calls->changed(at);
}

/* All readers, those of watchers too. */
uint32_t broker_stream_readers(const struct broker_stream *stream);

/* Takes: streams: the table that the broker's streams are to be in; NULL: one of its own. */
void broker_streams_init(struct broker *broker, struct streams *streams);

/* Frees all streams of a broker.
 * Takes: one without handles. */
void broker_streams_done(struct broker *broker);

#endif
