/* ssh2.h - libssh2 on a hark loop: its calls wait for the socket as long as they say that they
 * would block, and the loop goes on meanwhile.
 *
 *     static long shake_hands(struct hark_ssh2 *ssh)
 *     {
 *         return libssh2_session_handshake(ssh->session, ssh->fd);
 *     }
 *
 *     hark_ssh2_open(loop, &ssh, libssh2_session_init(), fd);
 *     hark_ssh2_start(&ssh, shake_hands, hark_os_clock(loop) + 10 * SECOND, shaken);
 *
 * A step is a function with one call of libssh2's in it, or with more. It is called again when the
 * socket is ready for what libssh2_session_block_directions names, until it gives something other
 * than LIBSSH2_ERROR_EAGAIN; where libssh2 gives a pointer, a step gives
 * libssh2_session_last_errno. libssh2 wants a call that would have blocked to be made again, with
 * the same arguments, before any other that sends: so a session has one step at a time.
 *
 * libssh2 computes on the loop's thread, some milliseconds for a handshake or a signature. Calls
 * that read files (libssh2_userauth_publickey_fromfile, libssh2_knownhost_readfile) block for them.
 * Thread: the loop's, for all that is here. */
#ifndef HARK_ADAPTERS_SSH2_H
#define HARK_ADAPTERS_SSH2_H

#include "../../hark.h"

#include <errno.h>
#include <libssh2.h>
#include <sys/socket.h>

HARK_BEGIN

struct hark_ssh2;

/* Gives: what its call of libssh2's has given; LIBSSH2_ERROR_EAGAIN: it is to be called again. */
typedef long hark_ssh2_step(struct hark_ssh2 *ssh);

/* A step has ended, from hark_run: error 0 and its result, a count or one of libssh2's errors; or
 * error -ETIMEDOUT its deadline has come, -ECANCELED after hark_ssh2_cancel or hark_cancel_all, any
 * other negative errno the socket cannot be waited for. After an error libssh2 is in the middle of
 * that call: the same step may be started again, or the session is freed. Here the next may be
 * started, and the session be freed. */
typedef void hark_ssh2_done(struct hark_ssh2 *ssh, int error, long result);

/* In the caller's memory, zeroed before its first use. `session`, `fd` and `loop` may be read,
 * `context` is the caller's, and all else is private. */
struct hark_ssh2 {
    void *context;
    LIBSSH2_SESSION *session;
    struct hark_loop *loop;
    int fd;
    struct hark_op op;
    uint64_t deadline_ns;
    hark_ssh2_step *step;
    hark_ssh2_done *done;
};

/* Private. */
static inline void hark_ssh2_turn(struct hark_op *op, int64_t result)
{
    struct hark_ssh2 *ssh = hark_container_of(op, struct hark_ssh2, op);
    long outcome = result < 0 ? 0 : ssh->step(ssh);
    if (result < 0 || outcome != LIBSSH2_ERROR_EAGAIN) {
        ssh->done(ssh, result < 0 ? HARK_CAST(int, result) : 0, outcome);
        return;
    }
    int directions = libssh2_session_block_directions(ssh->session);
    uint32_t events = directions & LIBSSH2_SESSION_BLOCK_OUTBOUND ? HARK_POLL_WRITABLE : 0u;
    if (!events || (directions & LIBSSH2_SESSION_BLOCK_INBOUND))
        events |= HARK_POLL_READABLE;
    hark_poll(ssh->loop, op, ssh->fd, events, hark_ssh2_turn);
    hark_op_deadline(op, ssh->deadline_ns);
}

/* Prepares a session.
 * Takes: session: of libssh2_session_init, which may be NULL; it is set not to block. fd: a socket
 *   that is connected.
 * Owns: both are the adapter's until hark_ssh2_free.
 * Gives: 0.
 * Fails: -ENOMEM session is NULL; the socket is still the caller's. */
static inline int hark_ssh2_open(struct hark_loop *loop, struct hark_ssh2 *ssh,
                                 LIBSSH2_SESSION *session, int fd)
{
    if (!session)
        return -ENOMEM;
    libssh2_session_set_blocking(session, 0);
    ssh->session = session;
    ssh->loop = loop;
    ssh->fd = fd;
    return 0;
}

/* Starts a step, whose first call comes in a later turn.
 * Takes: deadline_ns: as hark_os_clock, for all of it; HARK_NEVER: none.
 * Owns: ssh and what the step uses are the loop's until `done`.
 * Gives: 0.
 * Fails: -EBUSY one has not ended yet. */
static inline int hark_ssh2_start(struct hark_ssh2 *ssh, hark_ssh2_step *step, uint64_t deadline_ns,
                                  hark_ssh2_done *done)
{
    if (hark_op_active(&ssh->op))
        return -EBUSY;
    ssh->step = step;
    ssh->done = done;
    ssh->deadline_ns = deadline_ns;
    hark_defer(ssh->loop, &ssh->op, hark_ssh2_turn);
    return 0;
}

/* Ends the step that is under way: `done` is called with -ECANCELED, but where it has ended
 * already. Where there is none: nothing happens. */
static inline void hark_ssh2_cancel(struct hark_ssh2 *ssh)
{
    hark_cancel(&ssh->op);
}

/* Frees the session with its channels, and closes the socket, at once: whoever wants the server to
 * be told has libssh2_channel_close and libssh2_session_disconnect as steps before. Handles of SFTP
 * are closed before.
 * Takes: one without a step. */
static inline void hark_ssh2_free(struct hark_ssh2 *ssh)
{
    /* libssh2 may want to send and to receive for it, and shall find that it cannot. */
    (void)shutdown(ssh->fd, SHUT_RDWR);
    while (libssh2_session_free(ssh->session) == LIBSSH2_ERROR_EAGAIN) {
    }
    (void)hark_os_close(ssh->loop, ssh->fd);
    ssh->session = HARK_NULL;
    ssh->fd = -1;
}

HARK_END

#endif
