/* The stream: a connection with a bounded write queue, half-close both ways, and deadlines.
 *
 * Calls and callbacks only note in `flags` what is wanted or has happened; `advance` alone looks at
 * them and starts what is due. Each callback of an op runs between `enter` and `leave`: what its
 * owner asks for meanwhile is gathered, and started once, when it has returned.
 *
 * What must hold: starting an op never calls back (op.h), so no call here does; after
 * hark_stream_close nothing is called but `released` and `closed`; `closed` comes once every op is
 * idle, and after it the stream is not touched; one send is in flight at most, and what it points
 * at stays (stream_queue.c); after hark_stream_read_stop nothing is delivered from the pool until
 * the owner reads again: what was taken from the socket meanwhile is held (stream_held.c).
 * Deadlines belong to the ops: the one in flight is moved, no timer is kept. They are counted from
 * a clock read at that moment: the turn's own time could be a long callback old, and a deadline
 * early. */
#include "net/stream_held.h"
#include "net/stream_queue.h"
#include "net/transport.h"

#include "base/check.h"
#include "hark/buffer.h"
#include "hark/os.h"

#include <errno.h>
#include <stdlib.h>

enum {
    OPEN = 1,
    CONNECTING = 2,
    CORKED = 4, /* inside a callback: what is asked for is started when it returns */

    READING = 8,         /* the owner wants to read */
    READ_CANCELLED = 16, /* receive is being cancelled by hark_stream_read_stop */
    READ_ENDED = 32,     /* the end of reading has come: nothing more is received */
    PEER_ENDED = 64,     /* ... because the peer, or the connection, has ended */

    DRAIN_OWED = 128, /* the owner waits for `drained` */
    ENDED = 256,      /* nothing more may be written */
    SHUT = 512,       /* the end was sent, or is being sent */
    FAILED = 1024,    /* writing has failed, and the owner knows */

    CLOSE_AFTER = 2048, /* hark_stream_close_after_sending */
    LINGERING = 4096,   /* all is sent: the peer's end is waited for */
    CLOSING = 8192,     /* hark_stream_close */
    CLOSED = 16384,     /* hark_close was called */

    DETACHING = 32768, /* hark_stream_detach */
    LEAVING = 65536,   /* hark_detach was called, and has not called back */

    HELD_END = 131072, /* the end of reading came while the owner did not read: held_end, behind the
                          pieces that are held */
};

#define QUEUE_BYTES_DEFAULT ((size_t)1 << 20)
#define LINGER_NS           2000000000ull

static void advance(struct hark_stream *stream);

static bool has(const struct hark_stream *stream, uint32_t flags)
{
    return (stream->flags & flags) != 0;
}

static void enter(struct hark_stream *stream)
{
    stream->flags |= CORKED;
}

static void leave(struct hark_stream *stream)
{
    stream->flags &= ~(uint32_t)CORKED;
    advance(stream); /* the last: the stream may be gone */
}

/* A point in time that long from now; a time-out of 0 is none. */
static uint64_t deadline(const struct hark_stream *stream, uint64_t timeout_ns)
{
    uint64_t now_ns = timeout_ns ? hark_os_clock(stream->loop) : 0;
    return timeout_ns && timeout_ns < HARK_NEVER - now_ns ? now_ns + timeout_ns : HARK_NEVER;
}

/* Gives an op that was just started its deadline. */
static void limit(const struct hark_stream *stream, struct hark_op *op, uint64_t timeout_ns)
{
    if (timeout_ns)
        hark_op_deadline(op, deadline(stream, timeout_ns));
}

/* --- writing --- */

/* Writing has ended badly: once. */
static void fail(struct hark_stream *stream, int error)
{
    stream->flags |= FAILED | ENDED;
    stream_queue_drop(stream, error);
    if (stream->events->failed && !has(stream, CLOSING))
        stream->events->failed(stream, error);
}

