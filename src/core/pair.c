/* pair.c - see the header. */
#include "core/pair.h"
#include "core/op.h"
#include "core/row.h"
#include "hark/poll.h"

#include <fcntl.h>
#include <stdlib.h>

enum { TRIES = 4 }; /* of a call, while others take or fill what is there */

/* --- in both rows --- */

static int make_room(struct descriptors *table)
{
    if (table->pairs_count >= table->count)
        return 0;
    struct hark_op **pairs = realloc(table->pairs, table->count * sizeof *pairs);
    if (!pairs)
        return -ENOMEM;
    for (uint32_t fd = table->pairs_count; fd < table->count; fd++)
        pairs[fd] = NULL;
    table->pairs = pairs;
    table->pairs_count = table->count;
    return 0;
}

static void put(struct hark_loop *loop, struct hark_op *op)
{
    struct hark_op **head = &loop->descriptors.pairs[op->with.splice.other];
    op->with.splice.next = *head;
    *head = op;
}

static void take(struct hark_loop *loop, struct hark_op *op)
{
    struct hark_op **at = &loop->descriptors.pairs[op->with.splice.other];
    while (*at != op)
        at = &(*at)->with.splice.next;
    *at = op->with.splice.next;
}

static void change_places(struct hark_op *op)
{
    int32_t fd = op->fd;
    op->fd = op->with.splice.other;
    op->with.splice.other = fd;
    op->with.splice.at_target = !op->with.splice.at_target;
}

void pair_turn(struct hark_loop *loop, struct hark_op *op)
{
    take(loop, op);
    descriptors_unlink(op);
    change_places(op);
    descriptors_link(&descriptors_row(&loop->descriptors, op->fd)->ops, op);
    put(loop, op);
}

int pair_end(struct hark_loop *loop, struct hark_op *op)
{
    take(loop, op);
    if (op->with.splice.at_target)
        change_places(op);
    return op->with.splice.other;
}

/* --- the start --- */

static int make_rows(struct hark_loop *loop, const struct hark_op *op)
{
    struct descriptors *table = &loop->descriptors;
    int error = descriptors_find(table, op->fd) ? 0 : row_make(loop, op->fd);
    if (!error)
        error = descriptors_find(table, op->with.splice.other)
                    ? 0
                    : row_make(loop, op->with.splice.other);
    return error ? error : make_room(table);
}

static bool has_flag(const struct hark_loop *loop, int fd, unsigned flag)
{
    return (descriptors_row(&loop->descriptors, fd)->flags & flag) != 0;
}

static void park(struct hark_loop *loop, struct hark_op *op)
{
    if (row_close_is_here(loop, op->fd))
        loop_finish(loop, op, -EBADF);
    else
        op->state = OP_PARKED;
}

void pair_start_parked(struct hark_loop *loop, struct hark_op *op)
{
    if (has_flag(loop, op->with.splice.other, DESCRIPTOR_CLOSING))
        return loop_finish(loop, op, -EBADF);
    if (has_flag(loop, op->with.splice.other, DESCRIPTOR_RELEASED))
        pair_turn(loop, op);
    if (has_flag(loop, op->fd, DESCRIPTOR_RELEASED))
        park(loop, op);
    else
        loop->backend->start_pair(loop, op);
}

void pair_start(struct hark_loop *loop, struct hark_op *op)
{
    int error = make_rows(loop, op);
    if (!error && (has_flag(loop, op->fd, DESCRIPTOR_CLOSING) ||
                   has_flag(loop, op->with.splice.other, DESCRIPTOR_CLOSING)))
        error = -EBADF;
    if (!error && op->fd == op->with.splice.other)
        error = -EINVAL;
    if (error)
        return loop_finish(loop, op, error);
    op->marks |= MARK_PAIR;
    descriptors_link(&descriptors_row(&loop->descriptors, op->fd)->ops, op);
    put(loop, op);
    checking_given(loop, op);
    pair_start_parked(loop, op);
}

/* --- the call --- */

/* What else waits is the pipe's to tell, and is then waited for. */
int64_t pair_call(uint64_t *calls, const struct hark_op *op)
{
    off64_t offset = op->with.splice.offset;
    off64_t *of_source = offset < 0 || op->with.splice.offset_is_of_target ? NULL : &offset;
    off64_t *of_target = offset < 0 || !op->with.splice.offset_is_of_target ? NULL : &offset;
    return kernel_splice(calls, pair_source(op), of_source, pair_target(op), of_target,
                         op->with.splice.count, op->with.splice.flags | SPLICE_F_NONBLOCK);
}

static bool is_ready(struct hark_loop *loop, int fd, int64_t events)
{
    int64_t held = kernel_poll_now(calls_of(loop), fd, (uint32_t)events);
    return held < 0 || held & events;
}

static void stand_at(struct hark_loop *loop, struct hark_op *op, bool target)
{
    if (op->with.splice.at_target != target)
        pair_turn(loop, op);
}

/* The call does not tell which end would block; and by the time that it is asked for, it may not
 * any more. */
bool pair_find_wait(struct hark_loop *loop, struct hark_op *op)
{
    bool source_waits = !is_ready(loop, pair_source(op), HARK_POLL_READABLE);
    if (!source_waits && is_ready(loop, pair_target(op), HARK_POLL_WRITABLE))
        return false;
    stand_at(loop, op, !source_waits);
    return true;
}

int64_t pair_try(struct hark_loop *loop, struct hark_op *op, bool *out_waits)
{
    *out_waits = true;
    for (int tries = 0; tries < TRIES; tries++) {
        int64_t result = pair_call(calls_of(loop), op);
        if (result != -EAGAIN)
            return result;
        if (pair_find_wait(loop, op))
            return -EAGAIN;
    }
    *out_waits = false;
    return -EAGAIN;
}

void pair_go_on(struct hark_loop *loop, struct hark_op *op)
{
    if (op->marks & MARK_CANCELLED)
        return loop_finish(loop, op, -ECANCELED);
    op->state = OP_WAITING;
    op->backend_bits = 0;
    loop->backend->start_pair(loop, op);
}
