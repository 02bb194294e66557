/* connection.c - reading requests of one connection, in order, and no faster than they are
 * answered.
 *
 * Nothing is taken while answers that have to come first are pending, or the client does not read
 * what it was sent. Publishing requests are started while others are pending, so that many share a
 * commit; all others wait for their turn. What must hold: answers are written in the order of their
 * requests.
 */
#include "http/connection.h"
#include "base/check.h"
#include "connection/visitor.h"
#include "http/answer.h"
#include "http/durable_live.h"
#include "http/event_stream.h"
#include "http/host.h"
#include "http/http.h"
#include "http/route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    PENDING_MAX = 128,               /* publishing requests of one connection at once */
    PENDING_BYTES_MAX = 1024 * 1024, /* and their bodies; one is always let in */
    KEPT_BODY_BYTES = 4096,
};

static const uint64_t HEAD_NS_DEFAULT = 10000000000U;
static const uint64_t BODY_NS_DEFAULT = 60000000000U;
static const uint64_t IDLE_NS_DEFAULT = 75000000000U;

/* --- deadlines --- */

static void phase_set(struct http_connection *http, enum http_phase phase)
{
    const struct connection_options *options = http->connection.worker->options;
    if (http->phase == phase && http->connection.deadline.at_ns != HARK_NEVER)
        return;
    http->phase = phase;
    switch (phase) {
    case HTTP_PHASE_IDLE:
        deadline_set(&http->connection.deadline,
                     connection_option(options->idle_timeout_ns, IDLE_NS_DEFAULT));
        break;
    case HTTP_PHASE_HEAD:
        deadline_set(&http->connection.deadline,
                     connection_option(options->head_timeout_ns, HEAD_NS_DEFAULT));
        break;
    case HTTP_PHASE_BODY:
        deadline_set(&http->connection.deadline,
                     connection_option(options->body_timeout_ns, BODY_NS_DEFAULT));
        break;
    }
}

static void http_timed_out(struct connection *connection)
{
    struct http_connection *http = http_connection_of(connection);
    if (http->step == HTTP_STEP_STREAM) {
        event_stream_timed_out(http);
        return;
    }
    if (http->phase == HTTP_PHASE_IDLE) {
        connection_close(connection);
        return;
    }
    http->late = http->phase == HTTP_PHASE_HEAD ? "the head of the request did not come in time"
                                                : "the body of the request did not come in time";
    http->step = HTTP_STEP_REFUSED; /* after the answers that are pending */
    connection_advance(connection);
}

/* --- steps --- */

/* Of what came in, and is not done with. */
static size_t http_held(struct connection *connection)
{
    struct http_connection *http = http_connection_of(connection);
    return http->request.body_count + http->pending_bytes;
}

/* Whether the step may be taken now. */
static bool may_go(const struct http_connection *http)
{
    if (connection_is_full(&http->connection))
        return false;
    if (http->pending == 0 || http->step == HTTP_STEP_READ)
        return true;
    if (http->awaits != 0 || http->step != HTTP_STEP_REQUEST || !route_is_ordered(http))
        return false;
    return http->pending < PENDING_MAX && http->pending_bytes < PENDING_BYTES_MAX &&
           !incoming_is_full(&http->connection.worker->incoming);
}

static enum connection_next http_next(struct connection *connection)
{
    struct http_connection *http = http_connection_of(connection);
    if (http->step == HTTP_STEP_STREAM || (http->last && http->step == HTTP_STEP_READ))
        return CONNECTION_DROP;
    if (!may_go(http))
        return CONNECTION_HELD;
    if (http->step == HTTP_STEP_READ && connection->input.count == 0)
        return CONNECTION_MORE;
    return CONNECTION_STEP;
}

/* The body of what is refused is not read. */
static void refuse_early(struct http_connection *http)
{
    if (http->route.refused && http->step == HTTP_STEP_READ)
        http->step = HTTP_STEP_REFUSED;
}

/* A head has come: looks whether the request is for us, and where it leads. The rest of it is not
 * read if it is for another host. */
