/* records.c - what goes over a connection once its handshake is over.
 *
 * Receiving, pieces are decrypted in room that all connections of a context share, and are
 * delivered in the midst of the op that brought them: an idle connection holds neither ciphertext
 * nor plaintext. While much comes OpenSSL reads from the socket itself, into its own buffer: a copy
 * of all bytes costs more than a call for each record. The end of TLS ends the op by a cancel, and
 * is told by its final call. Into a buffer of the owner's it is decrypted directly.
 *
 * Sending, a batch of the message is encrypted and sent to its last byte; then the message has gone
 * on. A message that is longer goes record by record to the socket itself while that takes them: a
 * send for each costs less than a copy. What OpenSSL wants to say by itself (that a key was
 * updated) goes with the next batch; an alert, after which there is none, is tried at once. */
#include "tls/records.h"
#include "tls/connection.h"
#include "tls/fault.h"

#include "hark/buffer.h"
#include "hark/close.h"
#include "hark/loop.h"
#include "hark/net.h"
#include "hark/os_descriptor.h"
#include "hark/poll.h"
#include "hark/timer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct connection *receiving(struct hark_op *op)
{
    return connection_of(hark_container_of(op, struct hark_stream, receive));
}

static struct connection *sending(struct hark_op *op)
{
    return connection_of(hark_container_of(op, struct hark_stream, send));
}

/* --- decrypting --- */

/* Tells the peer why it is over, if that can be at once: what a send in flight points at goes
 * first. */
static void send_alert(struct connection *connection)
{
    struct hark_stream *stream = connection->stream;
    struct wire *wire = &connection->wire;
    if (hark_op_active(&stream->send) || wire->filling.count == 0)
        return;
    hark_os_send(stream->fd, wire->filling.bytes, wire->filling.count, MSG_DONTWAIT);
    wire->filling.count = 0;
}

/* Decrypts a piece.
 * Gives: its bytes; 0: more has to be received, or it is over: connection->end. */
static size_t decrypt(struct connection *connection, void *bytes, size_t room)
{
    SSL *ssl = connection->ssl;
    size_t count = 0;
    fault_forget();
    int result = SSL_read_ex(ssl, bytes, room, &count);
    if (connection->session)
        connection_keep_session(connection);
    if (result == 1)
        return count;
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        connection->end = 0;
        return 0;
    default:
        connection->end = fault_of(ssl, "receiving", connection_with(connection), &connection->why);
        send_alert(connection);
        return 0;
    }
}

static void truncated(struct connection *connection)
{
    connection->end = fault_say(&connection->why, -ECONNABORTED,
                                "TLS with %s: receiving: the connection has ended without "
                                "close_notify; what came may be cut",
                                connection_with(connection));
}

/* --- receiving --- */

/* What was read directly has found the socket's end. */
static void note_end(struct connection *connection)
{
    int end = connection->wire.in_end;
    if (connection->end != NOT_ENDED || end == WIRE_GOES_ON)
        return;
    if (end == 0)
        truncated(connection);
    else
        connection->end = end;
}

/* What was received has not all been read, or a part of a record is there. */
static bool is_pending(const struct connection *connection)
{
    return connection->wire.in_count > 0 || SSL_has_pending(connection->ssl);
}

/* Decrypts all that was received, and so much of what the socket itself still has; delivers each
 * piece. */
static void deliver(struct connection *connection, struct hark_op *op, size_t directly)
{
    struct hark_stream *stream = connection->stream;
    struct wire *wire = &connection->wire;
    char *bytes = connection->tls->decrypted;
    bool any = false;
    size_t count;
    wire->fd = stream->fd;
    wire->may_read = directly;
    while (!connection->closing && connection->end == NOT_ENDED &&
           (wire->may_read > 0 || is_pending(connection)) &&
           (count = decrypt(connection, bytes, WIRE_PIECE))) {
        any = true;
        stream->filling = bytes;
        connection->received(op, (int64_t)count);
    }
    wire->may_read = 0;
    wire->in_count = 0; /* what comes behind the end is nothing */
    if (!connection->closing)
        note_end(connection);
    if (connection->end != NOT_ENDED)
        hark_cancel(op);
    else if (!any)
        hark_transport_limit(stream, op); /* a part of a record is no silence */
}

static void tell_end(struct connection *connection, struct hark_op *op, int64_t result)
{
    if (connection->end == NOT_ENDED && result == 0)
        truncated(connection);
    connection->received(op, connection->end != NOT_ENDED ? connection->end : result);
}

/* Once a buffer was filled more is there, mostly. */
static void lent(struct hark_op *op, int64_t result)
{
    struct connection *connection = receiving(op);
    if (!hark_op_more(op)) {
        tell_end(connection, op, result);
    } else if (connection->end == NOT_ENDED) {
        connection_feed(connection, hark_op_buffer(op), (size_t)result);
        deliver(connection, op, result >= WIRE_PIECE ? WIRE_STRETCH : 0);
    }
}

