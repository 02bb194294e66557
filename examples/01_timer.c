/* 01_timer.c - the smallest program: requests for time, and the callbacks that answer them.
 *
 * Shows: a request is a `struct hark_op` in the program's own memory. Starting it neither blocks
 * nor fails; its outcome arrives in the callback that was named at the start. hark_run sleeps in
 * between, and returns when no request is left.
 *
 * Try:   ./01_timer                       one call, five ticks, a deadline
 *        HARK_BACKEND=poll ./01_timer     the same on another backend
 *        strace ./01_timer                between two ticks the process sleeps in one system call
 */
#include "hark.h"
#include <inttypes.h>
#include <stdio.h>

#define MILLISECOND UINT64_C(1000000) /* times are in nanoseconds */

/* The program's own struct holds its requests. */
struct ticker {
    struct hark_op once, tick, wait;
    int64_t periods;
};

/* The final call of `wait`: nothing else ends it, so its deadline did. */
static void waited(struct hark_op *op, int64_t result)
{
    (void)op;
    printf("waiting ended: %s\n", hark_error_name(result));
}

/* Called for each tick, and once more at the end. The result is the number of periods since the
 * last call: 1, unless the loop was late. */
static void ticked(struct hark_op *op, int64_t result)
{
    struct ticker *ticker = hark_container_of(op, struct ticker, tick);

    if (!hark_op_more(op)) { /* the final call: the op is ours again */
        printf("ticking ended: %s\n", hark_error_name(result));
        hark_sleep_until(op->loop, &ticker->wait, HARK_NEVER, waited);
        hark_op_deadline(&ticker->wait, hark_now(op->loop) + 100 * MILLISECOND);
        return;
    }
    ticker->periods += result;
    printf("tick %" PRId64 "\n", ticker->periods);
    if (ticker->periods >= 5)
        hark_cancel(op); /* leads to the final call, with -ECANCELED */
}

static void slept(struct hark_op *op, int64_t result)
{
    struct ticker *ticker = hark_container_of(op, struct ticker, once);

    if (result < 0) {
        fprintf(stderr, "01_timer: cannot sleep: %s\n", hark_error_text(result));
        return;
    }
    printf("slept\n");
    hark_every(op->loop, &ticker->tick, 100 * MILLISECOND, ticked);
}

int main(void)
{
    static struct ticker ticker; /* static, so zeroed: an op is zeroed before its first start */
    struct hark_loop *loop;
    int error = hark_loop_create(NULL, &loop);

    if (error < 0) {
        fprintf(stderr, "01_timer: cannot make a loop: %s\n", hark_error_text(error));
        return 1;
    }
    printf("on %s\n", hark_loop_backend(loop));
    hark_sleep(loop, &ticker.once, 100 * MILLISECOND, slept);

    error = hark_run(loop);
    if (error < 0)
        fprintf(stderr, "01_timer: cannot run: %s\n", hark_error_text(error));
    hark_loop_destroy(loop);
    return error < 0;
}
