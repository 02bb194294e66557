/* stream.c - the stream: a connection with a bounded write queue, half-close both ways, and
 * deadlines.
 *
 * Calls (stream_calls.c) and callbacks only note what is wanted or has happened, in four states:
 * opening, reading, writing, ending. `stream_move_on` alone looks at them and starts what is due.
 * Each callback of an op runs between `enter` and `leave`: what its owner asks for meanwhile is
 * gathered, and started once, when it has returned.
 *
 * What must hold: starting an op never calls back (op.h), so no call here does; after
 * hark_stream_close nothing is called but `released` and `closed`; `closed` comes once every op is
 * idle, and after it the stream is not touched; one send is in flight at most, and what it points
 * at stays (stream_queue.c); after hark_stream_read_stop nothing is delivered from the pool until
 * the owner reads again: what was taken from the socket meanwhile is held (stream_held.c).
 * Deadlines belong to the ops: the one in flight is moved, no timer is kept. They are counted from
 * a clock read at that moment: the turn's own time could be a long callback old, and a deadline
 * early.
 *
 * Left to others: the descriptor, and what moves bytes (transport.h). */
#include "net/stream.h"
#include "net/stream_held.h"
#include "net/stream_queue.h"
#include "net/stream_states.h"
#include "net/transport_socket.h"

#include "base/check.h"
#include "hark/buffer.h"
#include "hark/os.h"

#include <errno.h>
#include <stdlib.h>

#define LINGER_NS 2000000000ull

static void enter(struct hark_stream *stream)
{
    stream->corked = true;
}

static void leave(struct hark_stream *stream)
{
    stream->corked = false;
    stream_move_on(stream); /* the last: the stream may be gone */
}

uint64_t stream_deadline(const struct hark_stream *stream, uint64_t timeout_ns)
{
    uint64_t now_ns = timeout_ns ? hark_os_clock(stream->loop) : 0;
    return timeout_ns && timeout_ns < HARK_NEVER - now_ns ? now_ns + timeout_ns : HARK_NEVER;
}

/* Gives an op that was just started its deadline. */
static void limit(const struct hark_stream *stream, struct hark_op *op, uint64_t timeout_ns)
{
    if (timeout_ns)
        hark_op_deadline(op, stream_deadline(stream, timeout_ns));
}

void hark_transport_limit(struct hark_stream *stream, struct hark_op *op)
{
    if (op != &stream->receive)
        limit(stream, op, stream->options.write_timeout_ns);
    else if (stream->reading == STOPPING || stream->reading == RESTARTING)
        hark_cancel(op); /* the cancel came too late for the one before */
    else if (stream->ending == LINGERING)
        hark_op_deadline(op, stream->linger_ns);
    else if (stream->ending != FINISHING)
        limit(stream, op, stream->options.read_timeout_ns);
}

/* --- writing --- */

/* Writing has ended badly: once. */
static void fail(struct hark_stream *stream, int error)
{
    stream->writing = FAILED;
    stream_queue_drop(stream, error);
    if (stream->events->failed && stream->ending != CLOSING)
        stream->events->failed(stream, error);
}

static void send_done(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, send);
    enter(stream);
    if (result >= 0) {
        stream->sent_bytes += (uint64_t)result;
        stream_queue_sent(stream, (size_t)result);
        if (stream->writing == DRAIN_OWED && stream->ending != CLOSING &&
            stream->queued_bytes <= stream->options.low_bytes) {
            stream->writing = WRITES;
            if (stream->events->drained)
                stream->events->drained(stream);
        }
    } else if (stream->ending != CLOSING) {
        fail(stream, (int)result);
    }
    leave(stream);
}

static void shutdown_done(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, shutdown);
    enter(stream);
    if (result < 0 && stream_finishes(stream))
        stream->writing = FAILED; /* all was sent, and the connection is gone: as asked for */
    else if (result < 0 && stream->ending != CLOSING)
        fail(stream, (int)result);
    leave(stream);
}

/* All is sent, and the end of it: close, once the peer has ended too. */
static void linger(struct hark_stream *stream)
{
    if (stream->reading == PEER_ENDED || (stream->ending == LINGERING && stream->reading == CUT)) {
        stream->ending = CLOSING;
    } else if (stream->ending != LINGERING) {
        uint64_t write_timeout_ns = stream->options.write_timeout_ns;
        bool shorter = write_timeout_ns && write_timeout_ns < LINGER_NS;
        stream->linger_ns = stream_deadline(stream, shorter ? write_timeout_ns : LINGER_NS);
        stream->ending = LINGERING;
        if (stream->reading == CUT)
            stream->reading = RESTS;
        hark_op_deadline(&stream->receive, stream->linger_ns);
    }
}

