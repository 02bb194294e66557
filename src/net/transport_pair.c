/* transport_pair.c - a stream over one descriptor to read and one to write.
 *
 * What must hold: a descriptor that stands in both places is closed once, and by `close` alone;
 * what lies in `bytes` is delivered before more is read into it; nothing touches the pair once its
 * last descriptor is closed, as by then all that was in flight on them has ended. */
#include "net/transport_pair.h"
#include "net/stream_states.h"

#include "hark/close.h"
#include "hark/file.h"
#include "hark/poll.h"

#include <errno.h>
#include <stdlib.h>

struct pair {
    struct hark_transport transport;
    int in, out;        /* -1: there is none, it is closed, or being closed */
    int watched;        /* the one that is polled */
    hark_done *gone;    /* who is told of it */
    hark_done *is_over; /* who is told of the last close */
    char bytes[];       /* what was read, until it is delivered: TRANSPORT_PAIR_BYTES */
};

static struct pair *pair_of(const struct hark_stream *stream)
{
    return hark_container_of(stream->transport, struct pair, transport);
}

static void receive(struct hark_stream *stream, void *bytes, size_t count, hark_done *done)
{
    struct pair *pair = pair_of(stream);
    if (!bytes) {
        stream->filling = bytes = pair->bytes;
        count = TRANSPORT_PAIR_BYTES;
    }
    hark_read(stream->loop, &stream->receive, pair->in, bytes, count, HARK_AT_POSITION, done);
}

static void send_message(struct hark_stream *stream, const struct msghdr *message, hark_done *done)
{
    hark_writev(stream->loop, &stream->send, pair_of(stream)->out, message->msg_iov,
                (unsigned)message->msg_iovlen, HARK_AT_POSITION, done);
}

/* A reader finds the end once nobody can write any more. */
static void end(struct hark_stream *stream, hark_done *done)
{
    struct pair *pair = pair_of(stream);
    if (pair->out == pair->in) {
        hark_defer(stream->loop, &stream->shutdown, done); /* it is still read from */
    } else {
        hark_close(stream->loop, &stream->shutdown, pair->out, done);
        pair->out = -1;
    }
}

static void last_closed(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, close);
    struct pair *pair = pair_of(stream);
    hark_done *is_over = pair->is_over;
    stream->transport = NULL; /* as others do who free what it points to (hark/transport.h) */
    free(pair);
    is_over(op, result);
}

static bool close_next(struct hark_stream *stream, hark_done *done)
{
    struct pair *pair = pair_of(stream);
    int fd = pair->out >= 0 ? pair->out : pair->in;
    bool both = pair->out >= 0 && pair->in >= 0 && pair->out != pair->in;
    pair->out = -1;
    pair->is_over = done;
    if (fd >= 0)
        hark_close(stream->loop, &stream->close, fd, both ? done : last_closed);
    else
        hark_defer(stream->loop, &stream->close,
                   last_closed); /* writing has ended with its only one */
    return both;
}

static void watch_on(struct hark_stream *stream);

/* Ended in the middle of it, the writing descriptor tells nothing more: the other one does. */
static void watch_done(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, watch);
    struct pair *pair = pair_of(stream);
    if (result == -ECANCELED && pair->out != pair->watched && pair->in != pair->watched &&
        stream->ending == STAYS)
        watch_on(stream);
    else
        pair->gone(op, result);
}

static void both_ended(struct hark_op *op, int64_t result)
{
    (void)result;
    pair_of(hark_container_of(op, struct hark_stream, watch))->gone(op, HARK_POLL_HANGUP);
}

/* Who reads what is written, or else who writes. */
static void watch_on(struct hark_stream *stream)
{
    struct pair *pair = pair_of(stream);
    pair->watched = pair->out >= 0 ? pair->out : pair->in;
    if (pair->watched >= 0)
        hark_poll(stream->loop, &stream->watch, pair->watched, HARK_POLL_HANGUP | HARK_POLL_ERROR,
                  watch_done);
    else
        hark_defer(stream->loop, &stream->watch, both_ended);
}

static void watch(struct hark_stream *stream, hark_done *done)
{
    pair_of(stream)->gone = done;
    watch_on(stream);
}

int transport_pair_create(int in, int out, const struct hark_transport **out_transport)
{
    struct pair *pair = malloc(sizeof *pair + (in >= 0 ? TRANSPORT_PAIR_BYTES : 0));
    if (!pair)
        return -ENOMEM;
    pair->transport = (struct hark_transport){
        .version = HARK_TRANSPORT_VERSION,
        .receive = receive,
        .send = send_message,
        .end = end,
        .close = close_next,
        .watch = watch,
    };
    pair->in = in;
    pair->out = out;
    *out_transport = &pair->transport;
    return 0;
}
