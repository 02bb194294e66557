/* os_kernel.c - the calls of os.h on the machine's own kernel. */
#include "core/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static int result_of(int result)
{
    return result < 0 ? -errno : result;
}

static int kernel_socket(struct hark_loop *loop, int family, int type, int protocol)
{
    (void)loop;
    return result_of(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}

static int kernel_bind(struct hark_loop *loop, int fd, const struct sockaddr *name, socklen_t length)
{
    (void)loop;
    return result_of(bind(fd, name, length));
}

static int kernel_listen(struct hark_loop *loop, int fd, int backlog)
{
    (void)loop;
    return result_of(listen(fd, backlog));
}

static int kernel_setsockopt(struct hark_loop *loop, int fd, int level, int option, const void *value, socklen_t length)
{
    (void)loop;
    return result_of(setsockopt(fd, level, option, value, length));
}

static int kernel_getsockopt(struct hark_loop *loop, int fd, int level, int option, void *value, socklen_t *length)
{
    (void)loop;
    return result_of(getsockopt(fd, level, option, value, length));
}

static int kernel_getsockname(struct hark_loop *loop, int fd, struct sockaddr *name, socklen_t *length)
{
    (void)loop;
    return result_of(getsockname(fd, name, length));
}

static int kernel_getpeername(struct hark_loop *loop, int fd, struct sockaddr *name, socklen_t *length)
{
    (void)loop;
    return result_of(getpeername(fd, name, length));
}

static int kernel_close(struct hark_loop *loop, int fd)
{
    (void)loop;
    /* After EINTR the descriptor is gone all the same (close(2), Linux). */
    int result = result_of(close(fd));
    return result == -EINTR ? 0 : result;
}

static bool kernel_is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static uint64_t read_clock(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t kernel_clock(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static uint64_t kernel_wall_clock(void)
{
    return read_clock(CLOCK_REALTIME);
}

static int kernel_random(void *bytes, size_t count)
{
    char *at = bytes;
    while (count > 0) {
        ssize_t got = getrandom(at, count, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        at += got;
        count -= (size_t)got;
    }
    return 0;
}

int64_t os_kernel_poll(struct hark_loop *loop, int fd, uint32_t events)
{
    struct pollfd query = {.fd = fd, .events = (short)events};
    int count;
    do {
        loop->metrics.system_calls++;
        count = poll(&query, 1, 0);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    return query.revents & POLLNVAL ? -EBADF : query.revents;
}

bool os_kernel_is_shut(struct hark_loop *loop, int fd)
{
    int64_t events = os_kernel_poll(loop, fd, POLLRDHUP);
    return events < 0 || events & POLLRDHUP;
}

const struct os_calls os_kernel = {
    .socket = kernel_socket,
    .bind = kernel_bind,
    .listen = kernel_listen,
    .setsockopt = kernel_setsockopt,
    .getsockopt = kernel_getsockopt,
    .getsockname = kernel_getsockname,
    .getpeername = kernel_getpeername,
    .close = kernel_close,
    .is_open = kernel_is_open,
    .clock = kernel_clock,
    .wall_clock = kernel_wall_clock,
    .random = kernel_random,
};
