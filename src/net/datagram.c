/* datagram.c - the datagram socket: opening, receiving, and the order of its end.
 *
 * What must hold: an error that says something of a datagram that was sent ends nothing; `closed`
 * or `detached` comes once no op is left. What is being sent stands in the queue (_queue). */
#include "net/datagram.h"
#include "core/op.h"
#include "hark/close.h"
#include "hark/net.h"
#include "hark/os.h"

enum { RESTS, RECEIVES, STOPPING, RESTARTING }; /* receiving */

static bool is_open(const struct hark_datagram *datagram)
{
    return datagram->events;
}

bool datagram_closes(const struct hark_datagram *datagram)
{
    return datagram->ending == DATAGRAM_GOING_AWAY;
}

bool datagram_error_passes(int64_t error)
{
    switch (error) {
    case -ECONNREFUSED:
    case -EHOSTUNREACH:
    case -ENETUNREACH:
    case -EHOSTDOWN:
    case -ENONET:
    case -ENETDOWN:
    case -EPROTO:
    case -EOPNOTSUPP:
    case -ENOPROTOOPT:
    case -EACCES:
    case -EPERM:
    case -EMSGSIZE:
    case -ENOBUFS:
    case -EAGAIN:
        return true;
    default:
        return false;
    }
}

void datagram_tell(struct hark_datagram *datagram, const struct hark_datagram_error *error)
{
    if (datagram->events->failed && !datagram_closes(datagram))
        datagram->events->failed(datagram, error);
}

/* --- receiving --- */

static void await_next(struct hark_datagram *datagram)
{
    const uint64_t timeout_ns = datagram->options.receive_timeout_ns;
    if (timeout_ns && datagram->receiving == RECEIVES)
        hark_op_deadline(&datagram->receive, hark_now(datagram->loop) + timeout_ns);
}

static void receive(struct hark_datagram *datagram);

static void deliver(struct hark_datagram *datagram)
{
    struct hark_datagram_received received;
    datagram->received_count++;
    if (!datagram->events->received || datagram_closes(datagram))
        return;
    datagram_describe(hark_op_packet(&datagram->receive), &received);
    datagram->events->received(datagram, &received);
    await_next(datagram);
}

/* With a queue of errors the same is told from there, and more of it. Its owner may end the socket
 * in `failed`: nothing is begun that its end would not await. */
static void go_on_after(struct hark_datagram *datagram, int error)
{
    if (!datagram->errors)
        datagram_tell(datagram, &(struct hark_datagram_error){.error = error});
    if (datagram->receiving == RECEIVES && !hark_op_active(&datagram->receive) &&
        !hark_op_active(&datagram->close))
        receive(datagram);
}

static void received(struct hark_op *op, int64_t result)
{
    struct hark_datagram *datagram = hark_container_of(op, struct hark_datagram, receive);
    if (hark_op_more(op))
        return deliver(datagram);
    if (datagram->receiving == RESTARTING && !datagram_closes(datagram)) {
        datagram->receiving = RECEIVES;
        return receive(datagram);
    }
    if (datagram->receiving == RECEIVES && datagram_error_passes(result))
        return go_on_after(datagram, (int)result);
    bool wanted = datagram->receiving == RECEIVES;
    datagram->receiving = RESTS;
    if (wanted && !datagram_closes(datagram) && datagram->events->ended)
        datagram->events->ended(datagram, (int)result);
}

/* Over a unix socket anybody may send descriptors along, unasked: without room they are dropped. */
static void receive(struct hark_datagram *datagram)
{
    size_t control = datagram->family == AF_UNIX ? 0 : HARK_PACKET_CONTROL_DATAGRAM;
    hark_recvmsg_each(datagram->loop, &datagram->receive, datagram->fd, control, received);
    await_next(datagram);
}

void hark_datagram_receive_start(struct hark_datagram *datagram)
{
    if (!is_open(datagram) || datagram->ending != DATAGRAM_STAYS)
        return;
    if (datagram->receiving == STOPPING) {
        datagram->receiving = RESTARTING;
    } else if (datagram->receiving == RESTS) {
        datagram->receiving = RECEIVES;
        receive(datagram);
    }
}

void hark_datagram_receive_stop(struct hark_datagram *datagram)
{
    if (!is_open(datagram) || datagram->receiving == RESTS)
        return;
    if (!hark_op_active(&datagram->receive)) {
        datagram->receiving = RESTS; /* inside of `failed`, between two receives */
        return;
    }
    datagram->receiving = STOPPING;
    hark_cancel(&datagram->receive);
}

/* --- the end --- */

static void release(struct hark_datagram *datagram)
{
    datagram_queue_done(datagram);
    datagram_errors_done(datagram);
    datagram->events = NULL;
}

static void closed(struct hark_op *op, int64_t result)
{
    struct hark_datagram *datagram = hark_container_of(op, struct hark_datagram, close);
    const struct hark_datagram_events *events = datagram->events;
    (void)result;
    release(datagram);
    events->closed(datagram);
}

static void detached(struct hark_op *op, int64_t result)
{
    struct hark_datagram *datagram = hark_container_of(op, struct hark_datagram, close);
    const struct hark_datagram_events *events = datagram->events;
    (void)result;
    if (datagram_closes(datagram)) /* by its owner, meanwhile */
        return hark_close(datagram->loop, op, datagram->fd, closed);
    release(datagram);
    events->detached(datagram, datagram->fd);
}

void datagram_advance(struct hark_datagram *datagram)
{
    if (hark_op_active(&datagram->close) || !datagram_queue_is_empty(datagram))
        return;
    if (datagram->ending == DATAGRAM_FINISHING)
        hark_datagram_close(datagram);
    else if (datagram->ending == DATAGRAM_DETACHING)
        hark_detach(datagram->loop, &datagram->close, datagram->fd, detached);
}

