/* reader_disk.h - what a reader lacks of the recent events, read from the disk: a block of encoded
 * events at a time.
 *
 * Thread, for every function here: the broker's.
 */
#ifndef HARK_COMMAND_BROKER_READER_DISK_H
#define HARK_COMMAND_BROKER_READER_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "broker/encoding.h"
#include "log/log.h"
#include "mailbox/mail.h"

struct broker_disk_read;
struct broker_stream;

/* How far a reader has read. */
struct broker_bookmark {
    struct broker_stream *stream;
    enum broker_encoding encoding;
    bool gap_waits;
    uint64_t position;   /* the id of the last event given to the connection */
    uint64_t generation; /* of the stream that position was compared with; 0: none yet */
    uint64_t gap_after;  /* with gap_waits: told before the next event */
    uint64_t limit;      /* of broker_chunk_read: no event with a greater id; 0: none */
    bool one;            /* of broker_chunk_read: a single event */
};

enum broker_disk_outcome {
    DISK_BLOCK,  /* there is a block, and the bookmark is behind it */
    DISK_AGAIN,  /* look again: it is near the end now, or needs a longer buffer */
    DISK_GONE,   /* what the bookmark is in was deleted */
    DISK_FAILED, /* no memory, or the disk: the reader comes back by its id, later */
};

/* A read has ended.
 * Takes: bytes: with DISK_BLOCK, count of them, to be freed. */
typedef void broker_disk_done(struct broker_disk_read *read, enum broker_disk_outcome outcome,
                              char *bytes, size_t count);

/* One read, inside of a reader. Zeroed before its first use; all private. */
struct broker_disk_read {
    struct broker_bookmark *mark;
    broker_disk_done *done;
    struct log_cursor cursor;
    char *buffer; /* what the cursor reads into */
    size_t capacity;
    size_t needed;  /* the size of buffer that an event asks for, if it is above the common size */
    uint64_t floor; /* of the recent events, when the read began */
    bool reading;
    bool abandoned;
    bool apart;       /* the buffer is the caller's, who is no reader */
    struct mail mail; /* these two if the log is on another thread: the read in flight */
    int64_t result;
};

/* Reads what follows the bookmark.
 * Takes: place: the reader's, which stands in no list: it waits there for a buffer, and gets a turn
 *   to begin anew.
 * Gives: 1: `done` will be called, from hark_run; 0: it waits.
 * Fails: -ENOMEM. */
int broker_disk_begin(struct broker_disk_read *read, struct broker_bookmark *mark,
                      struct list *place, broker_disk_done *done);

/* What is being read is not needed any more: `done` may come sooner. Without a read, nothing
 * happens. */
void broker_disk_abandon(struct broker_disk_read *read);

/* From the source: the read has ended.
 * Takes: as log_read_done. */
void broker_disk_ended(struct broker_disk_read *read, int64_t result);

#endif
