/* transport_socket.c - a stream over a connected socket: each call is one op on its descriptor. */
#include "net/transport_socket.h"

#include "hark/close.h"
#include "hark/net.h"
#include "hark/os.h"
#include "hark/poll.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

int transport_socket_make(struct hark_loop *loop, const struct hark_address *address)
{
    sa_family_t family =
        address->length >= sizeof(sa_family_t) ? address->name.any.sa_family : AF_UNSPEC;
    int fd = hark_os_socket(loop, family, SOCK_STREAM, 0);
    int on = 1;
    /* Where it is refused the stream is slower, not wrong. */
    if (fd >= 0 && (family == AF_INET || family == AF_INET6))
        hark_os_setsockopt(loop, fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void open_socket(struct hark_stream *stream, hark_done *done)
{
    hark_connect(stream->loop, &stream->connect, stream->fd, &stream->peer.name.any,
                 stream->peer.length, done);
}

static void receive(struct hark_stream *stream, void *bytes, size_t count, hark_done *done)
{
    if (bytes)
        hark_recv(stream->loop, &stream->receive, stream->fd, bytes, count, 0, done);
    else
        hark_recv_each(stream->loop, &stream->receive, stream->fd, done);
}

static void send_message(struct hark_stream *stream, const struct msghdr *message, hark_done *done)
{
    hark_sendmsg(stream->loop, &stream->send, stream->fd, message, 0, done);
}

static void end(struct hark_stream *stream, hark_done *done)
{
    hark_shutdown(stream->loop, &stream->shutdown, stream->fd, SHUT_WR, done);
}

static bool close_socket(struct hark_stream *stream, hark_done *done)
{
    hark_close(stream->loop, &stream->close, stream->fd, done);
    return false;
}

static void detach(struct hark_stream *stream, hark_done *done)
{
    hark_detach(stream->loop, &stream->close, stream->fd, done);
}

static void watch(struct hark_stream *stream, hark_done *done)
{
    hark_poll(stream->loop, &stream->watch, stream->fd, HARK_POLL_HANGUP | HARK_POLL_ERROR, done);
}

const struct hark_transport transport_socket = {
    .version = HARK_TRANSPORT_VERSION,
    .open = open_socket,
    .receive = receive,
    .send = send_message,
    .end = end,
    .close = close_socket,
    .detach = detach,
    .watch = watch,
};
