/* http.h - a connection that speaks HTTP/1.1, as those who answer its requests see it. */
#ifndef HARK_COMMAND_HTTP_HTTP_H
#define HARK_COMMAND_HTTP_HTTP_H

#include "connection/connection.h"

#include "wire/http.h"

/* What has to be known of a request when it is answered. Kept by those who answer later. */
struct exchange {
    bool head_only;  /* HEAD: no body */
    bool keep_alive; /* the connection lives on */
};

struct durable_live;
struct event_stream;
struct route_place;
struct route_rule;

enum http_step {
    HTTP_STEP_READ,    /* reads a request */
    HTTP_STEP_HEAD,    /* its head is here, its body waits for our answer */
    HTTP_STEP_REQUEST, /* it is complete, and waits for its turn */
    HTTP_STEP_REFUSED, /* it cannot be understood, and nothing after it */
    HTTP_STEP_STREAM,  /* it was the last: events follow */
};

/* Where the request that is being read leads, found once its head is complete; see route.h. */
struct http_route {
    const struct route_place *place; /* NULL: not found yet */
    const struct route_rule *rule;
    struct broker_stream *stream; /* what the path names: a handle; NULL: no stream */
    struct access_who who;        /* who asks, as far as anybody looked */
    unsigned retry_seconds;       /* of one that has failed too often */
    bool refused;                 /* the rules do not allow it: its body is of no use */
    bool present;                 /* who asks may append, and make no stream: there has to be one */
};

enum http_phase { HTTP_PHASE_IDLE, HTTP_PHASE_HEAD, HTTP_PHASE_BODY };

struct http_connection {
    struct connection connection;
    struct http_request request;
    struct http_route route;
    enum http_step step;
    enum http_phase phase; /* what the deadline is for */
    size_t pending;        /* requests whose answer is on its way; answered in their order */
    size_t pending_bytes;  /* of their bodies */
    unsigned awaits;       /* what is pending has an order of its own: no other beside it */
    bool last;             /* no request is read after those pending */
    bool large;            /* the last request took much memory */
    const char *late;      /* what did not come in time; NULL: nothing */
    bool guarded;          /* requests for other hosts are refused */
    bool crowded; /* all connections together hold too much, and this one more than a little */
    struct event_stream *events; /* HTTP_STEP_STREAM */
    struct access_who follower;  /* who has asked for `events`, or for what is `live`; held */
    struct durable_live *live;   /* a request of it is pending, and waits */
};

static inline struct http_connection *http_connection_of(struct connection *connection)
{
    return hark_container_of(connection, struct http_connection, connection);
}

/* What the request that was just read asks of its answer. */
static inline struct exchange http_exchange(const struct http_connection *http)
{
    return (struct exchange){
        .head_only = http->request.method == HTTP_METHOD_HEAD,
        .keep_alive = http->request.keep_alive && http->connection.worker->state == WORKER_SERVES,
    };
}

/* Who asks now is who follows. */
static inline void http_follow(struct http_connection *http)
{
    access_who_drop(&http->follower);
    http->follower = access_who_hold(&http->route.who);
}

/* An answer will come later: nothing is answered before http_unblock. */
static inline void http_block(struct http_connection *http)
{
    http->pending++;
    http->awaits++;
}

static inline void http_unblock(struct http_connection *http)
{
    http->pending--;
    http->awaits--;
}

#endif
