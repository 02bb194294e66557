/* watch_tree.h - what a watch knows: the names, which directory has which of inotify's watches, and
 * which are still to be read. */
#ifndef FILE_WATCH_TREE_H
#define FILE_WATCH_TREE_H

#include "file/watch_scan.h"
#include "hark/watch.h"

/* Longer than any event of inotify, so that what has so much room left was read to the end. */
enum { WATCH_EVENT_MAX = 16 + 256, WATCH_BUFFER = 16 * 1024, WATCH_NONE = -1 };

/* Of a node in a list; NULL link: it is not in it. */
struct watch_place {
    struct watch_place *next, **link;
};

/* A name. */
struct watch_node {
    struct watch_node *parent; /* NULL: what is watched itself */
    struct watch_node *children, *next, **link;
    struct watch_node *next_of_name; /* in the table of names */
    struct watch_node *next_of_watch;
    struct watch_place scan;   /* in what is to be read */
    struct watch_place gather; /* in what has a MODIFIED to tell */
    char *name;
    uint64_t inode;   /* as directories have it; 0: not known */
    uint64_t due_ns;  /* of its MODIFIED */
    uint32_t told_in; /* the batch that has told its MODIFIED */
    uint32_t epoch;   /* in which it was read */
    int32_t watch;    /* of inotify, or WATCH_NONE */
    int32_t error;    /* why it is unwatched, as told */
    bool is_directory;
    bool is_silent;  /* what is in it is not told: it was there at the start */
    bool is_seen;    /* its directory has it still, while that is gone through */
    bool is_lost;    /* it was not found where it should be */
    bool has_ousted; /* its last renaming has put it in the place of another */
    bool collided;   /* another has its inotify watch: both are looked at once more */
};

struct watch_table {
    struct watch_node **places;
    size_t count, room;
};

/* What stands in it comes first in, first out, and may leave from the middle. */
struct watch_list {
    struct watch_place *first, **last;
};

struct hark_watch_tree {
    struct hark_watch *watch;
    struct watch_node *root;
    struct watch_table names, watches;
    struct watch_list scans, gathered;
    struct watch_scan scan;
    struct watch_node *scanned; /* what scan is about */
    char *path, *from;          /* rooms of watch_tell */
    size_t path_room, from_room;
    uint32_t flags, kinds;
    uint64_t gather_ns, pair_ns;
    uint64_t pair_until_ns; /* how long the first event in the buffer waits for its other half */
    size_t waited;          /* the bytes of the buffer that have waited for it */
    uint32_t batch;
    uint32_t epoch;         /* moves on where inotify's queue was seen to be empty */
    uint32_t cancelled_all; /* the loop's, at the start */
    int fd;
    int error;       /* of `closed` */
    bool is_settled; /* READY has been told, and nothing has come between */
    bool look_again; /* the owner has asked for it */
    bool is_busy;    /* the owner may be called from here: nothing may be started */
    bool is_ending, is_closing;
    size_t filled;
    _Alignas(8) char buffer[WATCH_BUFFER];
};

/* Whether names in this node's directory are watched for. */
static inline bool watch_is_entered(const struct hark_watch_tree *tree,
                                    const struct watch_node *node)
{
    return !node->parent || (node->is_directory && tree->flags & HARK_WATCH_RECURSIVE);
}

/* Gives: NULL: no memory. */
struct watch_node *watch_tree_add(struct hark_watch_tree *tree, struct watch_node *parent,
                                  const char *name, bool is_directory);

/* Gives: NULL: there is none. */
struct watch_node *watch_tree_find(const struct hark_watch_tree *tree,
                                   const struct watch_node *parent, const char *name);
struct watch_node *watch_tree_find_watch(const struct hark_watch_tree *tree, int watch);

/* Puts it into another directory, under another name, which nobody has there.
 * Gives: 0. Fails: -ENOMEM. */
int watch_tree_move(struct hark_watch_tree *tree, struct watch_node *node,
                    struct watch_node *parent, const char *name);

/* Notes which of inotify's watches it has. Takes: WATCH_NONE: none any more.
 * Gives: 0. Fails: -ENOMEM. */
int watch_tree_set_watch(struct hark_watch_tree *tree, struct watch_node *node, int watch);

/* It is gone, with all below it: so are their inotify watches. */
void watch_tree_drop(struct hark_watch_tree *tree, struct watch_node *node);

/* The next of a directory and all that is below it, each before its own; NULL: that was the
 * last. */
struct watch_node *watch_tree_next(const struct watch_node *node, const struct watch_node *top);

/* It is to be read, in its turn. Nothing happens where that is noted already. */
void watch_tree_scan(struct hark_watch_tree *tree, struct watch_node *node);

/* All that is watched for names is to be read again. */
void watch_tree_scan_all(struct hark_watch_tree *tree);

/* The next that is to be read, from now on not any more. NULL: none. */
struct watch_node *watch_tree_take_scan(struct hark_watch_tree *tree);

/* Its MODIFIED waits behind those of others. */
void watch_tree_gather(struct hark_watch_tree *tree, struct watch_node *node);
void watch_tree_ungather(struct hark_watch_tree *tree, struct watch_node *node);

/* Whose MODIFIED is told next. NULL: nobody's. */
struct watch_node *watch_tree_first_gathered(const struct hark_watch_tree *tree);

/* The path below what is watched, in a room that grows: *room bytes at *text.
 * Gives: 0. Fails: -ENOMEM. */
int watch_tree_path(const struct watch_node *node, char **text, size_t *room);

#endif
