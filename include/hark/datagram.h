/* datagram.h - a convenience over the ops: a socket of datagrams with a bounded queue of what is
 * sent, and all that belongs to a datagram: who sent it, to which address and over which interface
 * it came, its TOS byte, and what became of what was sent.
 *
 * It is in the caller's memory. Over UDP, IPv4 or IPv6, and over unix sockets. Sending copies the
 * datagram into the queue and never waits; many are with the kernel at a time, but over unix
 * sockets one, so that they keep their order. Receiving goes on whatever happens to what is sent.
 * Every callback comes from hark_run, never from inside a call here; in each the socket may be sent
 * from and closed. What the kernel has not, hark_datagram_features tells; nothing fails for it. The
 * rest of what a socket can be set to (multicast TTL, buffers, ...) is set with hark_os_setsockopt
 * on hark_datagram_fd.
 *
 * A datagram socket allocates its queue with its first send, and with HARK_DATAGRAM_ERRORS some
 * 6 KiB when it is opened. Nothing else. */
#ifndef HARK_DATAGRAM_H
#define HARK_DATAGRAM_H

#include "packet.h"
#include <string.h>

HARK_BEGIN

struct hark_datagram;
struct hark_datagram_queue;
struct hark_datagram_errors;

/* Bits of hark_datagram_options.flags and of hark_datagram_features. */
enum {
    /* Several sockets may be bound to the address (SO_REUSEPORT). */
    HARK_DATAGRAM_REUSE_PORT = 1,
    /* What the network says of a datagram is told by `failed`, with the send that it is about
     * (IP_RECVERR, IPV6_RECVERR). Without it the kernel tells it of connected sockets alone, and
     * not of which datagram. */
    HARK_DATAGRAM_ERRORS = 2,
    /* To which address and over which interface a datagram came (IP_PKTINFO, IPV6_RECVPKTINFO). */
    HARK_DATAGRAM_LOCAL = 4,
    /* The TOS byte, or the traffic class, of each datagram, with its ECN bits (IP_RECVTOS,
     * IPV6_RECVTCLASS). */
    HARK_DATAGRAM_TOS = 8,
    /* Datagrams of one sender that come together are received together (UDP_GRO, Linux 5.0). It
     * wants a pool with buffers of 64 KiB: hark_options.buffer_bytes of
     * HARK_DATAGRAM_GRO_BYTES. */
    HARK_DATAGRAM_GRO = 16,
    /* In features alone: several datagrams are sent as one (UDP_SEGMENT, Linux 4.18). Without it
     * the queue takes them apart. */
    HARK_DATAGRAM_GSO = 32,
};

enum { HARK_DATAGRAM_GRO_BYTES = 65536 + 256 };

/* A datagram that has come. All of it is valid until the callback returns. */
struct hark_datagram_received {
    const struct sockaddr *from; /* NULL: a unix socket without a name */
    socklen_t from_length;
    const void *bytes;
    size_t count;
    size_t length;  /* how long it was: more than count where it was cut to the pool's buffer */
    size_t segment; /* 0: one datagram. Else there are several behind each other, of so many bytes
                       each, the last perhaps shorter */
    struct hark_address local; /* to which address it came, without a port; length 0: not told */
    unsigned interface;        /* over which interface; 0: not told */
    int tos;                   /* -1: not told */
    const struct hark_packet *message; /* with whatever other control data was asked for */
};

/* How and where a datagram is sent. All that is zero is the default. */
struct hark_datagram_way {
    const struct sockaddr *to; /* NULL: to the peer that the socket is connected to */
    socklen_t to_length;
    const struct hark_address *local; /* from which address, of the socket's family; NULL or length
                                         0: as the kernel chooses */
    unsigned interface;               /* over which interface; 0: as the kernel chooses */
    size_t
        segment; /* not 0: the bytes are several datagrams of so many bytes each, the last perhaps
                       shorter */
    int tos;     /* the TOS byte or traffic class, with its ECN bits; 0: the socket's own */
    uint64_t token; /* the caller's, told if it fails */
};

/* What is told of a datagram that was sent, or of the socket. All of it is valid until the callback
 * returns. */
struct hark_datagram_error {
    int error;      /* a negative errno */
    uint64_t token; /* of the send that it is about; 0: it had none, or it is not known which it
                       was */
    const struct sockaddr *to; /* where that went; NULL: to the peer, or not known */
    socklen_t to_length;
    const struct sockaddr *by; /* the host or router that has reported it; NULL: this machine */
    socklen_t by_length;
    const void *bytes; /* how it began, as far as is known */
    size_t count;
    uint32_t mtu; /* with -EMSGSIZE that was reported: how long a packet may be; 0: not told */
};

