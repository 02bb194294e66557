/* durable_live.c - a loop of steps, one under way at a time: ask what the stream is like; read a
 * chunk; send it; with nothing to send, follow the stream and wait.
 *
 * An event stream has each chunk as an event "data", and after it one "control" that says where the
 * client stands. It ends after a minute, as the protocol wants it, so that caches can bring clients
 * together; a long poll is answered after 20 seconds at the latest (--poll-timeout).
 *
 * What must hold: the stream is asked about once more after it was followed, since it may have
 * changed before; whatever wakes it while a step is under way is looked at after that step. */
#include "http/durable_live.h"

#include "base/check.h"
#include "broker/chunk.h"
#include "broker/reader.h"
#include "broker/stream.h"
#include "connection/query.h"
#include "connection/visitor.h"
#include "durable/events.h"
#include "http/answer.h"
#include "http/durable_answer.h"
#include "wire/sse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t POLL_NS_DEFAULT = UINT64_C(20) * 1000000000;
static const uint64_t EVENTS_NS = UINT64_C(60) * 1000000000;

struct durable_live {
    struct query query;
    struct broker_chunk chunk;
    struct broker_follow follow;
    struct broker_waiter waiter;
    struct hark_stream_block block; /* of an event stream: the one on its way */
    struct hark_op timer;
    struct http_connection *http;
    struct exchange exchange;
    struct broker_stream *stream; /* a handle */
    struct durable_live_request request;
    uint64_t cursor;
    size_t count; /* of the chunk */
    bool busy;    /* a step is under way */
    bool known;   /* what the stream is like, as nothing has changed since */
    bool placed;  /* where it begins is known, and these four: */
    uint64_t generation;
    uint64_t begin;
    bool exact; /* nothing may be missing behind where it stands */
    bool from_now;
    bool changed;     /* the stream, since it was asked about */
    bool begun;       /* its head is sent */
    bool told;        /* what there was when it was told last */
    bool all_told;    /* and that was all */
    bool told_closed; /* and that nothing more comes */
    bool late;        /* its time is over */
    bool ending;      /* it ends as soon as nothing is under way */
};

static void go_on(struct durable_live *live);

static bool is_gone(const struct durable_live *live)
{
    return live->http->connection.closing;
}

/* --- its end --- */

static void destroy(struct durable_live *live)
{
    struct http_connection *http = live->http;
    struct connection *connection = &http->connection;
    broker_wait_stop(&live->waiter);
    broker_stream_close(live->stream);
    http->live = NULL;
    free(live->chunk.bytes);
    free(live);
    http_unblock(http);
    connection_answered(connection);
}

/* Ends it, now or when what is under way is done. */
static void end(struct durable_live *live)
{
    live->ending = true;
    if (live->busy)
        return;
    if (hark_op_active(&live->timer))
        hark_cancel(&live->timer);
    else
        destroy(live);
}

static void end_events(struct durable_live *live)
{
    if (!is_gone(live))
        connection_close_after_sending(&live->http->connection);
    end(live);
}

static void timer_rang(struct hark_op *op, int64_t result)
{
    struct durable_live *live = hark_container_of(op, struct durable_live, timer);
    (void)result;
    live->late = true;
    if (live->ending && !live->busy)
        destroy(live);
    else
        go_on(live);
}

/* --- answers of a long poll --- */

static void fail(struct durable_live *live, int status, const char *reason)
{
    struct durable_lines lines;
    if (live->begun) {
        end_events(live);
        return;
    }
    durable_lines_begin(&lines);
    durable_line(&lines, "Cache-Control", "no-store");
    durable_line(&lines, "Retry-After", status == 503 ? "1" : NULL);
    live->busy = true; /* the connection may end inside of this */
    if (!is_gone(live))
        answer_error(live->http, &live->exchange, status, lines.lines, reason);
    live->busy = false;
    end(live);
}

static void answer(struct durable_live *live, const struct durable_reading *reading,
                   const struct durable_lines *lines)
{
    if (live->count > 0) {
        durable_send_chunk(live->http, &live->exchange, reading, lines, live->chunk.bytes,
                           live->count);
    } else if (answer_head(live->http, &live->exchange, 204, HTTP_LENGTH_NONE, NULL,
                           lines->lines)) {
        answer_done(live->http, &live->exchange);
    }
}

/* Takes: to: the last id that the client then has. */
static void answer_poll(struct durable_live *live, uint64_t to)
{
    const struct durable_facts *facts = &live->query.facts;
    struct durable_reading reading = {.facts = facts,
                                      .from = live->begin,
                                      .to = to,
                                      .cursor = live->cursor,
                                      .now = live->from_now};
    struct durable_lines lines;
    durable_reading_lines(&reading, &lines);
    live->busy = true; /* the connection may end inside of this */
    if (!is_gone(live))
        answer(live, &reading, &lines);
    live->busy = false;
    end(live);
}

/* --- events --- */

