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
#include "http/host.h"
#include "http/http.h"

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

struct exchange http_exchange(const struct http_session *http)
{
    return (struct exchange){
        .head_only = http->request.method == HTTP_METHOD_HEAD,
        .keep_alive = http->request.keep_alive && http->session.agent->ending == ENDING_NOT,
    };
}

/* --- deadlines --- */

static void phase_set(struct http_session *http, enum http_phase phase)
{
    const struct serve_options *options = http->session.agent->options;
    if (http->phase == phase && http->session.deadline.at_ns != HARK_NEVER)
        return;
    http->phase = phase;
    switch (phase) {
    case HTTP_PHASE_IDLE:
        deadline_set(&http->session.deadline,
                     or_default(options->idle_timeout_ns, IDLE_NS_DEFAULT));
        break;
    case HTTP_PHASE_HEAD:
        deadline_set(&http->session.deadline,
                     or_default(options->head_timeout_ns, HEAD_NS_DEFAULT));
        break;
    case HTTP_PHASE_BODY:
        deadline_set(&http->session.deadline,
                     or_default(options->body_timeout_ns, BODY_NS_DEFAULT));
        break;
    }
}

static void http_timed_out(struct session *session)
{
    struct http_session *http = http_session_of(session);
    if (http->phase == HTTP_PHASE_IDLE) {
        session_close(session);
        return;
    }
    http->late = http->phase == HTTP_PHASE_HEAD ? "the head of the request did not come in time"
                                                : "the body of the request did not come in time";
    http->step = HTTP_STEP_REFUSED; /* after the answers that are pending */
    http_advance(http);
}

/* --- input --- */

/* Copies what was not looked at: the caller's bytes are gone when it returns. */
static void input_keep(struct http_session *http)
{
    char *kept = malloc(http->input_count);
    if (!kept) {
        session_close(&http->session);
        return;
    }
    memcpy(kept, http->input, http->input_count);
    free(http->kept);
    http->kept = kept;
    http->input = kept;
}

static void input_drop(struct http_session *http)
{
    free(http->kept);
    http->kept = NULL;
    http->input = NULL;
    http->input_count = 0;
}

/* Adds a piece that came after all to what is kept. */
static void input_append(struct http_session *http, const void *bytes, size_t count)
{
    char *kept = malloc(http->input_count + count);
    if (!kept) {
        session_close(&http->session);
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
static bool may_go(const struct http_session *http)
{
    if (hark_stream_queued(&http->session.stream) >= QUEUED_BYTES_MAX)
        return false;
    if (http->pending == 0 || http->step == HTTP_STEP_READ)
        return true;
    if (http->awaits != 0 || http->step != HTTP_STEP_REQUEST || !route_is_ordered(http))
        return false;
    const struct incoming *incoming = &http->session.agent->incoming;
    return http->pending < PENDING_MAX && http->pending_bytes < PENDING_BYTES_MAX &&
           incoming->bytes <= incoming->bytes_max;
}

/* A head has come: looks whether the request is for us. The rest of it is not read where it is
 * not. */
static enum http_step step_for_host(struct http_session *http, enum http_step step)
{
    if (!http->guarded || host_allowed(http->session.agent->options, http->request.host))
        return step;
    http->request.status = 421;
    http->request.reason =
        "the host that was asked for is not one of this server (hark serve --host NAME adds it)";
    return HTTP_STEP_REFUSED;
}

static void read_on(struct http_session *http)
{
    size_t used = 0;
    enum http_state state =
        http_request_feed(&http->request, http->input, http->input_count, &used);
    http->input += used;
    http->input_count -= used;
    switch (state) {
    case HTTP_MORE:
        check(http->input_count == 0);
        if (!incoming_set(&http->session, http->request.body_count + http->pending_bytes)) {
            http->crowded = true;
            http->step = HTTP_STEP_REFUSED;
        }
        break;
    case HTTP_HEAD_COMPLETE:
        phase_set(http, HTTP_PHASE_BODY);
        http->step =
            step_for_host(http, http->request.expects_continue ? HTTP_STEP_HEAD : HTTP_STEP_READ);
        break;
    case HTTP_COMPLETE:
        http->step = http->phase == HTTP_PHASE_BODY ? HTTP_STEP_REQUEST
                                                    : step_for_host(http, HTTP_STEP_REQUEST);
        break;
    case HTTP_REFUSED:
        http->step = HTTP_STEP_REFUSED;
        break;
    }
}

static void take_request(struct http_session *http)
{
    struct session *session = &http->session;
    http->step = HTTP_STEP_READ;
    http->phase = HTTP_PHASE_IDLE;
    deadline_off(&session->deadline);
    session->agent->counters.requests[http->request.method]++;
    http->last = http->last || !http->request.keep_alive;
    http->large = http->request.body_count > KEPT_BODY_BYTES;
    route(http);
    if (!session->closing && http->step == HTTP_STEP_READ)
        http_request_next(&http->request);
}

static void take_step(struct http_session *http)
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
            http->session.agent->counters.requests[http->request.method]++;
        else if (http->input_count == 0 &&
                 hark_stream_write(&http->session.stream, HTTP_CONTINUE, strlen(HTTP_CONTINUE)) < 0)
            session_close(&http->session);
        break;
    case HTTP_STEP_REQUEST:
        take_request(http);
        break;
    case HTTP_STEP_REFUSED:
        if (http->late)
            answer_error(http, &refusal, 408, NULL, http->late);
        else if (http->crowded)
            answer_error(http, &refusal, 503, "Retry-After: 1\r\n", INCOMING_BUSY);
        else
            answer_error(http, &refusal, http->request.status, NULL, http->request.reason);
        break;
    case HTTP_STEP_STREAM:
        break;
    }
}