static void advance_writing(struct hark_stream *stream)
{
    if (hark_op_active(&stream->send))
        return;
    if (stream->writing == FAILED) {
        if (stream_finishes(stream))
            stream->ending = CLOSING;
    } else if (stream->first) {
        stream_queue_gather(stream);
        stream->transport->send(stream, &stream->gather.message, send_done);
        limit(stream, &stream->send, stream->options.write_timeout_ns);
    } else if (stream->writing == ENDED) {
        stream->writing = SHUT;
        stream->transport->end(stream, shutdown_done);
    } else if (stream_finishes(stream)) {
        linger(stream);
    }
}

/* --- reading --- */

static bool delivers(const struct hark_stream *stream)
{
    return stream->ending <= DETACHING && stream->events->received;
}

static void receive_ended(struct hark_stream *stream, int64_t result)
{
    bool cut = result == -ECANCELED || result == -ETIMEDOUT;
    if (stream->reading != PEER_ENDED)
        stream->reading = cut ? CUT : PEER_ENDED;
    if (delivers(stream))
        stream->events->received(stream, NULL, result);
}

/* The receive in flight has ended. Gives: whether the owner had stopped it. */
static bool receive_over(struct hark_stream *stream)
{
    bool was_stopped = stream->reading == STOPPING || stream->reading == RESTARTING;
    if (was_stopped)
        stream->reading = stream->reading == RESTARTING ? READS : RESTS;
    return was_stopped;
}

/* The owner has stopped reading, or has not yet had what came after he had stopped. */
static bool holds(const struct hark_stream *stream)
{
    return stream->ending <= DETACHING &&
           (stream->held || (!stream_wants(stream) && stream->ending != DETACHING));
}

static void hold_end(struct hark_stream *stream, int64_t result)
{
    if (stream->held_end == NO_END)
        stream->held_end = (int32_t)result;
}

/* Without memory for a piece nothing behind it may be delivered either. */
static void hold(struct hark_stream *stream, const void *bytes, size_t count)
{
    int error = stream->held_end == NO_END ? stream_held_put(stream, bytes, count) : 0;
    if (error)
        hold_end(stream, error);
}

static void deliver(struct hark_stream *stream, const void *bytes, size_t count)
{
    if (delivers(stream))
        stream->events->received(stream, bytes, (int64_t)count);
}

static void end_received(struct hark_stream *stream, int64_t result, bool was_stopped)
{
    if (was_stopped && (result == -ECANCELED || result == -ETIMEDOUT))
        return;
    if (holds(stream))
        hold_end(stream, result);
    else
        receive_ended(stream, result);
}

/* A piece in a buffer that is lent, or the end. */
static void piece_done(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, receive);
    bool more = hark_op_more(op);
    bool was_stopped = !more && receive_over(stream);
    const void *bytes = stream->filling ? stream->filling : hark_op_buffer(op);
    enter(stream);
    if (result <= 0) {
        end_received(stream, result, was_stopped);
    } else {
        stream->received_bytes += (uint64_t)result;
        if (holds(stream))
            hold(stream, bytes, (size_t)result);
        else
            deliver(stream, bytes, (size_t)result);
    }
    if (more && stream->reading == READS && stream->ending == STAYS)
        limit(stream, op, stream->options.read_timeout_ns);
    leave(stream);
}

/* The owner's own buffer is filled: what is in it is his at once, and reading rests. */
static void fill_done(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, receive);
    void *bytes = stream->filling;
    bool was_stopped = receive_over(stream);
    stream->filling = NULL;
    enter(stream);
    if (!was_stopped)
        stream->reading = RESTS;
    if (result > 0) {
        stream->received_bytes += (uint64_t)result;
        deliver(stream, bytes, (size_t)result);
    } else if (was_stopped) {
        end_received(stream, result, true);
    } else {
        receive_ended(stream, result);
    }
    leave(stream);
}

static void deliver_held_end(struct hark_stream *stream)
{
    int end = stream->held_end;
    stream->held_end = NO_END;
    receive_ended(stream, end);
}

static void deliver_held_piece(struct hark_stream *stream)
{
    struct hark_stream_piece *piece = stream_held_take(stream);
    deliver(stream, piece->bytes + piece->begin, piece->count - piece->begin);
    free(piece);
}

/* The same into the buffer that the owner gave for one piece. */
static void fill_from_held(struct hark_stream *stream)
{
    void *bytes = stream->into;
    size_t count = stream_held_fill(stream, bytes, stream->into_count);
    stream->into = NULL;
    stream->reading = RESTS;
    deliver(stream, bytes, count);
}

/* One piece a call: the owner may stop after each. */
static void held_due(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, receive);
    enter(stream);
    if (receive_over(stream) || stream->ending != STAYS)
        ; /* it is kept, dropped, or delivered before the descriptor is given up */
    else if (result < 0)
        receive_ended(stream, result);
    else if (!stream->held)
        deliver_held_end(stream);
    else if (stream->into)
        fill_from_held(stream);
    else
        deliver_held_piece(stream);
    leave(stream);
}

static void start_receiving(struct hark_stream *stream)
{
    void *into = stream->into;
    stream->into = NULL;
    stream->filling = into;
    stream->transport->receive(stream, into, stream->into_count, into ? fill_done : piece_done);
    hark_transport_limit(stream, &stream->receive);
}

