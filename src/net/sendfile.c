/* sendfile.c - see the header. A piece goes into the pipe, then out of it, then the next: never
 * both at a time, as a thread that reads a file holds the pipe meanwhile.
 *
 * The caller's op is a timer that never comes, so it can be cancelled and have a deadline; the
 * steps have an op of their own. What must hold: `done` comes when both have ended and the pipe is
 * closed. */
#include "hark/sendfile.h"
#include "core/row.h"
#include "hark/file.h"
#include "hark/net.h"
#include "hark/os.h"
#include "hark/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

enum { FILE_PIPE_BYTES = 256 * 1024, PIPE_BYTES = 64 * 1024 };

/* --- its end --- */

/* The op is due now, or has ended already: cancelled, or late. */
static void finish(struct hark_sendfile *sending)
{
    sending->finished = true;
    if (hark_op_active(&sending->op))
        hark_sleep_move(&sending->op, 0);
    else
        sending->done(sending, sending->error);
}

static void ended(struct hark_op *op, int64_t result)
{
    struct hark_sendfile *sending = hark_container_of(op, struct hark_sendfile, op);
    if (sending->finished)
        return sending->done(sending, sending->error);
    sending->error = (int)result;
    hark_cancel(&sending->step);
}

static void end(struct hark_sendfile *sending, int error)
{
    if (!sending->error)
        sending->error = error;
    for (int i = 0; i < 2; i++)
        if (sending->pipe[i] >= 0)
            (void)hark_os_close(sending->loop, sending->pipe[i]);
    finish(sending);
}

static void told_peer(struct hark_op *op, int64_t result)
{
    end(hark_container_of(op, struct hark_sendfile, step), (int)result);
}

static void end_well(struct hark_sendfile *sending)
{
    if (sending->shutdown)
        hark_shutdown(sending->loop, &sending->step, sending->to, SHUT_WR, told_peer);
    else
        end(sending, 0);
}

/* --- pieces --- */

static void came(struct hark_op *op, int64_t result);
static void went(struct hark_op *op, int64_t result);

static void take(struct hark_sendfile *sending)
{
    size_t most = sending->left < sending->piece ? (size_t)sending->left : sending->piece;
    hark_splice(sending->loop, &sending->step, sending->from, sending->offset, sending->pipe[1],
                HARK_AT_POSITION, most, 0, came);
}

/* Where it is known that more follows, TCP is to fill its segments, as with sendfile(2). */
static void give(struct hark_sendfile *sending)
{
    unsigned flags = sending->knows_end && sending->left > 0 ? SPLICE_F_MORE : 0;
    hark_splice(sending->loop, &sending->step, sending->pipe[0], HARK_AT_POSITION, sending->to,
                HARK_AT_POSITION, (size_t)(sending->taken - sending->count), flags, went);
}

static void came(struct hark_op *op, int64_t result)
{
    struct hark_sendfile *sending = hark_container_of(op, struct hark_sendfile, step);
    if (result > 0) {
        sending->taken += (uint64_t)result;
        sending->left -= (uint64_t)result;
        if (sending->offset >= 0)
            sending->offset += result;
    }
    if (result < 0 || sending->error)
        end(sending, (int)result);
    else if (result == 0)
        end_well(sending);
    else
        give(sending);
}

static void went(struct hark_op *op, int64_t result)
{
    struct hark_sendfile *sending = hark_container_of(op, struct hark_sendfile, step);
    if (result > 0)
        sending->count += (uint64_t)result;
    if (result > 0 && sending->progressed && !sending->error)
        sending->progressed(sending);
    if (result < 0 || sending->error)
        end(sending, (int)result);
    else if (sending->count < sending->taken)
        give(sending);
    else if (sending->left > 0)
        take(sending);
    else
        end_well(sending);
}

/* --- the start --- */

static uint32_t size_of(const struct hark_sendfile_options *options, int64_t offset)
{
    if (options && options->pipe_bytes)
        return options->pipe_bytes;
    return offset >= 0 ? FILE_PIPE_BYTES : PIPE_BYTES;
}

/* Also where it cannot be made larger. */
static int open_pipe(struct hark_sendfile *sending, uint32_t bytes)
{
    uint64_t *calls = calls_of(sending->loop);
    int error = kernel_pipe2(calls, sending->pipe, O_CLOEXEC | O_NONBLOCK);
    if (error < 0)
        return error;
    for (int i = 0; i < 2; i++)
        row_forget(sending->loop, sending->pipe[i]);
    if (bytes != PIPE_BYTES)
        (void)kernel_fcntl(calls, sending->pipe[1], F_SETPIPE_SZ, (int)bytes);
    return 0;
}

void hark_sendfile_start(struct hark_loop *loop, struct hark_sendfile *sending, int from,
                         int64_t from_offset, int to, uint64_t count,
                         const struct hark_sendfile_options *options, hark_sendfile_done *done)
{
    hark_sleep_until(loop, &sending->op, HARK_NEVER, ended);
    sending->loop = loop;
    sending->count = sending->taken = 0;
    sending->done = done;
    sending->progressed = options ? options->progressed : NULL;
    sending->left = count;
    sending->offset = from_offset;
    sending->from = from;
    sending->to = to;
    sending->pipe[0] = sending->pipe[1] = -1;
    sending->piece = size_of(options, from_offset);
    sending->error = 0;
    sending->shutdown = options && options->shutdown;
    sending->knows_end = count != UINT64_MAX;
    sending->finished = false;
    int error = open_pipe(sending, sending->piece);
    if (error)
        end(sending, error);
    else
        take(sending);
}
