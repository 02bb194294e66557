/* watch_change.c - see the header. */
#include "file/watch_change.h"
#include "core/loop.h"

#include <errno.h>

void watch_fail(struct hark_watch_tree *tree, int error)
{
    if (tree->is_ending)
        return;
    tree->is_ending = true;
    tree->error = error;
}

static void tell(struct hark_watch_tree *tree, enum hark_watch_kind kind,
                 const struct watch_node *node, const char *from, int error)
{
    if (tree->is_ending || !(kind & tree->kinds))
        return;
    if (watch_tree_path(node, &tree->path, &tree->path_room) < 0) {
        watch_fail(tree, -ENOMEM);
        return;
    }
    const struct hark_watch_event event = {
        .kind = kind,
        .is_directory = node->is_directory,
        .error = error,
        .path = tree->path,
        .from = from,
    };
    tree->watch->events->told(tree->watch, &event);
}

void watch_tell(struct hark_watch_tree *tree, enum hark_watch_kind kind,
                const struct watch_node *node, int error)
{
    tell(tree, kind, node, kind == HARK_WATCH_RENAMED ? "" : NULL, error);
}

void watch_change_unsettle(struct hark_watch_tree *tree)
{
    tree->is_settled = false;
}

struct watch_node *watch_change_created(struct hark_watch_tree *tree, struct watch_node *parent,
                                        const char *name, bool is_directory, bool is_silent)
{
    struct watch_node *node = watch_tree_add(tree, parent, name, is_directory);
    if (!node) {
        watch_fail(tree, -ENOMEM);
        return NULL;
    }
    node->is_silent = is_silent;
    if (watch_is_entered(tree, node))
        watch_tree_scan(tree, node);
    if (!is_silent)
        watch_tell(tree, HARK_WATCH_CREATED, node, 0);
    return node;
}

void watch_change_removed(struct hark_watch_tree *tree, struct watch_node *node)
{
    watch_tell(tree, HARK_WATCH_REMOVED, node, 0);
    watch_tree_drop(tree, node);
}

/* What has come along with a directory: what could not be opened by the name before, or was, and
 * may have been another's of that name. That cannot be where inotify's queue was seen to be empty
 * between its reading and the renaming. */
static void doubt(struct hark_watch_tree *tree, struct watch_node *top)
{
    for (struct watch_node *node = top; node; node = watch_tree_next(node, top))
        if (watch_is_entered(tree, node) &&
            (node->watch == WATCH_NONE || node->is_lost || node->epoch == tree->epoch))
            watch_tree_scan(tree, node);
}

static bool is_below(const struct watch_node *node, const struct watch_node *top)
{
    while (node && node != top)
        node = node->parent;
    return node == top;
}

/* Two that change places (RENAME_EXCHANGE) are told as two renamings, the first of which seems to
 * put one in the place of the other: the second looks as if that went back alone. Which it was is
 * seen in the directories. */
static void look_for_exchange(struct hark_watch_tree *tree, struct watch_node *node,
                              struct watch_node *parent)
{
    if (!node->has_ousted)
        return;
    if (node->inode == 0)
        node->inode = UINT64_MAX; /* it is another than we know */
    watch_tree_scan(tree, node->parent);
    watch_tree_scan(tree, parent);
    if (watch_is_entered(tree, node))
        watch_tree_scan(tree, node);
}

void watch_change_renamed(struct hark_watch_tree *tree, struct watch_node *node,
                          struct watch_node *parent, const char *name)
{
    struct watch_node *replaced = watch_tree_find(tree, parent, name);
    if (replaced == node)
        return;
    /* What was told by scans may be ahead of inotify so far that it makes no sense: look again. */
    if (is_below(parent, node) || (replaced && is_below(node, replaced))) {
        watch_change_removed(tree, node);
        tree->look_again = true;
        return;
    }
    look_for_exchange(tree, node, parent);
    node->has_ousted = replaced;
    if (replaced)
        watch_tree_drop(tree, replaced);
    if (watch_tree_path(node, &tree->from, &tree->from_room) < 0 ||
        watch_tree_move(tree, node, parent, name) < 0) {
        watch_fail(tree, -ENOMEM);
        return;
    }
    node->told_in = 0; /* its owner may have looked for it under the old name, in vain */
    tell(tree, HARK_WATCH_RENAMED, node, tree->from, 0);
    doubt(tree, node);
}

void watch_change_modified(struct hark_watch_tree *tree, struct watch_node *node)
{
    if (tree->gather_ns == 0) {
        if (node->told_in != tree->batch)
            watch_tell(tree, HARK_WATCH_MODIFIED, node, 0);
        node->told_in = tree->batch;
    } else if (!node->gather.link) {
        node->due_ns = hark_now(tree->watch->loop) + tree->gather_ns;
        watch_tree_gather(tree, node);
    }
}

void watch_change_tell_modified(struct hark_watch_tree *tree, struct watch_node *node)
{
    if (!node->gather.link)
        return;
    watch_tree_ungather(tree, node);
    watch_tell(tree, HARK_WATCH_MODIFIED, node, 0);
}