static void advance_reading(struct hark_stream *stream)
{
    if (hark_op_active(&stream->receive) || stream->ending == CLOSING)
        return;
    bool discards = stream->ending == LINGERING && stream->reading == RESTS;
    if (stream->reading != READS && !discards)
        return;
    if (!stream->held && stream->held_end == NO_END)
        start_receiving(stream);
    else if (stream->ending != DETACHING)
        hark_defer(stream->loop, &stream->receive, held_due);
}

/* --- watching --- */

/* What comes while the stream is read is told by reading, and looked for again after that. */
static void watch_done(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, watch);
    enter(stream);
    stream->watching = WATCHED;
    if (stream->ending == STAYS && (result < 0 || !hark_op_active(&stream->receive))) {
        stream->watching = TOLD;
        if (stream->events->gone)
            stream->events->gone(stream, result < 0 ? (int)result : 0);
    }
    leave(stream);
}

static void advance_watching(struct hark_stream *stream)
{
    if (stream->watching == WATCHED && stream->ending == STAYS &&
        !hark_op_active(&stream->receive)) {
        stream->watching = WATCHING;
        stream->transport->watch(stream, watch_done);
    }
}

/* Whether the place of `close` is free of the watch; else it is asked to end. */
static bool is_unwatched(struct hark_stream *stream)
{
    if (stream->watching == WATCHING)
        hark_cancel(&stream->watch);
    return stream->watching != WATCHING;
}

/* --- connecting, detaching, closing --- */

static void connect_done(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, connect);
    enter(stream);
    if (stream->opening == CONNECTING)
        stream->opening = OPEN;
    if (result < 0 && stream->ending != CLOSING) {
        stream->writing = FAILED;
        stream->reading = PEER_ENDED;
        stream_queue_drop(stream, (int)result);
    }
    if (stream->ending != CLOSING) {
        if (stream->events->connected)
            stream->events->connected(stream, (int)result);
        else if (result < 0 && stream->events->failed)
            stream->events->failed(stream, (int)result);
    }
    leave(stream);
}

void stream_connect(struct hark_stream *stream)
{
    stream->opening = CONNECTING;
    stream->transport->open(stream, connect_done);
    limit(stream, &stream->connect, stream->options.connect_timeout_ns);
}

/* The memory is the owner's again. */
static void forget(struct hark_stream *stream)
{
    stream->opening = NOT_OPEN;
    stream->reading = RESTS;
    stream->writing = WRITES;
    stream->ending = STAYS;
    stream->watching = UNWATCHED;
    stream->corked = false;
    stream->fd = -1;
}

static void detach_done(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, close);
    int fd = stream->fd;
    (void)result; /* it is open, and nobody else's */
    stream->opening = OPEN;
    enter(stream);
    while (stream->held && stream->ending != CLOSING)
        deliver_held_piece(stream);
    if (stream->held_end != NO_END && stream->ending != CLOSING)
        deliver_held_end(stream);
    if (stream->ending == CLOSING) {
        leave(stream);
        return;
    }
    stream_queue_done(stream);
    forget(stream);
    stream->events->detached(stream, fd); /* may free the stream, or open it again */
}

/* All is sent, or cannot be: everything else on the descriptor ends with the detach. */
static void advance_detaching(struct hark_stream *stream)
{
    bool held_is_due = stream->receive.code == HARK_OP_DEFER && hark_op_active(&stream->receive);
    if (hark_op_active(&stream->send) || stream->first || stream->opening == LEAVING || held_is_due)
        return;
    if (!is_unwatched(stream))
        return;
    stream->opening = LEAVING;
    stream->transport->detach(stream, detach_done);
}

static void close_done(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, close);
    (void)result; /* the descriptor is closed whatever it says */
    stream_advance(stream);
}

static void advance_closing(struct hark_stream *stream)
{
    if (!is_unwatched(stream) || hark_op_active(&stream->close))
        return;
    if (stream->opening != CLOSED) {
        if (!stream->transport->close(stream, close_done))
            stream->opening = CLOSED;
        return;
    }
    if (hark_op_active(&stream->receive) || hark_op_active(&stream->send))
        return;
    stream->corked = true; /* a `released` that closes again finds nothing to do */
    stream_queue_drop(stream, -ECANCELED);
    stream_queue_done(stream);
    stream_held_drop(stream);
    forget(stream);
    stream->events->closed(stream); /* may free the stream, or open it again */
}

void stream_move_on(struct hark_stream *stream)
{
    if (stream->opening != CONNECTING && stream->ending != CLOSING) {
        advance_writing(stream);
        advance_reading(stream);
        if (stream->watching)
            advance_watching(stream);
    }
    if (stream->ending == STAYS)
        return;
    if (stream->ending == CLOSING)
        advance_closing(stream);
    else if (stream->ending == DETACHING && stream->opening != CONNECTING)
        advance_detaching(stream);
}
