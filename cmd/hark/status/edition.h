/* edition.h - documents that tell of all streams, while they are written: a part in each turn of
 * the loop. All of it is the owner's. */
#ifndef HARK_COMMAND_STATUS_EDITION_H
#define HARK_COMMAND_STATUS_EDITION_H

#include <stdbool.h>

#include "base/text.h"
#include "connection/document.h"
#include "connection/query.h"

struct broker;
struct broker_stream_view;
struct edition;
struct status;

/* What is written: the beginning, each stream, the end. */
struct edition_writer {
    void (*begin)(struct edition *edition, struct status *status);
    void (*stream)(struct edition *edition, const struct broker_stream_view *view);
    void (*end)(struct edition *edition);
    uint64_t streams_max; /* it tells of no more */
};

enum { EDITION_LISTS = 4 };

struct edition {
    const struct edition_writer *writer;
    struct status *status;
    _Atomic(uint64_t) *all_bytes;
    struct text text;
    struct text lists[EDITION_LISTS]; /* parts that become one after the other, but are written side
                                         by side */
    const char *comma;
    uint64_t streams;   /* seen so far */
    uint64_t after;     /* the last that was looked at, by its generation */
    uint64_t looked;    /* how many those are, more or less */
    uint64_t limit;     /* of those that are told of */
    uint64_t last;      /* the last that was told of, or passed over */
    uint64_t next;      /* at the end: where the next page begins; 0: there is no more */
    bool full;          /* there are more than the limit */
    const char *prefix; /* of those that are told of; NULL: of all */
    bool begun;
    enum query_outcome outcome; /* why it is refused; QUERY_DONE: it is not */
};

/* Begins to write one. If there is no room for it, it is refused and nothing is written.
 * Takes: all_bytes: of all documents that somebody still needs. */
void edition_begin(struct edition *edition, const struct edition_writer *writer,
                   struct status *status, _Atomic(uint64_t) *all_bytes);

/* Of some of the streams: those whose names begin so, after that token, so many at most. It may be
 * fewer, and yet there is more.
 * Takes: it was begun, and nothing is written; prefix: valid until its end. */
void edition_page(struct edition *edition, const char *prefix, uint64_t after, uint32_t limit);

/* Writes a part.
 * Gives: true: there is more to write. */
bool edition_write(struct edition *edition, struct broker *broker);

/* Ends it.
 * Gives: the document, with one use; NULL: it is refused. */
struct document *edition_end(struct edition *edition);

#endif