/* What a datagram socket tells its owner. Any may be NULL but `closed`. */
struct hark_datagram_events {
    void (*received)(struct hark_datagram *datagram, const struct hark_datagram_received *message);
    /* Receiving is over, for another reason than a call of its owner: -ETIMEDOUT nothing has come
     * in time, -ENOMEM, ... It may be started again. */
    void (*ended)(struct hark_datagram *datagram, int error);
    /* A datagram was not sent, or the network has reported that it did not arrive. The socket goes
     * on. -ECONNREFUSED nobody is there; -EHOSTUNREACH, -ENETUNREACH; -EMSGSIZE it is too long;
     * -EPERM, -EACCES a firewall, a broadcast address; -ENOBUFS the device's queue is full; -EAGAIN
     * a unix socket that takes no more, and is not connected to; -ETIMEDOUT it could not be sent in
     * time; -EINVAL a local address or interface that is none of this machine's,
     * or segments that are longer than the interface takes. */
    void (*failed)(struct hark_datagram *datagram, const struct hark_datagram_error *error);
    /* The queue has fallen to the low mark after it had reached the high one, or after a send was
     * refused for want of room. */
    void (*drained)(struct hark_datagram *datagram);
    /* Last of all: the memory is the caller's again. */
    void (*closed)(struct hark_datagram *datagram);
    /* Last of all in the place of `closed`, after hark_datagram_detach: memory and descriptor are
     * the caller's again. */
    void (*detached)(struct hark_datagram *datagram, int fd);
};

/* Limits, deadlines and what is asked for. All zero is the default. */
struct hark_datagram_options {
    size_t queue_bytes_max; /* each datagram counts with some 450 bytes more than its own; 0: 512
                               KiB; at least 4 KiB */
    size_t high_bytes; /* hark_datagram_send gives 1 from here on: pause; 0: half of the limit */
    size_t low_bytes;  /* `drained` is called at this or below; 0: an eighth of the limit */
    uint64_t receive_timeout_ns; /* the longest silence while it receives; 0: none */
    uint64_t send_timeout_ns;    /* the longest time in which a unix socket's full receiver may take
                                    nothing; 0: none */
    uint32_t flags;              /* HARK_DATAGRAM_ */
};

/* In the caller's memory, zeroed before its first use. `context` is the caller's, and `loop` may be
 * read; all else is private. */
struct hark_datagram {
    void *context;
    struct hark_loop *loop;
    const struct hark_datagram_events *events;
    struct hark_datagram_options options;
    struct hark_op receive;
    struct hark_op watch; /* for errors; then it reads them */
    struct hark_op close;
    struct hark_datagram_queue *queue;   /* NULL: nothing was sent yet */
    struct hark_datagram_errors *errors; /* NULL: they are not asked for, or the kernel has none */
    uint64_t received_count;
    uint64_t sent_count;
    int fd;
    int family;
    uint32_t features;
    uint8_t receiving, ending; /* its states: see net/datagram.c */
    bool full;                 /* its owner waits for `drained` */
};

/* Takes over a socket of datagrams, bound or connected or neither.
 * Takes: options NULL: the defaults; events must outlive it.
 * Owns: fd and the memory are the library's until `closed` or `detached`. Nothing is received
 *   before hark_datagram_receive_start.
 * Gives: 0.
 * Fails: -EBADF, -ENOTSOCK; -EPROTOTYPE a stream; -ENOMEM. fd is the caller's still. */
HARK_API int hark_datagram_open(struct hark_loop *loop, struct hark_datagram *datagram, int fd,
                                const struct hark_datagram_options *options,
                                const struct hark_datagram_events *events);

/* Makes a socket that is bound to an address.
 * Takes: local: port 0: the kernel chooses one (hark_os_getsockname of hark_datagram_fd); "[::]"
 *   takes IPv4 as well. options and events as hark_datagram_open.
 * Gives: 0.
 * Fails: as hark_os_socket and hark_os_bind: -EADDRINUSE, -EADDRNOTAVAIL, -EACCES; -ENOMEM. */
HARK_API int hark_datagram_bind(struct hark_loop *loop, struct hark_datagram *datagram,
                                const struct hark_address *local,
                                const struct hark_datagram_options *options,
                                const struct hark_datagram_events *events);

/* Makes a socket that is connected: it sends to its peer, and receives from nobody else.
 * Takes: local: NULL: the kernel chooses; peer; options and events as hark_datagram_open.
 * Gives: 0.
 * Fails: as hark_datagram_bind and connect(2): -ENETUNREACH; of unix sockets -ENOENT,
 *   -ECONNREFUSED. */
