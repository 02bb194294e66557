/* transport.h - what a stream moves its bytes over, for who wants to give it something else: a
 * filter, such as TLS (tls.h), or a way of his own.
 *
 * The stream (stream.h) is the face: the queue and its marks, the order in which things happen,
 * deadlines, and what is held. A transport has the descriptor: it starts what moves bytes. Each
 * function of struct hark_transport starts one thing and never calls back; `done` is called from
 * hark_run, as that of an op. What must hold, for every transport:
 *
 *   Ops       What it does for a stream stands in an op of that stream, each in its own: open in
 *             `connect`, receive in `receive`, send in `send`, end in `shutdown`, watch in `watch`,
 *             close and detach in `close`. The op is active from the call until its `done`, and at
 *             no other time. So the stream knows what is under way, and gives deadlines and cancels
 *             to the op itself. It starts nothing in an op that is active.
 *   Done      `done(op, result)` with the op of the stream: op.h's rules for its final call. What a
 *             receive brought is in the bytes that were given to it; or it is lent by the op
 *             (hark_op_buffer); or by the transport, which has stream->filling point at it.
 *   State     A transport that needs memory has its struct hark_transport as the first member of
 *             it, so that stream->transport leads to it; it is freed in its last `close`.
 *   Fields    It may read the stream's loop, fd, peer and options, start its ops, and set filling.
 *             All else is the stream's, but for `transport`: who frees what that leads to sets it
 *             to NULL in the last `close`. Nobody but the transport uses the descriptor.
 *
 * A filter decodes what it receives into memory of its own, has stream->filling point at it, and
 * calls `done`: as often as it has something, in a call that is not the op's last. What is left
 * over is for the next receive, which is then a hark_defer in the op. An op that it starts anew in
 * a call of its own has lost its deadline: hark_transport_limit gives it the one that is due.
 */
#ifndef HARK_TRANSPORT_H
#define HARK_TRANSPORT_H

#include "stream.h"
#include "stream_name.h"

HARK_BEGIN

/* What struct hark_transport is as of this header. A later one adds members to its end, and a
 * higher number; libhark goes on taking each that there has been. */
#define HARK_TRANSPORT_VERSION 1

/* What moves the bytes of a stream. */
struct hark_transport {
    uint32_t version; /* HARK_TRANSPORT_VERSION */
    /* Makes bytes able to go both ways, in `connect`. Gives: 0 to `done`. NULL: they are. */
    void (*open)(struct hark_stream *stream, hark_done *done);
    /* Receives one piece into the caller's bytes; or, where they are NULL, one or more pieces into
     * buffers that are lent: it is called again once that has ended. Gives: as hark_recv and
     * hark_recv_each. */
    void (*receive)(struct hark_stream *stream, void *bytes, size_t count, hark_done *done);
    /* Sends from the message, which stays as it is until `done`. Gives: as hark_sendmsg. */
    void (*send)(struct hark_stream *stream, const struct msghdr *message, hark_done *done);
    /* Tells the peer that nothing more comes. Gives: as hark_shutdown. */
    void (*end)(struct hark_stream *stream, hark_done *done);
    /* Closes a descriptor at once, and ends what is in flight. Gives: whether there is another:
     * then it is called again after `done`. */
    bool (*close)(struct hark_stream *stream, hark_done *done);
    /* Gives stream->fd up, open, as hark_detach. NULL: it cannot. */
    void (*detach)(struct hark_stream *stream, hark_done *done);
    /* Waits until the connection is over both ways. Gives: more than 0, as hark_poll. */
    void (*watch)(struct hark_stream *stream, hark_done *done);
};

/* Opens a stream over a transport. Where that has an `open`, it is begun, `connected` is called
 * with its outcome, what is asked for meanwhile waits, and the op gets the deadline of
 * connect_timeout_ns (one that is started anew for it no more).
 * Takes: fd: what stream->fd is to be, -1 none. options NULL: the defaults. transport and events
 *   must outlive the stream.
 * Owns: the transport and its state are the stream's until `closed`. */
HARK_API void hark_stream_open_over(struct hark_loop *loop, struct hark_stream *stream,
                                    const struct hark_transport *transport, int fd,
                                    const struct hark_stream_options *options,
                                    const struct hark_stream_events *events);

/* Connects to a name as hark_stream_connect_name, and goes on over a transport of the caller's:
 * stream->fd is the socket, the transport's `open` is begun, which gives its op a deadline by
 * itself, and `connected` is called with its outcome. Where nobody could be reached stream->fd is
 * -1, and of the transport `close` alone is called.
 * Takes and owns: as hark_stream_connect_name and hark_stream_open_over.
 * Gives: 0.
 * Fails: -ENOMEM; the stream is then not open, and the transport still the caller's. */
HARK_API int hark_stream_connect_over(struct hark_loop *loop, struct hark_stream *stream,
                                      const struct hark_stream_name *name,
                                      const struct hark_transport *transport,
                                      const struct hark_stream_options *options,
                                      const struct hark_stream_events *events);

/* Gives an op of the stream that its transport has started anew, or that has made progress which
 * `done` was not told of, the deadline that is due from now on: the options', or that of closing. A
 * receive that the owner has stopped meanwhile is cancelled.
 * Takes: op: &stream->receive, &stream->send or &stream->shutdown, of a stream that is open. One
 *   that is not in flight: nothing happens. */
HARK_API void hark_transport_limit(struct hark_stream *stream, struct hark_op *op);

HARK_END

#endif
