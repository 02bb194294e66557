/* libuv.h - a hark loop inside of a libuv loop, by a prepare handle, a poll handle and a timer.
 *
 *     struct hark_uv adapter;
 *     hark_uv_start(&adapter, uv_default_loop(), loop);  loop's callbacks come from uv_run now
 *     ...
 *     hark_uv_close(&adapter, closed);                   the hark loop is the caller's, as before
 *
 * The loop may be used from any callback of libuv's: what is started there is submitted before it
 * waits. The hark loop is never run by anything else meanwhile. uv_run goes on as long as the
 * adapter is open, unless hark_uv_unref is called; times are libuv's, in whole milliseconds. */
#ifndef HARK_ADAPTERS_LIBUV_H
#define HARK_ADAPTERS_LIBUV_H

#include "../../hark.h"

#include <uv.h>

HARK_BEGIN

/* In the caller's memory. `error` may be read, all else is private. */
struct hark_uv {
    struct hark_loop *loop;
    uv_prepare_t prepare;
    uv_poll_t poll;
    uv_timer_t timer;
    bool begun; /* the first turn, from which on others can wake the loop */
    int open;   /* handles that are not closed yet */
    int error;  /* why the loop could not go on: of hark_run_ready; 0: it goes on */
    void (*closed)(struct hark_uv *adapter);
};

/* Private, as all up to hark_uv_unref. */
static inline void hark_uv_stop(struct hark_uv *adapter)
{
    (void)uv_prepare_stop(&adapter->prepare);
    (void)uv_poll_stop(&adapter->poll);
    (void)uv_timer_stop(&adapter->timer);
}

static inline void hark_uv_run(struct hark_uv *adapter)
{
    adapter->begun = true;
    int left = hark_run_ready(adapter->loop);
    if (left < 0) {
        adapter->error = left;
        if (!uv_is_closing(HARK_CAST(uv_handle_t *, HARK_CAST(void *, &adapter->prepare))))
            hark_uv_stop(adapter);
    }
}

static inline void hark_uv_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    hark_uv_run(HARK_CAST(struct hark_uv *, poll->data));
}

/* The prepare handle, which comes next, does it. */
static inline void hark_uv_due(uv_timer_t *timer)
{
    (void)timer;
}

/* Before each wait: what is due is done, and what is left says how long may be waited. */
static inline void hark_uv_prepare(uv_prepare_t *prepare)
{
    struct hark_uv *adapter = HARK_CAST(struct hark_uv *, prepare->data);
    uint64_t now_ns = hark_os_clock(adapter->loop);
    if (!adapter->begun || hark_loop_next_deadline(adapter->loop) <= now_ns)
        hark_uv_run(adapter);
    if (adapter->error || uv_is_closing(HARK_CAST(uv_handle_t *, HARK_CAST(void *, prepare))))
        return;
    uint64_t deadline_ns = hark_loop_next_deadline(adapter->loop);
    uv_update_time(prepare->loop); /* timers are counted from it */
    now_ns = hark_os_clock(adapter->loop);
    if (deadline_ns == HARK_NEVER)
        (void)uv_timer_stop(&adapter->timer);
    else
        (void)uv_timer_start(&adapter->timer, hark_uv_due,
                             deadline_ns > now_ns ? (deadline_ns - now_ns + 999999) / 1000000 : 0,
                             0);
}

static inline void hark_uv_handle_closed(uv_handle_t *handle)
{
    struct hark_uv *adapter = HARK_CAST(struct hark_uv *, handle->data);
    if (--adapter->open == 0 && adapter->closed)
        adapter->closed(adapter);
}

/* Lets uv_run return while nothing but the hark loop is there. */
static inline void hark_uv_unref(struct hark_uv *adapter)
{
    uv_unref(HARK_CAST(uv_handle_t *, HARK_CAST(void *, &adapter->prepare)));
    uv_unref(HARK_CAST(uv_handle_t *, HARK_CAST(void *, &adapter->poll)));
    uv_unref(HARK_CAST(uv_handle_t *, HARK_CAST(void *, &adapter->timer)));
}

/* Lets go of the loop.
 * Takes: closed: called by uv_run once the adapter is the caller's memory again; NULL: nobody. */
static inline void hark_uv_close(struct hark_uv *adapter, void (*closed)(struct hark_uv *adapter))
{
    adapter->closed = closed;
    uv_close(HARK_CAST(uv_handle_t *, HARK_CAST(void *, &adapter->prepare)), hark_uv_handle_closed);
    uv_close(HARK_CAST(uv_handle_t *, HARK_CAST(void *, &adapter->poll)), hark_uv_handle_closed);
    uv_close(HARK_CAST(uv_handle_t *, HARK_CAST(void *, &adapter->timer)), hark_uv_handle_closed);
}

/* Has a libuv loop run a hark loop.
 * Takes: loop: stays the caller's, and longer than the adapter; nobody else runs it.
 * Gives: 0.
 * Fails: -ENOTSUP the loop's backend cannot be inside another, poll and select cannot
 *   (hark_loop_descriptor); as uv_poll_init, which are negative errnos on Linux. The adapter is not
 *   open then.
 * Thread: that of the libuv loop. */
static inline int hark_uv_start(struct hark_uv *adapter, uv_loop_t *outer, struct hark_loop *loop)
{
    int fd = hark_loop_descriptor(loop);
    if (fd < 0)
        return fd;
    adapter->loop = loop;
    adapter->begun = false;
    adapter->error = 0;
    adapter->closed = HARK_NULL;
    int error = uv_poll_init(outer, &adapter->poll, fd);
    if (error)
        return error;
    (void)uv_prepare_init(outer, &adapter->prepare);
    (void)uv_timer_init(outer, &adapter->timer);
    adapter->open = 3;
    adapter->poll.data = adapter->prepare.data = adapter->timer.data = adapter;
    (void)uv_poll_start(&adapter->poll, UV_READABLE, hark_uv_readable);
    (void)uv_prepare_start(&adapter->prepare, hark_uv_prepare);
    return 0;
}

HARK_END

#endif
