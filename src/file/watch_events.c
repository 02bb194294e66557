/* watch_events.c - see the header. The kernel tells both halves of a renaming while it holds both
 * directories: so another change of names in the first of them says that no second half comes; what
 * others do elsewhere can come between. Both are taken where the first stands.
 *
 * What a scan has found may be told once more by events that are older than it: a creation of a
 * name that is known, and a removal of one that is not, are nothing. */
#include "file/watch_events.h"
#include "core/loop.h"
#include "file/watch_change.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>

enum { NAMES = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO, TAKEN = -2 };

static struct inotify_event *event_at(struct hark_watch_tree *tree, size_t at)
{
    return (void *)(tree->buffer + at);
}

static size_t size_of(const struct inotify_event *event)
{
    return sizeof *event + event->len;
}

/* --- renamings --- */

/* The second half of one that stands at `at`.
 * Gives: NULL: it is not in the buffer. */
static struct inotify_event *find_half(struct hark_watch_tree *tree, size_t at, bool *out_may_come)
{
    const struct inotify_event *first = event_at(tree, at);
    *out_may_come = false;
    for (at += size_of(first); at < tree->filled; at += size_of(event_at(tree, at))) {
        struct inotify_event *event = event_at(tree, at);
        if (event->mask & IN_MOVED_TO && event->cookie == first->cookie)
            return event;
        if (event->mask & IN_Q_OVERFLOW || (event->wd == first->wd && event->mask & NAMES))
            return NULL;
    }
    *out_may_come = tree->filled + WATCH_EVENT_MAX <= sizeof tree->buffer;
    return NULL;
}

/* Something has a name that was elsewhere before. What was there is gone, by whatever way. */
static void moved_in(struct hark_watch_tree *tree, struct watch_node *parent,
                     const struct inotify_event *event)
{
    struct watch_node *replaced = watch_tree_find(tree, parent, event->name);
    if (replaced)
        watch_tree_drop(tree, replaced);
    (void)watch_change_created(tree, parent, event->name, event->mask & IN_ISDIR, false);
}

static void moved(struct hark_watch_tree *tree, const struct inotify_event *first,
                  struct inotify_event *second)
{
    struct watch_node *from = watch_tree_find_watch(tree, first->wd);
    struct watch_node *to = second ? watch_tree_find_watch(tree, second->wd) : NULL;
    struct watch_node *node = from ? watch_tree_find(tree, from, first->name) : NULL;
    if (node && to)
        watch_change_renamed(tree, node, to, second->name);
    else if (node)
        watch_change_removed(tree, node);
    else if (to)
        moved_in(tree, to, second);
    if (second)
        second->wd = TAKEN;
}

/* --- all else --- */

/* Something of what is watched itself. */
static void take_of_root(struct hark_watch_tree *tree, const struct inotify_event *event)
{
    struct watch_node *root = tree->root;
    if (event->mask & IN_MOVE_SELF) {
        watch_tell(tree, HARK_WATCH_RENAMED, root, 0);
        if (root->is_directory)
            watch_fail(tree, -ESTALE);
    }
    if (event->mask & IN_UNMOUNT)
        watch_fail(tree, -ENODEV);
    if (event->mask & (IN_DELETE_SELF | IN_IGNORED)) {
        watch_change_tell_modified(tree, root);
        watch_tell(tree, HARK_WATCH_REMOVED, root, 0);
        watch_fail(tree, -ENOENT);
    }
}

static void take_of_content(struct hark_watch_tree *tree, struct watch_node *node, uint32_t mask)
{
    if (mask & IN_MODIFY)
        watch_change_modified(tree, node);
    if (mask & IN_CLOSE_WRITE) {
        watch_change_tell_modified(tree, node);
        watch_tell(tree, HARK_WATCH_WRITTEN, node, 0);
    }
    if (mask & IN_ATTRIB) {
        watch_tell(tree, HARK_WATCH_ATTRIBUTES, node, 0);
        if (node->error)
            watch_tree_scan(tree, node);
    }
}

static void take_of_name(struct hark_watch_tree *tree, struct watch_node *parent,
                         const struct inotify_event *event)
{
    struct watch_node *node = watch_tree_find(tree, parent, event->name);
    if (event->mask & IN_CREATE && !node)
        (void)watch_change_created(tree, parent, event->name, event->mask & IN_ISDIR, false);
    else if (event->mask & IN_MOVED_TO)
        moved_in(tree, parent, event);
    else if (event->mask & IN_DELETE && node)
        watch_change_removed(tree, node);
    else if (node)
        take_of_content(tree, node, event->mask);
}

static void overflowed(struct hark_watch_tree *tree)
{
    watch_tell(tree, HARK_WATCH_OVERFLOW, tree->root, 0);
    watch_change_unsettle(tree);
    watch_tree_scan_all(tree);
}

static void take(struct hark_watch_tree *tree, const struct inotify_event *event)
{
    struct watch_node *node = watch_tree_find_watch(tree, event->wd);
    if (event->mask & IN_Q_OVERFLOW) {
        overflowed(tree);
    } else if (node && event->len) {
        take_of_name(tree, node, event);
    } else if (node == tree->root && node) {
        take_of_content(tree, node, event->mask);
        take_of_root(tree, event);
    } else if (node && event->mask & IN_IGNORED) {
        /* It is removed, which its directory tells; or what was mounted there is not any more. */
        (void)watch_tree_set_watch(tree, node, WATCH_NONE);
        watch_tree_scan(tree, node);
    }
}

void watch_events_take(struct hark_watch_tree *tree, bool gives_up)
{
    const size_t waited = gives_up ? tree->waited : 0;
    size_t at = 0;
    if (++tree->batch == 0) /* nodes are born with 0 */
        tree->batch = 1;
    while (at < tree->filled && !tree->is_ending) {
        const struct inotify_event *event = event_at(tree, at);
        if (event->mask & IN_MOVED_FROM) {
            bool may_come;
            struct inotify_event *half = find_half(tree, at, &may_come);
            if (may_come && at >= waited)
                break;
            moved(tree, event, half);
        } else if (event->wd != TAKEN) {
            take(tree, event);
        }
        at += size_of(event);
    }
    tree->filled -= at;
    memmove(tree->buffer, tree->buffer + at, tree->filled);
    /* What is left waits from now on; where nothing was taken, it waits on. */
    if (at > 0)
        tree->waited = 0;
}