static void send_done(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, send);
    enter(stream);
    if (result >= 0) {
        stream->sent_bytes += (uint64_t)result;
        stream_queue_sent(stream, (size_t)result);
        if (has(stream, DRAIN_OWED) && !has(stream, ENDED | CLOSING) &&
            stream->queued_bytes <= stream->options.low_bytes) {
            stream->flags &= ~(uint32_t)DRAIN_OWED;
            if (stream->events->drained)
                stream->events->drained(stream);
        }
    } else if (!has(stream, CLOSING)) {
        fail(stream, (int)result);
    }
    leave(stream);
}

static void shutdown_done(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, shutdown);
    enter(stream);
    if (result < 0 && has(stream, CLOSE_AFTER))
        stream->flags |=
            FAILED; /* all was sent, and the connection is gone: that is what was asked for */
    else if (result < 0 && !has(stream, CLOSING))
        fail(stream, (int)result);
    leave(stream);
}

/* All is sent, and the end of it: close, once the peer has ended too. */
static void linger(struct hark_stream *stream)
{
    if (has(stream, PEER_ENDED) || (has(stream, LINGERING) && has(stream, READ_ENDED))) {
        stream->flags |= CLOSING;
    } else if (!has(stream, LINGERING)) {
        uint64_t write_timeout_ns = stream->options.write_timeout_ns;
        bool shorter = write_timeout_ns && write_timeout_ns < LINGER_NS;
        stream->linger_ns = deadline(stream, shorter ? write_timeout_ns : LINGER_NS);
        stream->flags |= LINGERING;
        stream->flags &=
            ~(uint32_t)READ_ENDED; /* where it ended by its deadline, the peer may still send */
        hark_op_deadline(&stream->receive, stream->linger_ns);
    }
}

static void advance_writing(struct hark_stream *stream)
{
    if (hark_op_active(&stream->send))
        return;
    if (has(stream, FAILED)) {
        if (has(stream, CLOSE_AFTER))
            stream->flags |= CLOSING;
    } else if (stream->first) {
        stream_queue_gather(stream);
        stream->transport->send(stream, &stream->gather.message, send_done);
        limit(stream, &stream->send, stream->options.write_timeout_ns);
    } else if (has(stream, ENDED) && !has(stream, SHUT)) {
        stream->flags |= SHUT;
        stream->transport->end(stream, shutdown_done);
    } else if (has(stream, CLOSE_AFTER)) {
        linger(stream);
    }
}

/* --- reading --- */

static bool delivers(const struct hark_stream *stream)
{
    return stream->events->received && !has(stream, CLOSING | CLOSE_AFTER);
}

static void receive_ended(struct hark_stream *stream, int64_t result)
{
    stream->flags |= READ_ENDED;
    if (result != -ECANCELED && result != -ETIMEDOUT)
        stream->flags |= PEER_ENDED;
    if (delivers(stream))
        stream->events->received(stream, NULL, result);
}

/* The owner has stopped reading, or has not yet had what came after it had stopped. What fills his
 * own buffer is his at once. */
static bool holds(const struct hark_stream *stream)
{
    return !has(stream, CLOSING | CLOSE_AFTER) &&
           (stream->held || !has(stream, READING | DETACHING));
}

static void hold_end(struct hark_stream *stream, int64_t result)
{
    if (has(stream, HELD_END))
        return;
    stream->flags |= HELD_END;
    stream->held_end = result;
}

/* Without memory for a piece nothing behind it may be delivered either. */
static void hold(struct hark_stream *stream, const void *bytes, size_t count)
{
    int error = has(stream, HELD_END) ? 0 : stream_held_put(stream, bytes, count);
    if (error)
        hold_end(stream, error);
}

static void piece_received(struct hark_stream *stream, const void *bytes, size_t count,
                           bool own_buffer)
{
    stream->received_bytes += count;
    if (!own_buffer && holds(stream))
        hold(stream, bytes, count);
    else if (delivers(stream))
        stream->events->received(stream, bytes, (int64_t)count);
}

static void end_received(struct hark_stream *stream, int64_t result, bool own_buffer)
{
    bool stopped = has(stream, READ_CANCELLED);
    if (stopped && (result == -ECANCELED || result == -ETIMEDOUT))
        return;
    if ((stopped || !own_buffer) && holds(stream))
        hold_end(stream, result);
    else
        receive_ended(stream, result);
}

