/* query.h - what a connection asks of the server as a whole, and the answer. The status answers
 * (status/query.h), on whatever thread. */
#ifndef HARK_COMMAND_CONNECTION_QUERY_H
#define HARK_COMMAND_CONNECTION_QUERY_H

#include "base/text.h"
#include "connection/document.h"
#include "durable/facts.h"
#include "mailbox/mail.h"

#include "wire/name.h"

struct query;
struct worker;

enum query_kind {
    QUERY_METRICS, /* these four: a document */
    QUERY_STATS,
    QUERY_STREAMS,
    QUERY_PAGE, /* some of the streams */
    QUERY_DOCUMENTS,
    QUERY_STREAM = QUERY_DOCUMENTS, /* what is known of one stream: a text */
    QUERY_HEALTH,                   /* whether events are taken */
    QUERY_FACTS, /* what one stream is, in the terms of durable/facts.h: one whose time is over is
                    deleted, and not there */
};

enum query_outcome {
    QUERY_DONE,
    QUERY_UNKNOWN,   /* there is no such stream */
    QUERY_REFUSED,   /* events are, and `reason` tells why */
    QUERY_TOO_LONG,  /* the document would be */
    QUERY_NO_MEMORY, /* for it now */
};

/* In the caller's memory, zeroed, then `kind` is set, and `name` for QUERY_STREAM and QUERY_FACTS.
 * For QUERY_PAGE `name` is what the names begin with, `after` the token of the page before, or
 * 0. */
struct query {
    enum query_kind kind;
    char name[NAME_BYTES_MAX + 1];
    bool touches;   /* with QUERY_FACTS: the stream is in use */
    uint64_t after; /* with QUERY_FACTS: where a read goes on */
    uint32_t limit; /* with QUERY_PAGE: how many streams at most */
    /* The answer. */
    enum query_outcome outcome;
    const char *reason;        /* one constant line */
    struct document *document; /* one use, which is the caller's */
    struct text text;          /* the caller's to free */
    struct durable_facts facts;
    struct durable_place place; /* of the read */
    /* Private. */
    struct worker *worker;
    void (*answered)(struct query *query);
    struct mail mail;
};

#endif
