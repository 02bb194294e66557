/* pair.c - see the header. */
#include "core/pair.h"
#include "core/op.h"
#include "core/row.h"

#include <stdlib.h>

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

/* --- what is next --- */

static void carry_out(struct hark_loop *loop, struct hark_op *op, enum pair_next next,
                      int64_t result)
{
    if (next == PAIR_ENDS)
        loop_finish(loop, op, result);
    else
        loop->backend->pair_go(loop, op, next);
}

void pair_go_on(struct hark_loop *loop, struct hark_op *op)
{
    int64_t result;
    enum pair_next next = pair_try(loop, op, &result);
    carry_out(loop, op, next, result);
}

void pair_back_from_thread(struct hark_loop *loop, struct hark_op *op)
{
    if (op->marks & MARK_CANCELLED)
        return loop_finish(loop, op, -ECANCELED);
    op->state = OP_WAITING;
    op->backend_bits = 0;
    int64_t result;
    enum pair_next next = pair_after_thread(loop, op, &result);
    carry_out(loop, op, next, result);
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
        return park(loop, op);
    int error = loop->backend->pair_kind(loop, op->fd);
    if (error >= 0)
        error = loop->backend->pair_kind(loop, op->with.splice.other);
    if (error < 0)
        loop_finish(loop, op, error);
    else
        pair_go_on(loop, op);
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
