/* state.h - what the files of the hub share and nobody else sees. */
#ifndef HUB_STATE_H
#define HUB_STATE_H

#include "hub/hub.h"

enum {
    HUB_BUFFERS = 16,   /* reads from the disk at once, for all subscribers together */
    HUB_LONG_READS = 8, /* and as many of an event that is longer than a buffer */
    HUB_BUFFER_BYTES = LOG_READ_BYTES_MIN, /* the common size of what a read fills */
    HUB_OWN_BYTES_MAX = 256 * 1024, /* a subscriber's own block, unless one event is longer */
    HUB_RATE_SECONDS = 8,
};

struct feed_entry;
struct hub_interest;

struct hub {
    struct hark_loop *loop;
    struct log *log; /* NULL: the home has it */
    struct mailbox *mailbox;
    struct hub *home;      /* NULL: this is it */
    struct hub_feed *feed; /* away: brings what the home has for this one; the home's thread alone
                              looks inside */
    struct list feeds;     /* home: to the other hubs */
    size_t interests;      /* away: streams that are followed, or asked for */
    struct mail leave;     /* away: the goodbye */
    bool leaving, left;
    uint64_t sharing; /* how many hubs share the bound of all rings */
    struct hub_options options;
    struct hub_statistics statistics;
    struct hub_stream **table; /* by the hash of the name; chains through hub_stream.chained */
    size_t table_size;         /* a power of two */
    size_t table_count;
    struct list all[HUB_ENCODINGS];
    struct list beating; /* of those, the ones that are still to be looked at for this heartbeat */
    struct list ready;   /* subscribers that may have something to send */
    struct list wants_buffer;   /* subscribers that want to read the disk */
    struct list wants_long;     /* the same, an event that is longer than a buffer */
    size_t long_reads;          /* of those, under way */
    struct hark_op fan_out;     /* gives the ready ones their turn */
    struct hark_op heartbeat;   /* one timer for all; runs only while somebody needs it */
    char *buffers[HUB_BUFFERS]; /* the free ones */
    size_t buffers_free;
    size_t buffers_made;
    bool troubled; /* events were refused, last time */
    bool closing;
    void (*closed)(void *context);
    void *closed_context;
};

struct hub_stream {
    struct hub *hub;
    struct hub_stream *chained;
    uint64_t hash;
    uint64_t life; /* log_stream.number of what stands under the name now; 0: nothing does */
    uint32_t handles;
    uint32_t subscribers[HUB_ENCODINGS];
    struct hub_ring
        rings[HUB_ENCODINGS];       /* each active while it has subscribers and the stream exists */
    struct list waiting;            /* subscribers that have all there is */
    struct hub_interest *interests; /* home: of the other hubs that follow it */
    struct hub_interest *interest;  /* away: its own; NULL: it is not followed */
    uint64_t newest;                /* away: the newest id that the home has told of */
    uint64_t published;
    uint64_t rate_second; /* the newest second that `rate` counts */
    uint32_t rate[HUB_RATE_SECONDS];
    uint32_t name_length;
    char name[];
};

/* --- stream.c --- */

/* Looks whether the stream has come into being, or anew, without the hub's doing. */
void hub_stream_refresh(struct hub_stream *stream);

/* One more subscriber, one less: rings live only while somebody reads them. */
void hub_stream_join(struct hub_stream *stream, enum hub_encoding encoding);
void hub_stream_leave(struct hub_stream *stream, enum hub_encoding encoding);

/* Events in each of the last five whole seconds, on average. */
double hub_stream_rate(struct hub_stream *stream);

/* The stream of that name, where the hub has one; NULL. */
struct hub_stream *hub_stream_known(const struct hub *hub, const char *name, size_t name_length);

/* The newest id that was acknowledged in a stream; what comes later is above it. */
uint64_t hub_stream_newest(const struct log_stream *log);

/* An append to the stream, or its deletion, has ended: tells everybody, and counts.
 * Takes: the hub that has the log; a stream of its, or NULL: nobody has to be told. */
void hub_stream_appended(struct hub *hub, struct hub_stream *stream,
                         const struct log_append *append, int64_t result);
void hub_stream_deleted(struct hub_stream *stream, int64_t result);

/* An event of that life of the stream: into the rings. */
void hub_stream_take(struct hub_stream *stream, uint64_t life, uint64_t id, const void *bytes,
                     size_t count);

/* Another stream stands under the name, or none (life 0): the rings hold its events after
 * `floor`. */
void hub_stream_begin_life(struct hub_stream *stream, uint64_t life, uint64_t floor);

/* Events up to that id did not come: the rings hold those after it, and subscribers find the others
 * on the disk. */
void hub_stream_skip(struct hub_stream *stream, uint64_t newest);

/* --- home.c: mail from other hubs, on the home's thread --- */

void hub_home_publish(struct mail *mail);
void hub_home_delete(struct mail *mail);
void hub_home_follow(struct mail *mail);
void hub_home_unfollow(struct mail *mail);
void hub_home_read(struct mail *mail);
void hub_home_leave(struct mail *mail);

/* --- away.c: what goes to the home, and its answers --- */

void hub_away_publish(struct hub_publish *publish, bool deletes);
void hub_away_published(struct mail *mail);
void hub_away_read_begin(struct hub_subscriber *subscriber);
void hub_away_read(struct mail *mail);
void hub_away_unfollowed(struct mail *mail);

/* The stream has one subscriber more, or less. */
void hub_away_subscribers(struct hub_stream *stream);

/* An entry of the feed. */
void hub_away_take(const struct feed_entry *entry, const void *bytes);

/* Says goodbye, and is told that nothing is on its way any more: then hub->left. */
void hub_away_leave(struct hub *hub);
void hub_away_left(struct mail *mail);

/* --- fan_out.c --- */

/* Sees to it that the ready ones get their turn. */
void hub_fan_out(struct hub *hub);

/* The same where none is ready: the end of a hub comes from there. */
void hub_turn(struct hub *hub);

/* Runs the heartbeat while there are SSE subscribers. */
void hub_heartbeat(struct hub *hub);

/* Calls back once the hub's own ops have ended, if it is closing. */
void hub_close_check(struct hub *hub);

/* --- subscriber.c --- */

/* Sends what there is, or reads, or waits. */
void hub_subscriber_pump(struct hub_subscriber *subscriber);

/* Sends bytes that stay until the block is released. */
void hub_subscriber_send(struct hub_subscriber *subscriber, const char *bytes, size_t count);

/* Puts it among those that get their turn soon. */
void hub_subscriber_ready(struct hub_subscriber *subscriber);

/* Calls `closed` where it is closing and nothing of it is in use.
 * Gives: true: it is gone. */
bool hub_subscriber_finish(struct hub_subscriber *subscriber);

/* Ends the connection: its owner then closes the subscriber. */
void hub_subscriber_break(struct hub_subscriber *subscriber);

/* --- catch_up.c --- */

/* Reads what follows its position from the disk, and sends it. */
void hub_catch_up(struct hub_subscriber *subscriber);

/* Its read has ended. */
void hub_catch_up_read(struct hub_subscriber *subscriber, int64_t result);

/* Gives those a turn that wait for a buffer, where there are some. */
void hub_buffers_offer(struct hub *hub);

/* Frees the buffers. */
void hub_catch_up_done(struct hub *hub);

#endif
