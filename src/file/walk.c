/* walk.c - a tree of files, walked depth first, one step at a time.
 *
 * A level stands for each directory that the walk is in, the deepest first. It has all names of its
 * directory from the time on when that was entered, so its descriptor is needed for what is done
 * with names alone, and may be closed: of more than open_max the shallowest are, and found again
 * through ".." of the one below, whose parent must be the same thing then.
 *
 * The caller's op is a timer that never comes, so it can be cancelled and have a deadline; the
 * steps have an op of their own. What must hold: `done` comes when both have ended, nothing is open
 * and the owner has been told nothing that he still holds. */
#include "base/check.h"
#include "base/statx.h"
#include "hark/close.h"
#include "hark/file.h"
#include "hark/timer.h"
#include "hark/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 32768, DEPTH_DEFAULT = 1000, OPEN_DEFAULT = 16, TELLS_MAX = 64 };

/* Of a directory that the walk is in. */
struct level {
    struct level *up;
    char *names; /* of each its kind, the name and a null byte */
    size_t count, room, at;
    int fd; /* -1: it is closed */
    unsigned depth;
    int error;          /* why not all of it can be told */
    size_t path_length; /* of the directory's own path */
    size_t name_at;     /* where its name begins therein */
    struct statx status;
    uint64_t inode; /* by which it is known again, once it was closed */
    uint32_t device_major, device_minor;
};

struct hark_walk_tree {
    struct hark_walk *walk;
    struct hark_op step;
    hark_walk_told *told;
    struct hark_walk_options options;
    int directory;
    char *top; /* as the caller gave it */
    char *path;
    size_t path_room, path_length;
    struct level *level;  /* the deepest; NULL: none is entered */
    struct level *closes; /* whose descriptor is being closed */
    unsigned open_count;
    unsigned tells; /* in this turn */
    struct hark_walk_entry entry;
    struct statx status;
    int error;
    bool stopped, finished;
    bool telling, waits; /* inside the callback; the owner has not let it go on */
    bool answered;
    enum hark_walk_next next;
    char block[BLOCK_BYTES];
};

static struct hark_walk_tree *of_step(struct hark_op *op)
{
    return hark_container_of(op, struct hark_walk_tree, step);
}

/* --- its end --- */

static void tell_done(struct hark_walk_tree *tree)
{
    struct hark_walk *walk = tree->walk;
    int error = tree->error;
    walk->tree = NULL;
    free(tree->top);
    free(tree->path);
    free(tree);
    walk->done(walk, error);
}

/* The op is due now, or has ended already: cancelled, or late. */
static void finish(struct hark_walk_tree *tree)
{
    tree->finished = true;
    if (hark_op_active(&tree->walk->op))
        hark_sleep_move(&tree->walk->op, 0);
    else
        tell_done(tree);
}

static void tidy(struct hark_walk_tree *tree);

static void tidied(struct hark_op *op, int64_t result)
{
    (void)result; /* nothing was written */
    tidy(of_step(op));
}

static void drop_level(struct hark_walk_tree *tree)
{
    struct level *level = tree->level;
    tree->level = level->up;
    free(level->names);
    free(level);
}

static void tidy(struct hark_walk_tree *tree)
{
    while (tree->level && tree->level->fd < 0)
        drop_level(tree);
    if (!tree->level)
        return finish(tree);
    int fd = tree->level->fd;
    tree->level->fd = -1;
    hark_close(tree->walk->loop, &tree->step, fd, tidied);
}

/* Whether it must not go on: it was stopped, or a step has failed for good. */
static bool is_over(struct hark_walk_tree *tree, int64_t result)
{
    if (result < 0 && !tree->error)
        tree->error = (int)result;
    if (!tree->error && !tree->stopped)
        return false;
    tidy(tree);
    return true;
}

static void ended(struct hark_op *op, int64_t result)
{
    struct hark_walk *walk = hark_container_of(op, struct hark_walk, op);
    struct hark_walk_tree *tree = walk->tree;
    if (tree->finished)
        return tell_done(tree);
    if (!tree->error)
        tree->error = (int)result;
    if (hark_op_active(&tree->step) && hark_op_kind(&tree->step) != HARK_OP_CLOSE)
        hark_cancel(&tree->step);
}

/* --- paths --- */

