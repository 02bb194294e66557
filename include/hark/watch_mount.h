/* watch_mount.h - a convenience over fanotify(7): being told of what happens to all files of a file
 * system, or of those below one directory of it, and which process did it.
 *
 * One mark of the kernel's stands for millions of files: nothing is read at the start, no watch is
 * used up for a directory, and a directory that is new is watched with the rest. For that it needs
 * rights (CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH, not those of a user namespace), where hark/watch.h
 * needs none.
 *
 * Unlike hark/watch.h it keeps no names, so what it tells does not add up. The kernel tells of a
 * directory by what it is, and a path is what that directory is called when the event is read: a
 * moment after it happened, in which it may have been renamed. Of what happened in a directory that
 * is gone by then nothing is told but the directory's own end; what was done to one file several
 * times is told once, in the order in which it must have been.
 *
 * Told as well, unlike there: what was written through whichever mount of the file system. Not
 * told, as there: what is written through a mapping (mmap(2)), and what other machines do on a
 * network's file system. Every callback comes from hark_run, never from inside a call here; in each
 * the watch may be closed. */
#ifndef HARK_WATCH_MOUNT_H
#define HARK_WATCH_MOUNT_H

#include "watch.h"

HARK_BEGIN

struct hark_watch_mount;
struct hark_mount_reader;

/* All of it is valid until the callback returns. */
struct hark_watch_mount_event {
    /* READY once, when the mark stands: what happens from there on is told. OVERFLOW where the
     * kernel dropped events (fs.fanotify.max_queued_events): which, nobody knows. UNWATCHED is
     * never told; all else as in hark/watch.h, but that there is no event of what lies outside. */
    enum hark_watch_kind kind;
    bool is_directory; /* what `path` names */
    int32_t process;   /* who did it, by its number; 0: READY, OVERFLOW, or one that this process's
                          namespace does not see */
    const char *path;  /* below the directory that is watched, "a/b"; "": itself */
    const char *from;  /* with RENAMED: the name before, in the same way; else NULL */
};

/* What a watch tells its owner. */
struct hark_watch_mount_events {
    void (*told)(struct hark_watch_mount *watch, const struct hark_watch_mount_event *event);
    /* Last of all: the memory is the caller's again. error: 0 after hark_watch_mount_close;
     * -ENOENT, -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG of the path; -EPERM rights are missing;
     * -ENODEV, -EXDEV, -EOPNOTSUPP the file system has no number or no handles that a mark needs
     * (some network's, FUSE's and stacked ones; a subvolume of btrfs); -ENOSPC the user has no mark
     * left (fs.fanotify.max_user_marks); -ENOSYS /proc is not mounted; -ENOMEM, -EMFILE, -ENFILE;
     * -EIO the kernel gave what is none of its events; -EAGAIN no thread could be started;
     * -ECANCELED after hark_cancel_all. */
    void (*closed)(struct hark_watch_mount *watch, int error);
};

/* In the caller's memory, zeroed before its first use. `context` is the caller's, `loop` may be
 * read; all else is private. */
struct hark_watch_mount {
    void *context;
    struct hark_loop *loop;
    const struct hark_watch_mount_events *events;
    struct hark_op read;
    struct hark_op work; /* handles become paths, on the pool */
    struct hark_op close;
    struct hark_mount_reader *reader; /* NULL: it is not open */
};

/* Begins to watch all that lies below a directory, on the file system that it is on: what is
 * mounted inside is another. The root of a mount stands for the whole file system. The directory is
 * kept open: its file system cannot be unmounted meanwhile.
 * Takes: path: copied; links in it are followed. kinds: HARK_WATCH_CREATED to
 *   HARK_WATCH_ATTRIBUTES, as bits; 0: all but ATTRIBUTES. events must outlive the watch.
 * Owns: the memory is the library's until `closed`.
 * Gives: 0; READY follows, or `closed`.
 * Fails: -EPERM it may not be done (CAP_SYS_ADMIN); -ENOSYS a kernel without fanotify, or before
 *   Linux 5.9, and in simulated worlds; -EMFILE no descriptor is left, or the user has no instance
 *   (fs.fanotify.max_user_groups); -ENFILE, -ENOMEM; -EINVAL unknown kinds; -ENOENT the path is
 *   empty. Before Linux 5.17 the two halves of a renaming are told apart, as REMOVED and CREATED.
 */
HARK_API int hark_watch_mount_open(struct hark_loop *loop, struct hark_watch_mount *watch,
                                   const char *path, uint32_t kinds,
                                   const struct hark_watch_mount_events *events);

/* Ends it: nothing is told any more but `closed`. Called again, or where it is not open: nothing
 * happens. */
HARK_API void hark_watch_mount_close(struct hark_watch_mount *watch);

HARK_END

#endif