static void receive_done(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, receive);
    bool more = hark_op_more(op);
    bool own_buffer = stream->filling;
    const void *bytes = own_buffer ? stream->filling : hark_op_buffer(op);
    stream->filling = NULL;
    enter(stream);
    if (result > 0)
        piece_received(stream, bytes, (size_t)result, own_buffer);
    else
        end_received(stream, result, own_buffer);
    if (!more)
        stream->flags &= ~(uint32_t)READ_CANCELLED;
    else if (!has(stream, READ_CANCELLED | CLOSE_AFTER | CLOSING))
        limit(stream, op, stream->options.read_timeout_ns);
    leave(stream);
}

static void deliver_held_end(struct hark_stream *stream)
{
    stream->flags &= ~(uint32_t)HELD_END;
    receive_ended(stream, stream->held_end);
}

static void deliver_held_piece(struct hark_stream *stream)
{
    struct hark_stream_piece *piece = stream_held_take(stream);
    if (delivers(stream))
        stream->events->received(stream, piece->bytes + piece->begin,
                                 (int64_t)(piece->count - piece->begin));
    free(piece);
}

/* The same into the buffer that the owner gave for one piece. */
static void fill_from_held(struct hark_stream *stream)
{
    void *bytes = stream->into;
    size_t count = stream_held_fill(stream, bytes, stream->into_count);
    stream->into = NULL;
    stream->flags &= ~(uint32_t)READING;
    if (delivers(stream))
        stream->events->received(stream, bytes, (int64_t)count);
}

/* One piece a call: the owner may stop after each. */
static void held_due(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, receive);
    bool stopped = has(stream, READ_CANCELLED);
    stream->flags &= ~(uint32_t)READ_CANCELLED;
    enter(stream);
    if (stopped || has(stream, CLOSING | CLOSE_AFTER | DETACHING))
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

static void drop_held(struct hark_stream *stream)
{
    if (has(stream, HELD_END))
        stream->flags |= READ_ENDED | PEER_ENDED;
    stream->flags &= ~(uint32_t)HELD_END;
    stream_held_drop(stream);
}

static void start_receiving(struct hark_stream *stream)
{
    if (stream->into) {
        stream->filling = stream->into;
        stream->into = NULL;
        stream->flags &= ~(uint32_t)READING;
    }
    stream->transport->receive(stream, stream->filling, stream->into_count, receive_done);
    if (has(stream, LINGERING))
        hark_op_deadline(&stream->receive, stream->linger_ns);
    else if (!has(stream, CLOSE_AFTER))
        limit(stream, &stream->receive, stream->options.read_timeout_ns);
}

static void advance_reading(struct hark_stream *stream)
{
    if (!has(stream, READING | LINGERING) || has(stream, READ_ENDED | PEER_ENDED | CLOSING) ||
        hark_op_active(&stream->receive))
        return;
    if (!stream->held && !has(stream, HELD_END))
        start_receiving(stream);
    else if (!has(stream, DETACHING))
        hark_defer(stream->loop, &stream->receive, held_due);
}

/* --- connecting, detaching, closing --- */

static void connect_done(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, connect);
    enter(stream);
    stream->flags &= ~(uint32_t)CONNECTING;
    if (result < 0 && !has(stream, CLOSING)) {
        stream->flags |= FAILED | ENDED | READ_ENDED | PEER_ENDED;
        stream_queue_drop(stream, (int)result);
    }
    if (!has(stream, CLOSING)) {
        if (stream->events->connected)
            stream->events->connected(stream, (int)result);
        else if (result < 0 && stream->events->failed)
            stream->events->failed(stream, (int)result);
    }
    leave(stream);
}

static void detach_done(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, close);
    int fd = stream->fd;
    (void)result; /* it is open, and nobody else's */
    stream->flags &= ~(uint32_t)LEAVING;
    enter(stream);
    while (stream->held && !has(stream, CLOSING))
        deliver_held_piece(stream);
    if (has(stream, HELD_END) && !has(stream, CLOSING))
        deliver_held_end(stream);
    if (has(stream, CLOSING)) {
        leave(stream);
        return;
    }
    stream_queue_done(stream);
    stream->flags = 0;
    stream->fd = -1;
    stream->events->detached(stream, fd); /* may free the stream, or open it again */
}

