/* watch.c - what hark/watch.h offers: the life of a watch.
 *
 * Reading of directories and reading of inotify's events take turns, so that every event finds its
 * directory known: while the pool has a directory, what inotify tells waits in its queue or in the
 * buffer, and between two directories that is taken. So a directory that is new is first watched,
 * then read, then known, and no name in it is missed.
 *
 * What must hold: nodes come and go where events or a scan are taken over alone, never while a scan
 * is with the pool, whose node is so still there when it comes back; the buffer is moved only while
 * no read is in flight; the descriptor is closed when no scan uses it. */
#include "hark/watch.h"
#include "core/loop.h"
#include "file/watch_change.h"
#include "file/watch_events.h"
#include "file/watch_found.h"
#include "hark/close.h"
#include "hark/file.h"
#include "hark/os.h"
#include "hark/timer.h"
#include "hark/work.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

enum {
    KINDS = HARK_WATCH_CREATED | HARK_WATCH_REMOVED | HARK_WATCH_RENAMED | HARK_WATCH_MODIFIED |
            HARK_WATCH_WRITTEN | HARK_WATCH_ATTRIBUTES,
    FLAGS = HARK_WATCH_RECURSIVE | HARK_WATCH_EXISTING,
};

static const uint64_t pair_default_ns = 10000000;

static void go_on(struct hark_watch_tree *tree);

/* --- the end --- */

static void closed(struct hark_op *op, int64_t result)
{
    struct hark_watch *watch = hark_container_of(op, struct hark_watch, close);
    struct hark_watch_tree *tree = watch->tree;
    const int error = tree->error;
    (void)result;
    watch->tree = NULL;
    watch_tree_drop(tree, tree->root);
    free(tree->names.places);
    free(tree->watches.places);
    watch_scan_done(&tree->scan);
    free(tree->path);
    free(tree->from);
    free(tree);
    watch->events->closed(watch, error);
}

static void end(struct hark_watch_tree *tree)
{
    struct hark_watch *watch = tree->watch;
    if (tree->is_closing)
        return;
    hark_cancel(&watch->scan);
    hark_cancel(&watch->gather);
    if (hark_op_active(&watch->scan) || hark_op_active(&watch->gather))
        return;
    tree->is_closing = true;
    hark_close(watch->loop, &watch->close, tree->fd, closed);
}

/* --- modifications that wait --- */

static void gathered(struct hark_op *op, int64_t result)
{
    struct hark_watch_tree *tree = hark_container_of(op, struct hark_watch, gather)->tree;
    struct watch_node *node;
    if (result < 0)
        watch_fail(tree, (int)result);
    tree->is_busy = true;
    while (!tree->is_ending && (node = watch_tree_first_gathered(tree)) &&
           node->due_ns <= hark_now(op->loop))
        watch_change_tell_modified(tree, node);
    tree->is_busy = false;
    go_on(tree);
}

/* --- inotify --- */

static void take_events(struct hark_watch_tree *tree, bool gives_up)
{
    /* Whether the queue was empty when the last bytes of it were read. */
    bool is_drained = tree->filled + WATCH_EVENT_MAX <= sizeof tree->buffer;
    tree->is_busy = true;
    watch_events_take(tree, gives_up);
    tree->is_busy = false;
    if (is_drained && tree->filled == 0)
        tree->epoch++;
}

static void came(struct hark_op *op, int64_t count)
{
    struct hark_watch_tree *tree = hark_container_of(op, struct hark_watch, read)->tree;
    if (tree->is_ending) {
        go_on(tree);
        return;
    }
    if (count > 0)
        tree->filled += (size_t)count;
    else if (count != -ETIMEDOUT)
        watch_fail(tree, count == 0 ? -EIO : (int)count);
    /* While the pool has a directory, the events may be of that. */
    if (!hark_op_active(&tree->watch->scan))
        take_events(tree, hark_now(op->loop) >= tree->pair_until_ns);
    go_on(tree);
}

