/* adapter_hiredis.h - hiredis (its asynchronous API) on a hark loop.
 *
 *     redisAsyncContext *context = redisAsyncConnectUnix(path);
 *     hiredis_attach(loop, context);
 *
 * hiredis calls `cleanup` before it closes its descriptor. It may do so inside redisAsyncHandleRead
 * and redisAsyncHandleWrite: when these return, nothing of the adapter is looked at. It writes with
 * write(2): a program ignores SIGPIPE. */
#ifndef ADAPTERS_HIREDIS_H
#define ADAPTERS_HIREDIS_H

#include "adapters/watch.h"

#include <hiredis/async.h>

struct hiredis_adapter {
    struct hark_loop *loop;
    redisAsyncContext *context;
    struct watch *reading;
    struct watch *writing;
};

static inline void hiredis_readable(void *owner, int fd, uint32_t events)
{
    struct hiredis_adapter *adapter = owner;
    (void)fd;
    (void)events;
    redisAsyncHandleRead(adapter->context);
}

static inline void hiredis_writable(void *owner, int fd, uint32_t events)
{
    struct hiredis_adapter *adapter = owner;
    (void)fd;
    (void)events;
    redisAsyncHandleWrite(adapter->context);
}

static inline void hiredis_read(struct hiredis_adapter *adapter, uint32_t events)
{
    adapter->reading = watch_set(adapter->loop, adapter->reading, adapter->context->c.fd, events,
                                 hiredis_readable, adapter);
}

static inline void hiredis_write(struct hiredis_adapter *adapter, uint32_t events)
{
    adapter->writing = watch_set(adapter->loop, adapter->writing, adapter->context->c.fd, events,
                                 hiredis_writable, adapter);
}

static inline void hiredis_add_read(void *adapter)
{
    hiredis_read(adapter, HARK_POLL_READABLE);
}

static inline void hiredis_del_read(void *adapter)
{
    hiredis_read(adapter, 0);
}

static inline void hiredis_add_write(void *adapter)
{
    hiredis_write(adapter, HARK_POLL_WRITABLE);
}

static inline void hiredis_del_write(void *adapter)
{
    hiredis_write(adapter, 0);
}

static inline void hiredis_cleanup(void *adapter)
{
    hiredis_read(adapter, 0);
    hiredis_write(adapter, 0);
    free(adapter);
}

/* Drives a connection that is being made, until hiredis frees it. */
static inline void hiredis_attach(struct hark_loop *loop, redisAsyncContext *context)
{
    struct hiredis_adapter *adapter = watch_memory(sizeof *adapter);
    *adapter = (struct hiredis_adapter){.loop = loop, .context = context};
    context->ev.data = adapter;
    context->ev.addRead = hiredis_add_read;
    context->ev.delRead = hiredis_del_read;
    context->ev.addWrite = hiredis_add_write;
    context->ev.delWrite = hiredis_del_write;
    context->ev.cleanup = hiredis_cleanup;
}

#endif
