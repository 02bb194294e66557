/* The listener: hands connections over, and outlives the lack of descriptors.
 *
 * What must hold: in each state but STOPPED exactly one op is in flight, so that the listener
 * always sleeps on something and never spins; nothing is called after hark_listener_close but
 * `closed`; `closed` comes once every op is idle.
 *
 * A listener that has no descriptor left for a connection cannot refuse it either: it would wait in
 * the backlog, readable for ever. So one descriptor is kept in reserve. When accepting says
 * -EMFILE, the reserve is closed and its place is used for accepting one connection at a time
 * (SHEDDING): where the reserve can be opened again, there is room, the connection is served and
 * all is as before; else the connection is closed, and its client knows at once. This holds between
 * connections too, since Linux looks for a free descriptor before it looks for a connection:
 * accepting with none left fails on an empty backlog. Where even that one place is taken by others,
 * or memory is short, a timer waits before the next attempt (PAUSED).
 *
 * Left to others: accepting itself (accept_each), and the fairness of the turn. */
#include "hark/listener.h"
#include "hark/close.h"
#include "hark/net.h"
#include "hark/os.h"
#include "hark/timer.h"

#include "base/check.h"
#include <errno.h>
#include <netinet/in.h>

enum state {
    CLOSED,    /* nothing is in flight: the caller's memory */
    ACCEPTING, /* accept_each; the reserve is held */
    SHEDDING,  /* accept, one connection, in the place of the reserve */
    PAUSED,    /* the timer; the reserve may be gone */
    STOPPED,   /* failed for good: waits for hark_listener_close */
    CLOSING,   /* close, and what it ends */
};

#define PAUSE_MIN_NS 10000000ull
#define PAUSE_MAX_NS 1000000000ull

enum { TRANSIENT_MAX = 16 }; /* failed connections in a row before the timer comes between them */

static void accept_all(struct hark_listener *listener);
static void shed_one(struct hark_listener *listener);

/* Any descriptor does. A socket is one that needs no path and that the loop can make. */
static bool reserve_open(struct hark_listener *listener)
{
    if (listener->reserve < 0)
        listener->reserve = hark_os_socket(listener->loop, AF_UNIX, SOCK_DGRAM, 0);
    return listener->reserve >= 0;
}

static void reserve_close(struct hark_listener *listener)
{
    if (listener->reserve >= 0)
        hark_os_close(listener->loop, listener->reserve);
    listener->reserve = -1;
}

static void close_if_idle(struct hark_listener *listener)
{
    if (hark_op_active(&listener->accept) || hark_op_active(&listener->pause) ||
        hark_op_active(&listener->close))
        return;
    listener->state = CLOSED;
    listener->fd = -1;
    if (listener->events->closed)
        listener->events->closed(listener); /* may free the listener */
}

static void stop(struct hark_listener *listener, int error)
{
    listener->state = STOPPED;
    if (listener->events->failed)
        listener->events->failed(listener, error);
}

/* Tells of a lack of descriptors or memory once, until accepting goes well again. */
static void report(struct hark_listener *listener, int error)
{
    if (listener->reported)
        return;
    listener->reported = true;
    if (listener->events->failed)
        listener->events->failed(listener, error);
}

static void pause_over(struct hark_op *op, int64_t result)
{
    struct hark_listener *listener = hark_container_of(op, struct hark_listener, pause);
    if (listener->state == CLOSING)
        close_if_idle(listener);
    else if (result < 0) /* told apart from a lack of memory that passes: without a timer there is
                            no way on */
        stop(listener, result == -ENOMEM ? -ENOTRECOVERABLE : (int)result);
    else
        accept_all(listener);
}

static void pause_start(struct hark_listener *listener)
{
    listener->state = PAUSED;
    listener->pauses++;
    listener->pause_ns = listener->pause_ns ? listener->pause_ns * 2 : PAUSE_MIN_NS;
    if (listener->pause_ns > PAUSE_MAX_NS)
        listener->pause_ns = PAUSE_MAX_NS;
    hark_sleep(listener->loop, &listener->pause, listener->pause_ns, pause_over);
}

/* Accepting has ended with an error. */
static void accept_failed(struct hark_listener *listener, int error)
{
    switch (-error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case ENOSPC: /* of what all epoll descriptors of a user may watch (epoll_ctl(2)) */
        report(listener, error);
        if (listener->state == CLOSING)
            return;
        if ((error == -EMFILE || error == -ENFILE) && listener->reserve >= 0)
            shed_one(listener);
        else
            pause_start(listener);
        break;
    /* The connection's own failure, not the listener's: accept(2) asks to go on as after EAGAIN. */
    case EAGAIN:
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case ETIMEDOUT:
        if (++listener->transient <= TRANSIENT_MAX)
            accept_all(listener);
        else
            pause_start(listener);
        break;
    default:
        stop(listener, error);
        break;
    }
}

