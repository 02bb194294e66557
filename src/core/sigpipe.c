/* sigpipe.c - SIGPIPE is blocked in the loop's thread while writes that may raise it are in
 * flight. */
#include "core/sigpipe.h"
#include "core/loop.h"

static void block(struct hark_loop *loop)
{
    sigset_t pipe_only, before;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    (void)kernel_sigmask(calls_of(loop), SIG_BLOCK, &pipe_only, &before);
    loop->sigpipe_was_blocked = sigismember(&before, SIGPIPE) == 1;
    loop->sigpipe_guarded = true;
}

void sigpipe_guard(struct hark_loop *loop, struct hark_op *op)
{
    op->marks |= MARK_GUARDED;
    loop->guarded_writes++;
    if (unlikely(!loop->sigpipe_guarded))
        block(loop);
}

static void unblock(struct hark_loop *loop)
{
    loop->sigpipe_guarded = false;
    if (loop->sigpipe_was_blocked)
        return;
    sigset_t pipe_only;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    const struct timespec now = {0, 0};
    while (kernel_sigtimedwait(calls_of(loop), &pipe_only, &now) == -EINTR)
        ;
    (void)kernel_sigmask(calls_of(loop), SIG_UNBLOCK, &pipe_only, NULL);
}

void sigpipe_release(struct hark_loop *loop)
{
    if (loop->sigpipe_guarded && loop->guarded_writes == 0)
        unblock(loop);
}

void sigpipe_after_fork(struct hark_loop *loop)
{
    if (loop->sigpipe_guarded && loop->thread == thread_number())
        unblock(loop);
}
