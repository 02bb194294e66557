/* handshake.c - the handshake, in one op of the stream: it waits for its turn, then computes, sends
 * and receives by turns until both sides agree, or one of them does not.
 *
 * A server waits for its client's first bytes before it asks for a turn. Who has one keeps it for
 * as long as he likes, but where others wait: then his peer has PATIENCE_NS for each answer. So
 * neither silence nor half a greeting can keep others out for long.
 *
 * A step is SSL_do_handshake over what has been received, into what is to be sent. Where the own
 * key is slow it runs on a thread of the pool: the connection is in nobody else's hands then, since
 * its only op is that one. So a flood of handshakes costs the loop's thread some ten microseconds
 * each, and no more than handshakes_max of them have memory of OpenSSL's.
 *
 * What must hold: the op is `connect` and at most once in flight; each start of it gets the
 * deadline of the whole; whatever is to be sent, an alert too, is sent before the outcome is told.
 * */
#include "tls/handshake.h"
#include "tls/fault.h"

#include "hark/net.h"
#include "hark/os.h"
#include "hark/poll.h"
#include "hark/timer.h"
#include "hark/work.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

static struct connection *connecting(struct hark_op *op)
{
    return connection_of(hark_container_of(op, struct hark_stream, connect));
}

static const uint64_t PATIENCE_NS = 2000000000;

/* The deadline of what was started. */
static void limit(struct connection *connection)
{
    uint64_t until_ns = connection->until_ns;
    bool waits_for_peer = connection->waiter.has_turn && !connection->computes;
    if (waits_for_peer && context_is_crowded(connection->tls) &&
        connection->asked_ns + PATIENCE_NS < until_ns)
        until_ns = connection->asked_ns + PATIENCE_NS;
    if (until_ns != HARK_NEVER)
        hark_op_deadline(&connection->stream->connect, until_ns);
}

static void ask_peer(struct connection *connection)
{
    connection->asked_ns = hark_os_clock(connection->stream->loop);
    limit(connection);
}

/* --- its end --- */

static void note_alpn(struct connection *connection)
{
    const unsigned char *name;
    unsigned count;
    SSL_get0_alpn_selected(connection->ssl, &name, &count);
    if (count > 0 && count < sizeof connection->alpn)
        memcpy(connection->alpn, name, count);
    connection->alpn_count = (unsigned char)(count < sizeof connection->alpn ? count : 0);
}

/* The last of a callback: the stream may be gone. */
static void finish(struct connection *connection, int64_t result)
{
    struct hark_stream *stream = connection->stream;
    context_leave_turn(connection->tls, &connection->waiter);
    if (result == 0) {
        note_alpn(connection);
        connection_keep_session(connection);
    } else if (!connection->why.text[0] && result != -ECANCELED) {
        fault_say(&connection->why, 0, "TLS with %s: handshake: %s", connection_with(connection),
                  hark_error_text(result));
    }
    connection_op_ended(connection);
    connection->opened(&stream->connect, result);
}

static void failed(struct hark_op *op, int64_t result)
{
    struct connection *connection = connecting(op);
    finish(connection, result < 0 ? result : connection->failure);
}

/* --- its steps --- */

static void step(struct connection *connection)
{
    fault_forget();
    int result = SSL_do_handshake(connection->ssl);
    if (result == 1) {
        connection->step = STEP_DONE;
    } else if (SSL_get_error(connection->ssl, result) == SSL_ERROR_WANT_READ) {
        connection->step = STEP_WANTS;
    } else {
        connection->step = STEP_FAILED;
        connection->failure =
            fault_of(connection->ssl, "handshake", connection_with(connection), &connection->why);
    }
}

static void received(struct hark_op *op, int64_t result);
static void sent(struct hark_op *op, int64_t result);

static void send_rest(struct connection *connection)
{
    struct wire *wire = &connection->wire;
    struct hark_stream *stream = connection->stream;
    hark_send(stream->loop, &stream->connect, stream->fd, wire->sending.bytes + wire->sent,
              wire->sending.count - wire->sent, 0, sent);
    ask_peer(connection);
}

static void receive(struct connection *connection)
{
    struct hark_stream *stream = connection->stream;
    hark_recv(stream->loop, &stream->connect, stream->fd, connection->spill, WIRE_PIECE, 0,
              received);
    ask_peer(connection);
}

/* After a step: sends what it gave, then receives what it wants, or tells how it has ended. */
static void proceed(struct connection *connection)
{
    if (wire_next(&connection->wire))
        send_rest(connection);
    else if (connection->step == STEP_WANTS)
        receive(connection);
    else
        finish(connection, connection->step == STEP_DONE ? 0 : connection->failure);
}

static void sent(struct hark_op *op, int64_t result)
{
    struct connection *connection = connecting(op);
    struct wire *wire = &connection->wire;
    if (result < 0) {
        finish(connection, connection->step == STEP_FAILED ? connection->failure : result);
        return;
    }
    wire->sent += (size_t)result;
    if (wire->sent < wire->sending.count) {
        send_rest(connection);
        return;
    }
    wire_sent(wire);
    proceed(connection);
}

static int64_t step_on_pool(struct hark_op *op)
{
    step(connecting(op));
    return 0;
}

