/* broker.h - streams in memory: publishing into them, and subscribers that follow them.
 *
 * The broker stands between the sources and sinks (HTTP, lines, tails) and the log. The log alone
 * decides the order of events; the broker takes each event from the log's answer, so none is shown
 * before it is as durable as --sync asks.
 *
 * A server of several threads has a broker on each. One, the owner, has the log; the others ask it,
 * and are told of the streams that they follow. A stream may so have subscribers on all threads.
 * Where there is one thread, nothing is asked and nothing is told.
 *
 * Thread, for every function here: the loop's.
 */
#ifndef BROKER_HUB_H
#define BROKER_HUB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "broker/encoding.h"
#include "broker/recent.h"
#include "hark.h"
#include "log/log.h"
#include "mailbox/mail.h"

struct broker;
struct relay;
struct broker_follow;
struct broker_stream;
struct broker_publish;
struct broker_reader;

/* Limits. All zero is the default. */
struct broker_options {
    size_t ring_bytes; /* memory for the newest events of a stream, for each encoding in use; 0: 4
                          MiB. All together have 64 times that; past it the newest 64 KiB of a
                          stream are kept */
    uint64_t heartbeat_ns; /* the period of comments to idle SSE subscribers; 0: 15 s */
    uint32_t brokers;      /* that share the bound of all recents; 0: this one alone */
    _Atomic(int) *trouble; /* of an owner: is kept at log_trouble's answer; NULL: nowhere */
    struct mailbox
        *mailbox; /* where brokers of other threads reach this one; NULL: there are none */
};

/* Makes a broker over an open log, which must outlive it.
 * Gives: 0 and *out_broker.
 * Fails: -ENOMEM. */
int broker_create(struct hark_loop *loop, struct log *log, const struct broker_options *options,
                  struct broker **out_broker);

/* For a broker on another thread, which the mailbox is of: what is to bring events there.
 * Takes: an owner with a mailbox.
 * Gives: 0 and *out_feed, for broker_create_remote on that thread.
 * Fails: -ENOMEM. */
int broker_lend(struct broker *owner, struct mailbox *to, struct relay **out_feed);

/* That broker was not made after all.
 * Thread: the owner's. */
void broker_lend_not(struct relay *relay);

/* Makes a broker without a log, on its own thread. The owner must outlive it: broker_close on
 * the owner waits for all that it has lent to.
 * Gives: 0 and *out_broker.
 * Fails: -ENOMEM. */
int broker_create_remote(struct hark_loop *loop, struct relay *relay,
                         const struct broker_options *options, struct broker **out_broker);

/* Sends what this turn has for other brokers, and for subscribers, now: before what the caller
 * sends them that must not overtake it.
 */
void broker_flush(struct broker *broker);

/* Looks whether the log takes events, and writes it to broker_options.trouble. Every answer of
 * the log to a publish does.
 * Takes: the broker that has the log. */
void broker_trouble_look(struct broker *broker);

/* Releases the broker.
 * Takes: one without publishes, subscribers and open stream handles, and after broker_close's
 *   callback; NULL: nothing happens. */
void broker_destroy(struct broker *broker);

/* Ends the broker's own ops (the heartbeat, the fan-out), then calls closed from hark_run. */
void broker_close(struct broker *broker, void (*closed)(void *context), void *context);

/* --- streams --- */

/* A handle on a stream by name, whether it exists on disk or not: a stream is made by its first
 * event.
 * Takes: a name; give the handle back with broker_stream_close.
 * Gives: 0 and *out_stream.
 * Fails: -EINVAL not a stream's name; -ENOMEM. */
int broker_stream_open(struct broker *broker, const char *name, size_t name_length,
                       struct broker_stream **out_stream);

/* Gives a handle back.
 * Takes: NULL: nothing happens. */
void broker_stream_close(struct broker_stream *stream);

const char *broker_stream_name(const struct broker_stream *stream);

/* What the stream has on disk; NULL where it does not exist (yet, or any more). Valid until the
 * loop runs on.
 * Takes: a stream of the broker that has the log. */
const struct log_stream *broker_stream_log(const struct broker_stream *stream);

/* --- publishing --- */

/* A publish has ended.
 * Takes: id: above 0: the event is as durable as --sync asks, and subscribers will see it; else a
 *   negative errno as log_append (or log_delete) gives it. */
typedef void broker_published(struct broker_publish *publish, int64_t id);

/* One publish, in the caller's memory, usually inside the caller's own struct. Zeroed before its
 * first use; all private. */
struct broker_publish {
    struct log_append append;
    struct broker_stream *stream;
    broker_published *done;
    struct mail mail; /* these two where the log is on another thread */
    int64_t result;
};

/* Publishes an event. Publishes are answered in the order in which they were made, those of one
 * turn share a commit.
 * Takes: count 0 to LOG_EVENT_BYTES_MAX.
 * Owns: publish, bytes and the caller's handle on the stream must stay until `done`, which is never
 *   called from inside this call. */
void broker_publish(struct broker_stream *stream, struct broker_publish *publish, const void *bytes,
                    size_t count, broker_published *done);

/* Deletes a stream, in order with the publishes.
 * Owns: as broker_publish.
 * Fails: -ENOENT it does not exist. Its subscribers stay: once it is made anew they are told of the
 *   gap. */
void broker_delete(struct broker_stream *stream, struct broker_publish *publish,
                   broker_published *done);

/* --- subscribing --- */

/* The stream is followed, or error tells why not: -ENOMEM. Open the subscriber now, inside of this
 * call, or not at all. */
