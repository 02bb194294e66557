/* cares.h - c-ares on a hark loop.
 *
 *     hark_cares_open(loop, &adapter, &options, mask);
 *     ares_query(adapter.channel, ...);
 *     hark_cares_look_at_time(&adapter);     after each call that begins a query
 *     hark_cares_close(&adapter);            not from inside a callback of c-ares
 *
 * c-ares tells what it waits for on each of its sockets, and nothing before it closes one. Without
 * memory for a wait, its own time-outs end the query. */
#ifndef HARK_ADAPTERS_CARES_H
#define HARK_ADAPTERS_CARES_H

#include "watch.h"

#include <ares.h>
#include <sys/time.h>

HARK_BEGIN

/* Private. */
struct hark_cares_socket {
    struct hark_adapter_watch *watch;
    int fd;
    struct hark_cares_socket *next;
};

/* In the caller's memory; `channel` is there to be used, all else is private. */
struct hark_cares {
    ares_channel channel;
    struct hark_loop *loop;
    struct hark_adapter_alarm *alarm;
    struct hark_cares_socket *sockets; /* a few: one or two for each server */
};

/* Asks c-ares until when it waits. */
static inline void hark_cares_look_at_time(struct hark_cares *adapter)
{
    struct timeval room;
    const struct timeval *wait = ares_timeout(adapter->channel, HARK_NULL, &room);
    if (wait)
        hark_adapter_alarm_set_in(adapter->alarm, HARK_CAST(uint64_t, wait->tv_sec) * 1000000 +
                                                      HARK_CAST(uint64_t, wait->tv_usec));
    else
        hark_adapter_alarm_set(adapter->alarm, HARK_NEVER);
}

/* Private. */
static inline void hark_cares_rings(void *owner)
{
    struct hark_cares *adapter = HARK_CAST(struct hark_cares *, owner);
    ares_process_fd(adapter->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    hark_cares_look_at_time(adapter);
}

/* Private. An error is found by reading, and by writing. */
static inline void hark_cares_ready(void *owner, int fd, uint32_t events)
{
    struct hark_cares *adapter = HARK_CAST(struct hark_cares *, owner);
    bool readable = (events & ~HARK_CAST(uint32_t, HARK_POLL_WRITABLE)) != 0;
    bool writable = (events & ~HARK_CAST(uint32_t, HARK_POLL_READABLE)) != 0;
    ares_process_fd(adapter->channel, readable ? fd : ARES_SOCKET_BAD,
                    writable ? fd : ARES_SOCKET_BAD);
    hark_cares_look_at_time(adapter);
}

/* Private. */
static inline void hark_cares_wants(void *owner, ares_socket_t fd, int readable, int writable)
{
    struct hark_cares *adapter = HARK_CAST(struct hark_cares *, owner);
    struct hark_cares_socket **link = &adapter->sockets;
    uint32_t events = (readable ? HARK_CAST(uint32_t, HARK_POLL_READABLE) : 0u) |
                      (writable ? HARK_CAST(uint32_t, HARK_POLL_WRITABLE) : 0u);
    while (*link && (*link)->fd != fd)
        link = &(*link)->next;
    struct hark_cares_socket *socket = *link;
    if (!socket && events) {
        socket = HARK_CAST(struct hark_cares_socket *, calloc(1, sizeof(struct hark_cares_socket)));
        if (socket)
            socket->fd = fd;
        *link = socket;
    }
    if (!socket)
        return;
    (void)hark_adapter_watch_set(adapter->loop, &socket->watch, fd, events, hark_cares_ready,
                                 adapter);
    if (!events) {
        *link = socket->next;
        free(socket);
    }
}

/* Makes a channel.
 * Takes: options and mask as ares_init_options.
 * Gives: what that gives; nothing is left open where it is not ARES_SUCCESS. */
static inline int hark_cares_open(struct hark_loop *loop, struct hark_cares *adapter,
                                  struct ares_options *options, int mask)
{
    adapter->loop = loop;
    adapter->sockets = HARK_NULL;
    adapter->alarm = hark_adapter_alarm_open(loop, hark_cares_rings, adapter);
    if (!adapter->alarm)
        return ARES_ENOMEM;
    options->sock_state_cb = hark_cares_wants;
    options->sock_state_cb_data = adapter;
    int status = ares_init_options(&adapter->channel, options, mask | ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS)
        hark_adapter_alarm_close(adapter->alarm);
    return status;
}

/* Queries that wait are called back with ARES_EDESTRUCTION. */
static inline void hark_cares_close(struct hark_cares *adapter)
{
    ares_destroy(adapter->channel);
    hark_adapter_alarm_close(adapter->alarm);
}

HARK_END

#endif