static void take_head(struct http_connection *http, enum http_step step)
{
    http->step = step;
    if (!http->guarded || host_allowed(http->connection.worker->options, http->request.host)) {
        route_find(http);
        refuse_early(http);
        return;
    }
    http->request.status = 421;
    http->request.reason =
        "the host that was asked for is not one of this server (hark serve --host NAME adds it)";
    http->step = HTTP_STEP_REFUSED;
}

static void read_on(struct http_connection *http)
{
    struct connection *connection = &http->connection;
    struct input *input = &connection->input;
    size_t used = 0;
    enum http_state state = http_request_feed(&http->request, input->bytes, input->count, &used);
    input_use(input, used);
    switch (state) {
    case HTTP_MORE:
        check(input->count == 0);
        if (!incoming_set(&connection->worker->incoming, &connection->incoming,
                          http_held(connection))) {
            http->crowded = true;
            http->step = HTTP_STEP_REFUSED;
        }
        break;
    case HTTP_HEAD_COMPLETE:
        phase_set(http, HTTP_PHASE_BODY);
        take_head(http, http->request.expects_continue ? HTTP_STEP_HEAD : HTTP_STEP_READ);
        break;
    case HTTP_COMPLETE:
        if (http->phase == HTTP_PHASE_BODY)
            http->step = HTTP_STEP_REQUEST;
        else
            take_head(http, HTTP_STEP_REQUEST);
        break;
    case HTTP_REFUSED:
        http->step = HTTP_STEP_REFUSED;
        break;
    }
}

static void take_request(struct http_connection *http)
{
    struct connection *connection = &http->connection;
    http->step = HTTP_STEP_READ;
    http->phase = HTTP_PHASE_IDLE;
    deadline_off(&connection->deadline);
    connection->worker->counters.requests[http->request.method]++;
    http->last = http->last || !http->request.keep_alive;
    http->large = http->request.body_count > KEPT_BODY_BYTES;
    if (http->request.body_count > 0)
        visitor_brings(connection, http->request.body_count);
    route_answer(http);
    if (!connection->closing && http->step == HTTP_STEP_READ)
        http_request_next(&http->request);
}

/* Answers a request whose body was not sent yet, and whose body is of no use. */
static void refuse_body(struct http_connection *http)
{
    http->last = true; /* whether the body comes all the same is not known */
    http->request.keep_alive = false;
    http->connection.worker->counters.requests[http->request.method]++;
    route_answer(http);
}

/* Answers a request that cannot be understood, or did not come in time. */
static void refuse(struct http_connection *http)
{
    struct exchange refusal = {.head_only = http->request.method == HTTP_METHOD_HEAD,
                               .keep_alive = false};
    if (http->late)
        answer_error(http, &refusal, 408, NULL, http->late);
    else if (http->crowded)
        answer_error(http, &refusal, 503, answer_retry, INCOMING_BUSY);
    else if (http->route.refused)
        route_answer_as(http, &refusal);
    else
        answer_error(http, &refusal, http->request.status, NULL, http->request.reason);
}

/* What the next step will have cost. */
static int64_t cost_of(const struct http_connection *http)
{
    return http->step == HTTP_STEP_READ ? 1 + (int64_t)(http->connection.input.count / TURNS_BYTES)
                                        : TURNS_REQUEST;
}

static void take_step(struct http_connection *http)
{
    struct connection *connection = &http->connection;
    switch (http->step) {
    case HTTP_STEP_READ:
        read_on(http);
        break;
    case HTTP_STEP_HEAD:
        http->step = HTTP_STEP_READ;
        if (!route_wants_body(http))
            refuse_body(http);
        else if (connection->input.count == 0)
            connection_write(connection, HTTP_CONTINUE, strlen(HTTP_CONTINUE));
        break;
    case HTTP_STEP_REQUEST:
        take_request(http);
        break;
    case HTTP_STEP_REFUSED:
        refuse(http);
        break;
    case HTTP_STEP_STREAM:
        break;
    }
}

