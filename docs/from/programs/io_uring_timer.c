/* io_uring_timer.c - three ticks; a time-out that repeats by itself needs Linux 6.4. */
#include <liburing.h>
#include <stdio.h>

int main(void)
{
    struct __kernel_timespec period = {.tv_nsec = 10000000};
    struct io_uring_cqe *cqe;
    struct io_uring ring;

    if (io_uring_queue_init(8, &ring, 0) < 0)
        return 77;                             /* refused here */
    for (int ticks = 1; ticks <= 3; ticks++) { /* each from the end of the last: it drifts */
        io_uring_prep_timeout(io_uring_get_sqe(&ring), &period, 0, 0);
        if (io_uring_submit_and_wait(&ring, 1) < 0 || io_uring_wait_cqe(&ring, &cqe) < 0)
            return 1;
        printf("tick %d\n", ticks); /* cqe->res is -ETIME */
        io_uring_cqe_seen(&ring, cqe);
    }
    printf("done\n");
    io_uring_queue_exit(&ring);
    return 0;
}
