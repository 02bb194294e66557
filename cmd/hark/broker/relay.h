/* relay.h - from the broker that has the log, the owner, to one on another thread: events of the
 * streams that it follows, what became of those streams, and answers to what it asked.
 *
 * Events are copied into blocks, many to one, which come back when they were read: so what is on
 * its way to a thread that lags is bounded. Past the bound a stream's events are left out; once
 * there is room its state is told instead, and its subscribers over there read the log, as all do
 * who lag.
 *
 * Thread, unless it says otherwise: the owner's.
 */
#ifndef BROKER_RELAY_H
#define BROKER_RELAY_H

#include <stdatomic.h>

#include "base/list.h"
#include "broker/broker.h"
#include "mailbox/mail.h"

enum { RELAY_BYTES_MAX = 4 * 1024 * 1024 }; /* of blocks on their way to one thread */

/* A stream that another broker follows, or asks to. In that broker's memory; given over with its
 * mail, and back with the answer. */
struct broker_watch {
    struct broker_stream *stream; /* of the broker that follows: set once */
    struct mail mail;

    /* The follower's thread. */
    struct broker_follow *wanted;  /* to be asked for with the next mail, the last first */
    struct broker_follow *asked;   /* those that the mail under way asks for */
    uint32_t follows;              /* all of them */
    bool travelling;               /* the mail is on its way */
    bool followed;                 /* events are coming */
    _Atomic(uint32_t) subscribers; /* written here, read by the owner for its lists */

    /* The owner's thread, from the first mail on. */
    struct relay *relay;
    struct broker_stream *owner_stream; /* NULL: it is not followed */
    struct broker_watch *next;          /* of owner_stream */
    struct list due; /* among those of the relay whose state is to be told: events are left
                        out until then */
    int error;
    bool is_due;
    bool answers; /* the state answers a mail */
};

/* What an entry of a block says. */
struct relay_entry {
    struct broker_watch *watch;
    uint64_t generation; /* log_stream.generation; 0: there is no such stream */
    uint64_t id;         /* of the event; of a state: the newest that was acknowledged */
    uint32_t count;      /* bytes of the event, which follow */
    int32_t error;       /* of a state that answers */
    bool event;
    bool answers;
};

/* Makes one to the broker that the mailbox is of.
 * Gives: NULL: no memory. */
struct relay *relay_create(struct broker *owner, struct mailbox *to);

/* Frees one of which the other side never knew. */
void relay_destroy(struct relay *relay);

/* Sends mail that must not overtake an event. */
void relay_mail(struct relay *relay, struct mail *mail, mail_arrived *arrived);

/* Sends an event, or leaves it out. */
void relay_event(struct broker_watch *watch, uint64_t generation, uint64_t id, const void *bytes,
                 size_t count);

/* Sends what this turn has for all other brokers now. */
void relays_flush(struct broker *owner);

/* Has the state of the stream told, as it then is. */
void relay_state(struct broker_watch *watch);

/* Nothing is told of the stream any more. */
void relay_forget(struct broker_watch *watch);

/* The last mail to that broker; then the relay is freed, and the owner's broker_close_check
 * called. */
void relay_end(struct relay *relay, struct mail *mail, mail_arrived *arrived);

/* Where the broker that has the log is reached.
 * Thread: any. */
struct broker *relay_owner(const struct relay *relay);

#endif
