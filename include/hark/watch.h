/* watch.h - a convenience over inotify(7): being told of what happens to a file, to the names in a
 * directory, or to a whole tree.
 *
 * What it watches is the thing that a path leads to, when it is opened, not the path. Of a
 * directory it keeps all names, some 200 bytes each, so that what it tells adds up: whoever takes
 * in what is CREATED, takes out what is REMOVED and moves what is RENAMED has the names of the
 * tree, from READY on and whenever nothing is being changed. What was there before its watch stood
 * is found by reading the directory, on the work pool, and told once.
 *
 * What cannot be told is told of: OVERFLOW where the kernel dropped events, UNWATCHED for a
 * directory of which nothing will be heard. Every callback comes from hark_run, never from inside a
 * call here; in each the watch may be closed.
 *
 * Not told: what is written through a mapping (mmap(2)), what other machines do on a network's file
 * system, what is mounted or unmounted inside of the tree (what was mounted before is watched,
 * too). Symbolic links inside are names like others and are not followed. */
#ifndef HARK_WATCH_H
#define HARK_WATCH_H

#include "op.h"

HARK_BEGIN

struct hark_watch;
struct hark_watch_tree;

/* What is told, and of which options.kinds are made. */
enum hark_watch_kind {
    /* A name is there: it was made, linked, found, or moved in from outside, which may be into the
     * place of another that was told before. */
    HARK_WATCH_CREATED = 1,
    /* A name is gone: removed, or moved to outside; with a directory's, all names below it. Of what
     * is watched itself, path "": it is removed, and `closed` follows. */
    HARK_WATCH_REMOVED = 2,
    /* A name was changed, inside of what is watched: from `from` to `path`, in the place of what
     * had that name before. What was written at that time may be told by this alone. Of what is
     * watched itself, path "" and from "": it has another name now. A file is watched on; of a
     * directory nothing could be opened any more, and `closed` follows. */
    HARK_WATCH_RENAMED = 4,
    /* Bytes were written, or cut off (IN_MODIFY). */
    HARK_WATCH_MODIFIED = 8,
    /* Somebody who had it open for writing has closed it (IN_CLOSE_WRITE). */
    HARK_WATCH_WRITTEN = 16,
    /* Mode, owner, times, links or other attributes were changed (IN_ATTRIB). */
    HARK_WATCH_ATTRIBUTES = 32,
    /* All is watched that can be, and what was there has been told: once after the start, and again
     * after each OVERFLOW and hark_watch_look_again. Told whatever `kinds` says, as are all
     * below. */
    HARK_WATCH_READY = 64,
    /* More happened than the kernel kept (fs.inotify.max_queued_events), and some of it is lost.
     * All names are looked at again: what came and what went is told before the next READY. What
     * was written meanwhile is not known: any file may be another. */
    HARK_WATCH_OVERFLOW = 128,
    /* What happens in this directory, and below it, will not be told, and its names are not known:
     * `error` says why. -ENOSPC the user has no watch left (fs.inotify.max_user_watches); -EACCES
     * it may not be read; -EMFILE, -ENFILE no descriptor is left; -ENOMEM; -ELOOP it stands in the
     * tree twice, by a mount; -EIO, ... It is tried again when its attributes change, and by
     * hark_watch_look_again. */
    HARK_WATCH_UNWATCHED = 256,
};

enum hark_watch_flags {
    HARK_WATCH_RECURSIVE = 1, /* of a directory: all below it as well */
    HARK_WATCH_EXISTING = 2,  /* the names that are there at the start are told as CREATED */
};

/* All of it is valid until the callback returns. */
struct hark_watch_event {
    enum hark_watch_kind kind;
    bool is_directory; /* what `path` names */
    int error;         /* with UNWATCHED: a negative errno */
    const char *path; /* below what is watched, "a/b"; "": itself. Any bytes but zero, any length */
    const char *from; /* with RENAMED: the name before, in the same way; else NULL */
};

/* What a watch tells its owner. */
struct hark_watch_events {
    void (*told)(struct hark_watch *watch, const struct hark_watch_event *event);
    /* Last of all: the memory is the caller's again. error: 0 after hark_watch_close; -ENOENT it is
     * not there, or was removed; -ESTALE its path leads to another thing by now, or the directory
     * was renamed; -ENODEV it was unmounted; -EACCES, -ENOTDIR, -ELOOP, -ENAMETOOLONG of the path;
     * -ENOSPC no watch is left for it; -ENOSYS /proc is not mounted; -ENOMEM, -EMFILE, -ENFILE;
     * -EAGAIN no thread could be started; -ECANCELED after hark_cancel_all. */
    void (*closed)(struct hark_watch *watch, int error);
};

/* All zero is the default. */
struct hark_watch_options {
    uint32_t flags; /* enum hark_watch_flags */
    uint32_t kinds; /* CREATED to ATTRIBUTES, as bits; 0: all but ATTRIBUTES */
    /* MODIFIED is told so long after the first write, once for all until then; 0: at once, and once
     * for what the kernel has told together. */
    uint64_t gather_ns;
    /* How long the second half of a renaming is waited for, where it was not told with the first;
     * it then counts as REMOVED. Nothing is told meanwhile. 0: 10 ms. */
    uint64_t pair_ns;
};

/* In the caller's memory, zeroed before its first use. `context` is the caller's, `loop` may be
 * read; all else is private. */
struct hark_watch {
    void *context;
    struct hark_loop *loop;
    const struct hark_watch_events *events;
    struct hark_op read;
    struct hark_op scan; /* a directory is read, on the pool */
    struct hark_op gather;
    struct hark_op close;
    struct hark_watch_tree *tree; /* NULL: it is not open */
};

/* Begins to watch a file, a directory or a tree. It is looked for on the work pool: what comes of
 * it is told by READY, or by `closed`. It takes an instance of inotify, of which a user has 128 as
 * a rule; /proc must be mounted. To hear of whatever has a file's name by turns (editors, rotated
 * logs), watch its directory.
 * Takes: path: copied; links in it are followed; where it is relative, to the directory that is
 *   current now. options NULL: the defaults; events must outlive the watch.
 * Owns: the memory is the library's until `closed`.
 * Gives: 0.
 * Fails: -EMFILE no descriptor is left, or the user has no instance of inotify
 *   (fs.inotify.max_user_instances); -ENFILE, -ENOMEM; -EINVAL unknown flags or kinds; -ENOENT the
 *   path is empty, or the current directory is gone; -ENAMETOOLONG. */
HARK_API int hark_watch_open(struct hark_loop *loop, struct hark_watch *watch, const char *path,
                             const struct hark_watch_options *options,
                             const struct hark_watch_events *events);

/* Looks at all names again, and tries once more to watch what is UNWATCHED: for a time when there
 * are more watches or descriptors again, or when something was mounted. READY follows. On one that
 * is not open nothing happens. */
HARK_API void hark_watch_look_again(struct hark_watch *watch);

/* Ends it: nothing is told any more but `closed`. Called again, or where it is not open: nothing
 * happens. */
HARK_API void hark_watch_close(struct hark_watch *watch);

HARK_END

#endif