/* What is there already: it does not wait. */
static void read_now(struct hark_watch_tree *tree)
{
    int64_t count = kernel_read(calls_of(tree->watch->loop), tree->fd, tree->buffer + tree->filled,
                                sizeof tree->buffer - tree->filled);
    if (count > 0)
        tree->filled += (size_t)count;
    else if (count != -EAGAIN)
        watch_fail(tree, count == 0 ? -EIO : (int)count);
}

static void read_on(struct hark_watch_tree *tree)
{
    struct hark_watch *watch = tree->watch;
    if (hark_op_active(&watch->read))
        return;
    hark_read(watch->loop, &watch->read, tree->fd, tree->buffer + tree->filled,
              sizeof tree->buffer - tree->filled, HARK_AT_POSITION, came);
    if (tree->filled == 0)
        return;
    if (tree->waited == 0) {
        tree->waited = tree->filled;
        tree->pair_until_ns = hark_os_clock(watch->loop) + tree->pair_ns;
    }
    hark_op_deadline(&watch->read, tree->pair_until_ns);
}

/* --- directories --- */

/* On a thread of the pool. */
static int64_t run_scan(struct hark_op *op)
{
    watch_scan_run(&hark_container_of(op, struct hark_watch, scan)->tree->scan);
    return 0;
}

static void scanned(struct hark_op *op, int64_t result)
{
    struct hark_watch_tree *tree = hark_container_of(op, struct hark_watch, scan)->tree;
    if (result < 0)
        watch_fail(tree, (int)result);
    if (!tree->is_ending) {
        tree->is_busy = true;
        watch_found_take(tree);
        tree->is_busy = false;
    }
    /* One in flight, since the owner wanted it looked at again, brings them itself. */
    if (!tree->is_ending && !hark_op_active(&tree->watch->read)) {
        read_now(tree);
        take_events(tree, false);
    }
    go_on(tree);
}

static uint32_t events_of(const struct hark_watch_tree *tree, const struct watch_node *node)
{
    uint32_t events = IN_CREATE | IN_DELETE | IN_MOVE | IN_EXCL_UNLINK;
    if (!node->parent)
        events |= IN_DELETE_SELF | IN_MOVE_SELF;
    if (tree->kinds & HARK_WATCH_MODIFIED)
        events |= IN_MODIFY;
    if (tree->kinds & HARK_WATCH_WRITTEN)
        events |= IN_CLOSE_WRITE;
    if (tree->kinds & HARK_WATCH_ATTRIBUTES || tree->flags & HARK_WATCH_RECURSIVE)
        events |= IN_ATTRIB;
    return events;
}

static void scan(struct hark_watch_tree *tree, struct watch_node *node)
{
    tree->scanned = node;
    tree->scan.events = events_of(tree, node);
    if (watch_tree_path(node, &tree->scan.path, &tree->scan.path_room) < 0) {
        watch_fail(tree, -ENOMEM);
        end(tree);
        return;
    }
    hark_work(tree->watch->loop, &tree->watch->scan, run_scan, scanned);
}

/* --- on --- */

/* All is watched that can be. */
static void settle(struct hark_watch_tree *tree)
{
    if (tree->is_settled)
        return;
    tree->is_settled = true;
    tree->is_busy = true;
    watch_tell(tree, HARK_WATCH_READY, tree->root, 0);
    tree->is_busy = false;
}

/* With all of the loop: also where what was under way has come to its end, as on a thread. */
static void notice_cancel(struct hark_watch_tree *tree)
{
    if (tree->cancelled_all != tree->watch->loop->cancelled_all)
        watch_fail(tree, -ECANCELED);
}

/* Begins what is due, where nothing that forbids it is under way. */
static void go_on(struct hark_watch_tree *tree)
{
    struct hark_watch *watch = tree->watch;
    struct watch_node *node = NULL;
    notice_cancel(tree);
    if (!tree->is_ending && tree->gathered.first && !hark_op_active(&watch->gather))
        hark_sleep_until(watch->loop, &watch->gather, watch_tree_first_gathered(tree)->due_ns,
                         gathered);
    while (!tree->is_ending && !hark_op_active(&watch->scan) && tree->filled == 0 && !node) {
        if (tree->look_again) {
            tree->look_again = false;
            watch_change_unsettle(tree);
            watch_tree_scan_all(tree);
        }
        node = watch_tree_take_scan(tree);
        if (!node && tree->is_settled)
            break;
        if (!node)
            settle(tree); /* in which its owner may ask for more */
    }
    notice_cancel(tree);
    if (tree->is_ending)
        end(tree);
    else if (node)
        scan(tree, node);
    else if (!hark_op_active(&watch->scan))
        read_on(tree);
}