/* All is sent, or cannot be: everything else on the descriptor ends with the detach. */
static void advance_detaching(struct hark_stream *stream)
{
    bool held_is_due = stream->receive.code == HARK_OP_DEFER && hark_op_active(&stream->receive);
    if (hark_op_active(&stream->send) || stream->first || has(stream, LEAVING) || held_is_due)
        return;
    stream->flags |= LEAVING;
    stream->transport->detach(stream, detach_done);
}

static void close_done(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, close);
    (void)result; /* the descriptor is closed whatever it says */
    advance(stream);
}

static void advance_closing(struct hark_stream *stream)
{
    if (has(stream, LEAVING))
        return;
    if (hark_op_active(&stream->close))
        return;
    if (!has(stream, CLOSED)) {
        if (!stream->transport->close(stream, close_done))
            stream->flags |= CLOSED;
        return;
    }
    if (hark_op_active(&stream->receive) || hark_op_active(&stream->send))
        return;
    stream->flags |= CORKED; /* a `released` that closes again finds nothing to do */
    stream_queue_drop(stream, -ECANCELED);
    stream_queue_done(stream);
    stream_held_drop(stream);
    stream->flags = 0;
    stream->fd = -1;
    stream->events->closed(stream); /* may free the stream, or open it again */
}

static void advance(struct hark_stream *stream)
{
    if (has(stream, CORKED))
        return;
    if (!has(stream, CONNECTING | CLOSING)) {
        advance_writing(stream);
        advance_reading(stream);
    }
    if (has(stream, DETACHING) && !has(stream, CONNECTING | CLOSING))
        advance_detaching(stream);
    if (has(stream, CLOSING))
        advance_closing(stream);
}

/* --- the calls --- */

/* Everything but the ops, which are idle and stay zeroed from the caller's first use on, and the
 * caller's context. */
static void prepare(struct hark_loop *loop, struct hark_stream *stream, int fd,
                    const struct hark_stream_options *options,
                    const struct hark_stream_events *events)
{
    check_rule(stream->flags == 0, "a stream was opened that is open, or that was not zeroed", NULL,
               stream->fd);
    stream->loop = loop;
    stream->events = events;
    stream->transport = &transport_socket;
    stream->options = options ? *options : (struct hark_stream_options){0};
    struct hark_stream_options *own = &stream->options;
    if (own->queue_bytes_max == 0)
        own->queue_bytes_max = QUEUE_BYTES_DEFAULT;
    if (own->high_bytes == 0)
        own->high_bytes = own->queue_bytes_max / 2;
    if (own->high_bytes > own->queue_bytes_max)
        own->high_bytes = own->queue_bytes_max;
    if (own->high_bytes == 0)
        own->high_bytes = 1; /* an empty queue is never full */
    if (own->low_bytes == 0)
        own->low_bytes = own->queue_bytes_max / 8;
    if (own->low_bytes > own->high_bytes)
        own->low_bytes = own->high_bytes;
    stream->first = stream->last = stream->spare = NULL;
    stream->into = stream->filling = NULL;
    stream->held = NULL;
    stream->first_sent = stream->queued_bytes = 0;
    stream->received_bytes = stream->sent_bytes = 0;
    stream->linger_ns = 0;
    stream->fd = fd;
    stream->flags = OPEN;
}

void hark_stream_open(struct hark_loop *loop, struct hark_stream *stream, int fd,
                      const struct hark_stream_options *options,
                      const struct hark_stream_events *events)
{
    prepare(loop, stream, fd, options, events);
}

int hark_stream_connect(struct hark_loop *loop, struct hark_stream *stream,
                        const struct hark_address *address,
                        const struct hark_stream_options *options,
                        const struct hark_stream_events *events)
{
    int fd = transport_socket_make(loop, address);
    if (fd < 0)
        return fd;
    prepare(loop, stream, fd, options, events);
    stream->flags |= CONNECTING;
    stream->peer = *address;
    stream->transport->open(stream, connect_done);
    limit(stream, &stream->connect, stream->options.connect_timeout_ns);
    return 0;
}