static void stepped(struct hark_op *op, int64_t result)
{
    struct connection *connection = connecting(op);
    connection->computes = false;
    if (result == -EAGAIN) { /* there is no thread */
        step(connection);
        result = 0;
    }
    if (connection->closing)
        result = -ECANCELED; /* the descriptor may be somebody else's by now */
    if (result < 0)
        finish(connection, result);
    else
        proceed(connection);
}

static void received(struct hark_op *op, int64_t result)
{
    struct connection *connection = connecting(op);
    if (result == 0)
        result = fault_say(&connection->why, -ECONNABORTED,
                           "TLS with %s: handshake: it has ended the connection in the midst of "
                           "it; look for what it says of that",
                           connection_with(connection));
    if (result < 0) {
        finish(connection, result);
        return;
    }
    connection_feed(connection, connection->spill, (size_t)result);
    if (connection->settings->on_pool) {
        connection->computes = true;
        hark_work(op->loop, op, step_on_pool, stepped);
        limit(connection);
    } else {
        step(connection);
        proceed(connection);
    }
}

/* --- its beginning --- */

/* Whom a client wants: what it asks for, and what it looks for in the certificate. */
static bool set_name(SSL *ssl, const char *name, bool verifies)
{
    unsigned char address[16];
    bool is_address =
        inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
    if (is_address)
        return !verifies || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    SSL_set_hostflags(ssl,
                      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return SSL_set_tlsext_host_name(ssl, name) == 1 && (!verifies || SSL_set1_host(ssl, name) == 1);
}

static bool resume(struct connection *connection)
{
    SSL_SESSION *session = sessions_take(&connection->tls->sessions, connection->with);
    bool set = !session || SSL_set_session(connection->ssl, session) == 1;
    SSL_SESSION_free(session);
    return set;
}

/* OpenSSL's part of the connection.
 * Gives: 0, -ENOMEM; -EINVAL without a name that is wanted. */
static int make_ssl(struct connection *connection)
{
    connection->settings = settings_keep(connection->tls->settings);
    connection->spill = malloc(WIRE_PIECE);
    SSL *ssl = connection->ssl = SSL_new(connection->settings->of[0]);
    BIO *bio = ssl ? wire_bio(connection->settings->method, &connection->wire) : NULL;
    if (!connection->spill || !bio) {
        BIO_free(bio);
        return -ENOMEM;
    }
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, &connection->session);
    if (connection->settings->server) {
        SSL_set_accept_state(ssl);
        return 0;
    }
    SSL_set_connect_state(ssl);
    if (!connection->with[0]) /* rules that want one may have come after the open */
        return connection->settings->verifies ? -EINVAL : 0;
    return set_name(ssl, connection->with, connection->settings->verifies) && resume(connection)
               ? 0
               : -ENOMEM;
}

/* It is its turn. Never calls back at once. */
static void begin(struct connection *connection)
{
    struct hark_stream *stream = connection->stream;
    connection->asked_ns = hark_os_clock(stream->loop);
    fault_forget();
    connection->failure = make_ssl(connection);
    fault_forget();
    if (connection->failure == 0 && connection->settings->server) {
        receive(connection);
        return;
    }
    if (connection->failure == 0)
        step(connection); /* the greeting, which takes no key of ours */
    if (connection->failure == 0 && wire_next(&connection->wire)) {
        send_rest(connection);
    } else {
        hark_defer(stream->loop, &stream->connect, failed);
        limit(connection);
    }
}

static void waited(struct hark_op *op, int64_t result)
{
    struct connection *connection = connecting(op);
    if (connection->waiter.has_turn && result >= 0)
        begin(connection);
    else
        finish(connection, result < 0 ? result : -ECANCELED);
}

static void called(struct waiter *waiter)
{
    struct connection *connection = hark_container_of(waiter, struct connection, waiter);
    connection->asked_ns = hark_os_clock(connection->stream->loop);
    hark_sleep_move(&connection->stream->connect, 0);
}

static void hurried(struct waiter *waiter)
{
    limit(hark_container_of(waiter, struct connection, waiter));
}

static void ask_turn(struct connection *connection)
{
    struct hark_stream *stream = connection->stream;
    connection->waiter.called = called;
    connection->waiter.hurried = hurried;
    if (context_ask_turn(connection->tls, &connection->waiter)) {
        begin(connection);
    } else {
        hark_sleep_until(stream->loop, &stream->connect, HARK_NEVER, waited);
        limit(connection);
    }
}

static void spoken(struct hark_op *op, int64_t result)
{
    struct connection *connection = connecting(op);
    if (result < 0)
        finish(connection, result);
    else
        ask_turn(connection);
}

void handshake_open(struct hark_stream *stream, hark_done *done)
{
    struct connection *connection = connection_of(stream);
    uint64_t now_ns = hark_os_clock(stream->loop);
    uint64_t timeout_ns = connection->tls->settings->handshake_timeout_ns;
    if (timeout_ns < HARK_NEVER - now_ns && now_ns + timeout_ns < connection->until_ns)
        connection->until_ns = now_ns + timeout_ns;
    connection->opened = done;
    if (!connection->tls->settings->server) {
        ask_turn(connection);
        return;
    }
    hark_poll(stream->loop, &stream->connect, stream->fd, HARK_POLL_READABLE, spoken);
    limit(connection);
}
