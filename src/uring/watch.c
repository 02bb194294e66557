/* watch.c - readiness: what only polls waits behind one epoll descriptor of the loop, which the
 * ring polls.
 *
 * io_uring's own poll says which events a wake-up could have meant, not which hold: each would have
 * to be asked for by another system call, and a repeating one be requested anew. It passes over
 * wake-ups that bring only POLLPRI; and it adds POLLRDHUP to whatever is asked (all this up to
 * Linux 6.18 at least), so once the peer has shut down its side, a wait for anything else completes
 * at once, for ever. epoll, level-triggered, reports what holds, many descriptors with one call, as
 * long as it holds.
 *
 * What must hold: while an op with OP_WATCHED stands in a row, the number is registered for its
 * events (row->interest). What is registered beyond that is taken back when it is reported: ops
 * that come and go beside others then cost no system call. */
#include "uring/watch.h"
#include "core/op.h"
#include "uring/prepare.h"

enum { REPORTS_MAX = 256 };

static __attribute__((noinline)) int control(struct hark_loop *loop, int epoll, int operation,
                                             int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    loop->metrics.registrations++;
    return kernel_epoll_ctl(calls_of(loop), epoll, operation, fd, &event);
}

/* Registers the number for these events, none taking it out. A number that came again, after its
 * file was closed behind the loop's back, is registered no more, or by a copy that lives on. */
static int set_interest(struct hark_loop *loop, int fd, uint32_t events)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, fd);
    int epoll = uring_of(loop)->watch_fd;
    bool watched = (row->flags & DESCRIPTOR_WATCHED) != 0;
    int error = control(loop, epoll,
                        !events   ? EPOLL_CTL_DEL
                        : watched ? EPOLL_CTL_MOD
                                  : EPOLL_CTL_ADD,
                        fd, events);
    if (error == -ENOENT && events)
        error = control(loop, epoll, EPOLL_CTL_ADD, fd, events);
    else if (error == -EEXIST)
        error = control(loop, epoll, EPOLL_CTL_MOD, fd, events);
    if (error && events)
        return error;
    row->interest = (uint16_t)events;
    row->flags =
        (uint8_t)(events ? row->flags | DESCRIPTOR_WATCHED : row->flags & ~DESCRIPTOR_WATCHED);
    return error;
}

/* In other states the word may be somebody else's: of an op that comes back from the pool it is a
 * ticket. */
static bool is_watched(const struct hark_op *op)
{
    return op->state == OP_WAITING && op->backend_bits & OP_WATCHED;
}

/* Whether another op is watched on the descriptor: then it is still the file that was registered.
 * Looks at the newest few. */
static bool has_watched(const struct descriptor *row, const struct hark_op *but)
{
    int left = 4;
    for (const struct hark_op *op = row->ops; op && left-- > 0; op = op->next)
        if (op != but && is_watched(op))
            return true;
    return false;
}

int watch_begin(struct hark_loop *loop, struct hark_op *op)
{
    struct uring *uring = uring_of(loop);
    struct descriptor *row = descriptors_row(&loop->descriptors, op->fd);
    /* EPOLLERR stands for "registered, for no more than what is always reported". */
    uint32_t wanted = row->interest | prepare_events_of(op) | EPOLLERR;
    bool registered = wanted == row->interest && has_watched(row, op);
    int error = registered ? 0 : set_interest(loop, op->fd, wanted);
    if (error)
        return error;
    op->backend_bits |= OP_WATCHED;
    op->result = (int64_t)uring->looks; /* what is being reported now was for others */
    uring->watch_count++;
    op_delegated(loop, op);
    return 0;
}

void watch_end(struct hark_loop *loop, struct hark_op *op)
{
    op->backend_bits &= ~(uint32_t)OP_WATCHED;
    uring_of(loop)->watch_count--;
}

int watch_change(struct hark_loop *loop, struct hark_op *op)
{
    const struct descriptor *row = descriptors_row(&loop->descriptors, op->fd);
    uint32_t wanted = prepare_events_of(op) | EPOLLERR;
    if (row->ops != op || op->next)
        wanted |= row->interest; /* of others */
    return wanted == row->interest ? 0 : set_interest(loop, op->fd, wanted);
}

void watch_forget(struct hark_loop *loop, int fd)
{
    if (descriptors_row(&loop->descriptors, fd)->flags & DESCRIPTOR_WATCHED)
        (void)set_interest(loop, fd, 0);
}

static uint32_t wanted_by(const struct hark_op *op)
{
    return prepare_events_of(op) | EPOLLERR | EPOLLHUP;
}