static int64_t http_step(struct connection *connection)
{
    struct http_connection *http = http_connection_of(connection);
    int64_t cost = cost_of(http);
    take_step(http);
    return cost;
}

static enum connection_next http_steps(struct connection *connection)
{
    return connection_steps(connection, http_next, http_step);
}

/* --- between steps --- */

/* Between two requests. What a large one took is not held meanwhile; small ones leave theirs for
 * the next. */
static void idle(struct http_connection *http)
{
    phase_set(http, HTTP_PHASE_IDLE);
    if (http->large)
        http_request_done(&http->request);
    http->large = false;
}

static void http_rest(struct connection *connection, enum connection_next why)
{
    struct http_connection *http = http_connection_of(connection);
    bool may_read = why != CONNECTION_HELD;
    if (why == CONNECTION_TURN || http->step == HTTP_STEP_STREAM)
        return;
    if ((connection->peer_ended || http->last) && may_read && http->pending == 0) {
        connection_close_after_sending(connection);
    } else if (!may_read || http->last) {
        hark_stream_read_stop(&connection->stream);
        deadline_off(&connection->deadline);
    } else {
        hark_stream_read_start(&connection->stream);
        if (http_request_begun(&http->request))
            phase_set(http, http->phase == HTTP_PHASE_IDLE ? HTTP_PHASE_HEAD : http->phase);
        else if (http->pending == 0)
            idle(http);
    }
}

static void http_peer_ended(struct connection *connection)
{
    struct http_connection *http = http_connection_of(connection);
    if (http->step != HTTP_STEP_STREAM)
        return;
    event_stream_close(http); /* answers from before the events may still be on their way */
    connection_close_after_sending(connection);
}

/* --- its life --- */

static void http_begin(struct connection *connection)
{
    phase_set(http_connection_of(connection), HTTP_PHASE_IDLE);
}

/* What was routed, and is not answered yet, is looked at anew. */
static void http_rules_changed(struct connection *connection)
{
    struct http_connection *http = http_connection_of(connection);
    if (connection->closing)
        return;
    if (http->step == HTTP_STEP_STREAM) {
        event_stream_check(http);
        return;
    }
    durable_live_check(http);
    if (!http->route.place || http->route.refused)
        return;
    route_find_again(http);
    refuse_early(http);
    connection_advance(connection);
}

static void http_finish(struct connection *connection)
{
    struct http_connection *http = http_connection_of(connection);
    if (connection->closing)
        return;
    if (http->step == HTTP_STEP_STREAM) {
        if (connection->worker->state == WORKER_LEAVES)
            event_stream_finish(http);
        return;
    }
    http->last = true;
    durable_live_finish(http);
    connection_advance(connection);
    if (!connection->closing && http->pending == 0)
        connection_close_after_sending(connection);
}

static void http_ended(struct connection *connection)
{
    struct http_connection *http = http_connection_of(connection);
    event_stream_close(http);
    durable_live_finish(http);
}

static void http_free(struct connection *connection)
{
    struct http_connection *http = http_connection_of(connection);
    route_done(http);
    access_who_drop(&http->follower);
    http_request_done(&http->request);
    free(http);
}

static const struct connection_kind http_kind = {
    .protocol = PROTOCOL_HTTP,
    .begin = http_begin,
    .steps = http_steps,
    .held = http_held,
    .rest = http_rest,
    .peer_ended = http_peer_ended,
    .timed_out = http_timed_out,
    .rules_changed = http_rules_changed,
    .finish = http_finish,
    .ended = http_ended,
    .free = http_free,
};

static bool http_open(struct worker *worker, const struct arrival *arrival)
{
    struct http_connection *http = calloc(1, sizeof *http);
    if (!http)
        return false;
    http->guarded = arrival->guarded;
    http_request_init(&http->request);
    bool open = connection_open(worker, &http->connection, &http_kind, arrival);
    if (!open)
        free(http);
    return open;
}

const struct protocol http_protocol = {"http", PROTOCOL_HTTP, http_open};