static void hand_over(struct hark_listener *listener, int fd)
{
    listener->accepted_count++;
    listener->events->accepted(listener, fd);
}

static void accept_done(struct hark_op *op, int64_t result)
{
    struct hark_listener *listener = hark_container_of(op, struct hark_listener, accept);
    bool more = hark_op_more(op);
    if (listener->state == CLOSING) {
        if (result >= 0)
            hark_os_close(listener->loop, (int)result);
        if (!more)
            close_if_idle(listener);
        return;
    }
    if (result < 0) {
        accept_failed(listener, (int)result);
        return;
    }
    listener->reported = false;
    listener->transient = 0;
    listener->pause_ns = 0;
    hand_over(listener, (int)result);
    if (!more && listener->state == ACCEPTING)
        accept_all(listener);
}

/* Goes on accepting, once there is a reserve. */
static void accept_all(struct hark_listener *listener)
{
    if (!reserve_open(listener)) {
        pause_start(listener);
        return;
    }
    listener->state = ACCEPTING;
    hark_accept_each(listener->loop, &listener->accept, listener->fd, accept_done);
}

static void shed_done(struct hark_op *op, int64_t result)
{
    struct hark_listener *listener = hark_container_of(op, struct hark_listener, accept);
    if (listener->state == CLOSING) {
        if (result >= 0)
            hark_os_close(listener->loop, (int)result);
        close_if_idle(listener);
    } else if (result < 0) {
        accept_failed(listener, (int)result);
    } else if (reserve_open(listener)) {
        hand_over(listener, (int)result);
        if (listener->state == SHEDDING)
            accept_all(listener);
    } else {
        hark_os_close(listener->loop, (int)result);
        listener->shed_count++;
        shed_one(listener);
    }
}

static void shed_one(struct hark_listener *listener)
{
    reserve_close(listener);
    listener->state = SHEDDING;
    hark_accept(listener->loop, &listener->accept, listener->fd, NULL, NULL, shed_done);
}

/* Everything but the ops, which are idle, and stay zeroed from the caller's first use on. */
static void prepare(struct hark_loop *loop, struct hark_listener *listener,
                    const struct hark_listener_events *events)
{
    check_rule(listener->state == CLOSED,
               "a listener was opened that is open, or that was not zeroed", NULL, listener->fd);
    listener->loop = loop;
    listener->events = events;
    listener->accepted_count = listener->shed_count = listener->pauses = 0;
    listener->pause_ns = 0;
    listener->transient = 0;
    listener->reported = false;
    listener->fd = -1;
    listener->reserve = -1;
}

int hark_listener_open(struct hark_loop *loop, struct hark_listener *listener,
                       const struct hark_address *address, int backlog, unsigned flags,
                       const struct hark_listener_events *events)
{
    prepare(loop, listener, events);
    if (!reserve_open(listener))
        return listener->reserve;
    int fd = hark_listen_at(loop, address, backlog, flags);
    if (fd < 0) {
        reserve_close(listener);
        return fd;
    }
    listener->fd = fd;
    accept_all(listener);
    return 0;
}

int hark_listener_adopt(struct hark_loop *loop, struct hark_listener *listener, int fd,
                        const struct hark_listener_events *events)
{
    prepare(loop, listener, events);
    if (!reserve_open(listener)) {
        hark_os_close(loop, fd);
        return listener->reserve;
    }
    listener->fd = fd;
    accept_all(listener);
    return 0;
}

int hark_listener_address(struct hark_listener *listener, struct hark_address *out_address)
{
    if (listener->state == CLOSED || listener->state == CLOSING)
        return -EBADF;
    return hark_os_getsockname(listener->loop, listener->fd, out_address);
}

static void close_done(struct hark_op *op, int64_t result)
{
    (void)result; /* the descriptor is closed whatever it says, and listening sockets have nothing
                     to lose */
    close_if_idle(hark_container_of(op, struct hark_listener, close));
}

void hark_listener_close(struct hark_listener *listener)
{
    if (listener->state == CLOSED || listener->state == CLOSING)
        return;
    listener->state = CLOSING;
    reserve_close(listener);
    hark_cancel(&listener->pause);
    hark_close(listener->loop, &listener->close, listener->fd, close_done);
}