static void readable(struct hark_op *op, int64_t result)
{
    struct connection *connection = receiving(op);
    if (!hark_op_more(op))
        tell_end(connection, op, result);
    else if (connection->end == NOT_ENDED)
        deliver(connection, op, WIRE_STRETCH);
}

static void start(struct connection *connection);

/* What was received is decrypted: delivers a piece, or receives more. */
static void read_piece(struct connection *connection, struct hark_op *op)
{
    bool is_lent = !connection->into;
    char *bytes = is_lent ? connection->tls->decrypted : connection->into;
    size_t room = is_lent ? WIRE_PIECE : connection->into_count;
    size_t count = connection->end == NOT_ENDED ? decrypt(connection, bytes, room) : 0;
    if (count > 0) {
        connection->stream->filling = bytes;
        connection->received(op, (int64_t)count);
    } else if (connection->end != NOT_ENDED) {
        connection->received(op, connection->end);
    } else {
        start(connection);
        hark_transport_limit(connection->stream, op);
    }
}

static void into_spill(struct hark_op *op, int64_t result)
{
    struct connection *connection = receiving(op);
    if (result < 0) {
        connection->received(op, result);
        return;
    }
    if (result == 0)
        truncated(connection);
    connection_feed(connection, connection->spill, (size_t)result);
    read_piece(connection, op);
}

static void left_over(struct hark_op *op, int64_t result)
{
    struct connection *connection = receiving(op);
    connection_op_ended(connection);
    if (result < 0 || connection->closing)
        connection->received(op, result < 0 ? result : -ECANCELED);
    else
        read_piece(connection, op);
}

/* Again and again. io_uring would have received what lies behind a piece already, so nothing could
 * be read directly: there the loop only says when. */
static void start_repeating(struct connection *connection)
{
    struct hark_stream *stream = connection->stream;
    free(connection->spill); /* an idle connection holds none */
    connection->spill = NULL;
    if (strcmp(hark_loop_backend(stream->loop), "uring") == 0)
        hark_poll_each(stream->loop, &stream->receive, stream->fd, HARK_POLL_READABLE, readable);
    else
        hark_recv_each(stream->loop, &stream->receive, stream->fd, lent);
}

/* Receives; nothing is left over. */
static void start(struct connection *connection)
{
    struct hark_stream *stream = connection->stream;
    stream->filling = connection->into;
    if (!connection->into) {
        start_repeating(connection);
        return;
    }
    if (!connection->spill)
        connection->spill = malloc(WIRE_PIECE);
    if (connection->spill) {
        hark_recv(stream->loop, &stream->receive, stream->fd, connection->spill, WIRE_PIECE, 0,
                  into_spill);
    } else {
        connection->end = -ENOMEM;
        hark_defer(stream->loop, &stream->receive, left_over);
    }
}

void records_receive(struct hark_stream *stream, void *bytes, size_t count, hark_done *done)
{
    struct connection *connection = connection_of(stream);
    connection->received = done;
    connection->into = bytes;
    connection->into_count = count;
    if (connection->end != NOT_ENDED || is_pending(connection))
        hark_defer(stream->loop, &stream->receive, left_over);
    else
        start(connection);
}

/* --- sending --- */

static void went(struct hark_op *op, int64_t result);

static void send_rest(struct connection *connection, struct hark_op *op, hark_done *done)
{
    struct hark_stream *stream = connection->stream;
    struct wire *wire = &connection->wire;
    hark_send(stream->loop, op, stream->fd, wire->sending.bytes + wire->sent,
              wire->sending.count - wire->sent, 0, done);
}

/* So many bytes have gone out.
 * Gives: whether there are more, which are being sent; with the deadline of this op. */
static bool send_more(struct connection *connection, struct hark_op *op, size_t count,
                      hark_done *done)
{
    struct wire *wire = &connection->wire;
    wire->sent += count;
    if (wire->sent == wire->sending.count) {
        wire_sent(wire);
        if (wire->filling.count == 0)
            return false;
        wire_next(wire);
    }
    send_rest(connection, op, done);
    hark_transport_limit(connection->stream, op);
    return true;
}

static void went(struct hark_op *op, int64_t result)
{
    struct connection *connection = sending(op);
    if (result >= 0 && send_more(connection, op, (size_t)result, went))
        return;
    connection->sent(op, result < 0 ? result : (int64_t)connection->taken);
}

/* Nothing is on its way: all has gone already, or nothing will. */
static void went_at_once(struct hark_op *op, int64_t result)
{
    struct connection *connection = sending(op);
    int64_t outcome = connection->failure < 0 ? connection->failure : (int64_t)connection->taken;
    connection_op_ended(connection);
    connection->sent(op, result < 0 ? result : outcome);
}

/* A place in a message. */
struct place {
    const struct iovec *vector;
    size_t left; /* vectors, this one too */
    size_t at;
};

