/* checking_turns.c - whether an op that could be done waits behind busy ones for too many turns
 * (promise 11). For the checking build alone.
 *
 * An op could be done whose result is known, or whose descriptor has what it waits for, as poll(2)
 * tells. What must hold: only turns count that do not sleep, and in which no op of its descriptor
 * was called: ops of one descriptor may take from each other. Timers are left out, as an earlier
 * time goes before a later one; so is what waits for room to send, as poll(2) calls a socket
 * writable that has no room for a whole message. */
#include "core/checking_list.h"
#include "core/loop.h"

#include "hark/poll.h"
#include <sys/socket.h>

enum {
    LOOK_TURNS = 8, /* the kernel is asked each so manieth turn that does not sleep, */
    FEW = 64,       /* where so many ops are in flight at the most */
    TURNS = 64,     /* that an op may wait in any case, */
    AHEAD = 4096,   /* and those in which what may stand before it is called */
};

static bool is_known(const struct hark_op *op)
{
    return op->state == OP_FINISHED || op->state == OP_LATE || op->state == OP_NEXT_TURN;
}

static bool waits_for_input(const struct hark_op *op)
{
    if (op->state != OP_WAITING || op->marks & (MARK_CANCELLED | MARK_EXPIRED | MARK_EVICTED))
        return false;
    switch (op->code) {
    case HARK_OP_RECV:
        return (op->with.io.flags & ~MSG_WAITALL) == 0;
    case HARK_OP_RECV_EACH:
    case HARK_OP_RECVMSG_EACH:
    case HARK_OP_ACCEPT:
    case HARK_OP_ACCEPT_EACH:
        return true;
    case HARK_OP_POLL:
    case HARK_OP_POLL_EACH:
        return (op->with.poll.events & HARK_POLL_READABLE) != 0;
    default:
        return false;
    }
}

static void count_turns(const struct hark_loop *loop, struct flight *flight, uint32_t turns)
{
    const uint32_t most = TURNS + (AHEAD + 4 * loop->checking->count) / loop->turn_max;
    flight->turns += turns;
    if (flight->turns > most)
        rule_broken("an op that could be done waits behind others for too many turns", flight->op,
                    flight->fd);
}

/* Whether one of its descriptor was called since the kernel was last asked. */
static bool was_called(const struct checking *checking, int fd)
{
    return checking->called[(unsigned)fd % CALLED_NUMBERS] + LOOK_TURNS >= checking->turns;
}

static void look_at_descriptors(struct hark_loop *loop)
{
    struct checking *checking = loop->checking;
    struct pollfd watched[FEW];
    struct flight *waiting[FEW];
    nfds_t count = 0;
    for (uint32_t i = 0; i < checking->count; i++) {
        struct flight *flight = &checking->flights[i];
        if (!waits_for_input(flight->op))
            continue;
        waiting[count] = flight;
        watched[count++] = (struct pollfd){.fd = flight->fd, .events = POLLIN};
    }
    if (count == 0 || kernel_poll(NULL, watched, count, 0) < 0)
        return;
    for (nfds_t i = 0; i < count; i++) {
        if (watched[i].revents & POLLIN && !was_called(checking, waiting[i]->fd))
            count_turns(loop, waiting[i], LOOK_TURNS);
        else
            waiting[i]->turns = 0;
    }
}

static void rest(struct checking *checking)
{
    checking->busy_turns = 0;
    for (uint32_t i = 0; i < checking->count; i++)
        checking->flights[i].turns = 0;
}

void checking_turn(struct hark_loop *loop, bool sleeps)
{
    struct checking *checking = loop->checking;
    checking->turns++;
    if (checking->count > FEW)
        return;
    if (sleeps)
        return rest(checking);
    for (uint32_t i = 0; i < checking->count; i++) {
        struct flight *flight = &checking->flights[i];
        if (is_known(flight->op))
            count_turns(loop, flight, 1);
        else if (!waits_for_input(flight->op))
            flight->turns = 0;
    }
    if (++checking->busy_turns % LOOK_TURNS == 0)
        look_at_descriptors(loop);
}