/* The name stands behind the path of a directory. */
static int append(struct hark_walk_tree *tree, size_t length, const char *name, size_t *out_name_at)
{
    size_t count = strlen(name), at = length + (length > 0);
    if (at + count + 1 > tree->path_room) {
        char *larger = realloc(tree->path, 2 * (at + count + 1));
        if (!larger)
            return -ENOMEM;
        tree->path = larger;
        tree->path_room = 2 * (at + count + 1);
    }
    if (length > 0)
        tree->path[length] = '/';
    memcpy(tree->path + at, name, count + 1);
    tree->path_length = at + count;
    *out_name_at = at;
    return 0;
}

/* --- telling --- */

static void take_answer(struct hark_walk_tree *tree);

static void another_turn(struct hark_op *op, int64_t result)
{
    struct hark_walk_tree *tree = of_step(op);
    if (result < 0 && !tree->error)
        tree->error = (int)result;
    take_answer(tree);
}

static void follow_later(struct hark_walk_tree *tree)
{
    tree->tells = 0;
    hark_defer(tree->walk->loop, &tree->step, another_turn);
}

void hark_walk_go_on(struct hark_walk *walk, enum hark_walk_next next)
{
    struct hark_walk_tree *tree = walk->tree;
    check(tree && tree->waits && next != HARK_WALK_WAIT);
    tree->answered = true;
    tree->next = next;
    if (tree->telling)
        return;
    tree->waits = false;
    follow_later(tree); /* nothing is told inside of the owner's call */
}

/* The entry is filled in, but for its names. Gives: whether it is answered, and the walk goes on at
 * once: not where the owner keeps it waiting, and in another turn where this one has told much. */
static bool tell(struct hark_walk_tree *tree, const struct level *directory, size_t name_at)
{
    tree->path[tree->path_length] = '\0';
    tree->entry.path = tree->path;
    tree->entry.directory = directory ? directory->fd : tree->directory;
    tree->entry.name = directory ? tree->path + name_at : tree->top;
    tree->telling = tree->waits = true;
    tree->answered = false;
    enum hark_walk_next next = tree->told(tree->walk, &tree->entry);
    tree->telling = false;
    if (next == HARK_WALK_WAIT && !tree->answered)
        return false;
    tree->waits = false;
    tree->next = next == HARK_WALK_WAIT ? tree->next : next;
    if (++tree->tells < TELLS_MAX)
        return true;
    follow_later(tree);
    return false;
}

/* --- one entry --- */

static bool tell_found(struct hark_walk_tree *tree, unsigned type, int error)
{
    const struct level *in = tree->level;
    size_t name_at = in ? in->path_length + (in->path_length > 0) : 0;
    tree->entry = (struct hark_walk_entry){
        .kind = type == DT_DIR ? HARK_WALK_DIRECTORY : HARK_WALK_FILE,
        .type = type,
        .depth = in ? in->depth + 1 : 0,
        .status = tree->options.mask && !error ? &tree->status : NULL,
        .error = error,
    };
    return tell(tree, in, name_at);
}

static bool has_vanished(int64_t result)
{
    return result == -ENOENT || result == -ENOTDIR;
}

static void go_on(struct hark_walk_tree *tree);

/* Of the top there is no walk without it. */
static void got_status(struct hark_op *op, int64_t result)
{
    struct hark_walk_tree *tree = of_step(op);
    bool is_top = !tree->level;
    if (is_over(tree, is_top || result == -ECANCELED ? result : 0))
        return;
    if (has_vanished(result))
        return go_on(tree);
    unsigned type = result < 0 ? tree->entry.type : (unsigned)IFTODT(tree->status.stx_mode);
    if (tell_found(tree, type, (int)result))
        take_answer(tree);
}

/* Fills in tree->path. */
static int take_name(struct hark_walk_tree *tree)
{
    struct level *level = tree->level;
    const char *name = level->names + level->at + 1;
    size_t name_at;
    tree->entry.type = (unsigned char)level->names[level->at];
    level->at += strlen(name) + 2;
    return append(tree, level->path_length, name, &name_at);
}

/* --- leaving a directory --- */

static bool tell_left(struct hark_walk_tree *tree)
{
    struct level *level = tree->level;
    tree->entry = (struct hark_walk_entry){
        .kind = HARK_WALK_LEFT,
        .type = DT_DIR,
        .depth = level->depth,
        .status = tree->options.mask ? &level->status : NULL,
        .error = level->error,
    };
    tree->path_length = level->path_length;
    return tell(tree, level->up, level->name_at);
}

static void left_closed(struct hark_op *op, int64_t result)
{
    struct hark_walk_tree *tree = of_step(op);
    if (!is_over(tree, result == -ECANCELED ? result : 0) && tell_left(tree))
        take_answer(tree);
}

