/* append.h - what becomes of a request of the Durable Streams protocol that changes a stream. It is
 * decided in the log's order, when its turn has come (log_append.decide), so nothing can come
 * between the look and the change.
 *
 * Thread, for every function here: the log's.
 */
#ifndef HARK_COMMAND_DURABLE_APPEND_H
#define HARK_COMMAND_DURABLE_APPEND_H

#include "durable/facts.h"

enum durable_verdict {
    DURABLE_DONE,         /* it is done: made, appended, closed */
    DURABLE_SAME,         /* to create: it is there, and is what was asked for */
    DURABLE_OTHER,        /* to create: it is there, and is something else */
    DURABLE_MISSING,      /* there is no such stream */
    DURABLE_EXPIRED,      /* its time is over: it has to be deleted first */
    DURABLE_GONE,         /* it was deleted, and stays for its forks */
    DURABLE_NO_SOURCE,    /* these four of a fork: there is no such source */
    DURABLE_SOURCE_GONE,  /* the source was deleted */
    DURABLE_SOURCE_TYPE,  /* the source has another content type */
    DURABLE_PAST_SOURCE,  /* the source does not come so far */
    DURABLE_TOO_DEEP,     /* the source is a fork of too many forks */
    DURABLE_CLOSED,       /* the stream is closed */
    DURABLE_WAS_CLOSED,   /* it is closed, as was asked for */
    DURABLE_OTHER_TYPE,   /* the content type is not the stream's */
    DURABLE_SEQ_PASSED,   /* Stream-Seq is not above the last */
    DURABLE_DUPLICATE,    /* the producer has sent it before */
    DURABLE_STALE_EPOCH,  /* the producer was superseded */
    DURABLE_EPOCH_BEGINS, /* a new epoch has to begin with sequence 0 */
    DURABLE_SEQ_GAP,      /* the producer's sequence is not the next */
    DURABLE_NO_ROOM,      /* the stream has too many producers, or too much else is noted of it */
};

/* Of what a stream is to be a fork, as it was asked for. */
struct durable_fork {
    const char *source; /* its name; NULL: it is none */
    const char *offset; /* "" where it was not said */
    const char *part;   /* of the event behind that: bytes, or messages; "" where it was not said */
    uint64_t point;     /* the id behind which it parts; UINT64_MAX: at the end */
};

struct durable_producer {
    const char *id; /* NULL: there is none; 1 to DURABLE_PRODUCER_MAX bytes */
    uint64_t epoch;
    uint64_t sequence;
};

/* What is asked, and what came of it. In memory that stays until the append is answered; zeroed,
 * then the first part is set. */
struct durable_append {
    bool creates; /* PUT; else POST */
    bool closes;
    bool empty;       /* there is no event to append */
    const char *type; /* NULL: not said; up to DURABLE_TYPE_MAX bytes */
    const char *ttl;  /* these two: NULL: none; valid, and up to the bytes of facts.h */
    const char *expires;
    const char *sequence; /* Stream-Seq: NULL: none; up to DURABLE_TYPE_MAX bytes */
    struct durable_producer producer;
    struct durable_fork fork;
    uint64_t now_ns; /* wall clock */

    enum durable_verdict verdict;
    uint64_t generation;                  /* of the stream that there is */
    bool closed;                          /* the stream is, as it stands then */
    struct durable_producer has;          /* where the producer stands, id unset */
    char kept_type[DURABLE_TYPE_MAX + 1]; /* of the stream that there is */
    unsigned char notes[2560];
    uint32_t notes_length;
};

/* Decides, as log_append.decide has it.
 * Takes: stream: NULL: there is none.
 * Gives: 0: append it, with append->notes; -ECANCELED: nothing is to be changed, as the verdict
 *   says. */
int durable_decide(struct durable_append *append, struct log *log, const struct log_stream *stream);

/* log_append.decide of a deletion: a stream that has forks stays for them, and is hidden.
 * Gives: 0; -EIDRM: it was deleted before. */
int durable_decide_deletion(struct log_append *request, const struct log_stream *stream);

/* The same for one whose time is over, or that was deleted and has no forks any more.
 * Gives: -ECANCELED: it is neither, by now. */
int durable_decide_expiry(struct log_append *request, const struct log_stream *stream);

#endif
