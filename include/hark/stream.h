/* stream.h - a convenience over the ops: a connection with buffered writing, watermarks, half-close
 * and deadlines; over a socket, or over two descriptors: pipes, a terminal.
 *
 * A stream is in the caller's memory. Reading delivers pieces until the end; writing copies into a
 * bounded queue, or sends the caller's own blocks without a copy. A slow reader makes the queue
 * reach its high mark and then its limit: it cannot fill memory. Built on the public ops alone;
 * every callback comes from hark_run, never from inside a call here. In each the stream may be
 * written to, ended and closed. On a stream that is not open, closing and reading do nothing and
 * writing gives -EPIPE.
 *
 * A stream allocates for what hark_stream_write copies: 4 KiB with its first write, kept and used
 * again, and more while more is queued. A copy between two blocks of the caller costs up to 128
 * bytes beyond its own. For what had been received when reading was stopped, on io_uring. And over
 * two descriptors 16 KiB, from which it delivers. Nothing else.
 */
#ifndef HARK_STREAM_H
#define HARK_STREAM_H

#include "address.h"
#include "op.h"
#include <sys/uio.h>

HARK_BEGIN

struct hark_stream;
struct hark_stream_block;
struct hark_stream_piece;
struct hark_transport;

/* What a stream tells its owner. Any may be NULL but `closed`. */
struct hark_stream_events {
    /* hark_stream_connect has ended: 0 or a negative errno; after an error only closing is left.
     * NULL: an error goes to `failed`. */
    void (*connected)(struct hark_stream *stream, int error);
    /* Bytes have come: valid until the callback returns. count 0: the peer has ended its side
     * (half-close); writing is still possible. Negative: -ECONNRESET, -ETIMEDOUT (no data in time),
     * ...; nothing more is read. */
    void (*received)(struct hark_stream *stream, const void *bytes, int64_t count);
    /* The write queue has fallen to the low mark after it had reached the high one, or after a
     * write was refused because it would have passed the limit: go on writing. */
    void (*drained)(struct hark_stream *stream);
    /* Writing has failed: -EPIPE, -ECONNRESET, -ETIMEDOUT (the peer took nothing in time). What was
     * queued is dropped. Called once. */
    void (*failed)(struct hark_stream *stream, int error);
    /* hark_stream_watch has asked for it: the connection is over both ways (0), or nothing can tell
     * that any longer: -ECANCELED after hark_cancel_all, -ENOMEM, ... Called once. */
    void (*gone)(struct hark_stream *stream, int error);
    /* Last of all, after hark_stream_close or hark_stream_close_after_sending: the memory is the
     * caller's again. */
    void (*closed)(struct hark_stream *stream);
    /* Last of all in the place of `closed`, after hark_stream_detach: the memory and the descriptor
     * are the caller's again. */
    void (*detached)(struct hark_stream *stream, int fd);
};

/* Limits and deadlines. All zero is the default. */
struct hark_stream_options {
    size_t queue_bytes_max; /* writes past it are refused with -ENOBUFS; 0: 1 MiB */
    size_t high_bytes; /* hark_stream_write gives 1 from here on: pause; 0: half of the limit; at
                          most the limit */
    size_t low_bytes;  /* drained is called at this or below; 0: an eighth of the limit; at most the
                          high mark */
    uint64_t connect_timeout_ns; /* 0: none; likewise below */
    uint64_t read_timeout_ns;    /* the longest silence while reading */
    uint64_t write_timeout_ns;   /* the longest time in which queued bytes may make no progress */
};

/* A block that the caller owns and that is sent without a copy; it may stand in one queue at a
 * time. */
struct hark_stream_block {
    const void *bytes;
    size_t count;
    /* Called when the stream needs the block no more: 0 sent; a negative errno not, or not
     * wholly. */
    void (*released)(struct hark_stream *stream, struct hark_stream_block *block, int error);
    struct hark_stream_block *next; /* private */
    size_t capacity;                /* private */
};

enum { HARK_STREAM_VECTORS = 16 };

/* What one sendmsg takes from the queue. Private. */
struct hark_stream_gather {
    struct msghdr message;
    struct iovec vectors[HARK_STREAM_VECTORS];
};

/* In the caller's memory, zeroed before its first use. `context` is the caller's, and `loop` may be
 * read; all else is private.
 * Where two members share their place, the first has ended before the second begins. */
