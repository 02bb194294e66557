/* uring_request.c - see the header.
 *
 * What the kernel does with a request when a file wakes it, or a worker is done, is work for the
 * thread that made the ring: with IORING_SETUP_DEFER_TASKRUN at its next enter that asks for
 * events, else soon, whatever it does (io_uring_setup(2)). */
#include "sim/uring/uring_request.h"
#include "base/check.h"
#include "sim/net/socket.h"
#include "sim/world/luck.h"

#include <errno.h>
#include <poll.h>

enum {
    WORK_MOST_NS = 20000, /* until a thread is interrupted for its work */
    REPEATING_ENDS_PER_MILLION = 20000,
    LENT_LEAST_NS = 1000,
    LENT_MOST_NS = 1000000,
};

static void see(const struct request *request, enum hark_trace_kernel_what what)
{
    const struct ring *ring = request->ring;
    seen_request(what, ring->process, ring->file.number, request->sqe.user_data, 0, 0);
}

/* --- work for the thread --- */

static void add_work(struct request *request, enum request_stage stage)
{
    struct ring *ring = request->ring;
    request->state = REQUEST_WORKS;
    request->stage = stage;
    request->next_work = NULL;
    *(ring->work_last ? &ring->work_last->next_work : &ring->work_first) = request;
    ring->work_last = request;
    if (ring->setup_flags & IORING_SETUP_DEFER_TASKRUN)
        uring_queue_tell(ring);
    else if (!ring->work_event.place)
        events_set(&world->events, &ring->work_event,
                   world->now_ns + chance_below(&world->chance, WORK_MOST_NS));
}

static struct request *take_work(struct ring *ring)
{
    struct request *request = ring->work_first;
    if (!request)
        return NULL;
    ring->work_first = request->next_work;
    if (!ring->work_first)
        ring->work_last = NULL;
    request->state = REQUEST_ISSUED;
    return request;
}

static void remove_work(struct request *removed)
{
    struct ring *ring = removed->ring;
    struct request *before = NULL;
    for (struct request *at = ring->work_first; at != removed; at = at->next_work)
        before = at;
    *(before ? &before->next_work : &ring->work_first) = removed->next_work;
    if (ring->work_last == removed)
        ring->work_last = before;
    removed->state = REQUEST_ISSUED;
}

bool request_has_work(const struct ring *ring)
{
    return ring->work_first;
}

/* What comes while it works waits for the next time: as much at least as was there is done. */
void request_work(struct ring *ring)
{
    struct request *last = ring->work_last;
    struct request *request;
    bool more = last;
    while (more && (request = take_work(ring))) {
        more = request != last;
        if (request->stage == STAGE_COMPLETE)
            request_complete(request, request->result, 0);
        else if (request->stage == STAGE_POLLED)
            ring->actions->polled(request);
        else
            ring->actions->try(request);
    }
}

/* --- waiting --- */

static void woken(struct waiter *waiter, uint32_t events)
{
    struct request *request = hark_container_of(waiter, struct request, waiter);
    uint32_t wanted = request->sqe.poll32_events;
    bool is_poll = request->sqe.opcode == IORING_OP_POLL_ADD;
    if (is_poll && events && !(events & (wanted | POLLERR | POLLHUP | POLLRDHUP)))
        return;
    request->polled |= events;
    request->asks_poll |= events == 0;
    if (!is_poll)
        wait_remove(waiter);
    if (request->state != REQUEST_POLLS)
        return;
    see(request, HARK_TRACE_KERNEL_TASK_ADD);
    add_work(request, is_poll ? STAGE_POLLED : STAGE_TRY);
}

void request_watch(struct request *request)
{
    request->state = REQUEST_POLLS;
    request->waiter.woken = woken;
    see(request, HARK_TRACE_KERNEL_POLL_ARM);
    if (!request->waiter.queue)
        wait_add(&request->file->queue, &request->waiter);
}

void request_poll(struct request *request, uint32_t events)
{
    request_watch(request);
    if (!(file_poll(request->file) & (events | POLLERR | POLLHUP)))
        return;
    wait_remove(&request->waiter);
    see(request, HARK_TRACE_KERNEL_TASK_ADD);
    add_work(request, STAGE_TRY);
}

static void delay_is_over(struct event *event)
{
    struct request *request = hark_container_of(event, struct request, delay);
    const struct seen_block block = request->block;
    request->state = REQUEST_ISSUED;
    seen_interrupt(&block, true);
    if (!block.machine)
        see(request, HARK_TRACE_KERNEL_WORK_END);
    request->result = request->ring->actions->perform(request);
    add_work(request, STAGE_COMPLETE);
    seen_interrupt(&block, false);
}

void request_delay(struct request *request, uint64_t ns)
{
    request->state = REQUEST_DELAYED;
    request->block = seen_block_take();
    if (!request->block.machine) {
        see(request, HARK_TRACE_KERNEL_QUEUE_WORK);
        see(request, HARK_TRACE_KERNEL_WORK_BEGIN);
    }
    request->delay.happen = delay_is_over;
    events_set(&world->events, &request->delay, world->now_ns + ns);
}

