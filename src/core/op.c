/* op.c - the start of an op: where it is linked, and whether its descriptor takes it. */
#include "core/op.h"
#include "core/row.h"

static const char *const op_names[HARK_OP_KINDS] = {
#define NAME(code, name) [HARK_OP_##code] = #name,
    HARK_OPS(NAME)
#undef NAME
};

const char *hark_op_name(int code)
{
    return code >= 0 && code < HARK_OP_KINDS ? op_names[code] : "unknown";
}

void op_begun_wrongly(struct hark_loop *loop, const struct hark_op *op, int fd)
{
    (void)loop;
    check_rule(op->state == OP_IDLE,
               "an op was started that is in flight, or that was not zeroed before its first start",
               op, op->fd);
    rule_broken("an op was started without a callback", NULL, fd);
}

void op_begin_apart(struct hark_loop *loop, struct hark_op *op, enum hark_op_code code, int fd,
                    hark_done *done)
{
    op_begin(loop, op, code, fd, done);
}

void op_start_apart(struct hark_loop *loop, struct hark_op *op)
{
    op_start_on_descriptor(loop, op);
}

void op_start_loose(struct hark_loop *loop, struct hark_op *op)
{
    descriptors_link(&loop->descriptors.loose, op);
    checking_given(loop, op);
    loop->backend->start(loop, op);
}

void op_start_on_rare_descriptor(struct hark_loop *loop, struct hark_op *op)
{
    struct descriptors *table = &loop->descriptors;
    int error = descriptors_find(table, op->fd) ? 0 : row_make(loop, op->fd);
    if (error)
        return loop_finish(loop, op, error);
    struct descriptor *row = descriptors_row(table, op->fd);
    if (row->flags & DESCRIPTOR_CLOSING)
        return loop_finish(loop, op, -EBADF);
    descriptors_link(&row->ops, op);
    checking_given(loop, op);
    if (!(row->flags & DESCRIPTOR_RELEASED))
        loop->backend->start(loop, op);
    else if (row_close_is_here(loop, op->fd))
        loop_finish(loop, op, -EBADF);
    else
        op->state = OP_PARKED;
}

bool op_sends_to_unix_name(const struct hark_op *op)
{
    if (op->code != HARK_OP_SENDMSG)
        return false;
    const struct msghdr *message = op->with.io.bytes;
    const struct sockaddr *name = message->msg_name;
    return name && message->msg_namelen >= sizeof name->sa_family && name->sa_family == AF_UNIX;
}
