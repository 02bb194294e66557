/* sd_event.h - a hark loop inside of systemd's event loop (sd-event(3)).
 *
 *     struct hark_sd_event adapter;
 *     hark_sd_event_add(&adapter, event, loop);        loop's callbacks come from sd_event_run now
 *     ...
 *     hark_sd_event_remove(&adapter);                  the hark loop is the caller's, as before
 *
 * The loop may be used from any callback of the event loop: what is started there is submitted
 * before it waits. The hark loop is never run by anything else meanwhile. */
#ifndef HARK_ADAPTERS_SD_EVENT_H
#define HARK_ADAPTERS_SD_EVENT_H

#include "../../hark.h"

#include <sys/epoll.h>
#include <systemd/sd-event.h>

HARK_BEGIN

/* In the caller's memory. Private. */
struct hark_sd_event {
    struct hark_loop *loop;
    sd_event_source *descriptor;
    sd_event_source *time;
    bool begun; /* the first turn, from which on others can wake the loop */
};

/* Private, as all up to hark_sd_event_remove. What it gives below 0 switches the source off, and is
 * what sd_event_run says nothing of: sd_event_exit brings it out. */
static inline int hark_sd_event_run(struct hark_sd_event *adapter)
{
    adapter->begun = true;
    int left = hark_run_ready(adapter->loop);
    if (left < 0)
        (void)sd_event_exit(sd_event_source_get_event(adapter->descriptor), left);
    return left < 0 ? left : 0;
}

static inline int hark_sd_event_readable(sd_event_source *source, int fd, uint32_t events,
                                         void *adapter)
{
    (void)source;
    (void)fd;
    (void)events;
    return hark_sd_event_run(HARK_CAST(struct hark_sd_event *, adapter));
}

static inline int hark_sd_event_due(sd_event_source *source, uint64_t at_us, void *adapter)
{
    (void)source;
    (void)at_us;
    return hark_sd_event_run(HARK_CAST(struct hark_sd_event *, adapter));
}

/* Before each wait. */
static inline int hark_sd_event_prepare(sd_event_source *source, void *owner)
{
    struct hark_sd_event *adapter = HARK_CAST(struct hark_sd_event *, owner);
    uint64_t deadline_ns = adapter->begun ? hark_loop_next_deadline(adapter->loop) : 0;
    (void)source;
    if (deadline_ns == HARK_NEVER)
        return sd_event_source_set_enabled(adapter->time, SD_EVENT_OFF);
    int error = sd_event_source_set_time(adapter->time, (deadline_ns + 999) / 1000);
    return error < 0 ? error : sd_event_source_set_enabled(adapter->time, SD_EVENT_ONESHOT);
}

/* Lets go of the loop. */
static inline void hark_sd_event_remove(struct hark_sd_event *adapter)
{
    adapter->descriptor = sd_event_source_disable_unref(adapter->descriptor);
    adapter->time = sd_event_source_disable_unref(adapter->time);
}

/* Has the event loop run a hark loop. If hark_run_ready fails, sd_event_loop ends with that error.
 * Takes: loop: stays the caller's, and longer than the adapter; nobody else runs it.
 * Gives: 0.
 * Fails: -ENOTSUP the loop's backend cannot be inside another, poll and select cannot
 *   (hark_loop_descriptor); as sd_event_add_io(3) and sd_event_add_time(3).
 * Thread: that of the event loop. */
static inline int hark_sd_event_add(struct hark_sd_event *adapter, sd_event *event,
                                    struct hark_loop *loop)
{
    int fd = hark_loop_descriptor(loop);
    adapter->loop = loop;
    adapter->descriptor = HARK_NULL;
    adapter->time = HARK_NULL;
    adapter->begun = false;
    if (fd < 0)
        return fd;
    int error =
        sd_event_add_time(event, &adapter->time, CLOCK_MONOTONIC, 0, 1, hark_sd_event_due, adapter);
    if (error >= 0)
        error = sd_event_add_io(event, &adapter->descriptor, fd, EPOLLIN, hark_sd_event_readable,
                                adapter);
    if (error >= 0)
        error = sd_event_source_set_prepare(adapter->descriptor, hark_sd_event_prepare);
    if (error < 0)
        hark_sd_event_remove(adapter);
    return error < 0 ? error : 0;
}

HARK_END

#endif
