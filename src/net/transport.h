/* transport.h - what a stream moves its bytes over, and how.
 *
 * The stream (stream.c) is the face: the queue and its marks, the order in which things happen,
 * deadlines, and what is held. A transport has the descriptors: it starts what moves bytes. Each
 * function here starts one thing and never calls back; `done` is called from hark_run, as that of
 * an op.
 *
 * What must hold, for every transport:
 *
 *   In flight   What it does for a stream stands in an op of that stream, each in its own: open in
 *               `connect`, receive in `receive`, send in `send`, end in `shutdown`, watch in
 *               `watch`, close and detach in `close`. The op is active from the call until its
 *               `done`, and at no other time. So the stream knows what is under way, and gives
 *               deadlines and cancels to the op itself. It starts nothing in an op that is active.
 *   Done        `done(op, result)` with the op of the stream: op.h's rules for its final call. What
 *               a receive brought is in the bytes that were given to it; or it is lent by the op
 *               (hark_op_buffer); or by the transport, which has stream->filling point at it.
 *   State       A transport that needs memory has its struct hark_transport as the first member of
 *               it, so that stream->transport leads to it (transport_pair.h).
 *   Descriptors Nobody but the transport uses them.
 *
 * A filter, such as TLS, is a transport over a transport. It keeps the one under it in its state,
 * gives that one callbacks of its own, and calls the stream's `done` when something has come of it:
 *
 *   open        the handshake: sends and receives of the transport under it, and `done` once both
 *               sides agree.
 *   receive     decrypts what comes into memory of its own, has stream->filling point at it, and
 *               calls `done`: as often as it has something, in a call that is not the op's last.
 *               What is left over is for the next receive, which is then a hark_defer in the op.
 *   send        encrypts from the message into memory of its own and sends that; `done` tells how
 *               many bytes of the message are on their way.
 *   end         close_notify, then the end of the transport under it.
 *   detach      NULL: what it has encrypted and decrypted cannot be given to another.
 *
 * To wait in one direction for the other, as in a handshake, it keeps that op in flight by a
 * hark_sleep_until HARK_NEVER, and uses the other op if the stream does not. An op that it starts
 * anew in a call of its own has lost its deadline: it gives it the one that stream->options say.
 *
 * A pair of pipes, or a terminal, has one descriptor to read and one to write (transport_pair.c).
 */
#ifndef NET_TRANSPORT_H
#define NET_TRANSPORT_H

#include "hark/stream.h"

struct hark_transport {
    /* Makes bytes able to go both ways: connects to stream->peer. Gives: 0 to `done`. */
    void (*open)(struct hark_stream *stream, hark_done *done);

    /* Receives one piece into the caller's bytes; or, where they are NULL, one or more pieces into
     * buffers that are lent: it is called again once that has ended.
     * Gives: as hark_recv and hark_recv_each. */
    void (*receive)(struct hark_stream *stream, void *bytes, size_t count, hark_done *done);

    /* Sends from the message, which stays as it is until `done`. Gives: as hark_sendmsg. */
    void (*send)(struct hark_stream *stream, const struct msghdr *message, hark_done *done);

    /* Tells the peer that nothing more comes. Gives: as hark_shutdown. */
    void (*end)(struct hark_stream *stream, hark_done *done);

    /* Closes a descriptor at once, and ends what is in flight on it.
     * Gives: whether there is another: then it is called again after `done`. */
    bool (*close)(struct hark_stream *stream, hark_done *done);

    /* Gives stream->fd up, open, as hark_detach. NULL: it cannot. */
    void (*detach)(struct hark_stream *stream, hark_done *done);

    /* Waits until the connection is over both ways.
     * Gives: more than 0, as hark_poll. */
    void (*watch)(struct hark_stream *stream, hark_done *done);
};

#endif
