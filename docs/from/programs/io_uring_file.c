/* io_uring_file.c - prints a file, piece by piece. */
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>

static int once(struct io_uring *ring)
{
    struct io_uring_cqe *cqe;
    if (io_uring_submit_and_wait(ring, 1) < 0 || io_uring_wait_cqe(ring, &cqe) < 0)
        return -1;
    int result = cqe->res;
    io_uring_cqe_seen(ring, cqe);
    return result;
}

int main(int count, char **arguments)
{
    struct io_uring ring;
    char bytes[4096];
    int got, fd;

    if (count != 2)
        return 1;
    if (io_uring_queue_init(8, &ring, 0) < 0)
        return 77; /* refused here */
    io_uring_prep_openat(io_uring_get_sqe(&ring), AT_FDCWD, arguments[1], O_RDONLY | O_CLOEXEC, 0);
    if ((fd = once(&ring)) < 0) {
        fprintf(stderr, "%s\n", strerror(-fd));
        return 0;
    }
    do {
        io_uring_prep_read(io_uring_get_sqe(&ring), fd, bytes, sizeof bytes, (__u64)-1);
        got = once(&ring);
        fwrite(bytes, 1, got > 0 ? (size_t)got : 0, stdout);
    } while (got > 0);
    io_uring_prep_close(io_uring_get_sqe(&ring), fd);
    once(&ring);
    io_uring_queue_exit(&ring);
    return 0;
}
