/* transport_pair.c - a stream over one descriptor to read and one to write.
 *
 * What must hold: a descriptor that stands in both places is closed once, and by `close` alone;
 * what lies in `bytes` is delivered before more is read into it. */
#include "net/transport_pair.h"

#include "hark/close.h"
#include "hark/file.h"
#include "hark/poll.h"

static struct transport_pair *pair_of(const struct hark_stream *stream)
{
    return hark_container_of(stream->transport, struct transport_pair, transport);
}

static void receive(struct hark_stream *stream, void *bytes, size_t count, hark_done *done)
{
    struct transport_pair *pair = pair_of(stream);
    if (!bytes) {
        stream->filling = bytes = pair->bytes;
        count = sizeof pair->bytes;
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
    struct transport_pair *pair = pair_of(stream);
    if (pair->out == pair->in) {
        hark_defer(stream->loop, &stream->shutdown, done); /* it is still read from */
    } else {
        hark_close(stream->loop, &stream->shutdown, pair->out, done);
        pair->out = -1;
    }
}

static bool close_next(struct hark_stream *stream, hark_done *done)
{
    struct transport_pair *pair = pair_of(stream);
    bool both = pair->out >= 0 && pair->out != pair->in;
    hark_close(stream->loop, &stream->close, both ? pair->out : pair->in, done);
    pair->out = -1;
    return both;
}

/* Who reads what is written, or else who writes. */
static void watch(struct hark_stream *stream, hark_done *done)
{
    const struct transport_pair *pair = pair_of(stream);
    hark_poll(stream->loop, &stream->watch, pair->out >= 0 ? pair->out : pair->in,
              HARK_POLL_HANGUP | HARK_POLL_ERROR, done);
}

void transport_pair_init(struct transport_pair *pair, int in, int out)
{
    pair->transport = (struct hark_transport){
        .receive = receive,
        .send = send_message,
        .end = end,
        .close = close_next,
        .watch = watch,
    };
    pair->in = in;
    pair->out = out;
}
