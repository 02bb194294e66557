/* child.c - the calls of child.h. What stands between a clone and an exec is kernel/spawn.h's. */
#include "core/child.h"
#include "core/op.h"
#include "hark/child.h"

static bool is_known(const struct hark_child_options *options)
{
    const uint32_t known = HARK_CHILD_GROUP | HARK_CHILD_SESSION | HARK_CHILD_UID | HARK_CHILD_GID |
                           HARK_CHILD_NO_NEW_PRIVILEGES;
    if (options->flags & ~known || options->descriptor_count > HARK_CHILD_DESCRIPTORS_MAX)
        return false;
    for (size_t i = 0; i < options->descriptor_count; i++)
        if (options->descriptors[i].number < 0)
            return false;
    return true;
}

int hark_os_spawn(const struct hark_child_options *options, pid_t *out_pid)
{
    pid_t pid = -1;
    if (!is_known(options))
        return -EINVAL;
    int pidfd = kernel_spawn(NULL, options, &pid);
    if (pidfd >= 0 && out_pid)
        *out_pid = pid;
    return pidfd;
}

int hark_os_kill(int pidfd, int number)
{
    return kernel_pidfd_send_signal(NULL, pidfd, number);
}

void hark_waitid(struct hark_loop *loop, struct hark_op *op, int pidfd, siginfo_t *out_end,
                 hark_done *done)
{
    op_begin_apart(loop, op, HARK_OP_WAITID, pidfd, done);
    out_end->si_pid = 0;
    op->with.io.bytes = out_end;
    op_start_apart(loop, op);
}

bool child_is_told(const struct hark_op *op)
{
    const siginfo_t *end = op->with.io.bytes;
    return end->si_pid != 0;
}

int64_t child_try(uint64_t *calls, const struct hark_op *op)
{
    int error = kernel_waitid(calls, op->fd, op->with.io.bytes, WEXITED | WNOHANG | __WALL);
    return error < 0 ? error : child_is_told(op) ? 0 : -EAGAIN;
}
