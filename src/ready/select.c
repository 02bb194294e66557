/* select.c - the poller over pselect(2): level-triggered, three sets of FD_SETSIZE descriptors
 * each. */
#include "ready/ready.h"

struct sets {
    fd_set readable, writable, exceptional;
};

struct poller_state {
    struct sets watched;
    struct sets result;
    int highest;
};

static void put(int fd, fd_set *set, bool in)
{
    if (in)
        FD_SET(fd, set);
    else
        FD_CLR(fd, set);
}

static bool is_watched(const struct sets *sets, int fd)
{
    return FD_ISSET(fd, &sets->readable) || FD_ISSET(fd, &sets->writable) ||
           FD_ISSET(fd, &sets->exceptional);
}

static int select_watch(struct ready *ready, int fd, uint32_t before, uint32_t events)
{
    (void)before;
    struct poller_state *state = ready->state;
    put(fd, &state->watched.readable, (events & READY_IN) != 0);
    put(fd, &state->watched.writable, (events & READY_OUT) != 0);
    put(fd, &state->watched.exceptional, (events & READY_PRI) != 0);
    if (fd > state->highest)
        state->highest = fd;
    while (state->highest > 0 && !is_watched(&state->watched, state->highest))
        state->highest--;
    return 0;
}

static int select_create(struct ready *ready, int wake_fd)
{
    if (wake_fd >= FD_SETSIZE)
        return -ERANGE;
    struct poller_state *state = calloc(1, sizeof *state);
    if (!state)
        return -ENOMEM;
    ready->state = state;
    return select_watch(ready, wake_fd, 0, READY_IN);
}

static void select_destroy(struct ready *ready)
{
    free(ready->state);
}

static void empty_wake(struct ready *ready)
{
    uint64_t count;
    ready->loop->metrics.wakes++;
    (void)kernel_read(calls_of(ready->loop), ready->loop->wake_fd, &count, sizeof count);
}

/* One closed descriptor makes the whole pselect fail: its ops are told, the others go on. */
static int report_closed(struct ready *ready)
{
    const struct poller_state *state = ready->state;
    for (int fd = 0; fd <= state->highest; fd++)
        if (is_watched(&state->watched, fd) && !kernel_is_open(fd))
            ready_report(ready, fd, READY_ERR);
    return 0;
}

static int select_wait_and_report(struct ready *ready, uint64_t timeout_ns)
{
    struct poller_state *state = ready->state;
    struct sets *result = &state->result;
    int highest = state->highest;
    *result = state->watched;
    struct timespec timeout = {(time_t)(timeout_ns / 1000000000u),
                               (long)(timeout_ns % 1000000000u)};
    int left =
        kernel_pselect(calls_of(ready->loop), highest + 1, &result->readable, &result->writable,
                       &result->exceptional, timeout_ns == HARK_NEVER ? NULL : &timeout);
    if (left == -EBADF)
        return report_closed(ready);
    if (left < 0)
        return left == -EINTR ? 0 : left;
    for (int fd = 0; fd <= highest && left > 0; fd++) {
        uint32_t events = (FD_ISSET(fd, &result->readable) ? READY_IN : 0u) |
                          (FD_ISSET(fd, &result->writable) ? READY_OUT : 0u) |
                          (FD_ISSET(fd, &result->exceptional) ? READY_PRI : 0u);
        if (!events)
            continue;
        left -= __builtin_popcount(events);
        if (fd == ready->loop->wake_fd)
            empty_wake(ready);
        else
            ready_report(ready, fd, events);
    }
    return 0;
}

static const struct ready_poller poller = {
    .edge = false,
    .hangups = false,
    .limit = FD_SETSIZE,
    .create = select_create,
    .destroy = select_destroy,
    .watch = select_watch,
    .wait = select_wait_and_report,
};

static int create(struct hark_loop *loop, const struct hark_options *options, char *out_reason,
                  size_t reason_room)
{
    (void)options;
    return ready_create(loop, &poller, out_reason, reason_room);
}

const struct hark_backend backend_select =
    READY_BACKEND(HARK_BACKEND_SELECT, "select", create, NULL);
