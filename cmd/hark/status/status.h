/* status.h - what is told of the server: it knows the parts that the server hands it, and counts
 * none itself. All of it is the owner's, but where another thread is named. */
#ifndef HARK_COMMAND_STATUS_STATUS_H
#define HARK_COMMAND_STATUS_STATUS_H

#include "mailbox/mail.h"
#include "status/counters.h"
#include "status/edition.h"
#include "status/health.h"

struct log;
struct tail;

/* What the listeners count. */
struct status_listeners {
    uint64_t pauses;
    uint64_t shed;
};

/* Who waits for which document; see query.c. */
struct status_documents {
    _Atomic(uint64_t) bytes;                   /* of those that somebody still needs; any thread */
    struct mail_list waiting[QUERY_DOCUMENTS]; /* for the next of their kind */
    struct mail_list current;                  /* for the one that is being written */
    struct mail_list answerable;               /* can be answered */
    struct edition edition;                    /* the one that is being written */
    enum query_kind kind;                      /* of it */
    bool writing;
    uint32_t counters_out; /* that are being filled in */
    struct hark_op step;
};

/* Zeroed, then the first group is set by the server. */
struct status {
    struct worker *owner;
    struct counters *counters; /* one for each worker, the owner's first */
    uint32_t count;
    struct log *log;
    struct tail *tail; /* NULL: nothing is followed */
    uint64_t started_ns;
    uint64_t connections_max;
    uint64_t stall_ns; /* how long a callback may take; 0: nobody watches */
    struct status_listeners (*listeners)(void *context);
    void *listeners_context;

    struct health health;
    struct counters total; /* of the document that is being begun */
    struct status_documents documents;
};

#endif
