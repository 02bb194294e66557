/* watch_found.c - see the header.
 *
 * Two nodes that come to one inotify watch are one thing. Mostly it was renamed, and the events
 * that say so wait to be read: then the older of them is not to be found any more. Or it is mounted
 * in two places: then both are. So both are looked at once more, the older one first. */
#include "file/watch_found.h"
#include "core/loop.h"
#include "file/watch_change.h"
#include "hark/file.h"

#include <dirent.h>
#include <errno.h>

/* --- names --- */

static bool is_same(const struct watch_node *node, const struct hark_dirent *entry)
{
    return node->is_directory == (entry->type == DT_DIR) &&
           (node->inode == 0 || node->inode == entry->inode);
}

static void mark_seen(struct hark_watch_tree *tree, struct watch_node *directory)
{
    struct hark_dirent entry;
    size_t at = 0;
    for (struct watch_node *node = directory->children; node; node = node->next)
        node->is_seen = false;
    while (hark_dirent_next(tree->scan.entries, tree->scan.filled, &at, &entry)) {
        struct watch_node *node = watch_tree_find(tree, directory, entry.name);
        if (!node || !is_same(node, &entry))
            continue;
        node->is_seen = true;
        node->inode = entry.inode;
        if (watch_is_entered(tree, node) && node->watch == WATCH_NONE && !node->error)
            watch_tree_scan(tree, node);
    }
}

static void remove_unseen(struct hark_watch_tree *tree, struct watch_node *directory)
{
    for (struct watch_node *node = directory->children, *next; node; node = next) {
        next = node->next;
        if (!node->is_seen)
            watch_change_removed(tree, node);
    }
}

static void create_others(struct hark_watch_tree *tree, struct watch_node *directory)
{
    struct hark_dirent entry;
    size_t at = 0;
    while (!tree->is_ending &&
           hark_dirent_next(tree->scan.entries, tree->scan.filled, &at, &entry)) {
        if (watch_tree_find(tree, directory, entry.name))
            continue;
        struct watch_node *node = watch_change_created(tree, directory, entry.name,
                                                       entry.type == DT_DIR, directory->is_silent);
        if (node)
            node->inode = entry.inode;
    }
}

static void take_names(struct hark_watch_tree *tree, struct watch_node *directory)
{
    mark_seen(tree, directory);
    remove_unseen(tree, directory);
    create_others(tree, directory);
    directory->is_silent = false;
}

/* --- watches --- */

static void unwatched(struct hark_watch_tree *tree, struct watch_node *node, int error)
{
    node->is_silent = false; /* what is found in it one day was not there for its owner before */
    if (node->error == error)
        return;
    node->error = error;
    watch_tell(tree, HARK_WATCH_UNWATCHED, node, error);
}

/* Takes: owner: who has had that inotify watch so far.
 * Gives: whether the node is to have nothing of it, for now or for good. */
static bool collides(struct hark_watch_tree *tree, struct watch_node *node,
                     struct watch_node *owner)
{
    if (!owner || owner == node)
        return false;
    if (owner->is_lost) {
        (void)watch_tree_set_watch(tree, owner, WATCH_NONE);
        return false;
    }
    if (node->collided) {
        unwatched(tree, node, -ELOOP);
    } else {
        node->collided = true;
        watch_tree_scan(tree, owner);
        watch_tree_scan(tree, node);
    }
    return true;
}

/* It could not be watched, or not be read. */
static void fail(struct hark_watch_tree *tree, struct watch_node *node, int error)
{
    const int watch = tree->scan.watch;
    bool is_gone = error == -ENOENT || error == -ENOTDIR || error == -ELOOP;
    if (node == tree->root || error == -ESTALE) {
        watch_fail(tree, error);
        return;
    }
    if (watch != WATCH_NONE && !watch_tree_find_watch(tree, watch))
        (void)kernel_inotify_rm_watch(calls_of(tree->watch->loop), tree->fd, watch);
    if (is_gone) /* its directory tells it */
        node->is_lost = true;
    else
        unwatched(tree, node, error);
}

void watch_found_take(struct hark_watch_tree *tree)
{
    struct watch_node *node = tree->scanned;
    const int watch = tree->scan.watch, old = node->watch;
    tree->scanned = NULL;
    if (tree->scan.error) {
        fail(tree, node, tree->scan.error);
        return;
    }
    if (collides(tree, node, watch_tree_find_watch(tree, watch)))
        return;
    if (node == tree->root)
        node->is_directory = tree->scan.is_directory;
    if (watch_tree_set_watch(tree, node, watch) < 0) {
        watch_fail(tree, -ENOMEM);
        return;
    }
    if (old != WATCH_NONE &&
        old != watch) /* another stands there: that one is elsewhere, or gone */
        (void)kernel_inotify_rm_watch(calls_of(tree->watch->loop), tree->fd, old);
    node->error = 0;
    node->collided = node->is_lost = false;
    node->epoch = tree->epoch;
    if (node->is_directory)
        take_names(tree, node);
}