static bool close_left(struct hark_walk_tree *tree)
{
    int fd = tree->level->fd;
    tree->level->fd = -1;
    if (fd < 0)
        return tell_left(tree);
    tree->open_count--;
    hark_close(tree->walk->loop, &tree->step, fd, left_closed);
    return false;
}

/* Whether it is the one that was closed. */
static void found_again(struct hark_op *op, int64_t result)
{
    struct hark_walk_tree *tree = of_step(op);
    const struct level *up = tree->level->up;
    bool is_same = tree->status.stx_ino == up->inode &&
                   tree->status.stx_dev_major == up->device_major &&
                   tree->status.stx_dev_minor == up->device_minor;
    if (!is_over(tree, result < 0 ? result : is_same ? 0 : -ESTALE) && close_left(tree))
        take_answer(tree);
}

static void opened_above(struct hark_op *op, int64_t result)
{
    struct hark_walk_tree *tree = of_step(op);
    if (result >= 0) {
        tree->level->up->fd = (int)result;
        tree->open_count++;
    }
    if (!is_over(tree, result < 0 ? result : 0))
        hark_statx(tree->walk->loop, op, tree->level->up->fd, "", AT_EMPTY_PATH, STATX_INO,
                   &tree->status, found_again);
}

/* What it stands in is needed again. One that cannot be opened itself is entered from an open
 * one. */
static bool leave(struct hark_walk_tree *tree)
{
    const struct level *level = tree->level;
    if (!level->up || level->up->fd >= 0)
        return close_left(tree);
    check(level->fd >= 0);
    hark_openat(tree->walk->loop, &tree->step, level->fd, "..", O_RDONLY | O_DIRECTORY, 0,
                opened_above);
    return false;
}

/* --- entering a directory --- */

static int add_name(struct level *level, const struct hark_dirent *entry)
{
    size_t count = strlen(entry->name) + 2;
    if (level->count + count > level->room) {
        size_t room = 2 * (level->count + count);
        char *larger = realloc(level->names, room);
        if (!larger)
            return -ENOMEM;
        level->names = larger;
        level->room = room;
    }
    level->names[level->count] = (char)entry->type;
    memcpy(level->names + level->count + 1, entry->name, count - 1);
    level->count += count;
    return 0;
}

static void listed(struct hark_op *op, int64_t result)
{
    struct hark_walk_tree *tree = of_step(op);
    struct level *level = tree->level;
    struct hark_dirent entry;
    size_t position = 0;
    int error = result == -ECANCELED ? -ECANCELED : 0;
    while (!error && result > 0 && hark_dirent_next(tree->block, (size_t)result, &position, &entry))
        error = add_name(level, &entry);
    if (is_over(tree, error))
        return;
    if (result > 0)
        return hark_getdents(tree->walk->loop, op, level->fd, tree->block, sizeof tree->block,
                             listed);
    level->error = has_vanished(result) ? 0 : (int)result;
    go_on(tree);
}

static void opened(struct hark_op *op, int64_t result)
{
    struct hark_walk_tree *tree = of_step(op);
    struct level *level = tree->level;
    if (result >= 0) {
        level->fd = (int)result;
        tree->open_count++;
    }
    if (is_over(tree, result == -ECANCELED ? result : 0))
        return;
    if (result < 0) {
        /* -ELOOP: a link has taken its place. */
        level->error = has_vanished(result) || result == -ELOOP ? 0 : (int)result;
        return go_on(tree);
    }
    hark_getdents(tree->walk->loop, op, level->fd, tree->block, sizeof tree->block, listed);
}

static void open_level(struct hark_walk_tree *tree)
{
    const struct level *level = tree->level, *up = level->up;
    hark_openat(tree->walk->loop, &tree->step, up ? up->fd : tree->directory,
                up ? tree->path + level->name_at : tree->top, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
                0, opened);
}

static void room_made(struct hark_op *op, int64_t result)
{
    struct hark_walk_tree *tree = of_step(op);
    if (!is_over(tree, result == -ECANCELED ? result : 0))
        open_level(tree);
}

static void identified(struct hark_op *op, int64_t result)
{
    struct hark_walk_tree *tree = of_step(op);
    struct level *level = tree->closes;
    if (is_over(tree, result))
        return;
    level->inode = tree->status.stx_ino;
    level->device_major = tree->status.stx_dev_major;
    level->device_minor = tree->status.stx_dev_minor;
    int fd = level->fd;
    level->fd = -1;
    tree->open_count--;
    hark_close(tree->walk->loop, op, fd, room_made);
}

