/* connection.c - reading requests of one connection, in order, and no faster than they are
 * answered.
 *
 * `http_advance` is the one place that moves on. It takes bytes while it may, and leaves the rest
 * in `input` while it may not: while answers that have to come first are pending, or the client
 * does not read what it was sent. Then reading stops, and TCP holds the client back. Publishing
 * requests are started while others are pending, so that many share a commit; all others wait for
 * their turn. What must hold: answers are written in the order of their requests.
 */
#include "base/check.h"
#include "http/answer.h"
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
    QUEUED_BYTES_MAX = 256 * 1024, /* answers that the client has not taken */
};

static const uint64_t HEAD_NS_DEFAULT = 10000000000U;
static const uint64_t BODY_NS_DEFAULT = 60000000000U;
static const uint64_t IDLE_NS_DEFAULT = 75000000000U;

static uint64_t or_default(uint64_t value, uint64_t value_default)
{
    return value != 0 ? value : value_default;
}

struct exchange http_exchange(const struct http_connection *http)
{
    return (struct exchange){
        .head_only = http->request.method == HTTP_METHOD_HEAD,
        .keep_alive = http->request.keep_alive && http->connection.worker->ending == ENDING_NOT,
    };
}

/* --- deadlines --- */

static void phase_set(struct http_connection *http, enum http_phase phase)
{
    const struct serve_options *options = http->connection.worker->options;
    if (http->phase == phase && http->connection.deadline.at_ns != HARK_NEVER)
        return;
    http->phase = phase;
    switch (phase) {
    case HTTP_PHASE_IDLE:
        deadline_set(&http->connection.deadline,
                     or_default(options->idle_timeout_ns, IDLE_NS_DEFAULT));
        break;
    case HTTP_PHASE_HEAD:
        deadline_set(&http->connection.deadline,
                     or_default(options->head_timeout_ns, HEAD_NS_DEFAULT));
        break;
    case HTTP_PHASE_BODY:
        deadline_set(&http->connection.deadline,
                     or_default(options->body_timeout_ns, BODY_NS_DEFAULT));
        break;
    }
}

static void http_timed_out(struct connection *connection)
{
    struct http_connection *http = http_connection_of(connection);
    if (http->phase == HTTP_PHASE_IDLE) {
        connection_close(connection);
        return;
    }
    http->late = http->phase == HTTP_PHASE_HEAD ? "the head of the request did not come in time"
                                                : "the body of the request did not come in time";
    http->step = HTTP_STEP_REFUSED; /* after the answers that are pending */
    http_advance(http);
}

/* --- input --- */

/* Copies what was not looked at: the caller's bytes are gone when it returns. */
static void input_keep(struct http_connection *http)
{
    char *kept = malloc(http->input_count);
    if (!kept) {
        connection_close(&http->connection);
        return;
    }
    memcpy(kept, http->input, http->input_count);
    free(http->kept);
    http->kept = kept;
    http->input = kept;
}

static void input_drop(struct http_connection *http)
{
    free(http->kept);
    http->kept = NULL;
    http->input = NULL;
    http->input_count = 0;
}

/* Adds a piece that came after all to what is kept. */
static void input_append(struct http_connection *http, const void *bytes, size_t count)
{
    char *kept = malloc(http->input_count + count);
    if (!kept) {
        connection_close(&http->connection);
        return;
    }
    if (http->input_count != 0)
        memcpy(kept, http->input, http->input_count);
    memcpy(kept + http->input_count, bytes, count);
    free(http->kept);
    http->kept = kept;
    http->input = kept;
    http->input_count += count;
}

/* --- steps --- */

/* Whether the step may be taken now. */
static bool may_go(const struct http_connection *http)
{
    if (hark_stream_queued(&http->connection.stream) >= QUEUED_BYTES_MAX)
        return false;
    if (http->pending == 0 || http->step == HTTP_STEP_READ)
        return true;
    if (http->awaits != 0 || http->step != HTTP_STEP_REQUEST || !route_is_ordered(http))
        return false;
    const struct incoming *incoming = &http->connection.worker->incoming;
    return http->pending < PENDING_MAX && http->pending_bytes < PENDING_BYTES_MAX &&
           incoming->bytes <= incoming->bytes_max;
}

