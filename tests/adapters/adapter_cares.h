/* adapter_cares.h - c-ares on a hark loop.
 *
 *     cares_open(loop, &adapter, &options, mask);
 *     ares_query(adapter.channel, ...);
 *     cares_look_at_time(&adapter);          after each call that begins a query
 *     cares_close(&adapter);                 not from inside a callback of c-ares
 *
 * c-ares tells what it waits for on each of its sockets, and nothing before it closes one. */
#ifndef ADAPTERS_CARES_H
#define ADAPTERS_CARES_H

#include "adapters/watch.h"

#include <ares.h>

struct cares_socket {
    struct watch *watch;
    int fd;
    struct cares_socket *next;
};

struct cares_adapter {
    ares_channel channel;
    struct hark_loop *loop;
    struct alarm *alarm;
    struct cares_socket *sockets; /* a few: one or two for each server */
};

static inline void cares_look_at_time(struct cares_adapter *adapter)
{
    struct timeval room;
    const struct timeval *wait = ares_timeout(adapter->channel, NULL, &room);
    if (wait)
        alarm_set_in(adapter->alarm, (uint64_t)wait->tv_sec * 1000000 + (uint64_t)wait->tv_usec);
    else
        alarm_set(adapter->alarm, HARK_NEVER);
}

static inline void cares_rings(void *owner)
{
    struct cares_adapter *adapter = owner;
    ares_process_fd(adapter->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    cares_look_at_time(adapter);
}

static inline void cares_ready(void *owner, int fd, uint32_t events)
{
    struct cares_adapter *adapter = owner;
    bool readable =
        events & ~(uint32_t)HARK_POLL_WRITABLE; /* an error is found by reading, and by writing */
    bool writable = events & ~(uint32_t)HARK_POLL_READABLE;
    ares_process_fd(adapter->channel, readable ? fd : ARES_SOCKET_BAD,
                    writable ? fd : ARES_SOCKET_BAD);
    cares_look_at_time(adapter);
}

static inline void cares_wants(void *owner, ares_socket_t fd, int readable, int writable)
{
    struct cares_adapter *adapter = owner;
    struct cares_socket **link = &adapter->sockets;
    uint32_t events = (readable ? HARK_POLL_READABLE : 0u) | (writable ? HARK_POLL_WRITABLE : 0u);
    while (*link && (*link)->fd != fd)
        link = &(*link)->next;
    if (!*link && events) {
        *link = watch_memory(sizeof **link);
        (*link)->fd = fd;
    }
    struct cares_socket *socket = *link;
    if (!socket)
        return;
    socket->watch = watch_set(adapter->loop, socket->watch, fd, events, cares_ready, adapter);
    if (!events) {
        *link = socket->next;
        free(socket);
    }
}

/* Makes a channel.
 * Takes: options and mask as ares_init_options.
 * Gives: what that gives; nothing is left open where it is not ARES_SUCCESS. */
static inline int cares_open(struct hark_loop *loop, struct cares_adapter *adapter,
                             struct ares_options *options, int mask)
{
    *adapter = (struct cares_adapter){.loop = loop};
    options->sock_state_cb = cares_wants;
    options->sock_state_cb_data = adapter;
    int status = ares_init_options(&adapter->channel, options, mask | ARES_OPT_SOCK_STATE_CB);
    if (status == ARES_SUCCESS)
        adapter->alarm = alarm_open(loop, cares_rings, adapter);
    return status;
}

/* Queries that wait are called back with ARES_EDESTRUCTION. */
static inline void cares_close(struct cares_adapter *adapter)
{
    ares_destroy(adapter->channel);
    alarm_close(adapter->alarm);
}

#endif
