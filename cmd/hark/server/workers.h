/* workers.h - the server's threads: a worker on each, mail between them and the owner, and
 * connections that are dealt out. */
#ifndef HARK_COMMAND_SERVER_WORKERS_H
#define HARK_COMMAND_SERVER_WORKERS_H

#include "connection/connection.h"
#include "connection/peers.h"
#include "server/ending.h"
#include "server/options.h"
#include "server/reserve.h"
#include "server/stalls.h"

struct certificates;
struct permissions;
struct reload;
struct server_worker;
struct owner;
struct relay;
struct shutdown;
struct status;
struct workers;

/* Its broker, made on its own thread: from the owner and back. */
struct worker_beginning {
    struct mail mail;
    struct relay *relay;
    int error;
};

/* What is said about its end. */
struct worker_farewell {
    struct mail finish; /* the end begins; back: all that was accepted is answered */
    struct mail
        leave; /* subscribers are to be told; back: it has ended; and again: its loop may end */
    struct mail cut; /* it takes too long */
    bool gone;       /* it has ended: the owner's */
};

/* How many connections it has. */
struct worker_load {
    uint64_t dealt;         /* given to it: the owner's */
    _Atomic(uint64_t) over; /* that have ended: its own, read by the owner */
};

/* Of files that are read anew (reload.h): from the owner and back. */
struct reload_part {
    struct mail mail;
    struct reload *reload;
    struct server_worker *own;
};

/* A worker, and what the server has to do with it. */
struct server_worker {
    struct worker worker;
    struct workers *workers;
    uint32_t index;
    struct hark_op hold; /* keeps a loop that waits for mail; not the owner's */
    struct worker_beginning beginning;
    struct ending ending;
    struct worker_farewell farewell;
    struct reload_part other_certificates;
    struct hark_tls *fresh_tls; /* one of those; NULL: none are on their way */
    struct reload_part other_rules;
    struct worker_load load;
    struct stall_watch stall_watch;
};

/* All of them. */
struct workers {
    const struct serve_options *options;
    struct hark_group *group;
    struct server_worker *all; /* the first is the owner */
    uint32_t count;
    struct stalls stalls;
    _Atomic(uint64_t) open[PROTOCOLS]; /* connections, on all threads */
    /* The owner's. */
    uint64_t connections_max;
    struct peers peers;
    struct reserve *reserve;   /* to be filled when a connection has ended or comes */
    struct shutdown *shutdown; /* whose end it is */
    struct certificates *certificates;
    struct permissions *permissions;
    uint32_t last;       /* who was dealt the last connection */
    struct owner *owner; /* what the other brokers have of the log; NULL: there are none */
    struct broker_options broker_options;
    void (*ready)(struct workers *workers, int error);
    uint32_t begun;  /* others that are ready to serve */
    int begin_error; /* the first of theirs */
};

/* Makes the workers of a group's loops.
 * Takes: calls, status: for each; workers is zeroed.
 * Gives: 0.
 * Fails: -ENOMEM. */
int workers_create(struct workers *workers, const struct serve_options *options,
                   struct hark_group *group, const struct worker_calls *calls,
                   struct status *status);

/* Takes: workers whose loops have ended. */
void workers_done(struct workers *workers);

static inline struct worker *workers_owner(struct workers *workers)
{
    return &workers->all[0].worker;
}

/* To be called on each loop before it runs. */
void workers_begin_loop(struct workers *workers, struct hark_loop *loop, uint32_t index);

/* Has each make its broker, the owner's over the log; then calls ready, maybe from inside this
 * call.
 * Takes: ready: error: 0, or that of one that could not. trouble: as in broker_options. */
void workers_begin(struct workers *workers, struct log *log, _Atomic(int) *trouble,
                   void (*ready)(struct workers *workers, int error));

/* The worker_calls.connection_ended of all. */
void workers_connection_ended(struct worker *worker, enum protocol_kind protocol);

/* Gives a connection to the worker that has the fewest, or closes it: there are as many as there
 * may be.
 * Takes: accepted: without a peer.
 * Owns: its fd. */
void workers_deal(struct workers *workers, const struct arrival *accepted);

/* Sends mail to all others that are not gone.
 * Takes: mail_at: its place in struct server_worker. */
void workers_send(struct workers *workers, size_t mail_at, mail_arrived *arrived);

/* Sends mail to the owner. */
void workers_send_owner(struct server_worker *from, struct mail *mail, mail_arrived *arrived);

#endif
