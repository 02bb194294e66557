/* facts.h - what a stream is in the terms of the Durable Streams protocol: what the log notes of it
 * (log/notes.h), and what that means.
 *
 *     type      the content type; none: it was made by another door, and is
 *               application/octet-stream
 *     closed    "1"
 *     ttl       seconds, as they were given
 *     expires   an RFC 3339 time, as it was given
 *     seq       the last Stream-Seq
 *     closer    what closed it: epoch u64, sequence u64, the producer's id
 *     p ID      where a producer stands: epoch u64, the sequence that was accepted last u64
 *     base      of a fork: the generation of its source u64
 *     fork      of a fork: the id behind which it parts from its source u64; 1 if its time to live
 *               is its source's, u8; then what was asked for: the source, the offset, what it has
 *               of the next event, as text, each with its NUL
 *     deleted   "1": it was deleted, and stays for those that lean on it
 *
 * Thread, for every function here: the log's, unless it says otherwise.
 */
#ifndef HARK_COMMAND_DURABLE_FACTS_H
#define HARK_COMMAND_DURABLE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/log.h"

#define DURABLE_TYPE_DEFAULT "application/octet-stream"
#define DURABLE_TYPE_JSON    "application/json"

enum {
    DURABLE_TYPE_MAX = 255,    /* bytes of a content type */
    DURABLE_EXPIRES_MAX = 63,  /* of a time */
    DURABLE_TTL_DIGITS = 19,   /* of a time to live */
    DURABLE_PRODUCER_MAX = 200 /* of a producer's id */
};

/* What a stream is like, copied out of the log. */
struct durable_facts {
    bool exists;
    bool deleted; /* it is there for its forks alone */
    bool closed;
    uint64_t generation;
    uint64_t tail;       /* the id behind which the next event will be */
    uint64_t lost;       /* ids up to this one are not all kept */
    uint64_t expires_ns; /* when it is gone, wall clock; UINT64_MAX: never */
    char type[DURABLE_TYPE_MAX + 1];
    char ttl[DURABLE_TTL_DIGITS + 1]; /* "" none */
    char expires[DURABLE_EXPIRES_MAX + 1];
};

/* Takes: NULL: there is no stream. */
struct durable_facts durable_facts_of(const struct log_stream *stream);

/* Where a read of a stream goes on: in itself, or in one that it is a fork of. */
struct durable_place {
    uint64_t generation; /* of the stream to read from */
    uint64_t after;      /* behind that id */
    uint64_t limit;      /* up to this one; 0: there is no limit */
    uint64_t beyond;     /* where to go on when nothing more is there */
};

struct durable_place durable_place_of(const struct log_stream *stream, uint64_t after);

/* When a stream is gone, as its notes have it: its time to live begins anew whenever it is touched
 * (log_stream.touched_ns). */
uint64_t durable_expires_ns(const struct log_stream *stream);

/* Whether two content types are of the same kind: their parameters do not count, nor does case.
 * Thread: any. */
bool durable_type_same(const char *one, const char *other);

/* Thread: any. */
bool durable_type_is_json(const char *type);

/* log_append.decide for those who know nothing of this protocol.
 * Gives: 0; -EPIPE: the stream is closed; -EPROTOTYPE: it takes JSON alone, by the protocol. */
int durable_decide_plain(struct log_append *request, const struct log_stream *stream);

#endif
