/* row.c - the rows of the table of descriptors, and the ops in them. */
#include "core/row.h"

int row_make(struct hark_loop *loop, int fd)
{
    if (fd < 0 || !kernel_is_open(fd))
        return -EBADF;
    return descriptors_grow(&loop->descriptors, fd);
}

bool row_close_is_here(const struct hark_loop *loop, int fd)
{
    for (const struct hark_op *op = loop->descriptors.loose; op; op = op->next)
        if (op->code == HARK_OP_CLOSE && op->fd == fd && op->state == OP_WAITING)
            return op->with.close.submissions == loop->submissions;
    return false;
}

void row_forget(struct hark_loop *loop, int fd)
{
    struct descriptor *row = descriptors_find(&loop->descriptors, fd);
    if (!row)
        return;
    if (loop->backend->forget)
        loop->backend->forget(loop, fd);
    *row = (struct descriptor){.ops = row->ops};
}

static bool is_poll(const struct hark_op *op)
{
    return op->code == HARK_OP_POLL || op->code == HARK_OP_POLL_EACH;
}

/* Sets aside the newest ops of the row, up to the first that is not a poll whose final call alone
 * is to come: so each is looked at once, however many come and go in one turn. Gives: whether none
 * is left. */
static bool set_ended_polls_aside(struct hark_loop *loop, int fd)
{
    struct descriptor *row = descriptors_row(&loop->descriptors, fd);
    struct hark_op *op;
    while ((op = row->ops)) {
        bool over = op->marks & MARK_CANCELLED ||
                    (op->state == OP_FINISHED && !(op->marks & HARK_MARK_MORE));
        if (!is_poll(op) || !over)
            return false;
        descriptors_unlink(op);
        descriptors_link(&loop->descriptors.ended[fd], op);
    }
    return true;
}

bool row_is_free(struct hark_loop *loop, int fd)
{
    struct descriptor *row = descriptors_find(&loop->descriptors, fd);
    return !row || (!(row->flags & DESCRIPTOR_CLOSING) && set_ended_polls_aside(loop, fd));
}
