/* hiredis.h - hiredis (its asynchronous API) on a hark loop.
 *
 *     redisAsyncContext *context = redisAsyncConnectUnix(path);
 *     hark_hiredis_attach(loop, context);
 *
 * hiredis calls `cleanup` before it closes its descriptor. It may do so inside redisAsyncHandleRead
 * and redisAsyncHandleWrite: when these return, nothing of the adapter is looked at. It writes with
 * write(2): a program ignores SIGPIPE. From hiredis 1.0 on redisAsyncSetTimeout works: it tells for
 * how long it waits. Without memory for a wait, that time-out ends the connection. */
#ifndef HARK_ADAPTERS_HIREDIS_H
#define HARK_ADAPTERS_HIREDIS_H

#include "watch.h"

#include <hiredis/async.h>

HARK_BEGIN

/* Private. */
struct hark_hiredis {
    struct hark_loop *loop;
    redisAsyncContext *context;
    struct hark_adapter_watch *reading;
    struct hark_adapter_watch *writing;
    struct hark_adapter_alarm *alarm;
};

/* Private, as all up to hark_hiredis_attach. */
static inline void hark_hiredis_readable(void *owner, int fd, uint32_t events)
{
    struct hark_hiredis *adapter = HARK_CAST(struct hark_hiredis *, owner);
    (void)fd;
    (void)events;
    redisAsyncHandleRead(adapter->context);
}

static inline void hark_hiredis_writable(void *owner, int fd, uint32_t events)
{
    struct hark_hiredis *adapter = HARK_CAST(struct hark_hiredis *, owner);
    (void)fd;
    (void)events;
    redisAsyncHandleWrite(adapter->context);
}

static inline void hark_hiredis_rings(void *owner)
{
#if HIREDIS_MAJOR >= 1
    struct hark_hiredis *adapter = (struct hark_hiredis *)owner;
    redisAsyncHandleTimeout(adapter->context);
#else
    (void)owner;
#endif
}

static inline void hark_hiredis_read(struct hark_hiredis *adapter, uint32_t events)
{
    (void)hark_adapter_watch_set(adapter->loop, &adapter->reading, adapter->context->c.fd, events,
                                 hark_hiredis_readable, adapter);
}

static inline void hark_hiredis_write(struct hark_hiredis *adapter, uint32_t events)
{
    (void)hark_adapter_watch_set(adapter->loop, &adapter->writing, adapter->context->c.fd, events,
                                 hark_hiredis_writable, adapter);
}

static inline void hark_hiredis_add_read(void *adapter)
{
    hark_hiredis_read(HARK_CAST(struct hark_hiredis *, adapter), HARK_POLL_READABLE);
}

static inline void hark_hiredis_del_read(void *adapter)
{
    hark_hiredis_read(HARK_CAST(struct hark_hiredis *, adapter), 0);
}

static inline void hark_hiredis_add_write(void *adapter)
{
    hark_hiredis_write(HARK_CAST(struct hark_hiredis *, adapter), HARK_POLL_WRITABLE);
}

static inline void hark_hiredis_del_write(void *adapter)
{
    hark_hiredis_write(HARK_CAST(struct hark_hiredis *, adapter), 0);
}

static inline void hark_hiredis_schedule(void *owner, struct timeval wait)
{
    struct hark_hiredis *adapter = HARK_CAST(struct hark_hiredis *, owner);
    hark_adapter_alarm_set_in(adapter->alarm, HARK_CAST(uint64_t, wait.tv_sec) * 1000000 +
                                                  HARK_CAST(uint64_t, wait.tv_usec));
}

static inline void hark_hiredis_cleanup(void *owner)
{
    struct hark_hiredis *adapter = HARK_CAST(struct hark_hiredis *, owner);
    hark_hiredis_read(adapter, 0);
    hark_hiredis_write(adapter, 0);
    hark_adapter_alarm_close(adapter->alarm);
    free(adapter);
}

/* Drives a connection that is being made, until hiredis frees it.
 * Takes: a context that nothing else drives, before its first command.
 * Gives: 0.
 * Fails: -ENOMEM; the context is as it was. */
static inline int hark_hiredis_attach(struct hark_loop *loop, redisAsyncContext *context)
{
    struct hark_hiredis *adapter =
        HARK_CAST(struct hark_hiredis *, calloc(1, sizeof(struct hark_hiredis)));
    if (!adapter)
        return -ENOMEM;
    adapter->loop = loop;
    adapter->context = context;
    adapter->alarm = hark_adapter_alarm_open(loop, hark_hiredis_rings, adapter);
    if (!adapter->alarm) {
        free(adapter);
        return -ENOMEM;
    }
    context->ev.data = adapter;
    context->ev.addRead = hark_hiredis_add_read;
    context->ev.delRead = hark_hiredis_del_read;
    context->ev.addWrite = hark_hiredis_add_write;
    context->ev.delWrite = hark_hiredis_del_write;
#if HIREDIS_MAJOR >= 1
    context->ev.scheduleTimer = hark_hiredis_schedule;
#endif
    context->ev.cleanup = hark_hiredis_cleanup;
    return 0;
}

HARK_END

#endif
