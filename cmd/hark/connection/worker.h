/* worker.h - what the files of the server share: a worker's parts, its counters, its connections.
 *
 * A server of several threads has a worker on each. Each has a loop, a broker and connections of
 * its own, and nothing of another's is touched but by mail. The first, the owner, also has the log,
 * the listeners, the files that are followed and the signals: it accepts connections and deals them
 * out, and whatever concerns all of them is asked of it. A server of one thread is an owner without
 * others.
 */
#ifndef CONNECTION_WORKER_H
#define CONNECTION_WORKER_H

#include "base/deadline.h"
#include "base/pending.h"
#include "broker/options.h"
#include "broker/statistics.h"
#include "connection/incoming.h"
#include "connection/peers.h"
#include "connection/turns.h"
#include "hark.h"
#include "log/log.h"
#include "mailbox/mail.h"
#include "server/reserve.h"
#include "server/server.h"
#include "status/document.h"
#include "status/health.h"
#include "tail/tail.h"

#include "wire/http.h"

struct worker;
struct connection;

enum protocol { PROTOCOL_HTTP, PROTOCOL_LINES, PROTOCOLS };

/* One socket that is listened on. */
struct listener {
    struct hark_listener socket;
    struct worker *worker;
    struct hark_address address;
    const char *text; /* as the options have it; ports of one name have one text */
    bool named;       /* the address was looked up */
    enum protocol protocol;
    bool guarded; /* requests for hosts that nobody named are refused */
    bool open;
};

/* How far the end has come; see server/shutdown.c. */
enum ending {
    ENDING_NOT,
    ENDING_ACCEPTED,    /* what was accepted is being finished */
    ENDING_SUBSCRIBERS, /* subscribers are being told */
    ENDING_BROKER,
    ENDING_LOG,
    ENDING_DONE,
};

enum { PEERS_BUCKETS = 1024 };

enum { SHUTDOWN_SIGNALS = 6 };

struct signal_watch {
    struct hark_op op;
    struct worker *worker;
};

struct worker_counters {
    uint64_t connections[PROTOCOLS]; /* now */
    uint64_t accepted[PROTOCOLS];
    uint64_t shed; /* closed at once: too many connections, or no memory */
    uint64_t requests[HTTP_METHODS];
    uint64_t answers[6]; /* by the first digit of their status */
    uint64_t timeouts;   /* connections ended by a deadline of ours */
    uint64_t documents;  /* made: /metrics, /stats, /streams */
};

struct publish;

/* What a worker tells of itself when it is asked. */
struct counters {
    struct mail mail;
    struct worker *worker;
    struct worker_counters served;
    struct broker_statistics broker;
    struct hark_metrics loop;
    uint64_t active; /* ops in flight */
};

/* All threads. */
struct server {
    const struct serve_options *options;
    struct hark_group *group;
    struct worker *workers; /* the first is the owner */
    uint32_t count;
    _Atomic(uint64_t) open[PROTOCOLS]; /* connections, on all threads */
    struct listener *listeners;        /* of serve_run's memory */
    size_t listeners_count;
    _Atomic(uint64_t) documents_bytes; /* of documents that somebody still needs */
    _Atomic(int)
        trouble; /* why events are refused now: an error of the log; the owner's broker writes it */

    /* The owner's. */
    struct peer *peers[PEERS_BUCKETS];   /* in buckets */
    uint32_t turn;                       /* who was dealt the last connection */
    uint32_t begun;                      /* others that are ready to serve */
    int begin_error;                     /* the first of theirs */
    struct counters *counters;           /* one for each worker */
    uint32_t counters_out;               /* that are being filled in */
    struct mail_list waiting[DOCUMENTS]; /* wait for the next of their kind */
    struct mail_list current;            /* wait for the one that is being written */
    struct mail_list answerable;         /* can be answered */
    struct edition edition;              /* the one that is being written */
    bool writing;
    struct hark_op writing_step;
    struct owner *owner; /* what the other brokers have of the log; NULL: there are none */
};