/* An op that these events are for, and that has not had them yet. */
static struct hark_op *find_waiting(const struct hark_loop *loop, int fd, uint32_t events)
{
    int64_t looks = (int64_t)uring_of(loop)->looks;
    for (struct hark_op *op = descriptors_row(&loop->descriptors, fd)->ops; op; op = op->next)
        if (is_watched(op) && op->result != looks && events & wanted_by(op))
            return op;
    return NULL;
}

static uint32_t wanted_of_row(const struct descriptor *row)
{
    uint32_t events = 0;
    for (const struct hark_op *op = row->ops; op; op = op->next)
        if (is_watched(op))
            events |= prepare_events_of(op) | EPOLLERR;
    return events;
}

/* Registers all that is waited for. Fails: -ENOMEM, -ENOSPC. */
static int register_all(struct hark_loop *loop, int epoll)
{
    for (uint32_t number = 0; number < loop->descriptors.count; number++) {
        uint32_t events = wanted_of_row(descriptors_row(&loop->descriptors, (int)number));
        int error = events ? control(loop, epoll, EPOLL_CTL_ADD, (int)number, events) : 0;
        if (error == -ENOMEM || error == -ENOSPC)
            return error;
    }
    return 0;
}

/* Takes what register_all was given for registered: a number that was closed is found out when its
 * interest changes. */
static void note_all(struct hark_loop *loop)
{
    for (uint32_t number = 0; number < loop->descriptors.count; number++) {
        struct descriptor *row = descriptors_row(&loop->descriptors, (int)number);
        row->interest = (uint16_t)wanted_of_row(row);
        row->flags = (uint8_t)(row->interest ? row->flags | DESCRIPTOR_WATCHED
                                             : row->flags & ~DESCRIPTOR_WATCHED);
    }
}

/* A new epoll descriptor, with what is waited for. The old one reports a file whose number was
 * closed behind the loop's back while a copy of it lives on: by its number it can not be taken out
 * any more, and the loop would never sleep again. Without room for a whole new one the old one
 * stays, and it is tried again when that reports the next time. */
static __attribute__((cold)) void begin_anew(struct hark_loop *loop)
{
    struct uring *uring = uring_of(loop);
    int fd = kernel_epoll_create1(calls_of(loop), EPOLL_CLOEXEC);
    if (fd < 0)
        return;
    bool whole = register_all(loop, fd) == 0;
    kernel_close(calls_of(loop), whole ? uring->watch_fd : fd);
    if (!whole)
        return;
    uring->watch_fd = fd;
    note_all(loop);
}

/* Nobody waits for what was reported: what nobody waits for is taken back. What is not registered
 * may have been reported before a callback of this look took it out; where the next look reports it
 * as well, nothing else can take it out. */
static void take_back(struct hark_loop *loop, int fd, uint32_t reported)
{
    struct uring *uring = uring_of(loop);
    const struct descriptor *row = descriptors_row(&loop->descriptors, fd);
    uint32_t registered = row->flags & DESCRIPTOR_WATCHED ? row->interest | EPOLLHUP : 0;
    if (reported & registered && set_interest(loop, fd, wanted_of_row(row)) == 0)
        return;
    if (uring->stray_before == fd + 1)
        begin_anew(loop);
    else
        uring->stray = fd + 1;
}

/* The ops are looked for anew after each call: a callback may end others, and move the table. */
static void report_all(struct hark_loop *loop, int fd, uint32_t events, watch_report *report)
{
    struct hark_op *op = find_waiting(loop, fd, events);
    if (!op)
        return take_back(loop, fd, events);
    for (; op && !loop_should_stop(loop); op = find_waiting(loop, fd, events)) {
        op->result = (int64_t)uring_of(loop)->looks;
        report(loop, op, events & wanted_by(op));
    }
}

void watch_look(struct hark_loop *loop, watch_report *report)
{
    struct uring *uring = uring_of(loop);
    struct epoll_event events[REPORTS_MAX];
    int room = loop->turn_max < REPORTS_MAX ? (int)loop->turn_max : REPORTS_MAX;
    int count = kernel_epoll_wait(calls_of(loop), uring->watch_fd, events, room, 0);
    uring->watch_armed = false;
    uring->looks++;
    uring->stray_before = uring->stray;
    uring->stray = 0;
    for (int i = 0; i < count && !loop_should_stop(loop); i++) {
        /* Each gets a share of its own: what goes on is reported in the same order each time, and
         * whoever is first could take all. */
        uring->accepts_left = (loop->turn_max + (uint32_t)count - 1) / (uint32_t)count;
        report_all(loop, events[i].data.fd, events[i].events, report);
    }
}
