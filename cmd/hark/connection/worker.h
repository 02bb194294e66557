/* worker.h - what the files of the agent share: its parts, its counters, its sessions.
 *
 * A server of several threads has an agent on each: the crew. Each has a loop, a broker and
 * sessions of its own, and nothing of another's is touched but by mail. The first, the owner, also
 * has the log, the ports, the files that are followed and the signals: it accepts connections and
 * deals them out, and whatever concerns all of them is asked of it. A server of one thread is a
 * owner without others.
 */
#ifndef CONNECTION_WORKER_H
#define CONNECTION_WORKER_H

#include "base/deadline.h"
#include "broker/broker.h"
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

struct agent;
struct session;

enum protocol { PROTOCOL_HTTP, PROTOCOL_LINES, PROTOCOLS };

/* One socket that is listened on. */
struct port {
    struct hark_listener listener;
    struct agent *agent;
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

enum { CREW_PEERS = 1024 };

enum { AGENT_SIGNALS = 6 };

struct signal_watch {
    struct hark_op op;
    struct agent *agent;
};

struct agent_counters {
    uint64_t connections[PROTOCOLS]; /* now */
    uint64_t accepted[PROTOCOLS];
    uint64_t shed; /* closed at once: too many connections, or no memory */
    uint64_t requests[HTTP_METHOD_PATCH + 1];
    uint64_t answers[6]; /* by the first digit of their status */
    uint64_t timeouts;   /* connections ended by a deadline of ours */
    uint64_t documents;  /* made: /metrics, /stats, /streams */
};

struct post;

/* What an agent tells of itself when it is asked. */
struct sheet {
    struct mail mail;
    struct agent *agent;
    struct agent_counters counters;
    struct broker_statistics broker;
    struct hark_metrics loop;
    uint64_t active; /* ops in flight */
};

/* All threads. */
struct crew {
    const struct serve_options *options;
    struct hark_group *group;
    struct agent *agents; /* the first is the owner */
    uint32_t count;
    _Atomic(uint64_t) open[PROTOCOLS]; /* connections, on all threads */
    struct port *ports;                /* of serve_run's memory */
    size_t ports_count;
    _Atomic(uint64_t) documents_bytes; /* of documents that somebody still needs */
    _Atomic(int)
        trouble; /* why events are refused now: an error of the log; the owner's broker writes it */

    /* The owner's. */
    struct peer *peers[CREW_PEERS];     /* in buckets */
    uint32_t turn;                      /* who was dealt the last connection */
    uint32_t begun;                     /* others that are ready to serve */
    uint32_t idle;                      /* others that have finished what they had accepted */
    uint32_t gone;                      /* others that have ended */
    int begin_error;                    /* the first of theirs */
    struct sheet *sheets;               /* one for each agent */
    uint32_t sheets_out;                /* that are being filled in */
    struct mail_list asking[DOCUMENTS]; /* wait for the next of their kind */
    struct mail_list asked;             /* wait for the one that is being written */
    struct mail_list due;               /* can be answered */
    struct edition edition;             /* the one that is being written */
    bool writing;
    struct hark_op tell;
};

struct agent {
    const struct serve_options *options;
    struct crew *crew;
    uint32_t index;
    struct hark_loop *loop;
    struct mailbox mailbox;
    struct hark_op hold;  /* keeps a loop that waits for mail; not the owner's */
    struct mail begin;    /* from the owner and back: there is a broker */
    struct mail finish;   /* the end begins; back: all that was accepted is answered */
    struct mail farewell; /* subscribers are to be told; back: the agent has ended; and again: its
                              loop may end too */
    struct mail cut;      /* it takes too long */
    struct relay *relay;  /* with `begin` */
    int begin_error;      /* back with it */
    bool told_idle;
    bool is_gone;            /* it has ended: the owner's */
    uint64_t dealt;          /* connections given to it: the owner's */
    _Atomic(uint64_t) over;  /* connections that have ended: its own, read by the owner */
    struct post *kept_posts; /* memory for the next */
    size_t kept_posts_count;
    struct log *log;
    struct broker *broker;
    struct tail *tail;
    struct health health;
    struct reserve reserve;
    struct port *ports;
    size_t ports_count;
    size_t ports_open;
    size_t ports_next;         /* the one to be opened next */
    uint64_t ports_patient_ns; /* until when an address may be in use */
    struct hark_op ports_again;
    void (*ports_opened)(struct agent *agent, int code);
    struct list sessions;
    struct turns turns;
    struct incoming incoming;
    uint64_t connections_max;
    uint64_t started_ns;
    uint64_t answering; /* what sessions wait for: publishes, questions to other threads */
    struct agent_counters counters;
    uint64_t date_until_ns; /* the text below is right until then */
    char date[HTTP_DATE_BYTES];