void hark_datagram_close(struct hark_datagram *datagram)
{
    if (!is_open(datagram) || datagram->ending == DATAGRAM_GOING_AWAY)
        return;
    datagram->ending = DATAGRAM_GOING_AWAY;
    if (!hark_op_active(&datagram->close))
        hark_close(datagram->loop, &datagram->close, datagram->fd, closed);
}

void hark_datagram_close_after_sending(struct hark_datagram *datagram)
{
    if (!is_open(datagram) || datagram->ending != DATAGRAM_STAYS)
        return;
    hark_datagram_receive_stop(datagram);
    datagram->ending = DATAGRAM_FINISHING;
    datagram_advance(datagram);
}

int hark_datagram_detach(struct hark_datagram *datagram)
{
    if (!is_open(datagram))
        return -EBADF;
    if (datagram->ending != DATAGRAM_STAYS)
        return -EBUSY;
    check_rule(datagram->events->detached, "hark_datagram_detach without a detached event", NULL,
               datagram->fd);
    hark_datagram_receive_stop(datagram);
    datagram->ending = DATAGRAM_DETACHING;
    datagram_advance(datagram);
    return 0;
}

/* --- opening --- */

static void set_limits(struct hark_datagram_options *own)
{
    const size_t default_bytes = (size_t)512 * 1024;
    const size_t least_bytes = 4096;
    if (own->queue_bytes_max == 0)
        own->queue_bytes_max = default_bytes;
    if (own->queue_bytes_max < least_bytes)
        own->queue_bytes_max = least_bytes;
    if (own->high_bytes == 0 || own->high_bytes > own->queue_bytes_max)
        own->high_bytes = own->queue_bytes_max / 2;
    if (own->low_bytes == 0)
        own->low_bytes = own->queue_bytes_max / 8;
    if (own->low_bytes >= own->high_bytes)
        own->low_bytes = own->high_bytes - 1;
}

static int option_of(struct hark_loop *loop, int fd, int option)
{
    int value = 0;
    socklen_t length = sizeof value;
    int error = hark_os_getsockopt(loop, fd, SOL_SOCKET, option, &value, &length);
    return error ? error : value;
}

int hark_datagram_open(struct hark_loop *loop, struct hark_datagram *datagram, int fd,
                       const struct hark_datagram_options *options,
                       const struct hark_datagram_events *events)
{
    check_rule(!is_open(datagram), "a datagram socket was opened that is open, or not zeroed", NULL,
               fd);
    const int type = option_of(loop, fd, SO_TYPE);
    if (type < 0)
        return type;
    if (type == SOCK_STREAM)
        return -EPROTOTYPE;
    datagram->loop = loop;
    datagram->events = events;
    datagram->options = options ? *options : (struct hark_datagram_options){0};
    set_limits(&datagram->options);
    datagram->queue = NULL;
    datagram->errors = NULL;
    datagram->received_count = datagram->sent_count = 0;
    datagram->fd = fd;
    datagram->family = option_of(loop, fd, SO_DOMAIN);
    datagram->receiving = RESTS;
    datagram->ending = DATAGRAM_STAYS;
    datagram->full = false;
    datagram_find_features(datagram);
    int error = datagram->features & HARK_DATAGRAM_ERRORS ? datagram_errors_create(datagram) : 0;
    if (error) {
        datagram->events = NULL;
        return error;
    }
    if (datagram->errors)
        datagram_errors_watch(datagram);
    return 0;
}

/* A v6 socket takes v4 as well, whatever the machine's default is. */
static int make(struct hark_loop *loop, int family, const struct hark_address *local,
                const struct hark_address *peer, const struct hark_datagram_options *options)
{
    const int on = 1;
    const int off = 0;
    int fd = hark_os_socket(loop, family, SOCK_DGRAM, 0);
    if (fd < 0)
        return fd;
    if (family == AF_INET6)
        (void)hark_os_setsockopt(loop, fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    int error = 0;
    if (options && options->flags & HARK_DATAGRAM_REUSE_PORT)
        error = hark_os_setsockopt(loop, fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (!error && local)
        error = hark_os_bind(loop, fd, local);
    if (!error && peer)
        error = kernel_connect(calls_of(loop), fd, &peer->name.any, peer->length);
    if (!error)
        return fd;
    hark_os_close(loop, fd);
    return error;
}

static int make_and_open(struct hark_loop *loop, struct hark_datagram *datagram, int family,
                         const struct hark_address *local, const struct hark_address *peer,
                         const struct hark_datagram_options *options,
                         const struct hark_datagram_events *events)
{
    int fd = make(loop, family, local, peer, options);
    if (fd < 0)
        return fd;
    int error = hark_datagram_open(loop, datagram, fd, options, events);
    if (error)
        hark_os_close(loop, fd);
    return error;
}

int hark_datagram_bind(struct hark_loop *loop, struct hark_datagram *datagram,
                       const struct hark_address *local,
                       const struct hark_datagram_options *options,
                       const struct hark_datagram_events *events)
{
    return make_and_open(loop, datagram, local->name.any.sa_family, local, NULL, options, events);
}

int hark_datagram_connect(struct hark_loop *loop, struct hark_datagram *datagram,
                          const struct hark_address *local, const struct hark_address *peer,
                          const struct hark_datagram_options *options,
                          const struct hark_datagram_events *events)
{
    return make_and_open(loop, datagram, peer->name.any.sa_family, local, peer, options, events);
}
