/* poll_now.c - the question which events hold. It is asked at many places, and would take 140 bytes
 * in each. */
#include "kernel/kernel.h"

int64_t kernel_poll_now(uint64_t *calls, int fd, uint32_t events)
{
    struct pollfd query = {.fd = fd, .events = (short)events};
    int error;
    do
        error = kernel_poll(calls, &query, 1, 0);
    while (error == -EINTR);
    return error < 0 ? error : query.revents & POLLNVAL ? -EBADF : query.revents;
}