HARK_API int hark_datagram_connect(struct hark_loop *loop, struct hark_datagram *datagram,
                                   const struct hark_address *local,
                                   const struct hark_address *peer,
                                   const struct hark_datagram_options *options,
                                   const struct hark_datagram_events *events);

/* Which of HARK_DATAGRAM_ it has: those that were asked for and the kernel can do, and
 * HARK_DATAGRAM_GSO. */
static inline uint32_t hark_datagram_features(const struct hark_datagram *datagram)
{
    return datagram->features;
}

/* Its descriptor, for hark_os_getsockname, hark_os_setsockopt and their like.
 * Gives: -1: it is not open. */
static inline int hark_datagram_fd(const struct hark_datagram *datagram)
{
    return datagram->events ? datagram->fd : -1;
}

/* Begins to receive, or goes on: `received` is called for each datagram. Nothing happens where it
 * receives already. */
HARK_API void hark_datagram_receive_start(struct hark_datagram *datagram);

/* Stops receiving. What comes is kept by the kernel, as long as the socket's buffer has room.
 * Backends: uring may have taken datagrams from the socket already, at most as many as the pool has
 *   buffers: `received` is called for these still. */
HARK_API void hark_datagram_receive_stop(struct hark_datagram *datagram);

/* Keeps the buffer of a datagram past its callback: it is the caller's until hark_buffer_return.
 * Takes: a datagram socket, inside `received`.
 * Gives: the message, whose bytes stay where they are. */
static inline struct hark_packet *hark_datagram_keep(struct hark_datagram *datagram)
{
    return HARK_CAST(struct hark_packet *, hark_buffer_keep(&datagram->receive));
}

/* Queues a copy of a datagram, or of several. All or nothing; one of no bytes is a datagram. They
 * leave in the order of the calls; with several under way the kernel may let one overtake another
 * where its buffer was full.
 * Takes: how NULL: to the peer, in the default way.
 * Gives: 0 queued; 1 queued, and the queue is at or past its high mark: wait for `drained`.
 * Fails: -ENOBUFS the queue has no room; -EMSGSIZE it never will have; -ENOMEM; -EAFNOSUPPORT
 *   how->local is of another family than the socket; -EINVAL to_length, or segment is above 65535;
 *   -EPIPE it is closed or being closed. What the kernel says comes to `failed`. */
HARK_API int hark_datagram_send(struct hark_datagram *datagram, const void *bytes, size_t count,
                                const struct hark_datagram_way *how);

/* How an answer to a datagram is sent: to its sender, from the address and over the interface that
 * it came to.
 * Takes: message: what it points to is used by the send, so until the callback returns. */
static inline struct hark_datagram_way hark_datagram_answer(
    const struct hark_datagram_received *message)
{
    struct hark_datagram_way how;
    memset(&how, 0, sizeof how);
    how.to = message->from;
    how.to_length = message->from_length;
    how.local = &message->local;
    how.interface = message->interface;
    return how;
}

/* The bytes that the queue holds, with what each datagram takes besides. */
HARK_API size_t hark_datagram_queued(const struct hark_datagram *datagram);

/* Receives what is sent to a group, or no longer (ip(7), MCAST_JOIN_GROUP).
 * Takes: group: a multicast address, of IPv4 or IPv6; its port is not looked at. interface: 0: the
 *   kernel chooses. source NULL: from whoever sends; else what that address sends alone.
 * Gives: 0.
 * Fails: -EINVAL no multicast address; -ENODEV no such interface; -EADDRINUSE joined already;
 *   -EADDRNOTAVAIL not joined; -ENOBUFS too many groups (net.ipv4.igmp_max_memberships); -EBADF it
 *   is not open. */
HARK_API int hark_datagram_join(struct hark_datagram *datagram, const struct hark_address *group,
                                unsigned interface, const struct hark_address *source);
HARK_API int hark_datagram_leave(struct hark_datagram *datagram, const struct hark_address *group,
                                 unsigned interface, const struct hark_address *source);

/* Closes at once: what is queued is dropped, then `closed` is called. Called again, or where it is
 * not open: nothing happens. */
HARK_API void hark_datagram_close(struct hark_datagram *datagram);

/* Stops receiving, sends the queue, and closes. */
HARK_API void hark_datagram_close_after_sending(struct hark_datagram *datagram);

/* Gives the socket up: stops receiving, sends the queue, then calls `detached`. From here on
 * nothing may be sent (-EPIPE); hark_datagram_close in the meantime brings `closed` in its place.
 * Takes: one with a `detached` event.
 * Gives: 0.
 * Fails: -EBADF not open; -EBUSY being closed or detached already. */
HARK_API int hark_datagram_detach(struct hark_datagram *datagram);

HARK_END

#endif
