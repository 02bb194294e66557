/* listener.h - a convenience over the ops: accepts until it is closed, and outlives the lack of
 * descriptors. */
#ifndef HARK_LISTENER_H
#define HARK_LISTENER_H

#include "address.h"
#include "op.h"

HARK_BEGIN

/* How hark_listen_at opens a listening socket. */
enum hark_listen_flags {
    HARK_LISTEN_REUSE_PORT =
        1, /* SO_REUSEPORT: several loops listen on one address and share its connections */
    HARK_LISTEN_NO_DELAY = 2, /* TCP_NODELAY, which accepted connections inherit */
};

/* How many connections that nobody has accepted yet a listening socket keeps at the most; the
 * kernel keeps no more than its net.core.somaxconn. It is the SOMAXCONN of Linux, where that of the
 * C library may be an older one, 128. */
enum { HARK_BACKLOG_MAX = 4096 };

/* Opens a listening socket: socket, SO_REUSEADDR (TCP), bind and listen in one, for TCP over IPv4
 * and IPv6 (the address "::" takes both, and IPv4 alone on a machine without IPv6) and unix
 * streams. A stale unix path, a socket that nobody listens on, is removed first; no other file is.
 * It blocks the loop's thread shortly: for a few system calls, which with a unix path look into the
 * file system and can wait for a disk.
 * Takes: backlog 1 to HARK_BACKLOG_MAX; 0: HARK_BACKLOG_MAX. flags: enum hark_listen_flags.
 * Gives: the listening descriptor, to be closed with hark_close.
 * Fails: -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EAFNOSUPPORT, -EMFILE, ...; -EINVAL backlog or
 *   flags; -EOPNOTSUPP HARK_LISTEN_REUSE_PORT on a unix address. */
HARK_API int hark_listen_at(struct hark_loop *loop, const struct hark_address *address, int backlog,
                            unsigned flags);

struct hark_listener;

/* What a listener tells its owner. Any may be NULL but `accepted`. */
struct hark_listener_events {
    /* A connection has come. fd is the receiver's, to be closed with hark_close (or given to a
     * stream). */
    void (*accepted)(struct hark_listener *listener, int fd);
    /* Accepting is in trouble, by a negative errno. -EMFILE, -ENFILE, -ENOMEM, -ENOBUFS,
     * -ENOSPC: connections are shed or kept waiting for now, and it goes on by itself; told once,
     * until a connection has been accepted in the ordinary way. Anything else: the listener has
     * stopped and wants to be closed: -ECANCELED after hark_cancel_all, -EINVAL not a listening
     * socket, -ENOTRECOVERABLE no memory even for a timer to wait with. */
    void (*failed)(struct hark_listener *listener, int error);
    /* Last of all, after hark_listener_close: the memory is the caller's again. */
    void (*closed)(struct hark_listener *listener);
};

/* In the caller's memory, zeroed before its first use. `loop` and the three counters may be read;
 * all else is private. */
struct hark_listener {
    struct hark_op accept;
    struct hark_op pause;
    struct hark_op close;
    struct hark_loop *loop;
    const struct hark_listener_events *events;
    uint64_t accepted_count; /* connections handed over */
    uint64_t shed_count;     /* connections closed at once for want of a descriptor */
    uint64_t pauses;         /* times that accepting was paused */
    uint64_t pause_ns;       /* the last pause since accepting went well */
    uint32_t transient;      /* failed connections in a row */
    bool reported;
    int fd;
    int reserve;
    int state;
};

/* Listens at an address and accepts.
 * Takes: backlog and flags as hark_listen_at; events must outlive the listener.
 * Owns: the listener's memory is the library's until `closed` is called.
 * Fails: as hark_listen_at; nothing is then left open and no callback comes. */
HARK_API int hark_listener_open(struct hark_loop *loop, struct hark_listener *listener,
                                const struct hark_address *address, int backlog, unsigned flags,
                                const struct hark_listener_events *events);

/* Accepts on a socket that listens already: inherited, or made with other options.
 * Owns: fd is the listener's from here, also where it fails.
 * Fails: -EMFILE, -ENFILE no reserve descriptor could be opened. */
HARK_API int hark_listener_adopt(struct hark_loop *loop, struct hark_listener *listener, int fd,
                                 const struct hark_listener_events *events);

/* The address it listens at: tells the port where port 0 was asked for.
 * Fails: -EBADF closed. */
HARK_API int hark_listener_address(struct hark_listener *listener,
                                   struct hark_address *out_address);

/* Stops accepting and closes the socket; then calls `closed`. The path of a unix socket stays, for
 * the next one that listens there to replace.
 * Takes: a listener that is open, from any callback; one that is not: nothing happens. */
HARK_API void hark_listener_close(struct hark_listener *listener);

HARK_END

#endif
