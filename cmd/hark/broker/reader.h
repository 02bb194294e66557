/* reader.h - a cursor that follows a stream, and writes it into a connection.
 *
 * Thread, for every function here: the broker's.
 */
#ifndef HARK_COMMAND_BROKER_READER_H
#define HARK_COMMAND_BROKER_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "broker/encoding.h"
#include "broker/reader_disk.h"
#include "hark.h"

struct broker;
struct broker_follow;
struct broker_reader;
struct broker_stream;
struct broker_turns;
struct recent_chunk;

/* --- for users --- */

/* The stream is followed, or error tells why not: -ENOMEM. Open the reader now, inside of this
 * call, or not at all. */
typedef void broker_followed(struct broker_follow *follow, int error);

/* The read in flight, or the last. Most readers are near the end, and have none. */
struct broker_reader_disk {
    struct broker_reader *reader;
    struct broker_disk_read read;
};

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

/* Where a reader begins. */
enum broker_from {
    BROKER_FROM_NOW,
    BROKER_FROM_START, /* the oldest event that is kept */
    BROKER_FROM_AFTER, /* after an id */
};

/* The reader needs its memory no more. */
typedef void broker_reader_closed(struct broker_reader *reader);

/* A reader of a stream that writes into the connection of its subscriber. It is a cursor: near the
 * end it sends the recent events that it lacks, further back it reads the log. It has one block on
 * its way at a time, and asks for more when that is sent. So one that stops reading costs:
 *   - its connection, with what the kernel buffers,
 *   - one block: a chunk that it shares (64 KiB, or the one event that is longer), or, if it reads
 *     from the disk, a block of its own: up to 256 KiB, or the one event whose encoding is longer
 *     (a MiB of line ends becomes 7 MiB of SSE).
 * It holds nothing of what comes meanwhile, and nobody waits for it. Zeroed before its first use;
 * all private. */
struct broker_reader {
    struct hark_stream_block block; /* the one on its way */
    struct list place;     /* among those that wait: for events, for a turn, for a buffer */
    struct list among_all; /* among all of its encoding */
    struct broker *broker;
    struct broker_bookmark mark;
    struct hark_stream *output;
    broker_reader_closed *closed;
    struct recent_chunk *chunk; /* what `block` lies in, or lay in last */
    char *own; /* what `block` lies in if it was read from the disk, or tells of a gap */
    struct broker_reader_disk *disk; /* as long as it reads the disk; else NULL */
    bool sending;
    bool broken; /* the connection takes nothing more */
    bool closing;
    bool told; /* something was sent since the last heartbeat */
};

/* Begins: the connection's output is the reader's, but for what the caller writes before the loop
 * runs on (a head, the position).
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

/* The id after which a reader that comes back would go on; at first: where it began. */
uint64_t broker_reader_position(const struct broker_reader *reader);

/* --- for the broker, of all its readers --- */

void broker_readers_init(struct broker *broker);

/* Gives those that are ready their turn, a bounded number, and goes on with the heartbeat. */
void broker_readers_give_turns(struct broker_turns *turns);

/* Gives all that are ready their turn now. */
void broker_readers_flush(struct broker *broker);

/* Runs the heartbeat while there are SSE readers and the broker is not being closed. */
void broker_readers_heartbeat(struct broker *broker);

#endif
