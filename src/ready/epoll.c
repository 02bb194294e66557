/* epoll.c - the poller over epoll(7): edge-triggered but for descriptors that are only polled. */
#include "ready/ready.h"

#include <limits.h>

enum { BATCH = 256 };

struct epoll {
    int fd;
    bool only_milliseconds; /* before Linux 5.11, and behind filters that are older, there is no
                               epoll_pwait2 */
    struct epoll_event events[BATCH];
};

static int epoll_set(struct ready *ready, int operation, int fd, uint32_t events)
{
    struct epoll *epoll = ready->state;
    uint32_t trigger = events & READY_EDGE ? EPOLLET : 0;
    struct epoll_event event = {.events = (events & ~(uint32_t)READY_EDGE) | trigger,
                                .data.fd = fd};
    ready->loop->metrics.registrations++;
    return kernel_epoll_ctl(calls_of(ready->loop), epoll->fd, operation, fd, &event);
}

static int epoll_create_state(struct ready *ready, int wake_fd)
{
    struct epoll *epoll = calloc(1, sizeof *epoll);
    if (!epoll)
        return -ENOMEM;
    epoll->fd = kernel_epoll_create1(calls_of(ready->loop), EPOLL_CLOEXEC);
    ready->state = epoll;
    int error =
        epoll->fd < 0 ? epoll->fd : epoll_set(ready, EPOLL_CTL_ADD, wake_fd, READY_IN | READY_EDGE);
    if (error) {
        if (epoll->fd >= 0)
            kernel_close(NULL, epoll->fd);
        free(epoll);
    }
    return error;
}

static void epoll_destroy(struct ready *ready)
{
    struct epoll *epoll = ready->state;
    kernel_close(NULL, epoll->fd);
    free(epoll);
}

static int epoll_watch(struct ready *ready, int fd, uint32_t before, uint32_t events)
{
    if (events == 0)
        return epoll_set(ready, EPOLL_CTL_DEL, fd, 0);
    int error = epoll_set(ready, before ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, events);
    /* The number was closed behind the loop's back: it came again as another file, or its
     * registration is left over, as a copy of it lives on. */
    if (error == -ENOENT && before)
        return epoll_set(ready, EPOLL_CTL_ADD, fd, events);
    return error == -EEXIST ? epoll_set(ready, EPOLL_CTL_MOD, fd, events) : error;
}

/* What a kernel or a seccomp filter answers where the call is not there; epoll_pwait2(2) knows none
 * of them. */
static bool is_missing(int error)
{
    return error == -ENOSYS || error == -EPERM || error == -EACCES;
}

static int wait_for_events(struct epoll *epoll, uint64_t *calls, uint64_t timeout_ns)
{
    struct timespec timeout = {(time_t)(timeout_ns / 1000000000u),
                               (long)(timeout_ns % 1000000000u)};
    if (!epoll->only_milliseconds) {
        int count = kernel_epoll_pwait2(calls, epoll->fd, epoll->events, BATCH,
                                        timeout_ns == HARK_NEVER ? NULL : &timeout);
        if (count >= 0 || !is_missing(count))
            return count;
        epoll->only_milliseconds = true;
    }
    uint64_t rounded_ms = timeout_ns / 1000000u + (timeout_ns % 1000000u != 0);
    int timeout_ms = timeout_ns == HARK_NEVER ? -1
                     : rounded_ms > INT_MAX   ? INT_MAX
                                              : (int)rounded_ms;
    return kernel_epoll_wait(calls, epoll->fd, epoll->events, BATCH, timeout_ms);
}

static int epoll_wait_and_report(struct ready *ready, uint64_t timeout_ns)
{
    struct epoll *epoll = ready->state;
    int count = wait_for_events(epoll, calls_of(ready->loop), timeout_ns);
    ready_woke(ready);
    if (count < 0)
        return count == -EINTR ? 0 : count;
    for (int i = 0; i < count; i++) {
        int fd = epoll->events[i].data.fd;
        if (fd == ready->loop->wake_fd)
            ready->loop->metrics.wakes++; /* edge-triggered: it need not be read */
        else
            ready_report(ready, fd, epoll->events[i].events);
    }
    return 0;
}

static const struct ready_poller poller = {
    .edge = true,
    .tells_errors = true,
    .limit = INT_MAX,
    .create = epoll_create_state,
    .destroy = epoll_destroy,
    .watch = epoll_watch,
    .wait = epoll_wait_and_report,
};

static int create(struct hark_loop *loop, const struct hark_options *options, char *out_reason,
                  size_t reason_room)
{
    (void)options;
    return ready_create(loop, &poller, out_reason, reason_room);
}

static int descriptor(const struct hark_loop *loop)
{
    return ((struct epoll *)ready_of(loop)->state)->fd;
}

const struct hark_backend backend_epoll =
    READY_BACKEND(HARK_BACKEND_EPOLL, "epoll", create, descriptor);
