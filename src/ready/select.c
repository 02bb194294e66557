/* select.c - the poller over pselect(2): level-triggered, three sets of FD_SETSIZE descriptors
 * each.
 *
 * pselect has no set for hang-ups: they are readability. So who waits for them alone is watched for
 * that; what has come is then asked of poll(2). While data lies unread that would report it for
 * ever: then the descriptor is set aside, and asked before each wait, until the data has been
 * read. */
#include "ready/ready.h"

#include <stdlib.h>

struct sets {
    fd_set readable, writable, exceptional;
};

struct poller_state {
    struct sets watched;
    struct sets result;
    fd_set exact;  /* somebody waits for hang-ups: which events hold is asked of poll(2) */
    fd_set peer;   /* somebody waits for the peer's end */
    fd_set proxy;  /* in `readable` for its hang-ups alone */
    fd_set unread; /* the same, but not watched: data lies unread */
    int unread_count;
    int highest;
};

static void put(int fd, fd_set *set, bool in)
{
    if (in)
        FD_SET(fd, set);
    else
        FD_CLR(fd, set);
}

static bool is_watched(const struct poller_state *state, int fd)
{
    return FD_ISSET(fd, &state->watched.readable) || FD_ISSET(fd, &state->watched.writable) ||
           FD_ISSET(fd, &state->watched.exceptional) || FD_ISSET(fd, &state->exact);
}

/* Whether a descriptor's hang-ups are told although data lies unread: before the waits. */
static void set_aside(struct poller_state *state, int fd, bool aside)
{
    state->unread_count += aside - (FD_ISSET(fd, &state->unread) != 0);
    put(fd, &state->unread, aside);
    if (FD_ISSET(fd, &state->proxy))
        put(fd, &state->watched.readable, !aside);
}

static int select_watch(struct ready *ready, int fd, uint32_t before, uint32_t events)
{
    (void)before;
    struct poller_state *state = ready->state;
    bool only_hangups = events && !(events & (READY_IN | READY_OUT | READY_PRI));
    bool proxy = !(events & READY_IN) && (only_hangups || events & READY_RDHUP);
    put(fd, &state->watched.readable, (events & READY_IN) != 0);
    put(fd, &state->watched.writable, (events & READY_OUT) != 0);
    put(fd, &state->watched.exceptional, (events & READY_PRI) != 0);
    put(fd, &state->exact, (events & (READY_ERR | READY_HUP | READY_RDHUP)) != 0);
    put(fd, &state->peer, (events & READY_RDHUP) != 0);
    put(fd, &state->proxy, proxy);
    set_aside(state, fd, false);
    if (fd > state->highest)
        state->highest = fd;
    while (state->highest > 0 && !is_watched(state, state->highest))
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
        if (is_watched(state, fd) && !kernel_is_open(fd))
            ready_report(ready, fd, READY_ERR);
    return 0;
}

/* Whether there is a hang-up among the events that somebody waits for. */
static bool has_hung_up(const struct poller_state *state, int fd, int64_t events)
{
    bool peer = events & READY_RDHUP && FD_ISSET(fd, &state->peer);
    return events & (READY_ERR | READY_HUP) || peer;
}

/* The descriptors that are set aside. Gives whether there is something to tell of them. */
static bool look_at_unread(struct ready *ready)
{
    struct poller_state *state = ready->state;
    bool any = false;
    for (int fd = 0; fd <= state->highest && state->unread_count > 0; fd++) {
        if (!FD_ISSET(fd, &state->unread))
            continue;
        int64_t events = kernel_poll_now(calls_of(ready->loop), fd, READY_IN | READY_RDHUP);
        if (events < 0 || !(events & READY_IN))
            set_aside(state, fd, false);
        if (events < 0 || !has_hung_up(state, fd, events))
            continue;
        any = true;
        ready_report(ready, fd, (uint32_t)events);
    }
    return any;
}

static void report(struct ready *ready, int fd, uint32_t events)
{
    struct poller_state *state = ready->state;
    if (fd == ready->loop->wake_fd)
        return empty_wake(ready);
    if (fd == ready->edges)
        return edges_report(ready);
    if (!FD_ISSET(fd, &state->exact))
        return ready_report(ready, fd, events);
    int64_t exact = kernel_poll_now(calls_of(ready->loop), fd, READY_ALL);
    if (exact > 0 && FD_ISSET(fd, &state->proxy) && exact & READY_IN &&
        !has_hung_up(state, fd, exact))
        set_aside(state, fd, true);
    if (exact != 0)
        ready_report(ready, fd, exact < 0 ? (uint32_t)READY_ERR : (uint32_t)exact);
}

static int select_wait_and_report(struct ready *ready, uint64_t timeout_ns)
{
    struct poller_state *state = ready->state;
    struct sets *result = &state->result;
    if (unlikely(state->unread_count > 0) && look_at_unread(ready))
        timeout_ns = 0;
    int highest = state->highest;
    *result = state->watched;
    struct timespec timeout = {(time_t)(timeout_ns / 1000000000u),
                               (long)(timeout_ns % 1000000000u)};
    int left =
        kernel_pselect(calls_of(ready->loop), highest + 1, &result->readable, &result->writable,
                       &result->exceptional, timeout_ns == HARK_NEVER ? NULL : &timeout);
    ready_woke(ready);
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
        report(ready, fd, events);
    }
    return 0;
}

static const struct ready_poller poller = {
    .edge = false,
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