/* --- the end --- */

static void detach(struct request *request)
{
    wait_remove(&request->waiter);
    socket_base_hold_no_more(&request->holder);
    events_remove(&world->events, &request->delay);
    if (request->state == REQUEST_WORKS)
        remove_work(request);
}

static void end(struct request *request)
{
    detach(request);
    *(request->previous ? &request->previous->next : &request->ring->requests) = request->next;
    if (request->next)
        request->next->previous = request->previous;
    if (request->file)
        file_release(request->file);
    memory_own_free(request);
}

/* --- sends without a copy --- */

static void lent_no_more(struct event *event)
{
    struct request *request = hark_container_of(event, struct request, delay);
    request->result = 0;
    add_work(request, STAGE_COMPLETE);
}

/* Each at its own time: those of several sends come in any order. */
static void let_go(struct socket_holder *holder)
{
    struct request *request = hark_container_of(holder, struct request, holder);
    request->delay.happen = lent_no_more;
    events_set(&world->events, &request->delay,
               world->now_ns + chance_delay(&world->chance, LENT_LEAST_NS, LENT_MOST_NS));
}

/* Its result is told, and a notification is to come: also where it has failed (io_sendrecv_fail in
 * Linux's io_uring/net.c). */
static void lend(struct request *request, int64_t result)
{
    detach(request);
    request->is_lent = true;
    request->state = REQUEST_LENT;
    request->holder.let_go = let_go;
    (void)uring_queue_post(request->ring, request->sqe.user_data, (int32_t)result,
                           IORING_CQE_F_MORE);
    if (result <= 0 || !socket_hold(request->file, &request->holder))
        let_go(&request->holder);
}

static bool is_to_be_lent(const struct request *request)
{
    return request->sqe.opcode == IORING_OP_SEND_ZC && request->file && !request->is_lent;
}

void request_complete(struct request *request, int64_t result, uint32_t flags)
{
    struct ring *ring = request->ring;
    if (is_to_be_lent(request))
        return lend(request, result);
    if (request->is_lent)
        flags |= IORING_CQE_F_NOTIF;
    bool skips = request->sqe.flags & IOSQE_CQE_SKIP_SUCCESS && result >= 0;
    uint64_t user_data = request->sqe.user_data;
    end(request);
    if (!skips)
        (void)uring_queue_post(ring, user_data, (int32_t)result, flags);
}

/* The kernel may end one that repeats at any time, and does where the completion finds no room
 * (io_uring_prep_recv_multishot(3), io_uring_prep_poll_multishot(3)). */
bool request_complete_more(struct request *request, int64_t result, uint32_t flags)
{
    struct ring *ring = request->ring;
    bool has_room =
        !uring_queue_is_overflown(ring) && uring_queue_completions(ring) < ring->cq_entries;
    if (!has_room || luck_fails(HARK_SIM_FAULT_RING, REPEATING_ENDS_PER_MILLION)) {
        request_complete(request, result, flags);
        return false;
    }
    (void)uring_queue_post(ring, request->sqe.user_data, (int32_t)result,
                           flags | IORING_CQE_F_MORE);
    return true;
}

void request_detach_all(struct ring *ring)
{
    for (struct request *request = ring->requests; request; request = request->next)
        detach(request);
}

void request_end_all(struct ring *ring)
{
    while (ring->requests)
        end(ring->requests);
}

/* --- the beginning --- */

struct request *request_create(struct ring *ring, const struct io_uring_sqe *sqe)
{
    struct request *request = memory_own(sizeof *request);
    request->ring = ring;
    request->sqe = *sqe;
    request->next = ring->requests;
    if (request->next)
        request->next->previous = request;
    ring->requests = request;
    return request;
}

/* --- cancelling --- */

/* What a worker has begun goes on: -EALREADY. What is between two stages is not found for the
 * moment: -ENOENT (io_uring_enter(2), IORING_OP_ASYNC_CANCEL). */
int64_t request_cancel(struct request *found)
{
    if (!found || found->is_lent)
        return -ENOENT;
    if (found->state == REQUEST_DELAYED && chance_below(&world->chance, 2))
        return -EALREADY;
    if (found->state == REQUEST_WORKS &&
        (found->stage == STAGE_COMPLETE || chance_below(&world->chance, 2)))
        return -ENOENT;
    detach(found);
    /* What has been moved already is told since Linux 6.1 (io_sendrecv_fail in io_uring/net.c). */
    bool tells = found->done > 0 && found->ring->version >= URING_DEFER_TASKRUN;
    int64_t result = tells ? (int64_t)found->done : -ECANCELED;
    found->result = result;
    if (chance_below(&world->chance, 2))
        request_complete(found, result, 0);
    else
        add_work(found, STAGE_COMPLETE);
    return 0;
}