static bool reads_already(const struct hark_stream *stream)
{
    return has(stream, READING) || (stream->filling && !has(stream, READ_CANCELLED));
}

void hark_stream_read_start(struct hark_stream *stream)
{
    if (!has(stream, OPEN) || has(stream, CLOSE_AFTER | DETACHING) || reads_already(stream))
        return;
    stream->flags |= READING;
    advance(stream);
}

void hark_stream_read_into(struct hark_stream *stream, void *bytes, size_t count)
{
    if (!has(stream, OPEN) || has(stream, CLOSE_AFTER | DETACHING) || reads_already(stream))
        return;
    stream->into = bytes;
    stream->into_count = count;
    hark_stream_read_start(stream);
}

void hark_stream_read_stop(struct hark_stream *stream)
{
    if (!(has(stream, READING) || stream->filling) || has(stream, CLOSE_AFTER))
        return;
    stream->flags &= ~(uint32_t)READING;
    stream->into = NULL;
    if (!has(stream, CONNECTING) && hark_op_active(&stream->receive)) {
        stream->flags |= READ_CANCELLED;
        hark_cancel(&stream->receive);
    }
}

/* Whether count more bytes may be queued. */
static int admit(struct hark_stream *stream, size_t count)
{
    if (!has(stream, OPEN) || has(stream, ENDED | CLOSING | DETACHING))
        return -EPIPE;
    if (count > stream->options.queue_bytes_max - stream->queued_bytes) {
        if (stream->queued_bytes > 0)
            stream->flags |= DRAIN_OWED;
        return -ENOBUFS;
    }
    return 0;
}

/* Something was queued: sends it where nothing is in flight. Gives: whether the queue is at its
 * high mark. */
static int queued(struct hark_stream *stream)
{
    bool high = stream->queued_bytes >= stream->options.high_bytes;
    if (high)
        stream->flags |= DRAIN_OWED;
    advance(stream);
    return high;
}

int hark_stream_write(struct hark_stream *stream, const void *bytes, size_t count)
{
    int error = admit(stream, count);
    if (error == 0)
        error = stream_queue_copy(stream, bytes, count);
    return error < 0 ? error : queued(stream);
}

int hark_stream_write_block(struct hark_stream *stream, struct hark_stream_block *block)
{
    int error = admit(stream, block->count);
    if (error < 0)
        return error;
    stream_queue_append(stream, block);
    return queued(stream);
}

void hark_stream_write_timeout(struct hark_stream *stream, uint64_t timeout_ns)
{
    stream->options.write_timeout_ns = timeout_ns;
    hark_op_deadline(&stream->send, deadline(stream, timeout_ns));
}

size_t hark_stream_queued(const struct hark_stream *stream)
{
    return stream->queued_bytes;
}

void hark_stream_end(struct hark_stream *stream)
{
    if (!has(stream, OPEN) || has(stream, ENDED | DETACHING))
        return;
    stream->flags |= ENDED;
    advance(stream);
}

void hark_stream_close(struct hark_stream *stream)
{
    if (!has(stream, OPEN) || has(stream, CLOSING))
        return;
    stream->flags |= CLOSING;
    advance(stream);
}

void hark_stream_detach(struct hark_stream *stream)
{
    if (!has(stream, OPEN) || has(stream, CLOSE_AFTER | CLOSING | DETACHING))
        return;
    check_rule(stream->events->detached, "hark_stream_detach of a stream without a detached event",
               NULL, stream->fd);
    hark_stream_read_stop(stream);
    stream->flags |= DETACHING;
    advance(stream);
}

void hark_stream_close_after_sending(struct hark_stream *stream)
{
    if (!has(stream, OPEN) || has(stream, CLOSE_AFTER | CLOSING | DETACHING))
        return;
    stream->flags |= CLOSE_AFTER | ENDED;
    drop_held(stream);
    if (!has(stream, CONNECTING))
        hark_op_deadline(
            &stream->receive,
            HARK_NEVER); /* the silence of a peer that has had its answer is no error */
    advance(stream);
}
