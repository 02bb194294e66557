/* libpq.h - PostgreSQL's client library on a hark loop: it connects, asks, copies and listens
 * without blocking.
 *
 *     static const struct hark_pq_events events = {.connected = connected, .result = answered};
 *     hark_pq_open(loop, PQconnectStart("host=/run/postgresql"), &events, app, &pq);
 *
 *     PQsendQuery(hark_pq_connection(pq), "select 1"); (in `connected`, or later)
 *     hark_pq_sent(pq);
 *
 * All of libpq's own calls that do not wait are used as libpq documents them; the adapter connects,
 * sends what is queued, reads what comes, and takes the results. PQexec, PQfinish and the others
 * that wait, or that end the connection, are not for a connection that it has. As long as one is
 * open, hark_run goes on: it listens.
 *
 * libpq looks names up itself, in PQconnectStart, and blocks for that: with `hostaddr` it does not.
 * It knows no time limit here (connect_timeout is none of PQconnectPoll's): whoever has waited for
 * long enough calls hark_pq_close, or hark_pq_cancel for a query. */
#ifndef HARK_ADAPTERS_LIBPQ_H
#define HARK_ADAPTERS_LIBPQ_H

#include "watch.h"

#include <libpq-fe.h>

HARK_BEGIN

struct hark_pq;

/* What a connection tells its owner, always in a callback of the loop's. Each may be NULL, and may
 * call anything, hark_pq_close as well. */
struct hark_pq_events {
    /* It is connected, or will not be: PQerrorMessage says why. Then it can be reset, or closed. */
    void (*connected)(struct hark_pq *pq, void *owner, bool well);
    /* A result, which is valid until this returns; NULL: the query has no more of them. Then the
     * next may be sent, but in a pipeline, where it may be sent at any time. */
    void (*result)(struct hark_pq *pq, void *owner, PGresult *result);
    /* A row, or as much as comes at once, of a COPY TO STDOUT, valid until this returns. */
    void (*copied)(struct hark_pq *pq, void *owner, const char *bytes, size_t count);
    /* What was held back has gone to the server: after PQputCopyData gave 0 it may be called
     * again. */
    void (*drained)(struct hark_pq *pq, void *owner);
    /* A NOTIFY, valid until this returns. */
    void (*notified)(struct hark_pq *pq, void *owner, const PGnotify *notify);
    /* The connection has ended by itself, once all results that came were told: PQerrorMessage says
     * why. It can be reset, or closed. */
    void (*lost)(struct hark_pq *pq, void *owner);
};

/* Private. */
struct hark_pq {
    struct hark_loop *loop;
    PGconn *connection;
    const struct hark_pq_events *events;
    void *owner;
    struct hark_adapter_watch *watch;
    struct hark_op
        later; /* what is found inside of a call of the owner's is told in a later turn */
    PostgresPollingStatusType (*poll)(PGconn *connection); /* NULL: no attempt is under way */
    unsigned asked;                                        /* queries whose end is to come */
    unsigned inside;
    bool putting; /* a COPY FROM STDIN: results are to come once its end was sent */
    bool getting; /* a COPY TO STDOUT */
    bool full;    /* something is held back */
    bool broken;  /* it is to be told of as lost */
    bool closed;
};

/* Private, as all up to hark_pq_open. */
static inline int hark_pq_wait(struct hark_pq *pq, uint32_t events);

static inline void hark_pq_leave(struct hark_pq *pq)
{
    if (--pq->inside == 0 && pq->closed && !hark_op_active(&pq->later))
        free(pq);
}

/* One at a time, until the owner ends the COPY. */
static inline void hark_pq_take_copied(struct hark_pq *pq)
{
    while (pq->getting && !pq->closed) {
        char *bytes = HARK_NULL;
        int count = PQgetCopyData(pq->connection, &bytes, 1);
        if (count == 0)
            return;
        pq->getting = count > 0;
        if (count > 0 && pq->events->copied)
            pq->events->copied(pq, pq->owner, bytes, HARK_CAST(size_t, count));
        PQfreemem(bytes);
    }
}

/* Whether a result was the last one of what hark_pq_sent has told of. */
static inline bool hark_pq_is_over(struct hark_pq *pq, const PGresult *result)
{
#ifdef LIBPQ_HAS_PIPELINING
    if (PQpipelineStatus(pq->connection) != PQ_PIPELINE_OFF)
        return result && PQresultStatus(result) == PGRES_PIPELINE_SYNC;
#endif
    (void)pq;
    return !result;
}

/* In a pipeline a second NULL says that nothing has been sent that is not answered. */
static inline void hark_pq_take_results(struct hark_pq *pq)
{
    bool had_none = false;
    hark_pq_take_copied(pq);
    while (!pq->closed && pq->asked > 0 && !pq->putting && !pq->getting &&
           !PQisBusy(pq->connection)) {
        PGresult *result = PQgetResult(pq->connection);
        ExecStatusType status = result ? PQresultStatus(result) : PGRES_EMPTY_QUERY;
        if (hark_pq_is_over(pq, result))
            pq->asked--;
        else if (!result && had_none)
            return;
        had_none = !result;
        pq->putting = status == PGRES_COPY_IN || status == PGRES_COPY_BOTH;
        pq->getting = status == PGRES_COPY_OUT;
        if (pq->events->result)
            pq->events->result(pq, pq->owner, result);
        PQclear(result);
        hark_pq_take_copied(pq);
    }
}

