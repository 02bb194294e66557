/* relay.h - from the owner of the log to one remote: events of the streams that it follows, what
 * became of those streams, and answers to what it asked.
 *
 * Events are copied into blocks, many to one, which come back when they were read: so what is on
 * its way to a thread that lags is bounded. Past the bound a stream's events are left out; once
 * there is room its state is told instead, and its readers over there read the log, as all do who
 * lag.
 *
 * Thread, unless it says otherwise: the owner's.
 */
#ifndef HARK_COMMAND_THREADS_RELAY_H
#define HARK_COMMAND_THREADS_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailbox/mail.h"

struct owner;
struct relay;
struct remote_watch;

enum { RELAY_BYTES_MAX = 4 * 1024 * 1024 }; /* of blocks on their way to one thread */

/* What an entry of a block says. */
struct relay_entry {
    struct remote_watch *watch;
    uint64_t generation; /* of the stream; 0: there is none */
    uint64_t id;         /* of the event; of a state: the newest that was acknowledged */
    uint32_t count;      /* bytes of the event, which follow */
    int32_t error;       /* of a state that answers */
    bool event;
    bool answers;
};

/* An entry has come.
 * Takes: bytes: of an event.
 * Thread: the remote's. */
typedef void relay_take(const struct relay_entry *entry, const void *bytes);

/* Makes one to the broker that the mailbox is of. The owner's broker is not closed before it is
 * gone.
 * Gives: NULL: no memory. */
struct relay *relay_create(struct owner *owner, struct mailbox *to);

/* Frees one of which the other side never knew. */
void relay_destroy(struct relay *relay);

/* Says who takes what it brings: before anything is asked.
 * Thread: the remote's. */
void relay_open(struct relay *relay, relay_take *take);

/* Sends mail that must not overtake an event. */
void relay_mail(struct relay *relay, struct mail *mail, mail_arrived *arrived);

/* Sends an event, or leaves it out. */
void relay_event(struct remote_watch *watch, uint64_t generation, uint64_t id, const void *bytes,
                 size_t count);

/* Has the state of the stream told, as it then is. */
void relay_state(struct remote_watch *watch);

/* Nothing is told of the stream any more. */
void relay_forget(struct remote_watch *watch);

/* Sends what this turn has for the remote now. */
void relay_flush(struct relay *relay);

/* The same for all remotes. */
void relay_flush_all(struct owner *owner);

/* The last mail to that remote; then the relay is freed. */
void relay_end(struct relay *relay, struct mail *mail, mail_arrived *arrived);

/* Whose relay it is.
 * Thread: any. */
struct owner *relay_owner(const struct relay *relay);

#endif
