/* feed.h - from the hub that has the log, the home, to one on another thread: events of the streams
 * that it follows, what became of those streams, and answers to what it asked.
 *
 * Events are copied into blocks, many to one, which come back when they were read: so what is on
 * its way to a thread that lags is bounded. Past the bound a stream's events are left out; once
 * there is room its state is told instead, and its subscribers over there read the log, as all do
 * who lag.
 *
 * Thread, unless it says otherwise: the home's.
 */
#ifndef HUB_FEED_H
#define HUB_FEED_H

#include <stdatomic.h>

#include "base/list.h"
#include "hub/hub.h"
#include "mail/mail.h"

enum { FEED_BYTES_MAX = 4 * 1024 * 1024 }; /* of blocks on their way to one thread */

/* A stream that another hub follows, or asks to. In that hub's memory; given over with its mail,
 * and back with the answer. */
struct hub_interest {
    struct hub_stream *stream; /* of the hub that follows: set once */
    struct mail mail;

    /* The follower's thread. */
    struct hub_follow *wanted;     /* to be asked for with the next mail, the last first */
    struct hub_follow *asked;      /* those that the mail under way asks for */
    uint32_t follows;              /* all of them */
    bool travelling;               /* the mail is on its way */
    bool followed;                 /* events are coming */
    _Atomic(uint32_t) subscribers; /* written here, read by the home for its lists */

    /* The home's thread, from the first mail on. */
    struct hub_feed *feed;
    struct hub_stream *home_stream; /* NULL: it is not followed */
    struct hub_interest *next;      /* of home_stream */
    struct list
        due; /* among those of the feed whose state is to be told; events are left out until then */
    int error;
    bool is_due;
    bool answers; /* the state answers a mail */
};

/* What an entry of a block says. */
struct feed_entry {
    struct hub_interest *interest;
    uint64_t number; /* log_stream.number; 0: there is no such stream */
    uint64_t id;     /* of the event; of a state: the newest that was acknowledged */
    uint32_t count;  /* bytes of the event, which follow */
    int32_t error;   /* of a state that answers */
    bool event;
    bool answers;
};

/* Makes one to the hub that the mailbox is of.
 * Gives: NULL: no memory. */
struct hub_feed *feed_create(struct hub *home, struct mailbox *to);

/* Frees one of which the other side never knew. */
void feed_destroy(struct hub_feed *feed);

/* Sends mail that must not overtake an event. */
void feed_mail(struct hub_feed *feed, struct mail *mail, mail_arrived *arrived);

/* Sends an event, or leaves it out. */
void feed_event(struct hub_interest *interest, uint64_t number, uint64_t id, const void *bytes,
                size_t count);

/* Sends what this turn has for all other hubs now. */
void feeds_flush(struct hub *home);

/* Has the state of the stream told, as it then is. */
void feed_state(struct hub_interest *interest);

/* Nothing is told of the stream any more. */
void feed_forget(struct hub_interest *interest);

/* The last mail to that hub; then the feed is freed, and the home's hub_close_check called. */
void feed_end(struct hub_feed *feed, struct mail *mail, mail_arrived *arrived);

/* Where the hub that has the log is reached.
 * Thread: any. */
struct hub *feed_home(const struct hub_feed *feed);

#endif
