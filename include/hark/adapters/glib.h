/* glib.h - a hark loop inside of GLib's main loop.
 *
 *     GSource *source = hark_glib_source_new(loop);
 *     g_source_attach(source, NULL);                   loop's callbacks come from the main loop now
 *     ...
 *     g_source_destroy(source);                        the hark loop is the caller's, as before
 *     g_source_unref(source);
 *
 * The loop may be used from any callback of the main loop: what is started there is submitted
 * before it waits. The hark loop is never run by anything else meanwhile. Times are as exact as
 * those of the main loop, to a millisecond. */
#ifndef HARK_ADAPTERS_GLIB_H
#define HARK_ADAPTERS_GLIB_H

#include "../../hark.h"

#include <glib-unix.h>
#include <glib.h>

HARK_BEGIN

/* Begins with a GSource. Private but for `error`. */
struct hark_glib_source {
    GSource source;
    struct hark_loop *loop;
    gpointer descriptor;
    gboolean begun; /* the first turn, from which on others can wake the loop */
    int error;      /* why the loop could not go on: of hark_run_ready; 0: it goes on */
};

/* Private, as all up to hark_glib_source_new. */
static inline gboolean hark_glib_is_due(const struct hark_glib_source *own, gint *out_wait_ms)
{
    uint64_t deadline_ns = own->begun ? hark_loop_next_deadline(own->loop) : 0;
    uint64_t now_ns = hark_os_clock(own->loop);
    *out_wait_ms = -1;
    if (deadline_ns <= now_ns)
        *out_wait_ms = 0;
    else if (deadline_ns != HARK_NEVER) {
        uint64_t wait_ms = (deadline_ns - now_ns + 999999) / 1000000;
        *out_wait_ms = wait_ms > G_MAXINT ? G_MAXINT : HARK_CAST(gint, wait_ms);
    }
    return *out_wait_ms == 0;
}

static inline gboolean hark_glib_prepare(GSource *source, gint *out_wait_ms)
{
    return hark_glib_is_due(HARK_CAST(struct hark_glib_source *, HARK_CAST(void *, source)),
                            out_wait_ms);
}

static inline gboolean hark_glib_check(GSource *source)
{
    struct hark_glib_source *own = HARK_CAST(struct hark_glib_source *, HARK_CAST(void *, source));
    gint wait_ms;
    return g_source_query_unix_fd(source, own->descriptor) != 0 || hark_glib_is_due(own, &wait_ms);
}

static inline gboolean hark_glib_dispatch(GSource *source, GSourceFunc unused, gpointer nothing)
{
    struct hark_glib_source *own = HARK_CAST(struct hark_glib_source *, HARK_CAST(void *, source));
    (void)unused;
    (void)nothing;
    own->begun = TRUE;
    int left = hark_run_ready(own->loop);
    own->error = left < 0 ? left : 0;
    return left < 0 ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

/* Makes a source that runs the loop, not attached yet.
 * Takes: loop: stays the caller's, and longer than the source; nobody else runs it.
 * Gives: the source, to be unreferenced; NULL: the loop's backend cannot be inside another, poll
 *   and select cannot (hark_loop_descriptor).
 * Thread: that of the main context. */
static inline GSource *hark_glib_source_new(struct hark_loop *loop)
{
    static GSourceFuncs functions;
    int fd = hark_loop_descriptor(loop);
    if (fd < 0)
        return HARK_NULL;
    functions.prepare = hark_glib_prepare;
    functions.check = hark_glib_check;
    functions.dispatch = hark_glib_dispatch;
    GSource *source = g_source_new(&functions, sizeof(struct hark_glib_source));
    struct hark_glib_source *own = HARK_CAST(struct hark_glib_source *, HARK_CAST(void *, source));
    own->loop = loop;
    own->descriptor = g_source_add_unix_fd(source, fd, G_IO_IN);
    own->begun = FALSE;
    own->error = 0;
    g_source_set_name(source, "hark");
    return source;
}

HARK_END

#endif
