/* hark_child.c - starts a child, waits for its end, and for a signal that it sends. */
#include <hark.h>

#include <signal.h>
#include <stdio.h>

static siginfo_t end;

static void signalled(struct hark_op *op, int64_t number)
{
    if (number == SIGUSR1) {
        printf("signal\n");
        hark_cancel(op);
    }
}

static void closed(struct hark_op *op, int64_t result)
{
    (void)op;
    (void)result;
}

static void ended(struct hark_op *op, int64_t result)
{
    if (result == 0 && end.si_code == CLD_EXITED)
        printf("exit %d\n", end.si_status);
    hark_close(op->loop, op, hark_op_fd(op), closed);
}

int main(void)
{
    static const char *const arguments[] = {"sh", "-c", "kill -USR1 $PPID; exit 7", NULL};
    static struct hark_op signals, wait;
    struct hark_child_options options = {.program = "sh", .arguments = arguments};
    struct hark_loop *loop;

    if (hark_loop_create(NULL, &loop) < 0)
        return 1;
    hark_signal_each(loop, &signals, SIGUSR1, signalled);
    int child = hark_os_spawn(&options, NULL); /* a pidfd; a program that is missing is told here */
    if (child < 0)
        return 1;
    hark_waitid(loop, &wait, child, &end, ended);
    return hark_run(loop) < 0;
}
