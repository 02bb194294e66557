/* sendfile.h - a convenience over hark_splice: all of a file, or of a connection, sent into another
 * descriptor, most often without a copy, as sendfile(2) does with a file.
 *
 * It is in the caller's memory, zeroed before its first use; `op` is there to be cancelled and to
 * be given a deadline, as that of any request. `done` is called once, by hark_run. The bytes go
 * through a pipe of its own, two descriptors, which is opened by the start and closed before
 * `done`.
 */
#ifndef HARK_SENDFILE_H
#define HARK_SENDFILE_H

#include "op.h"

HARK_BEGIN

struct hark_sendfile;

/* Takes: error: 0 or a negative errno. */
typedef void hark_sendfile_done(struct hark_sendfile *sending, int error);

/* All zero is the default. */
struct hark_sendfile_options {
    /* What the pipe shall hold, rounded up to a power of two: 0: 256 KiB where from_offset is an
     * offset, as each piece of a file costs a thread's work; else what the kernel gives, 64 KiB.
     * Where the kernel allows less (pipe(7)) it stays at that. */
    uint32_t pipe_bytes;
    bool shutdown; /* once all of `from` has been sent, shutdown(2) tells the peer of `to` */
    /* After each piece that was sent, of which `count` tells: to move a deadline, say. NULL: nobody
     * is told. */
    void (*progressed)(struct hark_sendfile *sending);
};

/* `context` is the caller's; `loop` and the numbers may be read; all else is private. */
struct hark_sendfile {
    struct hark_op op;
    void *context;
    struct hark_loop *loop;
    uint64_t count; /* bytes that `to` has taken */
    uint64_t taken; /* that were taken from `from`: more than count only amid the way */
    hark_sendfile_done *done;
    void (*progressed)(struct hark_sendfile *sending);
    struct hark_op step;
    uint64_t left;
    int64_t offset;
    int from, to;
    int pipe[2];
    uint32_t piece;
    int error;
    bool shutdown, knows_end, finished;
};

/* Sends up to `count` bytes of one descriptor into another: a file into a socket, a socket into a
 * socket; pipes and, as `to`, files will do as well. Both ways of a connection are two of these.
 * Takes: from_offset: of a file, or HARK_AT_POSITION: its own position, which moves by
 *   sending->taken; HARK_AT_POSITION for whatever else. count: UINT64_MAX: up to the end of `from`;
 *   of a socket that is when its peer has ended its side. options NULL: the defaults.
 * Owns: `sending` is the library's until `done`; both descriptors stay the caller's, and open: who
 *   wants to close one earlier cancels it, and closes in `done`. A hark_close or a hark_detach is
 *   seen, as -ECANCELED, only of the descriptor that it waits for at that moment.
 * Gives: sending->count, which is less than was asked for where `from` has ended before. Where an
 *   error or a cancel comes amid the way, sending->taken - sending->count bytes were taken from a
 *   socket and are lost: such a connection can only be closed.
 * Fails: as hark_splice: -EPIPE, -ECONNRESET, -EBADF, -EINVAL, -EIO, -EBUSY, ...; -EMFILE, -ENFILE
 *   no two descriptors are left for the pipe; -ENOTCONN, -ENOTSOCK of options.shutdown; -ECANCELED
 *   after hark_cancel(&sending->op), -ETIMEDOUT past hark_op_deadline(&sending->op, ...).
 * Backends: as hark_splice: with a file each piece is a thread's work, the kernel's or the pool's;
 *   between sockets there is none. What is small, or changes on its way, hark_read and hark_send
 *   move with less ado. */
HARK_API void hark_sendfile_start(struct hark_loop *loop, struct hark_sendfile *sending, int from,
                                  int64_t from_offset, int to, uint64_t count,
                                  const struct hark_sendfile_options *options,
                                  hark_sendfile_done *done);

HARK_END

#endif
