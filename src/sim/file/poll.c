/* poll.c - poll(2) and select(2). */
#include "sim/calls/call.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/select.h>

static const uint32_t always = POLLERR | POLLHUP | POLLNVAL;

static int look(struct pollfd *watched, nfds_t count)
{
    int holding = 0;
    for (nfds_t i = 0; i < count; i++) {
        struct file *file = call_file(watched[i].fd);
        bool is_open = file && !(file->flags & O_PATH); /* open(2): such a one is no open file */
        uint32_t now = watched[i].fd < 0 ? 0 : is_open ? file_poll(file) : (uint32_t)POLLNVAL;
        watched[i].revents = (short)(now & ((unsigned short)watched[i].events | always));
        holding += watched[i].revents != 0;
    }
    return holding;
}

/* Sleeps in the queues of all of them. */
static int sleep_in(const struct pollfd *watched, nfds_t count, uint64_t until_ns)
{
    struct sleeper *sleepers = memory_taken((count + 1) * sizeof *sleepers);
    size_t queues = 0;
    for (nfds_t i = 0; i < count; i++) {
        struct file *file = call_file(watched[i].fd);
        if (file)
            sleepers[queues++] = (struct sleeper){
                .file = file, .events = (unsigned short)watched[i].events | always};
    }
    int result = call_sleep_in(sleepers, queues, NULL, until_ns);
    memory_give_back(sleepers);
    return result;
}

static int wait_for(struct pollfd *watched, nfds_t count, uint64_t until_ns)
{
    for (;;) {
        int holding = look(watched, count);
        if (holding > 0)
            return holding;
        int result = until_ns <= world->now_ns ? -ETIME : sleep_in(watched, count, until_ns);
        if (result)
            return result == -ETIME ? 0 : result;
    }
}

int kernel_ppoll(uint64_t *calls, struct pollfd *watched, nfds_t count,
                 const struct timespec *timeout)
{
    return (int)CALL(calls, "ppoll", -1, wait_for(watched, count, call_deadline(timeout)));
}

int kernel_poll(uint64_t *calls, struct pollfd *watched, nfds_t count, int timeout_ms)
{
    struct timespec timeout = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
    return (int)CALL(calls, "poll", -1,
                     wait_for(watched, count, call_deadline(timeout_ms < 0 ? NULL : &timeout)));
}

/* --- select --- */

/* The kernel's sets: which of poll's events each means (select(2)). */
static const uint32_t means_readable = POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR;
static const uint32_t means_writable = POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR;
static const uint32_t means_exceptional = POLLPRI;

static bool is_in(int fd, const fd_set *set)
{
    return set && FD_ISSET(fd, set);
}

static int keep(int fd, fd_set *set, bool holds)
{
    if (!is_in(fd, set))
        return 0;
    if (!holds)
        FD_CLR(fd, set);
    return holds;
}

static int select_now(int count, fd_set *readable, fd_set *writable, fd_set *exceptional,
                      uint64_t until_ns)
{
    struct pollfd *watched = memory_taken(((size_t)count + 1) * sizeof *watched);
    nfds_t files = 0;
    int result = 0;
    for (int fd = 0; fd < count; fd++) {
        uint32_t events = (is_in(fd, readable) ? means_readable : 0) |
                          (is_in(fd, writable) ? means_writable : 0) |
                          (is_in(fd, exceptional) ? means_exceptional : 0);
        if (!events)
            continue;
        if (!call_file(fd))
            result = -EBADF;
        watched[files++] = (struct pollfd){.fd = fd, .events = (short)events};
    }
    if (!result)
        result = wait_for(watched, files, until_ns);
    if (result >= 0)
        result = 0;
    for (nfds_t i = 0; i < files && result >= 0; i++) {
        uint32_t now = (unsigned short)watched[i].revents;
        result += keep(watched[i].fd, readable, (now & means_readable) != 0) +
                  keep(watched[i].fd, writable, (now & means_writable) != 0) +
                  keep(watched[i].fd, exceptional, (now & means_exceptional) != 0);
    }
    memory_give_back(watched);
    return result;
}

int kernel_pselect(uint64_t *calls, int count, fd_set *readable, fd_set *writable,
                   fd_set *exceptional, const struct timespec *timeout)
{
    if (count < 0 || count > FD_SETSIZE)
        return -EINVAL;
    return (int)CALL(calls, "pselect", -1,
                     select_now(count, readable, writable, exceptional, call_deadline(timeout)));
}