struct worker {
    const struct serve_options *options;
    struct server *server;
    uint32_t index;
    struct hark_loop *loop;
    struct mailbox mailbox;
    struct hark_op hold;  /* keeps a loop that waits for mail; not the owner's */
    struct mail begin;    /* from the owner and back: there is a broker */
    struct mail finish;   /* the end begins; back: all that was accepted is answered */
    struct mail farewell; /* subscribers are to be told; back: the worker has ended; and again: its
                              loop may end too */
    struct mail cut;      /* it takes too long */
    struct relay *relay;  /* with `begin` */
    int begin_error;      /* back with it */
    bool is_gone;         /* it has ended: the owner's */
    uint64_t dealt;       /* connections given to it: the owner's */
    _Atomic(uint64_t) over;         /* connections that have ended: its own, read by the owner */
    struct publish *kept_publishes; /* memory for the next */
    size_t kept_publishes_count;
    struct log *log;
    struct broker *broker;
    struct tail *tail;
    struct health health;
    struct reserve reserve;
    struct listener *listeners;
    size_t listeners_count;
    size_t listeners_next;         /* the one to be opened next */
    uint64_t listeners_patient_ns; /* until when an address may be in use */
    struct hark_op listeners_again;
    void (*listeners_opened)(struct worker *worker, int code);
    struct list connections;
    struct pending accepted;  /* publishes, questions to other threads; the owner's also: what is
                                 opened and followed, and other workers until they have answered */
    struct pending connected; /* connections; the owner's also: other workers until they are gone */
    struct turns turns;
    struct incoming incoming;
    uint64_t connections_max;
    uint64_t started_ns;
    struct worker_counters counters;
    uint64_t date_until_ns; /* the text below is right until then */
    char date[HTTP_DATE_BYTES];

    enum ending ending;
    int exit_code;
    struct signal_watch signals[SHUTDOWN_SIGNALS];
    bool signalled; /* one of them began the end */
    struct hark_op step;
    void (*next)(struct worker *worker); /* the step */
    struct deadline shutdown;
    bool shutdown_late; /* its deadline has passed once */
};

static inline bool worker_is_owner(const struct worker *worker)
{
    return worker->index == 0;
}

static inline struct worker *worker_owner(const struct worker *worker)
{
    return &worker->server->workers[0];
}

/* How the worker's broker is to be. */
struct broker_options worker_broker_options(struct worker *worker);

/* The text of the Date header, read from the clock once a second at most. */
const char *worker_date(struct worker *worker);

/* --- server/workers.c --- */

/* Has each of the others make its broker; then workers_are_ready is called.
 * Takes: the owner, with its broker. */
void workers_begin(struct worker *owner);

/* In server.c.
 * Takes: 0, or the error of one that could not. */
void workers_are_ready(struct worker *owner, int error);

/* To all others: the end begins; subscribers are to be told; it takes too long. */
void workers_finish(struct worker *owner);
void workers_farewell(struct worker *owner);
void workers_cut(struct worker *owner);

/* From one of the others: it has answered what it had accepted; it has ended, and its loop does
 * when the owner has heard so. */
void workers_send_idle(struct worker *worker);
void workers_send_gone(struct worker *worker);

/* Chooses who gets the next connection.
 * Gives: NULL: there are as many as there may be. */
struct worker *workers_deal(struct worker *owner, enum protocol protocol);

/* Hands a connection over.
 * Owns: fd.
 * Gives: false: no memory, fd is still the caller's. */
bool workers_hand_over(struct worker *owner, struct worker *to, const struct listener *listener,
                       int fd, struct peer *peer);

/* --- server/listeners.c --- */

/* Opens every listener, then calls opened, maybe from inside this call.
 * Takes: code: 0, or an exit code: it has then said why. */
void listeners_open(struct worker *worker, void (*opened)(struct worker *worker, int code));

/* Makes the ports that the options name, none open yet; names are looked up, which may block.
 * Gives: 0, or an exit code: it has then said why; *out_ports, to be freed in either case. */
int listeners_look_up(const struct serve_options *options, struct listener **out_listeners,
                      size_t *out_count);

/* Stops accepting. */
void listeners_close(struct worker *worker);

/* Raises the limit of descriptors as far as it may be. */
void listeners_raise_limit(void);

/* What that limit leaves for connections. */
uint64_t listeners_connections_max(struct worker *owner);

/* --- server/shutdown.c --- */

/* Follows the signals that end it. */
void shutdown_watch(struct worker *worker);

/* Begins the end.
 * Takes: the exit code that the worker shall have. */
void shutdown_begin(struct worker *worker, int exit_code);

/* For one of the others, told by the owner. */
void shutdown_follow(struct worker *worker, enum ending ending);

/* Closes all connections as they are. */
void shutdown_cut(struct worker *worker);

#endif