static inline void hark_pq_take_notifies(struct hark_pq *pq)
{
    PGnotify *notify = pq->closed ? HARK_NULL : PQnotifies(pq->connection);
    while (notify) {
        if (pq->events->notified)
            pq->events->notified(pq, pq->owner, notify);
        PQfreemem(notify);
        notify = pq->closed ? HARK_NULL : PQnotifies(pq->connection);
    }
}

/* Where nothing is left to come, its end is told. */
static inline void hark_pq_take_end(struct hark_pq *pq)
{
    if (pq->closed || pq->poll || !pq->broken)
        return;
    pq->broken = false;
    pq->asked = 0;
    if (pq->events->lost)
        pq->events->lost(pq, pq->owner);
}

/* libpq closes its socket where a call of its finds it broken: then nobody waits for it any more.
 * Gives: whether it is broken. */
static inline bool hark_pq_look(struct hark_pq *pq)
{
    if (PQstatus(pq->connection) != CONNECTION_BAD)
        return false;
    pq->broken = true;
    (void)hark_pq_wait(pq, 0);
    return true;
}

/* Sends what is queued, as far as that goes.
 * Gives: whether nothing is held back. */
static inline bool hark_pq_push(struct hark_pq *pq)
{
    int left = PQflush(pq->connection);
    if (hark_pq_look(pq))
        return false;
    pq->full = left > 0;
    if (hark_pq_wait(pq, HARK_POLL_READABLE | (pq->full ? HARK_POLL_WRITABLE : 0u)) < 0)
        pq->broken = true;
    return left == 0;
}

static inline void hark_pq_read_and_write(struct hark_pq *pq)
{
    bool was_full = pq->full;
    (void)PQconsumeInput(pq->connection);
    bool sent = !hark_pq_look(pq) && hark_pq_push(pq);
    hark_pq_take_results(pq);
    hark_pq_take_notifies(pq);
    if (!pq->closed && was_full && sent && pq->events->drained)
        pq->events->drained(pq, pq->owner);
    hark_pq_take_end(pq);
}

/* A step of connecting, in which libpq may close its socket and open others. */
static inline void hark_pq_connect_on(struct hark_pq *pq)
{
    (void)hark_pq_wait(pq, 0);
    PostgresPollingStatusType status = pq->poll(pq->connection);
    bool well = status == PGRES_POLLING_OK && PQsetnonblocking(pq->connection, 1) == 0;
    bool goes_on = status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING;
    uint32_t events = status == PGRES_POLLING_WRITING ? HARK_POLL_WRITABLE : HARK_POLL_READABLE;
    if ((goes_on || well) && hark_pq_wait(pq, events) < 0)
        goes_on = well = false;
    if (goes_on)
        return;
    pq->poll = HARK_NULL;
    if (pq->events->connected)
        pq->events->connected(pq, pq->owner, well);
}

static inline void hark_pq_ready(void *owner, int fd, uint32_t events)
{
    struct hark_pq *pq = HARK_CAST(struct hark_pq *, owner);
    (void)fd;
    (void)events;
    pq->inside++;
    if (pq->poll)
        hark_pq_connect_on(pq);
    else
        hark_pq_read_and_write(pq);
    hark_pq_leave(pq);
}

static inline int hark_pq_wait(struct hark_pq *pq, uint32_t events)
{
    return hark_adapter_watch_set(pq->loop, &pq->watch, PQsocket(pq->connection), events,
                                  hark_pq_ready, pq);
}

static inline void hark_pq_looked_later(struct hark_op *op, int64_t result)
{
    struct hark_pq *pq = hark_container_of(op, struct hark_pq, later);
    (void)result;
    pq->inside++;
    if (pq->poll && !pq->closed) {
        hark_pq_connect_on(pq);
    } else if (!pq->closed) {
        hark_pq_take_results(pq);
        hark_pq_take_notifies(pq);
        hark_pq_take_end(pq);
    }
    hark_pq_leave(pq);
}

static inline void hark_pq_look_later(struct hark_pq *pq)
{
    if (!hark_op_active(&pq->later))
        hark_defer(pq->loop, &pq->later, hark_pq_looked_later);
}

static inline PostgresPollingStatusType hark_pq_failed(PGconn *connection)
{
    (void)connection;
    return PGRES_POLLING_FAILED;
}