/* The shallowest that is open; not the one that is to be entered, nor what it stands in. */
static void make_room(struct hark_walk_tree *tree)
{
    struct level *shallowest = NULL;
    for (struct level *level = tree->level->up; level && level->fd >= 0; level = level->up)
        shallowest = level;
    check(shallowest && shallowest != tree->level->up);
    tree->closes = shallowest;
    hark_statx(tree->walk->loop, &tree->step, shallowest->fd, "", AT_EMPTY_PATH, STATX_INO,
               &tree->status, identified);
}

/* The directory that was told of. Gives: whether the walk goes on at once. */
static bool enter(struct hark_walk_tree *tree)
{
    struct level *level = calloc(1, sizeof *level);
    if (!level) {
        (void)is_over(tree, -ENOMEM);
        return false;
    }
    level->up = tree->level;
    level->fd = -1;
    level->depth = tree->entry.depth;
    level->path_length = tree->path_length;
    level->name_at = (size_t)(tree->level ? tree->entry.name - tree->path : 0);
    level->status = tree->status;
    tree->level = level;
    if (level->depth >= tree->options.depth_max) {
        level->error = -ENAMETOOLONG;
        return true;
    }
    if (tree->open_count >= tree->options.open_max)
        make_room(tree);
    else
        open_level(tree);
    return false;
}

/* --- going on --- */

/* The next name is told, or what follows the last. Gives: whether it is answered. */
static bool tell_next(struct hark_walk_tree *tree)
{
    struct level *level = tree->level;
    if (!level) {
        tidy(tree);
        return false;
    }
    if (level->at == level->count)
        return leave(tree);
    if (is_over(tree, take_name(tree)))
        return false;
    if (!tree->options.mask && tree->entry.type != DT_UNKNOWN)
        return tell_found(tree, tree->entry.type, 0);
    const char *name = tree->path + level->path_length + (level->path_length > 0);
    hark_statx(tree->walk->loop, &tree->step, level->fd, name, AT_SYMLINK_NOFOLLOW,
               tree->options.mask | STATX_TYPE, &tree->status, got_status);
    return false;
}

/* What the owner wants to happen. Gives: whether the walk goes on at once. */
static bool follow(struct hark_walk_tree *tree)
{
    tree->stopped |= tree->next == HARK_WALK_STOP;
    if (is_over(tree, 0))
        return false;
    if (tree->entry.kind == HARK_WALK_DIRECTORY && !tree->entry.error && tree->next == HARK_WALK_ON)
        return enter(tree);
    if (tree->entry.kind == HARK_WALK_LEFT)
        drop_level(tree);
    return true;
}

static void go_on(struct hark_walk_tree *tree)
{
    while (tell_next(tree) && follow(tree))
        ;
}

static void take_answer(struct hark_walk_tree *tree)
{
    if (follow(tree))
        go_on(tree);
}

/* --- the start --- */

static void could_not_begin(struct hark_op *op, int64_t result)
{
    struct hark_walk *walk = hark_container_of(op, struct hark_walk, op);
    (void)result;
    walk->done(walk, -ENOMEM);
}

static struct hark_walk_tree *create(const char *path)
{
    struct hark_walk_tree *tree = calloc(1, sizeof *tree);
    if (!tree)
        return NULL;
    tree->top = strdup(path);
    tree->path = calloc(1, 1);
    tree->path_room = 1;
    if (tree->top && tree->path)
        return tree;
    free(tree->top);
    free(tree->path);
    free(tree);
    return NULL;
}

void hark_walk_start(struct hark_loop *loop, struct hark_walk *walk, int directory,
                     const char *path, const struct hark_walk_options *options,
                     hark_walk_told *told, hark_walk_done *done)
{
    struct hark_walk_tree *tree = create(path);
    walk->loop = loop;
    walk->done = done;
    walk->tree = tree;
    if (!tree)
        return hark_defer(loop, &walk->op, could_not_begin);
    tree->walk = walk;
    tree->told = told;
    tree->directory = directory;
    if (options)
        tree->options = *options;
    if (tree->options.depth_max == 0)
        tree->options.depth_max = DEPTH_DEFAULT;
    if (tree->options.open_max == 0)
        tree->options.open_max = OPEN_DEFAULT;
    hark_sleep_until(loop, &walk->op, HARK_NEVER, ended);
    if (tree->options.open_max < 2) {
        (void)is_over(tree, -EINVAL);
        return;
    }
    hark_statx(loop, &tree->step, directory, tree->top, AT_SYMLINK_NOFOLLOW,
               tree->options.mask | STATX_TYPE, &tree->status, got_status);
}
