/* worker.h - what a connection sees of the thread that it is on.
 *
 * A server of several threads has a worker on each. Each has a loop, a broker and connections of
 * its own, and nothing of another's is touched but by mail. The first, the owner, also has the log,
 * the listeners, the files that are followed and the signals: it accepts connections and deals them
 * out, and whatever concerns all of them is asked of it. A server of one thread is an owner without
 * others.
 */
#ifndef HARK_COMMAND_CONNECTION_WORKER_H
#define HARK_COMMAND_CONNECTION_WORKER_H

#include "access/access.h"
#include "access/rates.h"
#include "base/list.h"
#include "base/pending.h"
#include "connection/blocks.h"
#include "connection/date.h"
#include "connection/incoming.h"
#include "connection/options.h"
#include "connection/turns.h"
#include "hark.h"
#include "hark/tls.h"
#include "mailbox/mail.h"
#include "stages/live.h"

#include "wire/http.h"

struct broker;
struct ending;
struct query;
struct status;
struct subscriptions;
struct worker;

/* In the order in which they are counted. */
enum protocol_kind { PROTOCOL_HTTP, PROTOCOL_LINES, PROTOCOLS };

/* How far its end has come. */
enum worker_state {
    WORKER_SERVES,
    WORKER_FINISHES, /* what was accepted is being answered, and nothing more is */
    WORKER_LEAVES,   /* subscribers are being told */
};

/* Why a TLS handshake has failed. */
enum handshake_failure {
    HANDSHAKE_HTTP,        /* the peer speaks HTTP without TLS */
    HANDSHAKE_PROTOCOL,    /* it speaks no TLS, or nothing is common to both, or it refused */
    HANDSHAKE_CERTIFICATE, /* its certificate is not to be trusted */
    HANDSHAKE_TIMEOUT,
    HANDSHAKE_ENDED, /* the peer has gone */
    HANDSHAKE_OTHER,
    HANDSHAKE_FAILURES
};

/* Why somebody may not do something. */
enum access_refusal {
    REFUSAL_STRANGER,  /* it needs a token, and none was shown */
    REFUSAL_UNKNOWN,   /* nobody knows the token, or the signature */
    REFUSAL_FORBIDDEN, /* it is known, and may not do this */
    REFUSAL_EXPIRED,   /* it is signed, and its time is over, or yet to come */
    REFUSAL_LIMITED,   /* the address has shown too many that nobody knows */
    REFUSALS
};

struct worker_counters {
    uint64_t connections[PROTOCOLS]; /* now */
    uint64_t accepted[PROTOCOLS];
    uint64_t shed; /* closed at once: too many connections, or no memory */
    uint64_t requests[HTTP_METHODS];
    uint64_t answers[6];         /* by the first digit of their status */
    uint64_t timeouts;           /* connections ended by a deadline of ours */
    uint64_t handshakes;         /* of TLS, with certificates */
    uint64_t handshakes_resumed; /* without */
    uint64_t handshake_failures[HANDSHAKE_FAILURES];
    uint64_t tls_reloads; /* of certificates: the owner's */
    uint64_t tls_reload_failures;
    uint64_t limited[RATE_KINDS]; /* refused, as the address has asked for too much of it */
    uint64_t refusals[REFUSALS];  /* by the rules of --tokens */
    uint64_t rules_reloads;       /* of those: the owner's */
    uint64_t rules_reload_failures;
    uint64_t documents;             /* made: /metrics, /stats, /streams */
    uint64_t stalls[HARK_OP_KINDS]; /* callbacks that held the loop for longer than --stall */
    uint64_t stalled_ns;            /* and for how long they did */
};

/* What the server does for its workers' connections. */
struct worker_calls {
    /* One has ended, or was not taken. */
    void (*connection_ended)(struct worker *worker, enum protocol_kind protocol);
    /* Answers a query, if that can be done at once. Gives: false: use query_send. */
    bool (*query_now)(struct worker *worker, struct query *query);
    /* Answers a query later, and calls answered then, on this thread. Owns: the query. */
    void (*query_send)(struct worker *worker, struct query *query,
                       void (*answered)(struct query *query));
};

struct worker {
    struct mailbox mailbox;
    struct hark_loop *loop;
    const struct connection_options *options;
    const struct worker_calls *calls;
    struct hark_tls *tls;                /* NULL: nothing is over TLS */
    struct status *status;               /* for the calls */
    struct broker *broker;               /* NULL: not yet, or no longer */
    struct subscriptions *subscriptions; /* the owner's, to be asked from any thread */
    struct access access;                /* who may do what */
    struct rates *rates;                 /* how much each address may ask for; NULL: all it likes */
    enum worker_state state;
    struct ending *ending; /* the server's; NULL: it serves */
    struct list connections;
    struct pending accepted;  /* publishes, questions; the owner's also: what is opened and
                                 followed, and other workers until they have answered */
    struct pending connected; /* connections; the owner's also: other workers until they are gone */
    struct turns turns;
    struct incoming incoming;
    struct blocks publishes; /* memory of HTTP's, for small ones */
    struct date date;
    struct live live; /* the stages of this loop, while somebody looks */
    struct worker_counters counters;
    struct live_callback last_stall;
};

#endif