static void released(struct hark_stream *stream, struct hark_stream_block *block, int error)
{
    struct durable_live *live = hark_container_of(block, struct durable_live, block);
    (void)stream;
    free((char *)(uintptr_t)block->bytes);
    live->busy = false;
    if (error < 0)
        live->ending = true;
    go_on(live);
}

/* Sends an event with what was read, if something was, and where the client then stands. */
static void send_events(struct durable_live *live)
{
    const struct durable_facts *facts = &live->query.facts;
    const bool at_end = live->request.after >= facts->tail;
    struct durable_control control = {.after = live->request.after,
                                      .cursor = live->cursor,
                                      .up_to_date = at_end,
                                      .closed = at_end && facts->closed};
    size_t size = events_size(facts->type, live->chunk.bytes, live->count);
    char *bytes = malloc(size + EVENTS_CONTROL_MAX);
    if (!bytes) {
        end_events(live);
        return;
    }
    size_t count =
        live->count == 0 ? 0 : events_encode(facts->type, live->chunk.bytes, live->count, bytes);
    count += events_control(&control, bytes + count);
    check(count <= size + EVENTS_CONTROL_MAX);
    free(live->chunk.bytes);
    live->chunk.bytes = NULL;
    live->count = 0;
    live->told = true;
    live->all_told = at_end;
    live->told_closed = control.closed;
    live->block = (struct hark_stream_block){.bytes = bytes, .count = count, .released = released};
    live->busy = true;
    if (hark_stream_write_block(&live->http->connection.stream, &live->block) >= 0)
        return;
    live->busy = false;
    free(bytes);
    end_events(live);
}

static bool begin_events(struct durable_live *live)
{
    struct http_connection *http = live->http;
    struct exchange last = live->exchange;
    struct durable_lines lines;
    if (live->begun)
        return true;
    durable_lines_begin(&lines);
    durable_line(&lines, "Cache-Control", "no-cache");
    durable_line(&lines, "X-Accel-Buffering", "no");
    if (events_are_base64(live->query.facts.type))
        durable_line(&lines, "stream-sse-data-encoding", "base64");
    last.keep_alive = false;
    http->last = true;
    live->begun = true;
    if (!answer_head(http, &last, 200, HTTP_LENGTH_UNTIL_CLOSE, SSE_TYPE, lines.lines))
        return false;
    hark_stream_trim(&http->connection.stream); /* all that follows are blocks */
    return true;
}

/* --- steps --- */

static void answered(struct query *query)
{
    struct durable_live *live = hark_container_of(query, struct durable_live, query);
    live->busy = false;
    go_on(live);
}

/* Asks what the stream is like. Gives: false: it will be known later. */
static bool know(struct durable_live *live)
{
    struct worker *worker = live->http->connection.worker;
    if (live->known)
        return true;
    live->known = true;
    live->changed = false;
    live->query.after = live->request.after;
    if (worker->calls->query_now(worker, &live->query))
        return true;
    live->busy = true;
    worker->calls->query_send(worker, &live->query, answered);
    return false;
}

static void chunk_read(struct broker_chunk *chunk, int64_t result)
{
    struct durable_live *live = hark_container_of(chunk, struct durable_live, chunk);
    live->busy = false;
    if (result == -ENOENT) {
        fail(live, 404, "there is no such stream");
        return;
    }
    if (result < 0) {
        fail(live, 503, "the stream cannot be read now: try again later");
        return;
    }
    if (chunk->gap && live->exact) {
        fail(live, 410, "what followed that offset is not kept");
        return;
    }
    struct durable_place *from = &live->query.place;
    live->exact = true;
    live->count = (size_t)result;
    live->request.after = chunk->last > from->after ? chunk->last
                          : from->beyond != 0       ? from->beyond
                                                    : live->query.facts.tail;
    if (from->limit != 0)
        live->known = false; /* it may go on in another stream */
    from->after = live->request.after;
    if (live->ending)
        end(live);
    else if (result == 0 || !live->request.events)
        go_on(live);
    else
        send_events(live);
}

static void read_chunk(struct durable_live *live)
{
    const struct durable_facts *facts = &live->query.facts;
    const struct durable_place *from = &live->query.place;
    const struct broker_part part = {
        .encoding = durable_type_is_json(facts->type) ? BROKER_JSON : BROKER_BYTES,
        .generation = from->generation,
        .after = from->after,
        .limit = from->limit,
    };
    live->busy = true;
    if (broker_chunk_read(&live->chunk, live->stream, &part, chunk_read) >= 0)
        return;
    live->busy = false;
    fail(live, 503, "out of memory: try again later");
}

static void woken(struct broker_waiter *waiter)
{
    struct durable_live *live = hark_container_of(waiter, struct durable_live, waiter);
    live->changed = true;
    if (!live->busy)
        go_on(live);
}

static void start_waiting(struct durable_live *live)
{
    broker_wait(&live->waiter, live->stream, woken);
    live->known = false; /* it may have changed before */
}