typedef void broker_followed(struct broker_follow *follow, int error);

/* In the caller's memory; all private. */
struct broker_follow {
    struct broker_follow *next;
    broker_followed *done;
};

/* Before broker_reader_open: sees to it that the stream's events come to this thread, all that are
 * acknowledged from now on.
 * Gives: 1: they do; 0: `done` will be called, from hark_run.
 * Fails: -ENOMEM.
 * Owns: follow and the caller's handle on the stream must stay until `done`. */
int broker_follow(struct broker_stream *stream, struct broker_follow *follow,
                  broker_followed *done);

/* Where a subscriber begins. */
enum broker_from {
    BROKER_FROM_NOW,
    BROKER_FROM_START, /* the oldest event that is kept */
    BROKER_FROM_AFTER, /* after an id */
};

/* The subscriber needs its memory no more. */
typedef void broker_reader_closed(struct broker_reader *reader);

/* A reader of a stream that writes into a connection. It is a cursor: near the end it sends what
 * the ring holds, further back it reads the log. It has one block on its way at a time, and asks
 * for more when that is sent. So one that stops reading costs:
 *   - its connection, with what the kernel buffers,
 *   - one block: a chunk that it shares (64 KiB, or the one event that is longer), or, where it
 *     reads from the disk, a block of its own: up to 256 KiB, or the one event whose encoding is
 *     longer (a MiB of line ends becomes 7 MiB of SSE). It holds nothing of what comes meanwhile,
 *     and nobody waits for it. Zeroed before its first use; all private. */
struct broker_reader {
    struct hark_stream_block block; /* the one on its way */
    struct list
        place; /* among those that wait for events, for their turn, or for a buffer to read into */
    struct list among_all; /* among all of its encoding */
    struct broker *broker;
    struct broker_stream *stream;
    struct hark_stream *output;
    broker_reader_closed *closed;
    struct recent_chunk *chunk; /* what `block` lies in, or lay in last */
    char *own;                  /* what `block` lies in where it was read from the disk */
    struct log_cursor cursor;
    char *buffer; /* what the cursor reads into */
    size_t
        needed; /* the size of buffer that an event asks for, where it is above the common size */
    uint64_t position; /* the id of the last event given to the connection */
    uint64_t
        generation; /* the generation of the stream that position was compared with; 0: none yet */
    uint64_t gap_after; /* with gap_waits: told before the next event */
    uint64_t floor;     /* the ring's when the read began */
    enum broker_encoding encoding;
    bool gap_waits;
    bool sending;
    bool reading;
    bool broken; /* the connection takes nothing more */
    bool closing;
    bool told; /* something was sent since the last heartbeat */
    char gap[BROKER_GAP_BYTES_MAX];
    struct mail mail; /* these three where the log is on another thread: the read in flight */
    size_t capacity;
    int64_t read_result;
};

/* Begins: the connection's output is the subscriber's, but for what the caller writes before the
 * loop runs on (a head, the position).
 * Takes: a stream that is followed; an open connection whose stream stays until `closed`; from and
 *   after: see above. after 0 is the start. An id that the stream has never given leads to a gap
 *   report, and to everything from the oldest.
 */
void broker_reader_open(struct broker_stream *stream, struct broker_reader *reader,
                        struct hark_stream *output, enum broker_encoding encoding,
                        enum broker_from from, uint64_t after, broker_reader_closed *closed);

/* Ends it. Its block, if one is on its way, ends with the connection: close that first, or let it
 * be sent. Calls closed once nothing of it is in use any more, maybe from inside this call. */
void broker_reader_close(struct broker_reader *reader);

/* The id after which a subscriber that comes back would go on; at first: where it began. */
uint64_t broker_reader_position(const struct broker_reader *reader);

/* --- what it counts --- */

struct broker_statistics {
    uint64_t published;       /* events, since the start */
    uint64_t published_bytes; /* of them */
    uint64_t failed;          /* publishes that ended with an error */
    uint64_t delivered;       /* events given to connections */
    uint64_t delivered_bytes; /* as encoded */
    uint64_t heartbeats;
    uint64_t gaps;       /* told to subscribers */
    uint64_t disk_reads; /* of subscribers that were not near the end */
    uint64_t encoded;    /* events encoded for all subscribers together */
    uint64_t
        left_out; /* events that a thread which lags was not told of: its readers read the disk */
    uint64_t ring_bytes; /* memory of all rings, now */
    uint64_t subscribers[BROKER_ENCODINGS];
};

const struct broker_statistics *broker_statistics(const struct broker *broker);

/* One stream as /streams and /stats show it. */
struct broker_stream_view {
    const char *name;
    const struct log_stream *log; /* NULL: it does not exist */
    uint64_t published;           /* since the start */
    double per_second;            /* events, over the last five seconds */
    uint32_t subscribers;
};

/* What one stream is like now, the subscribers on all threads together.
 * Takes: a stream of the broker that has the log. */
struct broker_stream_view broker_stream_look(struct broker_stream *stream);

typedef void broker_stream_seen(void *context, const struct broker_stream_view *view);

/* Calls back for streams that exist, in order of their creation; one that only has subscribers
 * is a name that somebody chose, and is not told of.
 * Takes: the broker that has the log; after: 0, or what the call before gave; count: of the
 *   streams to look at.
 * Gives: where to go on; 0: there is no more. */
uint64_t broker_streams_walk(struct broker *broker, uint64_t after, size_t count,
                             broker_stream_seen *each, void *context);

#endif
