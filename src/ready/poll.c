/* poll.c - the poller over ppoll(2): level-triggered, an array of what is watched. */
#include "ready/ready.h"

#include <limits.h>

struct poller_state {
    struct pollfd *watched; /* the first is the wake descriptor */
    uint32_t count;
    uint32_t room;
    uint32_t *places; /* by descriptor: its place in watched */
    uint32_t places_room;
};

static int grow_places(struct poller_state *state, int fd)
{
    uint32_t room = state->places_room ? state->places_room : 64;
    while (room <= (uint32_t)fd)
        room *= 2;
    if (room == state->places_room)
        return 0;
    uint32_t *places = realloc(state->places, room * sizeof *places);
    if (!places)
        return -ENOMEM;
    state->places = places;
    state->places_room = room;
    return 0;
}

static int add(struct poller_state *state, int fd, uint32_t events)
{
    if (grow_places(state, fd) < 0)
        return -ENOMEM;
    if (state->count == state->room) {
        uint32_t room = state->room ? state->room * 2 : 64;
        struct pollfd *watched = realloc(state->watched, room * sizeof *watched);
        if (!watched)
            return -ENOMEM;
        state->watched = watched;
        state->room = room;
    }
    state->places[fd] = state->count;
    state->watched[state->count++] = (struct pollfd){.fd = fd, .events = (short)events};
    return 0;
}

static int poll_watch(struct ready *ready, int fd, uint32_t before, uint32_t events)
{
    struct poller_state *state = ready->state;
    if (before == 0)
        return add(state, fd, events);
    uint32_t place = state->places[fd];
    if (events) {
        state->watched[place].events = (short)events;
    } else {
        /* The last one moves into the gap: wait walks from the end, so it has been seen. */
        state->watched[place] = state->watched[--state->count];
        state->places[state->watched[place].fd] = place;
    }
    return 0;
}

static void poll_destroy(struct ready *ready)
{
    struct poller_state *state = ready->state;
    free(state->watched);
    free(state->places);
    free(state);
}

static int poll_create(struct ready *ready, int wake_fd)
{
    struct poller_state *state = calloc(1, sizeof *state);
    if (!state)
        return -ENOMEM;
    ready->state = state;
    int error = add(state, wake_fd, POLLIN);
    if (error)
        poll_destroy(ready);
    return error;
}

static void empty_wake(struct ready *ready)
{
    uint64_t count;
    ready->loop->metrics.wakes++;
    (void)kernel_read(calls_of(ready->loop), ready->loop->wake_fd, &count, sizeof count);
}

static int poll_wait_and_report(struct ready *ready, uint64_t timeout_ns)
{
    struct poller_state *state = ready->state;
    struct timespec timeout = {(time_t)(timeout_ns / 1000000000u),
                               (long)(timeout_ns % 1000000000u)};
    int left = kernel_ppoll(calls_of(ready->loop), state->watched, state->count,
                            timeout_ns == HARK_NEVER ? NULL : &timeout);
    ready_woke(ready);
    if (left < 0)
        return left == -EINTR ? 0 : left;
    for (uint32_t i = state->count; i-- > 0 && left > 0;) {
        short events = state->watched[i].revents;
        if (!events)
            continue;
        left--;
        state->watched[i].revents = 0;
        if (i == 0)
            empty_wake(ready);
        else if (state->watched[i].fd == ready->edges)
            edges_report(ready);
        else
            ready_report(ready, state->watched[i].fd,
                         (uint32_t)(events & POLLNVAL ? POLLERR : events));
    }
    return 0;
}

static const struct ready_poller poller = {
    .edge = false,
    .tells_errors = true,
    .limit = INT_MAX,
    .create = poll_create,
    .destroy = poll_destroy,
    .watch = poll_watch,
    .wait = poll_wait_and_report,
};

static int create(struct hark_loop *loop, const struct hark_options *options, char *out_reason,
                  size_t reason_room)
{
    (void)options;
    return ready_create(loop, &poller, out_reason, reason_room);
}

const struct hark_backend backend_poll = READY_BACKEND(HARK_BACKEND_POLL, "poll", create, NULL);