/* A head has come: looks whether the request is for us, and where it leads. The rest of it is not
 * read if it is for another host. */
static void take_head(struct http_connection *http, enum http_step step)
{
    http->step = step;
    if (!http->guarded || host_allowed(http->connection.worker->options, http->request.host)) {
        route_find(http);
        return;
    }
    http->request.status = 421;
    http->request.reason =
        "the host that was asked for is not one of this server (hark serve --host NAME adds it)";
    http->step = HTTP_STEP_REFUSED;
}

static void read_on(struct http_connection *http)
{
    size_t used = 0;
    enum http_state state =
        http_request_feed(&http->request, http->input, http->input_count, &used);
    http->input += used;
    http->input_count -= used;
    switch (state) {
    case HTTP_MORE:
        check(http->input_count == 0);
        if (!incoming_set(&http->connection, http->request.body_count + http->pending_bytes)) {
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

static void take_step(struct http_connection *http)
{
    struct exchange refusal = {.head_only = http->request.method == HTTP_METHOD_HEAD,
                               .keep_alive = false};
    switch (http->step) {
    case HTTP_STEP_READ:
        read_on(http);
        break;
    case HTTP_STEP_HEAD:
        http->step = HTTP_STEP_READ;
        if (!route_wants_body(http))
            refuse_body(http);
        else if (http->input_count == 0 &&
                 hark_stream_write(&http->connection.stream, HTTP_CONTINUE, strlen(HTTP_CONTINUE)) <
                     0)
            connection_close(&http->connection);
        break;
    case HTTP_STEP_REQUEST:
        take_request(http);
        break;
    case HTTP_STEP_REFUSED:
        if (http->late)
            answer_error(http, &refusal, 408, NULL, http->late);
        else if (http->crowded)
            answer_error(http, &refusal, 503, answer_retry, INCOMING_BUSY);
        else
            answer_error(http, &refusal, http->request.status, NULL, http->request.reason);
        break;
    case HTTP_STEP_STREAM:
        break;
    }
}

/* Between two requests. What a large one took is not held meanwhile; small ones leave theirs for
 * the next. */
static void idle(struct http_connection *http)
{
    phase_set(http, HTTP_PHASE_IDLE);
    if (http->large)
        http_request_done(&http->request);
    http->large = false;
}

/* Nothing more can be done with what is here: waits for more, or for its turn. */
static void rest(struct http_connection *http, bool may_read)
{
    struct connection *connection = &http->connection;
    if (connection->closing || http->step == HTTP_STEP_STREAM)
        return;
    if ((http->peer_ended || http->last) && may_read && http->pending == 0) {
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

/* Of what came in, and is not done with. */
static size_t held_bytes(const struct http_connection *http)
{
    return http->request.body_count + http->pending_bytes + (http->kept ? http->input_count : 0);
}

/* What the next step will have cost. */
static int64_t cost_of(const struct http_connection *http)
{
    return http->step == HTTP_STEP_READ ? 1 + (int64_t)(http->input_count / TURNS_BYTES)
                                        : TURNS_REQUEST;
}

/* It has had its share: others are next. */
static void await_turn(struct http_connection *http)
{
    if (http->connection.closing)
        return;
    if (http->input_count >= TURNS_INPUT)
        hark_stream_read_stop(&http->connection.stream);
    turns_wait(&http->connection);
}

void http_advance(struct http_connection *http)
{
    struct connection *connection = &http->connection;
    bool may_read = true;
    bool waits = false;
    if (http->advancing || connection->closing)
        return;
    int64_t left = turns_left(connection);
    int64_t budget = left;
    http->advancing = true;
    connection_hold(connection);
    while (!connection->closing && http->step != HTTP_STEP_STREAM &&
           !(http->last && http->step == HTTP_STEP_READ)) {
        may_read = may_go(http);
        if (!may_read || (http->step == HTTP_STEP_READ && http->input_count == 0))
            break;
        waits = left <= 0;
        if (waits)
            break;
        left -= cost_of(http);
        take_step(http);
    }
    turns_spend(connection, budget - left);
    if (waits)
        await_turn(http);
    else
        rest(http, may_read);
    if (connection->closing || http->step == HTTP_STEP_STREAM)
        http->input_count = 0;
    if (http->input_count == 0)
        input_drop(http);
    incoming_set(connection, held_bytes(http));
    http->advancing = false;
    connection_release(connection);
}

/* --- answers that come later --- */

void http_hold(struct http_connection *http)
{
    http->pending++;
    http->awaits++;
    connection_hold(&http->connection);
}

void http_go(struct http_connection *http)
{
    http->pending--;
    http->awaits--;
    http_advance(http);
    connection_release(&http->connection);
}

void http_await(struct http_connection *http)
{
    http->connection.worker->answering++;
    http_hold(http);
}

void http_answered(struct http_connection *http)
{
    struct worker *worker = http->connection.worker;
    worker->answering--;
    http_go(http);
    shutdown_advance(worker);
}

/* --- the stream's events --- */

static void http_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct connection *connection = connection_of(stream);
    struct http_connection *http = http_connection_of(connection);
    if (connection->closing || (count > 0 && (http->step == HTTP_STEP_STREAM || http->last)))
        return;
    if (count < 0) {
        connection_close(connection);
        return;
    }
    if (count == 0 &&
        http->step ==
            HTTP_STEP_STREAM) { /* answers from before the events may still be on their way */
        event_stream_close(http);
        connection_close_after_sending(connection);
        return;
    }
    connection_hold(connection);
    bool lent = false;
    if (count == 0) {
        http->peer_ended = true;
    } else if (http->input_count != 0) {
        input_append(http, bytes, (size_t)count);
    } else {
        lent = true;
        http->input = bytes;
        http->input_count = (size_t)count;
    }
    http_advance(http);
    if (lent && http->input_count != 0)
        input_keep(http);
    if (!connection->closing)
        incoming_set(connection, held_bytes(http));
    connection_release(connection);
}

static void http_go_on(struct connection *connection)
{
    http_advance(http_connection_of(connection));
}

static void http_drained(struct hark_stream *stream)
{
    http_advance(http_connection_of(connection_of(stream)));
}

/* --- its life --- */

static void http_finish(struct connection *connection)
{
    struct http_connection *http = http_connection_of(connection);
    if (connection->closing)
        return;
    if (http->step == HTTP_STEP_STREAM) {
        if (connection->worker->ending >= ENDING_SUBSCRIBERS)
            event_stream_finish(http);
        return;
    }
    http->last = true;
    http_advance(http);
    if (!connection->closing && http->pending == 0)
        connection_close_after_sending(connection);
}

static void http_ended(struct connection *connection)
{
    event_stream_close(http_connection_of(connection));
}

static void http_free(struct connection *connection)
{
    struct http_connection *http = http_connection_of(connection);
    route_done(http);
    http_request_done(&http->request);
    free(http->kept);
    free(http);
}

static const struct hark_stream_events http_events = {
    .received = http_received,
    .drained = http_drained,
    .failed = connection_stream_failed,
    .closed = connection_stream_closed,
};

static const struct connection_kind http_kind = {
    .protocol = PROTOCOL_HTTP,
    .events = &http_events,
    .timed_out = http_timed_out,
    .go_on = http_go_on,
    .finish = http_finish,
    .ended = http_ended,
    .free = http_free,
};

bool http_connection_open(struct worker *worker, const struct listener *listener, int fd,
                          struct peer *peer)
{
    struct http_connection *http = calloc(1, sizeof *http);
    if (!http)
        return false;
    http->guarded = listener->guarded;
    http_request_init(&http->request);
    connection_open(worker, &http->connection, &http_kind, fd, peer);
    phase_set(http, HTTP_PHASE_IDLE);
    return true;
}