/* Between two requests. What a large one took is not held meanwhile; small ones leave theirs for
 * the next. */
static void idle(struct http_session *http)
{
    phase_set(http, HTTP_PHASE_IDLE);
    if (http->large)
        http_request_done(&http->request);
    http->large = false;
}

/* Nothing more can be done with what is here: waits for more, or for its turn. */
static void rest(struct http_session *http, bool may_read)
{
    struct session *session = &http->session;
    if (session->closing || http->step == HTTP_STEP_STREAM)
        return;
    if ((http->peer_ended || http->last) && may_read && http->pending == 0) {
        session_close_after_sending(session);
    } else if (!may_read || http->last) {
        hark_stream_read_stop(&session->stream);
        deadline_off(&session->deadline);
    } else {
        hark_stream_read_start(&session->stream);
        if (http_request_begun(&http->request))
            phase_set(http, http->phase == HTTP_PHASE_IDLE ? HTTP_PHASE_HEAD : http->phase);
        else if (http->pending == 0)
            idle(http);
    }
}

/* Of what came in, and is not done with. */
static size_t held_bytes(const struct http_session *http)
{
    return http->request.body_count + http->pending_bytes + (http->kept ? http->input_count : 0);
}

/* What the next step will have cost. */
static int64_t cost_of(const struct http_session *http)
{
    return http->step == HTTP_STEP_READ ? 1 + (int64_t)(http->input_count / TURNS_BYTES)
                                        : TURNS_REQUEST;
}

/* It has had its share: others are next. */
static void await_turn(struct http_session *http)
{
    if (http->session.closing)
        return;
    if (http->input_count >= TURNS_INPUT)
        hark_stream_read_stop(&http->session.stream);
    turns_wait(&http->session);
}

void http_advance(struct http_session *http)
{
    struct session *session = &http->session;
    bool may_read = true;
    bool waits = false;
    if (http->advancing || session->closing)
        return;
    int64_t left = turns_left(session);
    int64_t budget = left;
    http->advancing = true;
    session_hold(session);
    while (!session->closing && http->step != HTTP_STEP_STREAM &&
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
    turns_spend(session, budget - left);
    if (waits)
        await_turn(http);
    else
        rest(http, may_read);
    if (session->closing || http->step == HTTP_STEP_STREAM)
        http->input_count = 0;
    if (http->input_count == 0)
        input_drop(http);
    incoming_set(session, held_bytes(http));
    http->advancing = false;
    session_release(session);
}

/* --- answers that come later --- */

void http_hold(struct http_session *http)
{
    http->pending++;
    http->awaits++;
    session_hold(&http->session);
}

void http_go(struct http_session *http)
{
    http->pending--;
    http->awaits--;
    http_advance(http);
    session_release(&http->session);
}

void http_await(struct http_session *http)
{
    http->session.agent->answering++;
    http_hold(http);
}

void http_answered(struct http_session *http)
{
    struct agent *agent = http->session.agent;
    agent->answering--;
    http_go(http);
    shutdown_advance(agent);
}

/* --- the stream's events --- */

static void http_received(struct hark_stream *stream, const void *bytes, int64_t count)
{
    struct session *session = session_of(stream);
    struct http_session *http = http_session_of(session);
    if (session->closing || (count > 0 && (http->step == HTTP_STEP_STREAM || http->last)))
        return;
    if (count < 0) {
        session_close(session);
        return;
    }
    if (count == 0 &&
        http->step ==
            HTTP_STEP_STREAM) { /* answers from before the events may still be on their way */
        event_stream_close(http);
        session_close_after_sending(session);
        return;
    }
    session_hold(session);
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
    if (!session->closing)
        incoming_set(session, held_bytes(http));
    session_release(session);
}

static void http_go_on(struct session *session)
{
    http_advance(http_session_of(session));
}

static void http_drained(struct hark_stream *stream)
{
    http_advance(http_session_of(session_of(stream)));
}

/* --- its life --- */

static void http_finish(struct session *session)
{
    struct http_session *http = http_session_of(session);
    if (session->closing)
        return;
    if (http->step == HTTP_STEP_STREAM) {
        if (session->agent->ending >= ENDING_SUBSCRIBERS)
            event_stream_finish(http);
        return;
    }
    http->last = true;
    http_advance(http);
    if (!session->closing && http->pending == 0)
        session_close_after_sending(session);
}

static void http_ended(struct session *session)
{
    event_stream_close(http_session_of(session));
}

static void http_free(struct session *session)
{
    struct http_session *http = http_session_of(session);
    http_request_done(&http->request);
    free(http->kept);
    free(http);
}

static const struct hark_stream_events http_events = {
    .received = http_received,
    .drained = http_drained,
    .failed = session_stream_failed,
    .closed = session_stream_closed,
};

static const struct session_kind http_kind = {
    .protocol = PROTOCOL_HTTP,
    .events = &http_events,
    .timed_out = http_timed_out,
    .go_on = http_go_on,
    .finish = http_finish,
    .ended = http_ended,
    .free = http_free,
};

bool session_http_open(struct agent *agent, const struct port *port, int fd, struct peer *peer)
{
    struct http_session *http = calloc(1, sizeof *http);
    if (!http)
        return false;
    http->guarded = port->guarded;
    http_request_init(&http->request);
    session_open(agent, &http->session, &http_kind, fd, peer);
    phase_set(http, HTTP_PHASE_IDLE);
    return true;
}