/* An attempt has begun: by libpq's rules the socket is waited for as if it had to be written to. */
static inline void hark_pq_attempt(struct hark_pq *pq, bool begun,
                                   PostgresPollingStatusType (*poll)(PGconn *connection))
{
    pq->asked = 0;
    pq->putting = pq->getting = pq->full = pq->broken = false;
    begun = begun && PQstatus(pq->connection) != CONNECTION_BAD;
    pq->poll = begun ? poll : hark_pq_failed;
    if (!begun || hark_pq_wait(pq, HARK_POLL_WRITABLE) < 0) {
        pq->poll = hark_pq_failed;
        hark_pq_look_later(pq);
    }
}

/* Drives a connection from its beginning to hark_pq_close.
 * Takes: connection: what PQconnectStart or PQconnectStartParams has given, in that moment; it is
 *   the adapter's from here on. events: they stay until hark_pq_close. owner: for them.
 * Gives: 0 and *out; `connected` is called in a later turn, also where it has failed already.
 * Fails: -ENOMEM; a connection that was given has been finished. */
static inline int hark_pq_open(struct hark_loop *loop, PGconn *connection,
                               const struct hark_pq_events *events, void *owner,
                               struct hark_pq **out)
{
    struct hark_pq *pq = HARK_CAST(struct hark_pq *, calloc(1, sizeof(struct hark_pq)));
    *out = HARK_NULL;
    if (!connection || !pq) {
        PQfinish(connection);
        free(pq);
        return -ENOMEM;
    }
    pq->loop = loop;
    pq->connection = connection;
    pq->events = events;
    pq->owner = owner;
    *out = pq;
    hark_pq_attempt(pq, true, PQconnectPoll);
    return 0;
}

/* What PQsendQuery, PQgetCopyData and their like take. */
static inline PGconn *hark_pq_connection(const struct hark_pq *pq)
{
    return pq->connection;
}

/* Something was queued: PQsendQuery and its like, PQputCopyData, PQsendFlushRequest; it is sent,
 * now or when the socket takes it. */
static inline void hark_pq_flush(struct hark_pq *pq)
{
    if (pq->poll)
        return;
    (void)hark_pq_push(pq);
    if (pq->broken || !PQisBusy(pq->connection)) /* what was read before is answered in a turn */
        hark_pq_look_later(pq);
}

/* A query was sent that is answered by results, the last of which is NULL; in a pipeline: by what
 * ends with a PGRES_PIPELINE_SYNC, so it is called once for each PQpipelineSync. */
static inline void hark_pq_sent(struct hark_pq *pq)
{
    pq->asked++;
    hark_pq_flush(pq);
}

/* PQputCopyEnd was called, and gave 1. */
static inline void hark_pq_copy_ended(struct hark_pq *pq)
{
    pq->putting = false;
    hark_pq_flush(pq);
}

/* Connects anew, as PQresetStart; what was asked has no more results. `connected` is called. */
static inline void hark_pq_reset(struct hark_pq *pq)
{
    (void)hark_pq_wait(pq, 0);
    hark_pq_attempt(pq, PQresetStart(pq->connection) == 1, PQresetPoll);
}

/* Private. */
struct hark_pq_cancel {
    struct hark_op op;
    PGcancel *cancel;
};

/* Private. */
static inline int64_t hark_pq_cancels(struct hark_op *op)
{
    struct hark_pq_cancel *request = hark_container_of(op, struct hark_pq_cancel, op);
    char why[256];
    return PQcancel(request->cancel, why, HARK_CAST(int, sizeof why));
}

/* Private. */
static inline void hark_pq_cancelled(struct hark_op *op, int64_t result)
{
    struct hark_pq_cancel *request = hark_container_of(op, struct hark_pq_cancel, op);
    (void)result;
    PQfreeCancel(request->cancel);
    free(request);
}

/* Asks the server to stop the query that runs, by a connection of its own, on a thread of the pool,
 * as PQcancel waits. The query then ends with an error, SQLSTATE 57014, or as if nothing had been
 * asked for. May be closed meanwhile.
 * Fails: -ENOMEM; -ENOTCONN it is not connected. */
static inline int hark_pq_cancel(struct hark_pq *pq)
{
    PGcancel *cancel = PQgetCancel(pq->connection);
    struct hark_pq_cancel *request =
        HARK_CAST(struct hark_pq_cancel *, calloc(1, sizeof(struct hark_pq_cancel)));
    if (!cancel || !request) {
        PQfreeCancel(cancel);
        free(request);
        return cancel ? -ENOMEM : -ENOTCONN;
    }
    request->cancel = cancel;
    hark_work(pq->loop, &request->op, hark_pq_cancels, hark_pq_cancelled);
    return 0;
}

/* Ends the connection at once, PQfinish. Nothing is told any more. Its memory frees itself. */
static inline void hark_pq_close(struct hark_pq *pq)
{
    pq->inside++;
    pq->closed = true;
    (void)hark_pq_wait(pq, 0); /* before the descriptor is closed */
    PQfinish(pq->connection);
    if (hark_op_active(&pq->later))
        hark_cancel(&pq->later);
    hark_pq_leave(pq);
}

HARK_END

#endif
