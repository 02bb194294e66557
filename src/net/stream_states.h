/* stream_states.h - where a stream stands. For stream.c, which moves it on, and stream_calls.c,
 * where its owner says what he wants. */
#ifndef NET_STREAM_STATES_H
#define NET_STREAM_STATES_H

#include "hark/stream.h"

/* Where the connection stands. */
enum opening {
    NOT_OPEN,   /* the memory is the owner's */
    CONNECTING, /* what is asked for waits */
    OPEN,
    LEAVING, /* the transport gives its descriptor up */
    CLOSED,  /* the transport closes the last of its descriptors */
};

enum reading {
    RESTS,      /* the owner does not read, and nothing is being received */
    READS,      /* he does: a receive is in flight, or due */
    STOPPING,   /* he has stopped, and the receive in flight is being cancelled */
    RESTARTING, /* and wants to read again */
    CUT,        /* reading has ended by its deadline or a cancel; the peer may still send */
    PEER_ENDED, /* reading has ended, since the peer or the connection has */
};

enum writing {
    WRITES,
    DRAIN_OWED, /* the owner waits for `drained` */
    ENDED,      /* nothing more may be written: after the queue the end is sent */
    SHUT,       /* the end was sent, or is being sent */
    FAILED,     /* writing has failed, and the owner knows */
};

/* What the owner wants in the end. */
enum ending {
    STAYS,
    DETACHING, /* hark_stream_detach */
    FINISHING, /* hark_stream_close_after_sending: the queue and the end are sent */
    LINGERING, /* all is sent: the peer's end is waited for */
    CLOSING,   /* hark_stream_close */
};

/* Whether it is looked for that the peer has gone. */
enum watching {
    UNWATCHED,
    WATCHED,  /* hark_stream_watch */
    WATCHING, /* the watch is in flight */
    TOLD,
};

enum { NO_END = 1 }; /* as held_end: an end is 0 or less */

static inline bool stream_finishes(const struct hark_stream *stream)
{
    return stream->ending == FINISHING || stream->ending == LINGERING;
}

/* Whether the owner reads, or will once the receive that he has stopped has ended. */
static inline bool stream_wants(const struct hark_stream *stream)
{
    return stream->reading == READS || stream->reading == RESTARTING;
}

#endif
