/* stream_calls.c - what the owner of a stream calls. Each call notes what he wants in the stream's
 * states; stream.c starts what that makes due. So no call here calls back. */
#include "net/stream.h"
#include "net/stream_held.h"
#include "net/stream_queue.h"
#include "net/stream_states.h"
#include "net/transport_pair.h"
#include "net/transport_socket.h"

#include "base/check.h"
#include "hark/os.h"

#include <errno.h>

#define QUEUE_BYTES_DEFAULT ((size_t)1 << 20)

/* Everything but the ops, which are idle and stay zeroed from the caller's first use on, and the
 * caller's context. */
void stream_open_over(struct hark_loop *loop, struct hark_stream *stream,
                      const struct hark_transport *transport, int fd,
                      const struct hark_stream_options *options,
                      const struct hark_stream_events *events)
{
    check_rule(stream->opening == NOT_OPEN,
               "a stream was opened that is open, or that was not zeroed", NULL, stream->fd);
    stream->loop = loop;
    stream->events = events;
    stream->transport = transport;
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
    stream->fd = fd;
    stream->held_end = NO_END;
    stream->opening = OPEN;
    stream->reading = RESTS;
    stream->writing = WRITES;
    stream->ending = STAYS;
    stream->watching = UNWATCHED;
    stream->corked = stream->trimmed = false;
}

void hark_stream_open(struct hark_loop *loop, struct hark_stream *stream, int fd,
                      const struct hark_stream_options *options,
                      const struct hark_stream_events *events)
{
    stream_open_over(loop, stream, &transport_socket, fd, options, events);
}

void hark_stream_open_over(struct hark_loop *loop, struct hark_stream *stream,
                           const struct hark_transport *transport, int fd,
                           const struct hark_stream_options *options,
                           const struct hark_stream_events *events)
{
    check_rule(transport->version == HARK_TRANSPORT_VERSION,
               "a stream was opened over a transport of an unknown version", NULL, fd);
    stream_open_over(loop, stream, transport, fd, options, events);
    if (transport->open)
        stream_connect(stream);
}

int hark_stream_open_pair(struct hark_loop *loop, struct hark_stream *stream, int in, int out,
                          const struct hark_stream_options *options,
                          const struct hark_stream_events *events)
{
    const struct hark_transport *transport;
    if (in < 0 && out < 0)
        return -EBADF;
    int error = transport_pair_create(in, out, &transport);
    if (error)
        return error;
    stream_open_over(loop, stream, transport, -1, options, events);
    if (in < 0)
        stream->reading = PEER_ENDED;
    if (out < 0)
        stream->writing = SHUT;
    return 0;
}

int hark_stream_connect(struct hark_loop *loop, struct hark_stream *stream,
                        const struct hark_address *address,
                        const struct hark_stream_options *options,
                        const struct hark_stream_events *events)
{
    int fd = transport_socket_make(loop, address);
    if (fd < 0)
        return fd;
    stream_open_over(loop, stream, &transport_socket, fd, options, events);
    stream->peer = *address;
    stream_connect(stream);
    return 0;
}

static bool may_read(const struct hark_stream *stream)
{
    return stream->opening != NOT_OPEN && stream->ending == STAYS && !stream_wants(stream);
}

int hark_stream_fd(const struct hark_stream *stream)
{
    return stream->opening == NOT_OPEN ? -1 : stream->fd;
}

void hark_stream_read_start(struct hark_stream *stream)
{
    if (!may_read(stream))
        return;
    if (stream->reading == RESTS)
        stream->reading = READS;
    else if (stream->reading == STOPPING)
        stream->reading = RESTARTING;
    stream_advance(stream);
}

void hark_stream_read_into(struct hark_stream *stream, void *bytes, size_t count)
{
    if (!may_read(stream))
        return;
    stream->into = bytes;
    stream->into_count = count;
    hark_stream_read_start(stream);
}

void hark_stream_read_stop(struct hark_stream *stream)
{
    if (!stream_wants(stream) || stream_finishes(stream))
        return;
    stream->into = NULL;
    if (stream->opening != CONNECTING && hark_op_active(&stream->receive)) {
        stream->reading = STOPPING;
        hark_cancel(&stream->receive);
    } else {
        stream->reading = RESTS;
    }
}

/* Whether count more bytes may be queued. */
static int admit(struct hark_stream *stream, size_t count)
{
    if (stream->opening == NOT_OPEN || stream->writing >= ENDED || stream->ending != STAYS)
        return -EPIPE;
    if (count > stream->options.queue_bytes_max - stream->queued_bytes) {
        if (stream->queued_bytes > 0)
            stream->writing = DRAIN_OWED;
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
        stream->writing = DRAIN_OWED;
    stream_advance(stream);
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
    hark_op_deadline(&stream->send, stream_deadline(stream, timeout_ns));
}

size_t hark_stream_queued(const struct hark_stream *stream)
{
    return stream->queued_bytes;
}

void hark_stream_trim(struct hark_stream *stream)
{
    stream->trimmed = true;
    free(stream->spare);
    stream->spare = NULL;
}

void hark_stream_watch(struct hark_stream *stream)
{
    if (stream->opening == NOT_OPEN || stream->watching)
        return;
    stream->watching = WATCHED;
    stream_advance(stream);
}

void hark_stream_end(struct hark_stream *stream)
{
    if (stream->opening == NOT_OPEN || stream->writing >= ENDED || stream->ending != STAYS)
        return;
    stream->writing = ENDED;
    stream_advance(stream);
}

void hark_stream_close(struct hark_stream *stream)
{
    if (stream->opening == NOT_OPEN || stream->ending == CLOSING)
        return;
    stream->ending = CLOSING;
    stream_advance(stream);
}

int hark_stream_detach(struct hark_stream *stream)
{
    if (stream->opening == NOT_OPEN)
        return -EBADF;
    if (stream->ending != STAYS)
        return -EBUSY;
    if (!stream->transport->detach)
        return -EOPNOTSUPP;
    check_rule(stream->events->detached, "hark_stream_detach of a stream without a detached event",
               NULL, stream->fd);
    hark_stream_read_stop(stream);
    stream->ending = DETACHING;
    stream_advance(stream);
    return 0;
}

static void drop_held(struct hark_stream *stream)
{
    if (stream->held_end != NO_END)
        stream->reading = PEER_ENDED;
    stream->held_end = NO_END;
    stream_held_drop(stream);
}

void hark_stream_close_after_sending(struct hark_stream *stream)
{
    if (stream->opening == NOT_OPEN || stream->ending != STAYS)
        return;
    stream->ending = FINISHING;
    if (stream->writing < ENDED)
        stream->writing = ENDED;
    stream->into = NULL;
    drop_held(stream);
    /* The silence of a peer that has had its answer is no error. */
    if (stream->opening != CONNECTING)
        hark_op_deadline(&stream->receive, HARK_NEVER);
    stream_advance(stream);
}
