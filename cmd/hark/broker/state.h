/* state.h - what the files of the broker share and nobody else sees. */
#ifndef BROKER_STATE_H
#define BROKER_STATE_H

#include "broker/broker.h"

enum {
    BROKER_BUFFERS = 16,   /* reads from the disk at once, for all subscribers together */
    BROKER_LONG_READS = 8, /* and as many of an event that is longer than a buffer */
    BROKER_BUFFER_BYTES = LOG_READ_BYTES_MIN, /* the common size of what a read fills */
    BROKER_OWN_BYTES_MAX = 256 * 1024, /* a subscriber's own block, unless one event is longer */
    BROKER_RATE_SECONDS = 8,
};

struct relay_entry;
struct broker_watch;

struct broker {
    struct hark_loop *loop;
    struct log *log; /* NULL: the owner has it */
    struct mailbox *mailbox;
    struct broker *owner; /* NULL: this is it */
    struct relay *relay; /* remote: brings what the owner has for this one; the owner's thread alone
                              looks inside */
    struct list relays;  /* owner: to the other brokers */
    size_t watches;      /* remote: streams that are followed, or asked for */
    struct mail leave;   /* remote: the goodbye */
    bool leaving, left;
    uint64_t sharing; /* how many brokers share the bound of all rings */
    struct broker_options options;
    struct broker_statistics statistics;
    struct broker_stream *
        *table;        /* by the hash of the name; chains through broker_stream.chained */
    size_t table_size; /* a power of two */
    size_t table_count;
    struct list all[BROKER_ENCODINGS];
    struct list beating; /* of those, the ones that are still to be looked at for this heartbeat */
    struct list ready;   /* subscribers that may have something to send */
    struct list wants_buffer;      /* subscribers that want to read the disk */
    struct list wants_long;        /* the same, an event that is longer than a buffer */
    size_t long_reads;             /* of those, under way */
    struct hark_op turn;           /* gives the ready ones their turn */
    struct hark_op heartbeat;      /* one timer for all; runs only while somebody needs it */
    char *buffers[BROKER_BUFFERS]; /* the free ones */
    size_t buffers_free;
    size_t buffers_made;
    bool troubled; /* events were refused, last time */
    bool closing;
    void (*closed)(void *context);
    void *closed_context;
};

struct broker_stream {
    struct broker *broker;
    struct broker_stream *chained;
    uint64_t hash;
    uint64_t
        generation; /* log_stream.generation of what stands under the name now; 0: nothing does */
    uint32_t handles;
    uint32_t subscribers[BROKER_ENCODINGS];
    struct recent
        recents[BROKER_ENCODINGS]; /* each active while it has subscribers and the stream exists */
    struct list waiting;           /* subscribers that have all there is */
    struct broker_watch *watches;  /* owner: of the other brokers that follow it */
    struct broker_watch *watch;    /* remote: its own; NULL: it is not followed */
    uint64_t newest;               /* remote: the newest id that the owner has told of */
    uint64_t published;
    uint64_t rate_second; /* the newest second that `rate` counts */
    uint32_t rate[BROKER_RATE_SECONDS];
    uint32_t name_length;
    char name[];
};

/* --- stream.c --- */

/* Looks whether the stream has come into being, or anew, without the broker's doing. */
void broker_stream_refresh(struct broker_stream *stream);

/* One more subscriber, one less: rings live only while somebody reads them. */
void broker_stream_join(struct broker_stream *stream, enum broker_encoding encoding);
void broker_stream_leave(struct broker_stream *stream, enum broker_encoding encoding);

/* Events in each of the last five whole seconds, on average. */
double broker_stream_rate(struct broker_stream *stream);

/* The stream of that name, where the broker has one; NULL. */
struct broker_stream *broker_stream_known(const struct broker *broker, const char *name,
                                          size_t name_length);

/* The newest id that was acknowledged in a stream; what comes later is above it. */
uint64_t broker_stream_newest(const struct log_stream *log);

/* An append to the stream, or its deletion, has ended: tells everybody, and counts.
 * Takes: the broker that has the log; a stream of its, or NULL: nobody has to be told. */
void broker_stream_appended(struct broker *broker, struct broker_stream *stream,
                            const struct log_append *append, int64_t result);
void broker_stream_deleted(struct broker_stream *stream, int64_t result);

/* An event of that generation of the stream: into the rings. */
void broker_stream_take(struct broker_stream *stream, uint64_t generation, uint64_t id,
                        const void *bytes, size_t count);

/* Another stream stands under the name, or none (generation 0): the rings hold its events after
 * `floor`. */
void broker_stream_begin_generation(struct broker_stream *stream, uint64_t generation,
                                    uint64_t floor);

/* Events up to that id did not come: the rings hold those after it, and subscribers find the others
 * on the disk. */
void broker_stream_skip(struct broker_stream *stream, uint64_t newest);

/* --- owner.c: mail from other brokers, on the owner's thread --- */

void owner_publish(struct mail *mail);
void owner_delete(struct mail *mail);
void owner_follow(struct mail *mail);
void owner_unfollow(struct mail *mail);
void owner_read(struct mail *mail);
void owner_leave(struct mail *mail);

/* --- remote.c: what goes to the owner, and its answers --- */

void remote_publish(struct broker_publish *publish, bool deletes);
void remote_published(struct mail *mail);
void remote_read_begin(struct broker_reader *reader);
void remote_read(struct mail *mail);
void remote_unfollowed(struct mail *mail);

/* The stream has one subscriber more, or less. */
void remote_subscribers(struct broker_stream *stream);

/* An entry of the relay. */
void remote_take(const struct relay_entry *entry, const void *bytes);

/* Says goodbye, and is told that nothing is on its way any more: then broker->left. */
void remote_leave(struct broker *broker);
void remote_left(struct mail *mail);

/* --- turn.c --- */

/* Sees to it that the ready ones get their turn. */
void broker_turns(struct broker *broker);

/* The same where none is ready: the end of a broker comes from there. */
void broker_turn(struct broker *broker);

/* Runs the heartbeat while there are SSE subscribers. */
void broker_heartbeat(struct broker *broker);

/* Calls back once the broker's own ops have ended, if it is closing. */
void broker_close_check(struct broker *broker);

/* --- reader.c --- */

/* Sends what there is, or reads, or waits. */
void broker_reader_pump(struct broker_reader *reader);

/* Sends bytes that stay until the block is released. */
void broker_reader_send(struct broker_reader *reader, const char *bytes, size_t count);

/* Puts it among those that get their turn soon. */
void broker_reader_ready(struct broker_reader *reader);

/* Calls `closed` where it is closing and nothing of it is in use.
 * Gives: true: it is gone. */
bool broker_reader_finish(struct broker_reader *reader);

/* Ends the connection: its owner then closes the subscriber. */
void broker_reader_break(struct broker_reader *reader);

/* --- reader_disk.c --- */

/* Reads what follows its position from the disk, and sends it. */
void broker_disk(struct broker_reader *reader);

/* Its read has ended. */
void broker_disk_read(struct broker_reader *reader, int64_t result);

/* Gives those a turn that wait for a buffer, where there are some. */
void broker_buffers_offer(struct broker *broker);

/* Frees the buffers. */
void broker_disk_done(struct broker *broker);

#endif
