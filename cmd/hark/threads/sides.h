/* sides.h - the thread that has the log, the owner, and those that have not, the remotes: what each
 * side keeps of the other, and what goes over between them.
 *
 * What goes over as mail is the receiver's until it comes back. What does not change may be read on
 * both sides: names of streams, and where a broker and a relay are.
 */
#ifndef HARK_COMMAND_THREADS_SIDES_H
#define HARK_COMMAND_THREADS_SIDES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "broker/source.h"
#include "broker/stream.h"
#include "mailbox/mail.h"

struct relay;

/* owner.c: for the brokers of all remotes. */
struct owner {
    struct broker *broker; /* which has the log */
    struct mailbox *mailbox;
    struct list relays;
};

/* How a remote takes the answers to its mail. */
struct remote_answers {
    mail_arrived *published;
    mail_arrived *read;
    mail_arrived *unfollowed;
    mail_arrived *left;
};

/* source_remote.c: the source of a remote's broker. */
struct remote {
    struct broker_source source;
    struct relay *relay; /* brings what the owner has for this one */
    const struct remote_answers *answers;
    struct mail leave; /* the goodbye */
};

/* A stream that a remote follows, or asks to: broker_stream.kept of the remote's stream. In the
 * remote's memory; given over with its mail, and back with the answer. */
struct remote_watch {
    struct broker_stream *stream; /* the remote's: set once */
    struct mail mail;

    /* The remote's thread. */
    struct broker_follow *wanted; /* to be asked for with the next mail, the last first */
    struct broker_follow *asked;  /* those that the mail under way asks for */
    uint64_t newest;              /* the newest id that the owner has told of */
    uint32_t follows;             /* all of them */
    bool travelling;              /* the mail is on its way */
    bool followed;                /* events are coming */
    _Atomic(uint32_t) readers;    /* written here, read by the owner for its lists */

    /* The owner's thread, from the first mail on. */
    struct broker_watcher watcher;
    struct broker_stream *owned; /* the owner's stream of that name; NULL: it is not followed */
    struct relay *relay;
    struct list due; /* among those of the relay whose state is to be told: events are left out
                        until then */
    int error;
    bool is_due;
    bool answers; /* the state answers a mail */
};

/* The remote that a broker on another thread has as its source.
 * Thread: any. */
static inline struct remote *remote_of(const struct broker_source *source)
{
    return hark_container_of(source, struct remote, source);
}

#endif