static size_t gather(struct place *place, char *bytes)
{
    size_t count = 0;
    while (place->left > 0 && count < WIRE_PIECE) {
        size_t piece = place->vector->iov_len - place->at;
        if (piece > WIRE_PIECE - count)
            piece = WIRE_PIECE - count;
        if (piece > 0)
            memcpy(bytes + count, (const char *)place->vector->iov_base + place->at, piece);
        count += piece;
        place->at += piece;
        if (place->at == place->vector->iov_len) {
            place->vector++;
            place->left--;
            place->at = 0;
        }
    }
    return count;
}

/* What the next record is to hold: of a long vector itself, of short ones a copy. */
static const char *next_piece(struct connection *connection, struct place *place, size_t *out_count)
{
    if (place->left > 0 && place->vector->iov_len - place->at > WIRE_PIECE) {
        const char *bytes = (const char *)place->vector->iov_base + place->at;
        place->at += WIRE_PIECE;
        *out_count = WIRE_PIECE;
        return bytes;
    }
    *out_count = gather(place, connection->tls->gathered);
    return connection->tls->gathered;
}

static size_t length_of(const struct msghdr *message)
{
    size_t length = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++)
        length += message->msg_iov[i].iov_len;
    return length;
}

/* Encrypts a batch from the message, or a stretch of a long one until the socket is full.
 * Gives: 0; connection->taken says how much. */
static int encrypt(struct connection *connection, const struct msghdr *message, size_t length)
{
    struct place place = {.vector = message->msg_iov, .left = message->msg_iovlen};
    struct wire *wire = &connection->wire;
    size_t most = wire->direct ? WIRE_STRETCH : WIRE_BATCH;
    connection->taken = 0;
    while (connection->taken < most && !(wire->direct && wire->filling.count > 0)) {
        size_t count, written;
        const char *bytes = next_piece(connection, &place, &count);
        if (count == 0)
            break;
        wire->goes_on = connection->taken + count < length;
        fault_forget();
        if (SSL_write_ex(connection->ssl, bytes, count, &written) != 1)
            return fault_of(connection->ssl, "sending", connection_with(connection),
                            &connection->why);
        connection->taken += count;
    }
    return 0;
}

void records_send(struct hark_stream *stream, const struct msghdr *message, hark_done *done)
{
    struct connection *connection = connection_of(stream);
    struct wire *wire = &connection->wire;
    size_t length = length_of(message);
    connection->sent = done;
    wire->fd = stream->fd;
    wire->direct = wire->filling.count == 0 && length > WIRE_BATCH;
    connection->failure = encrypt(connection, message, length);
    wire->direct = false;
    if (connection->failure == 0)
        connection->failure = wire->refused;
    if (connection->failure == 0 && wire_next(wire))
        send_rest(connection, &stream->send, went);
    else
        hark_defer(stream->loop, &stream->send, went_at_once);
}

/* --- ending --- */

static void notified(struct hark_op *op, int64_t result)
{
    struct hark_stream *stream = hark_container_of(op, struct hark_stream, shutdown);
    struct connection *connection = connection_of(stream);
    if (result >= 0 && send_more(connection, op, (size_t)result, notified))
        return;
    if (result < 0)
        connection->ended(op, result);
    else
        hark_shutdown(stream->loop, op, stream->fd, SHUT_WR, connection->ended);
}

void records_end(struct hark_stream *stream, hark_done *done)
{
    struct connection *connection = connection_of(stream);
    connection->ended = done;
    fault_forget();
    SSL_shutdown(connection->ssl);
    fault_forget();
    if (wire_next(&connection->wire)) {
        send_rest(connection, &stream->shutdown, notified);
        hark_transport_limit(stream, &stream->shutdown);
    } else {
        hark_shutdown(stream->loop, &stream->shutdown, stream->fd, SHUT_WR, done);
    }
}

void records_watch(struct hark_stream *stream, hark_done *done)
{
    hark_poll(stream->loop, &stream->watch, stream->fd, HARK_POLL_HANGUP | HARK_POLL_ERROR, done);
}

/* --- closing --- */

/* The descriptor first; then what is not on it has to end, which may be a thread of the pool. */
bool records_close(struct hark_stream *stream, hark_done *done)
{
    struct connection *connection = connection_of(stream);
    if (!connection->closing) {
        connection->closing = true;
        context_leave_turn(connection->tls, &connection->waiter);
        hark_cancel(&stream->connect);
        hark_cancel(&stream->send);
        if (stream->fd >= 0)
            hark_close(stream->loop, &stream->close, stream->fd, done);
        else
            hark_defer(stream->loop, &stream->close, done);
        return true;
    }
    if (hark_op_active(&stream->connect) || hark_op_active(&stream->send)) {
        connection->waits_to_close = true;
        hark_sleep_until(stream->loop, &stream->close, HARK_NEVER, done);
        return true;
    }
    stream->transport = NULL; /* what is asked of the stream until `closed` finds nothing freed */
    connection_destroy(connection);
    hark_defer(stream->loop, &stream->close, done);
    return false;
}
