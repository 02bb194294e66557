/* events.c - one inotify descriptor serves all files. Its watches are by inode, so files in one
 * directory share one: an event is offered to every follower. An event only tells where to look: at
 * a file, or at the way to a file.
 */
#include "tail/events.h"

#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/say.h"
#include "tail/missed.h"
#include "tail/moved.h"
#include "tail/pattern.h"
#include "tail/read.h"
#include "tail/tell.h"
#include "tail/walk.h"

/* Offers an event to the files of a follower. */
static void event_for_sources(struct tail_follower *follower, const struct inotify_event *event,
                              bool *out_pump)
{
    for (struct tail_source *source = follower->oldest; source; source = source->newer) {
        if (source->watch != event->wd)
            continue;
        if (event->mask & IN_MODIFY) {
            source->left_ns = hark_now(follower->tail->loop);
            *out_pump = source->dirty = true;
        }
    }
}

/* Whether the way to the file may have changed. While the way is being walked, any change of names
 * may concern it: the watches of that walk are not known yet. */
static bool event_for_path(const struct tail_follower *follower, const struct inotify_event *event)
{
    const struct resolution *way = follower->way;
    if (event->mask & IN_MOVE_SELF ||
        (hark_op_active(&follower->walk) && !(event->mask & (IN_MODIFY | IN_IGNORED))))
        return true;
    for (unsigned i = 0; i < way->count; i++) {
        if (way->watches[i].watch != event->wd)
            continue;
        if (event->mask & (IN_DELETE_SELF | IN_UNMOUNT | IN_IGNORED))
            return true;
        if (event->len && strcmp(event->name, way->watches[i].name) == 0)
            return true;
    }
    return false;
}

/* A renaming inside one directory comes as two events with the same cookie. */
static void note_move(struct tail *tail, const struct inotify_event *event)
{
    if (event->len == 0)
        return;
    if (event->mask & IN_MOVED_FROM) {
        tail->move_watch = event->wd;
        tail->move_cookie = event->cookie;
        snprintf(tail->move_name, sizeof tail->move_name, "%s", event->name);
    } else if (event->mask & IN_MOVED_TO && event->cookie == tail->move_cookie &&
               event->wd == tail->move_watch) {
        for (size_t i = 0; i < tail->count; i++)
            tail_moved_note(&tail->followers[i], event->wd, tail->move_name, event->name);
    }
}

static void handle_event(struct tail *tail, const struct inotify_event *event)
{
    note_move(tail, event);
    bool overflow = (event->mask & IN_Q_OVERFLOW) != 0;
    if (overflow && tail->count)
        tail_tell(&tail->followers[0], LOG_WARNING,
                  "inotify's queue has overflowed (fs.inotify.max_queued_events): looking at all "
                  "files again");
    for (size_t i = 0; i < tail->count; i++) {
        struct tail_follower *follower = &tail->followers[i];
        bool pump = overflow;
        for (struct tail_source *source = follower->oldest; overflow && source;
             source = source->newer)
            source->dirty = true;
        event_for_sources(follower, event, &pump);
        if (overflow)
            tail_missed_look(follower);
        if (overflow || event_for_path(follower, event))
            tail_walk(follower);
        if (pump)
            tail_read(follower);
    }
    for (size_t i = 0; i < tail->pattern_count; i++)
        if (tail_pattern_concerned(&tail->patterns[i], event))
            tail_pattern_look(&tail->patterns[i]);
}

static void events_read(struct hark_op *op, int64_t count)
{
    struct tail *tail = hark_container_of(op, struct tail, watch);
    if (!tail->closing && count > 0) {
        for (int64_t at = 0; at < count;) {
            const struct inotify_event *event = (const void *)(tail->events + at);
            handle_event(tail, event);
            at += (int64_t)(sizeof *event + event->len);
        }
        tail_events_begin(tail);
    } else if (!tail->closing) {
        for (size_t i = 0; i < tail->count; i++)
            tail_tell(&tail->followers[i], LOG_ERROR,
                      "inotify has failed: %s: it is not followed any more", why(count));
    }
    pending_end(&tail->pending);
}

void tail_events_begin(struct tail *tail)
{
    pending_begin(&tail->pending);
    hark_read(tail->loop, &tail->watch, tail->inotify, tail->events, sizeof tail->events,
              HARK_AT_POSITION, events_read);
}
