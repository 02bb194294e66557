/* openssl.h - OpenSSL by hand on a hark loop: an SSL of one's own over a socket, each of its calls
 * made again when the socket is ready, as long as it would block.
 *
 *     static int shake_hands(struct hark_openssl *call)
 *     {
 *         return SSL_connect(call->ssl);
 *     }
 *
 *     SSL_set_fd(ssl, fd);
 *     hark_openssl_start(loop, &call, ssl, shake_hands, hark_os_clock(loop) + 10 * SECOND, shaken);
 *
 * It is for what hark/tls.h does not offer: engines, providers, PSKs, callbacks of one's own.
 * Whoever just wants TLS has less to do there.
 *
 * A step is a function whose last call of OpenSSL's is the one that may have to wait, and whose
 * result it gives. OpenSSL wants such a call to be made again with the same arguments; steps of
 * reading and of writing may be under way side by side, each with a struct of its own. OpenSSL
 * writes with write(2): a program ignores SIGPIPE. It computes on the loop's thread.
 * Thread: the loop's, for all that is here. Source: SSL_get_error(3ssl). */
#ifndef HARK_ADAPTERS_OPENSSL_H
#define HARK_ADAPTERS_OPENSSL_H

#include "../../hark.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

HARK_BEGIN

struct hark_openssl;

/* Gives: what its call of OpenSSL's has given, as SSL_get_error takes it. */
typedef int hark_openssl_step(struct hark_openssl *call);

/* A step has ended, from hark_run.
 * Takes: error 0: result is what the step gave, above 0; or 0: the peer has said that it sends no
 *   more (close_notify), or, of SSL_shutdown, ours is sent and theirs has not come. Else result is
 *   0, and error -EPROTO: ERR_get_error(3ssl) says why, a peer that has gone without close_notify
 *   among it; -ETIMEDOUT the deadline has come; -ECANCELED after hark_openssl_cancel or
 *   hark_cancel_all; -ENOTSUP it waits for something other than the socket
 *   (SSL_ERROR_WANT_X509_LOOKUP, SSL_ERROR_WANT_ASYNC, ...); any other negative errno: the
 *   socket's. After -EPROTO and errors of the socket the SSL is of no more use, and SSL_shutdown
 *   must not be called. Here the next step may be started, and the SSL be freed. */
typedef void hark_openssl_done(struct hark_openssl *call, int error, int result);

/* In the caller's memory, zeroed before its first use. `ssl` and `loop` may be read, `context` is
 * the caller's, and all else is private. */
struct hark_openssl {
    void *context;
    SSL *ssl;
    struct hark_loop *loop;
    struct hark_op op;
    uint64_t deadline_ns;
    hark_openssl_step *step;
    hark_openssl_done *done;
};

/* Private, as all up to hark_openssl_start. What SSL_ERROR_SYSCALL means: SSL_shutdown gives 0
 * where its first half is done, and that is no error. */
static inline int hark_openssl_system_error(const struct hark_openssl *call, int result, int error)
{
    if (result == 0 && (SSL_get_shutdown(call->ssl) & SSL_SENT_SHUTDOWN))
        return 0;
    return error != 0 ? -error : -EPROTO;
}

static inline void hark_openssl_turn(struct hark_op *op, int64_t waited);

static inline void hark_openssl_wait(struct hark_openssl *call, int fd, uint32_t events)
{
    hark_poll(call->loop, &call->op, fd, events, hark_openssl_turn);
    hark_op_deadline(&call->op, call->deadline_ns);
}

static inline void hark_openssl_turn(struct hark_op *op, int64_t waited)
{
    struct hark_openssl *call = hark_container_of(op, struct hark_openssl, op);
    if (waited < 0) {
        call->done(call, HARK_CAST(int, waited), 0);
        return;
    }
    ERR_clear_error();
    errno = 0;
    int result = call->step(call);
    int system_error = errno;
    switch (SSL_get_error(call->ssl, result)) {
    case SSL_ERROR_NONE:
        call->done(call, 0, result);
        break;
    case SSL_ERROR_ZERO_RETURN:
        call->done(call, 0, 0);
        break;
    case SSL_ERROR_WANT_READ:
        hark_openssl_wait(call, SSL_get_rfd(call->ssl), HARK_POLL_READABLE);
        break;
    case SSL_ERROR_WANT_WRITE:
    case SSL_ERROR_WANT_CONNECT:
        hark_openssl_wait(call, SSL_get_wfd(call->ssl), HARK_POLL_WRITABLE);
        break;
    case SSL_ERROR_SYSCALL:
        call->done(call, hark_openssl_system_error(call, result, system_error), 0);
        break;
    case SSL_ERROR_SSL:
        call->done(call, -EPROTO, 0);
        break;
    default:
        call->done(call, -ENOTSUP, 0);
    }
}

/* Starts a step, whose first call comes in a later turn.
 * Takes: ssl: over a socket that does not block, as hark's own do (SSL_set_fd(3ssl)), or over two
 *   descriptors; deadline_ns: as hark_os_clock, for all of the step; HARK_NEVER: none.
 * Owns: call, ssl and what the step uses are the loop's until `done`.
 * Gives: 0.
 * Fails: -EBUSY the last step of this call has not ended yet. */
static inline int hark_openssl_start(struct hark_loop *loop, struct hark_openssl *call, SSL *ssl,
                                     hark_openssl_step *step, uint64_t deadline_ns,
                                     hark_openssl_done *done)
{
    if (hark_op_active(&call->op))
        return -EBUSY;
    call->loop = loop;
    call->ssl = ssl;
    call->step = step;
    call->deadline_ns = deadline_ns;
    call->done = done;
    hark_defer(loop, &call->op, hark_openssl_turn);
    return 0;
}

/* Ends the step that is under way: `done` is called with -ECANCELED, but where it has ended
 * already. Of what it was writing a part may have gone out, so the SSL is of no more use then;
 * reading may go on. Where there is none: nothing happens. */
static inline void hark_openssl_cancel(struct hark_openssl *call)
{
    hark_cancel(&call->op);
}

HARK_END

#endif