struct hark_stream {
    void *context;
    struct hark_loop *loop;
    const struct hark_stream_events *events;
    const struct hark_transport *transport; /* what its bytes go over */
    struct hark_stream_options options;
    union {
        struct hark_op connect;
        struct hark_op receive;
    };
    union {
        struct hark_op send;
        struct hark_op shutdown;
    };
    union {
        struct hark_op watch;
        struct hark_op close;
    };
    union {
        struct hark_address peer;
        struct hark_stream_gather gather;
    };
    struct hark_stream_block *first;
    struct hark_stream_block *last;
    struct hark_stream_block *spare; /* one emptied copy block, kept for the next write */
    void *into; /* the caller's buffer for the next piece, and its size; NULL: the pool's */
    union {
        size_t into_count;
        uint64_t linger_ns; /* until when the peer's end is waited for */
    };
    void *filling; /* the buffer that the receive in flight fills; NULL: one lent */
    struct hark_stream_piece *held; /* what came after reading had been stopped, the oldest first */
    struct hark_stream_piece *held_last;
    size_t first_sent; /* bytes of the first block that are gone */
    size_t queued_bytes;
    uint64_t received_bytes;
    uint64_t sent_bytes;
    int fd;
    int32_t held_end;                          /* the end of reading that came behind it */
    uint8_t opening, reading, writing, ending; /* its states: see stream.c */
    uint8_t watching;
    bool corked;  /* inside a callback: what is asked for is started when it returns */
    bool trimmed; /* it keeps no copy block */
};

/* Takes over a connected socket.
 * Takes: options NULL: the defaults; events must outlive the stream.
 * Owns: fd and the stream's memory are the library's until `closed` or `detached`. Nothing is read
 *   before hark_stream_read_start.
 */
HARK_API void hark_stream_open(struct hark_loop *loop, struct hark_stream *stream, int fd,
                               const struct hark_stream_options *options,
                               const struct hark_stream_events *events);

/* A stream over one descriptor that is read and one that is written: pipes, named ones too, such as
 * those to a child; a terminal; the program's own standard input and output, whatever stands behind
 * them. The loop is never blocked by them, and O_NONBLOCK, which others who share them would see,
 * stays as it is. All that a stream does it does, but:
 *
 *   hark_stream_end          closes the descriptor that is written: the reader of a pipe then finds
 *                            the end. Where both are one, nothing tells the other side.
 *   hark_stream_watch        `gone` tells that nobody reads any more what is written; that nobody
 *                            writes what is read, once nothing is written or there is no descriptor
 *                            for it; and of a terminal that it has hung up. Of a file it tells an
 *                            error: nobody is there who could go.
 *   hark_stream_detach       gives -EOPNOTSUPP.
 *   hark_stream_read_start   delivers pieces of at most 16 KiB; of a terminal a line each, unless
 *                            it is raw (hark_tty_raw).
 *
 * Takes: in and out: open descriptors, or one for both; -1: none: without `in` nothing is received,
 *   without `out` writes give -EPIPE. options NULL: the defaults; events must outlive the stream.
 * Owns: both descriptors and the stream's memory are the library's until `closed`: both are closed
 *   then. Who wants to keep one gives a copy of it (hark_os_dup).
 * Gives: 0.
 * Fails: -EBADF both are -1; -ENOMEM. Nothing has changed then. */
HARK_API int hark_stream_open_pair(struct hark_loop *loop, struct hark_stream *stream, int in,
                                   int out, const struct hark_stream_options *options,
                                   const struct hark_stream_events *events);

/* Makes a socket and connects it; `connected` is called with the outcome. Writing and reading may
 * begin at once: they wait for it. TCP_NODELAY is set: the queue gathers what is written together.
 * Fails: as hark_os_socket; the stream is then not open and no callback comes. */
HARK_API int hark_stream_connect(struct hark_loop *loop, struct hark_stream *stream,
                                 const struct hark_address *address,
                                 const struct hark_stream_options *options,
                                 const struct hark_stream_events *events);

/* The socket of a stream, for its options and its names (hark_os_setsockopt, hark_os_getpeername).
 * It stays the stream's.
 * Gives: the descriptor; -1: hark_stream_connect_name has not called `connected` yet, it failed,
 *   or the stream is over two descriptors or not open. */
HARK_API int hark_stream_fd(const struct hark_stream *stream);

/* Begins to read, or goes on: `received` is called for each piece, in a buffer of the loop's pool.
 * Nothing happens where it reads already. */
HARK_API void hark_stream_read_start(struct hark_stream *stream);

/* Reads one piece, of at most count bytes, into the caller's own buffer: `received` is called with
 * it, and reading rests until it is asked for again. Nothing happens where the stream reads
 * already.
 * Owns: the bytes are the loop's until `received`, `closed` or `detached`. */