    enum ending ending;
    int exit_code;
    bool log_opening;
    bool tail_closing;
    struct signal_watch signals[AGENT_SIGNALS];
    bool signalled; /* one of them began the end */
    struct hark_op step;
    struct deadline shutdown;
    bool shutdown_late; /* its deadline has passed once */
};

static inline bool agent_is_owner(const struct agent *agent)
{
    return agent->index == 0;
}

static inline struct agent *agent_owner(const struct agent *agent)
{
    return &agent->crew->agents[0];
}

/* How the agent's broker is to be. */
struct broker_options agent_broker_options(struct agent *agent);

/* The text of the Date header, read from the clock once a second at most. */
const char *agent_date(struct agent *agent);

/* --- server/workers.c --- */

/* Has each of the others make its broker; then crew_is_ready is called.
 * Takes: the owner, with its broker. */
void crew_begin(struct agent *owner);

/* In server.c.
 * Takes: 0, or the error of one that could not. */
void crew_is_ready(struct agent *owner, int error);

/* To all others: the end begins; subscribers are to be told; it takes too long. */
void crew_finish(struct agent *owner);
void crew_farewell(struct agent *owner);
void crew_cut(struct agent *owner);

/* From one of the others: it has answered what it had accepted; it has ended, and its loop does
 * when the owner has heard so. */
void crew_tell_idle(struct agent *agent);
void crew_tell_gone(struct agent *agent);

/* All others have. */
bool crew_is_idle(const struct agent *owner);
bool crew_is_gone(const struct agent *owner);

/* Chooses who gets the next connection.
 * Gives: NULL: there are as many as there may be. */
struct agent *crew_deal(struct agent *owner, enum protocol protocol);

/* Hands a connection over.
 * Owns: fd.
 * Gives: false: no memory, fd is still the caller's. */
bool crew_hand_over(struct agent *owner, struct agent *to, const struct port *port, int fd,
                    struct peer *peer);

/* --- server/listeners.c --- */

/* Opens every port, then calls opened, maybe from inside this call.
 * Takes: code: 0, or an exit code: it has then said why. */
void ports_open(struct agent *agent, void (*opened)(struct agent *agent, int code));

/* Makes the ports that the options name, none open yet; names are looked up, which may block.
 * Gives: 0, or an exit code: it has then said why; *out_ports, to be freed in either case. */
int ports_look_up(const struct serve_options *options, struct port **out_ports, size_t *out_count);

/* Stops accepting; shutdown_advance is called when all are closed. */
void ports_close(struct agent *agent);

/* Raises the limit of descriptors as far as it may be. */
void ports_raise_limit(void);

/* What that limit leaves for connections. */
uint64_t ports_connections_max(struct agent *owner);

/* --- server/shutdown.c --- */

/* Follows the signals that end it. */
void shutdown_watch(struct agent *agent);

/* Begins the end.
 * Takes: the exit code that the agent shall have. */
void shutdown_begin(struct agent *agent, int exit_code);

/* Looks whether the next step of the end can be taken. In other times nothing happens. */
void shutdown_advance(struct agent *agent);

/* For one of the others, told by the owner. */
void shutdown_follow(struct agent *agent, enum ending ending);

/* Closes all connections as they are. */
void shutdown_cut(struct agent *agent);

#endif
