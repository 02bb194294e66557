/* uring_submit.c - see the header. */
#include "sim/uring/uring_submit.h"
#include "sim/uring/uring_io.h"
#include "sim/world/seen.h"

#include <errno.h>

static struct request *find(const struct ring *ring, uint64_t user_data, const struct request *but)
{
    struct request *request = ring->requests;
    while (request && (request->sqe.user_data != user_data || request == but))
        request = request->next;
    return request;
}

static void cancel(struct request *cancelling)
{
    struct request *found = find(cancelling->ring, cancelling->sqe.addr, cancelling);
    request_complete(cancelling, request_cancel(found), 0);
}

void uring_submit(struct ring *ring, const struct io_uring_sqe *sqe)
{
    struct request *request = request_create(ring, sqe);
    seen_request(HARK_TRACE_KERNEL_SUBMIT, ring->process, ring->file.number, sqe->user_data,
                 sqe->opcode, 0);
    if (!uring_io_has(ring->version, sqe->opcode))
        return request_complete(request, -EINVAL, 0);
    if (sqe->opcode == IORING_OP_ASYNC_CANCEL)
        return cancel(request);
    if (uring_io_has_file(sqe)) {
        request->file = descriptors_find(&ring->process->descriptors, sqe->fd);
        if (!request->file)
            return request_complete(request, -EBADF, 0);
        file_hold(request->file);
    }
    ring->actions->try(request);
}