HARK_API void hark_stream_read_into(struct hark_stream *stream, void *bytes, size_t count);

/* Stops reading: the peer is held back by TCP. From here on nothing is delivered, the end neither,
 * until reading is started again; but for the one piece that may be in the buffer of
 * hark_stream_read_into already.
 * Backends: uring may have taken more from the socket, at most the pool's buffers; it is copied and
 *   delivered, in order and before all else, when reading is started again. Where there is no
 *   memory for that, reading ends with -ENOMEM behind what was kept. */
HARK_API void hark_stream_read_stop(struct hark_stream *stream);

/* Queues a copy of the bytes. All or nothing. What is written inside one callback of the stream
 * leaves together when it returns.
 * Gives: 0 queued; 1 queued, and the queue is at or past its high mark: wait for `drained`.
 * Fails: -ENOBUFS the queue would pass its limit; -ENOMEM; -EPIPE the stream is ended, failed or
 *   closed. */
HARK_API int hark_stream_write(struct hark_stream *stream, const void *bytes, size_t count);

/* Queues the caller's block itself.
 * Takes: a block that stays as it is until its `released`; that is called from hark_run. Gives and
 *   fails as hark_stream_write; where it fails, `released` is not called. */
HARK_API int hark_stream_write_block(struct hark_stream *stream, struct hark_stream_block *block);

/* The bytes that wait to be sent. */
HARK_API size_t hark_stream_queued(const struct hark_stream *stream);

/* From now on the stream keeps no memory for copies to come: what hark_stream_write has copied is
 * freed once it is sent, and each such write allocates 4 KiB. For streams that are many, and rarely
 * write but by hark_stream_write_block.
 * Takes: an open stream. */
HARK_API void hark_stream_trim(struct hark_stream *stream);

/* Sets anew the longest time in which queued bytes may make no progress. It counts from now on, for
 * what is being sent as well.
 * Takes: an open stream; nanoseconds, 0: none.
 * Fails: never; where there is no memory for the deadline of what is being sent, that ends, and
 *   `failed` is called with -ENOMEM.
 * Thread: the loop's. */
HARK_API void hark_stream_write_timeout(struct hark_stream *stream, uint64_t timeout_ns);

/* Asks for `gone`, to be told that the peer has gone though nobody reads: after
 * hark_stream_read_stop, or once the peer has ended its side. The peer has gone when the connection
 * has been reset, when both sides have ended, and when the peer of a unix socket has closed it. A
 * peer that has closed a TCP connection has at first done no more than end its side: what is sent
 * to it then makes it reset the connection. While the stream is read, `received` tells of the end,
 * and `gone` is not called before reading has stopped or ended.
 * Takes: any stream; one that is not open, or watched already: nothing happens.
 * Backends: select does not wake for a reset while bytes lie unread, or once the peer has ended its
 *   side: there `gone` is called in the loop's next turn. */
HARK_API void hark_stream_watch(struct hark_stream *stream);

/* Ends writing once the queue is sent (half-close); reading goes on. Later writes give -EPIPE.
 * Where the peer cannot be told, `failed` is called (-ENOTCONN). */
HARK_API void hark_stream_end(struct hark_stream *stream);

/* Closes at once: what is queued is dropped, blocks are released with -ECANCELED, then `closed` is
 * called. Called again: nothing happens. */
HARK_API void hark_stream_close(struct hark_stream *stream);

/* Gives the connection up, for another stream to go on with it, on this loop or another: sends the
 * queue, stops reading, then calls `detached`. What was received by then is delivered through
 * `received` before; the rest is still in the descriptor. From here on nothing may be written
 * (-EPIPE), and of the other calls only hark_stream_close has an effect: `closed` then comes in the
 * place of `detached`. Where sending fails, `failed` tells so, and the descriptor is given up all
 * the same: the next op on it finds out. With a write deadline it cannot hang.
 * Takes: a stream with a `detached` event.
 * Gives: 0.
 * Fails: -EBADF not open; -EBUSY being closed or detached already; -EOPNOTSUPP what the stream's
 *   bytes go over has a state that cannot be given up (no socket has). Nothing has changed then. */
HARK_API int hark_stream_detach(struct hark_stream *stream);

/* Sends the queue, ends writing, and closes once the peer has ended its side too, or after two
 * seconds (the write deadline where that is shorter); or once writing fails. From here on nothing
 * is received: what still comes is thrown away, since a socket that is closed with bytes unread
 * resets the connection and takes with it what the peer has not read yet. With a write deadline it
 * cannot hang. */
HARK_API void hark_stream_close_after_sending(struct hark_stream *stream);

HARK_END

#endif