/* --- what its owner calls --- */

/* Gives: 0 and the path from the root of all, the caller's to free. */
static int make_absolute(const char *path, char **out_path)
{
    char directory[PATH_MAX];
    size_t before = 0;
    if (*path == '\0')
        return -ENOENT;
    if (strlen(path) >= PATH_MAX)
        return -ENAMETOOLONG;
    if (*path != '/') {
        int error = kernel_getcwd(NULL, directory, sizeof directory);
        if (error)
            return error;
        before = strlen(directory) + 1;
        if (before + strlen(path) >= PATH_MAX)
            return -ENAMETOOLONG;
    }
    size_t size = before + strlen(path) + 1;
    char *whole = malloc(size);
    if (!whole)
        return -ENOMEM;
    if (before) {
        memcpy(whole, directory, before - 1);
        whole[before - 1] = '/';
    }
    memcpy(whole + before, path, size - before);
    *out_path = whole;
    return 0;
}

static int make(struct hark_watch_tree *tree, const char *path,
                const struct hark_watch_options *options)
{
    int error = make_absolute(path, &tree->scan.root);
    if (error)
        return error;
    const uint32_t kinds = options && options->kinds
                               ? options->kinds
                               : (uint32_t)KINDS & ~(uint32_t)HARK_WATCH_ATTRIBUTES;
    tree->kinds = kinds | HARK_WATCH_READY | HARK_WATCH_OVERFLOW | HARK_WATCH_UNWATCHED;
    tree->flags = options ? options->flags : 0;
    tree->gather_ns = options ? options->gather_ns : 0;
    tree->pair_ns = options && options->pair_ns ? options->pair_ns : pair_default_ns;
    tree->root = watch_tree_add(tree, NULL, "", true);
    if (!tree->root)
        return -ENOMEM;
    tree->root->is_silent = !(tree->flags & HARK_WATCH_EXISTING);
    tree->fd = kernel_inotify_init1(calls_of(tree->watch->loop), IN_CLOEXEC | IN_NONBLOCK);
    tree->scan.fd = tree->fd;
    return tree->fd < 0 ? tree->fd : 0;
}

int hark_watch_open(struct hark_loop *loop, struct hark_watch *watch, const char *path,
                    const struct hark_watch_options *options,
                    const struct hark_watch_events *events)
{
    check_rule(!watch->tree, "a watch was opened that is open, or not zeroed", NULL, -1);
    if (options && (options->flags & ~(uint32_t)FLAGS || options->kinds & ~(uint32_t)KINDS))
        return -EINVAL;
    struct hark_watch_tree *tree = calloc(1, sizeof *tree);
    if (!tree)
        return -ENOMEM;
    watch->loop = loop;
    watch->events = events;
    tree->watch = watch;
    tree->epoch = 1;
    tree->cancelled_all = loop->cancelled_all;
    int error = make(tree, path, options);
    if (error) {
        if (tree->root)
            watch_tree_drop(tree, tree->root);
        free(tree->names.places);
        watch_scan_done(&tree->scan);
        free(tree);
        return error;
    }
    watch->tree = tree;
    watch_tree_scan(tree, tree->root);
    go_on(tree);
    return 0;
}

void hark_watch_look_again(struct hark_watch *watch)
{
    struct hark_watch_tree *tree = watch->tree;
    if (!tree || tree->is_ending)
        return;
    tree->look_again = true;
    if (!tree->is_busy)
        go_on(tree);
}

void hark_watch_close(struct hark_watch *watch)
{
    struct hark_watch_tree *tree = watch->tree;
    if (!tree || tree->is_ending)
        return;
    tree->is_ending = true;
    end(tree);
}