static void followed(struct broker_follow *follow, int error)
{
    struct durable_live *live = hark_container_of(follow, struct durable_live, follow);
    live->busy = false;
    if (error < 0) {
        fail(live, 503, "out of memory: try again later");
        return;
    }
    start_waiting(live);
    go_on(live);
}

/* Has the stream followed. Gives: whether it is from now on: then it has to be looked at again. */
static bool follow(struct durable_live *live)
{
    if (live->waiter.stream) {
        live->known = !live->changed; /* else it is asked about once more before it rests */
        return live->changed;
    }
    live->busy = true;
    int known = broker_follow(live->stream, &live->follow, followed);
    live->busy = known == 0;
    if (known > 0)
        start_waiting(live);
    else if (known < 0)
        fail(live, 503, "out of memory: try again later");
    return known > 0;
}

/* The client has all there is. Gives: whether to look again. */
static bool at_end(struct durable_live *live)
{
    const struct durable_facts *facts = &live->query.facts;
    const bool events = live->request.events;
    if (!events && (live->count > 0 || facts->closed || live->late))
        answer_poll(live, live->request.after);
    else if (events && live->told_closed)
        end_events(live);
    else if (events && (!live->all_told || facts->closed))
        send_events(live);
    else
        return follow(live);
    return false;
}

/* Gives: false: there is no such place. */
static bool place(struct durable_live *live)
{
    const struct durable_facts *facts = &live->query.facts;
    struct durable_live_request *request = &live->request;
    if (live->placed)
        return facts->generation == live->generation;
    live->placed = true;
    live->generation = facts->generation;
    live->exact = request->from == OFFSET_AFTER;
    live->from_now = request->from == OFFSET_NOW;
    if (request->from == OFFSET_NOW)
        request->after = facts->tail;
    live->begin = request->after;
    return request->after <= facts->tail;
}

/* Whether nothing follows. What it has of others counts as had, once it is behind all of that. */
static bool has_all(struct durable_live *live)
{
    const struct durable_place *from = &live->query.place;
    const uint64_t tail = live->query.facts.tail;
    if (live->request.after < tail && from->limit == 0 && from->after >= tail)
        live->request.after = from->after;
    return live->request.after >= tail;
}

/* Takes the next step. Gives: whether there is another one to be taken now. */
static bool step(struct durable_live *live)
{
    const struct durable_facts *facts = &live->query.facts;
    if (live->busy)
        return false;
    if (live->ending || is_gone(live))
        end(live);
    else if (!know(live))
        return false;
    else if (!facts->exists)
        fail(live, 404, "there is no such stream");
    else if (facts->deleted)
        fail(live, 410, "the stream was deleted, and stays for its forks alone");
    else if (!place(live))
        fail(live, 410, "that offset is behind the end, or of another stream of this name");
    else if (live->request.events && (!begin_events(live) || (live->late && live->told)))
        end_events(live);
    else if (has_all(live))
        return at_end(live);
    else if (live->count > 0)
        answer_poll(live, live->request.after);
    else
        read_chunk(live);
    return false;
}

static void go_on(struct durable_live *live)
{
    while (step(live)) {
    }
}

void durable_live_open(struct http_connection *http, const struct exchange *exchange,
                       const struct durable_live_request *request)
{
    struct hark_loop *loop = http->connection.worker->loop;
    struct durable_live *live = calloc(1, sizeof *live);
    if (!live) {
        answer_no_memory(http, exchange);
        return;
    }
    const char *name = broker_stream_name(http->route.stream);
    live->http = http;
    live->exchange = *exchange;
    live->request = *request;
    live->stream = http->route.stream;
    live->cursor = durable_cursor(hark_os_wall_clock(loop), request->cursor);
    live->late = http->connection.worker->state != WORKER_SERVES;
    live->query.kind = QUERY_FACTS;
    live->query.touches = true;
    memcpy(live->query.name, name, strlen(name) + 1);
    http->route.stream = NULL;
    http_follow(http);
    http->live = live;
    http_block(http);
    connection_await(&http->connection);
    const uint64_t poll_ns =
        connection_option(http->connection.worker->options->poll_timeout_ns, POLL_NS_DEFAULT);
    const uint64_t until_ns = hark_now(loop) + (request->events ? EVENTS_NS : poll_ns);
    const uint64_t expires_ns = visitor_until(&http->connection, &http->follower);
    hark_sleep_until(loop, &live->timer, until_ns < expires_ns ? until_ns : expires_ns, timer_rang);
    go_on(live);
}

void durable_live_finish(struct http_connection *http)
{
    struct durable_live *live = http->live;
    if (!live)
        return;
    live->late = true;
    if (!live->busy)
        go_on(live);
}

void durable_live_check(struct http_connection *http)
{
    if (http->live && !access_allow(&http->connection.worker->access, &http->follower, ACCESS_READ,
                                    broker_stream_name(http->live->stream)))
        connection_close(&http->connection);
}
